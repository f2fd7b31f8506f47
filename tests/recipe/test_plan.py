"""Barriers between two saves: where they may stand, and what the saves then hold."""

from pathlib import Path

import pyarrow as pa
import pytest

from tamis.errors import ConfigError
from tamis.recipe.load import load_recipe
from tamis.recipe.plan import BarrierStep, Pass, plan_steps, signal_columns
from tamis.stages.measure_text import MeasureText
from tamis.text.columns import WORDS

HEAD = "input: a.warc.gz\noutput: out\nlanguages: [fra]\nstages:\n"
READING = ["read_warc", "decode_html", "extract_text", "identify_language"]
WHOLE = [
    *READING,
    "save: extracted",
    "filter_language",
    "deduplicate_urls",
    "deduplicate_lines",
    "measure_text",
    "mask_pii",
    "sign",
    "save: documents",
    "filter_quality: {preset: tamis}",
    "deduplicate_substrings: {action: mask}",
    "deduplicate",
    "mix_corpus",
]


def recipe_of(folder: Path, stages: list[str]) -> Path:
    lines = [s if ":" in s else f"{s}: {{}}" for s in stages]
    path = folder / "stages.yaml"
    path.write_text(HEAD + "".join(f"  - {line}\n" for line in lines), "utf-8")
    return path


def without(*names: str) -> list[str]:
    return [stage for stage in WHOLE if stage.partition(":")[0] not in names]


def moved(stage: str, above: str) -> list[str]:
    """The whole list with one stage of it just above another."""
    own = next(s for s in WHOLE if s.startswith(stage))
    rest = [s for s in WHOLE if s != own]
    place = next(n for n, s in enumerate(rest) if s.startswith(above))
    return [*rest[:place], own, *rest[place:]]


def test_what_stands_between_two_saves_lies_on_the_first(tmp_path: Path) -> None:
    steps = plan_steps(load_recipe(recipe_of(tmp_path, WHOLE)).stages)
    assert [
        (step.name, "barrier" if isinstance(step, BarrierStep) else step.kind)
        for step in steps
    ] == [
        ("extracted", "source"),
        ("decisions", "column"),
        ("deduplicate_urls", "barrier"),
        ("deduplicate_lines", "barrier"),
        ("documents", "table"),
        ("decisions_2", "column"),
        ("deduplicate_substrings", "barrier"),
        ("deduplicate", "barrier"),
        ("mix_corpus", "barrier"),
    ]


def test_a_save_holds_what_barriers_above_it_wrote(tmp_path: Path) -> None:
    stages = load_recipe(recipe_of(tmp_path, WHOLE)).stages
    extracted, documents = (
        set(step.saved.names)
        for step in plan_steps(stages)
        if isinstance(step, Pass) and step.kind in ("source", "table")
    )
    assert {"repeated_lines", "cut_chars"} <= documents - extracted
    assert not {"repeated_spans", "cluster", "text_cuts"} & documents


def test_what_was_cut_is_a_signal_of_dropped_documents(tmp_path: Path) -> None:
    stages = load_recipe(recipe_of(tmp_path, WHOLE)).stages
    names = signal_columns(stages).names
    assert {"repeated_lines", "cut_chars"} <= set(names)
    # What a barrier below the last save writes is not known to passes.
    assert not {"repeated_tokens", "cluster_size"} & set(names)
    above = [config.stage for config in stages].index("deduplicate_lines")
    assert "cut_chars" not in signal_columns(stages, above).names


@pytest.mark.parametrize(
    ("stages", "complaint"),
    [
        pytest.param(
            moved("deduplicate_lines", "mix_corpus"),
            "stages[14].deduplicate_lines: changes the text, and no `save:` below it",
            id="a text that nobody keeps",
        ),
        *(
            pytest.param(
                moved(stage, "deduplicate_lines"),
                f"changes the text that {stage} has read: put it above {stage}",
                id=f"{stage} too early",
            )
            for stage in ("measure_text", "mask_pii", "sign")
        ),
        pytest.param(
            moved("measure_text", "deduplicate_lines"),
            "measure_text: writes 'word_count', which is lost: deduplicate_lines is between "
            "it and the next `save:`",
            id="a column that a barrier cuts off",
        ),
        pytest.param(
            moved("deduplicate_urls", "save: extracted"),
            "deduplicate_urls: needs a `save:` above it to read from",
            id="a barrier above the first save",
        ),
        pytest.param(
            moved("deduplicate_urls", "save: documents"),
            "save: has no stage between it and the barrier above it",
            id="a save right behind a barrier",
        ),
        pytest.param(
            moved("deduplicate_substrings", "mask_pii"),
            "deduplicate_substrings: marks places in a text that mask_pii changes",
            id="marked before the text changes",
        ),
        pytest.param(
            [
                "deduplicate: {keep: [-repeated_spans]}" if s == "deduplicate" else s
                for s in WHOLE
            ],
            "deduplicate: sorts by 'repeated_spans', whose values (list<",
            id="a list that says who stays",
        ),
        pytest.param(
            [s.replace("save: documents", "save: lines") for s in WHOLE],
            "'lines' is a folder of every run",
            id="a save in the folder of a barrier",
        ),
    ],
)
def test_an_order_that_cannot_work(
    tmp_path: Path, stages: list[str], complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe_of(tmp_path, stages))
    assert complaint in str(caught.value)


def test_without_barriers_between_them_saves_follow_as_before(tmp_path: Path) -> None:
    stages = without("deduplicate_urls", "deduplicate_lines", "deduplicate_substrings")
    steps = plan_steps(load_recipe(recipe_of(tmp_path, stages)).stages)
    assert [step.name for step in steps][:3] == ["extracted", "documents", "decisions"]


def test_the_column_of_words_is_no_stage_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wordy = pa.schema([(WORDS, pa.string())])
    monkeypatch.setattr(MeasureText, "columns_written", lambda _: wordy)
    with pytest.raises(ConfigError, match="measure_text: writes '_words'"):
        load_recipe(recipe_of(tmp_path, WHOLE))
