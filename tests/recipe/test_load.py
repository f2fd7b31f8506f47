"""stages.yaml: every mistake at once, each with its place, before anything starts."""

from pathlib import Path

import pytest

from tamis.errors import ConfigError
from tamis.inputs import resolve
from tamis.recipe.load import Recipe, load_recipe
from tamis.recipe.plan import BarrierStep, Pass, plan_steps, signal_columns
from tamis.runner.places import Places
from tamis.stages.filter_language import FilterLanguage
from tamis.stages.identify_language import IdentifyLanguage
from tamis.stages.read_warc import ReadWarc

ROOT = Path(__file__).resolve().parents[2]

HEAD = """\
input: a.warc.gz
output: out
languages: [fra, eng]
"""
WHOLE = """\
stages:
  - read_warc: {}
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - identify_language: {}
  - filter_language: {}
  - save: extracted
  - measure_text: {}
  - sign: {}
  - save: documents
  - filter_quality: {preset: tamis}
  - deduplicate: {}
  - mix_corpus: {}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "stages.yaml"
    path.write_text(HEAD + WHOLE, encoding="utf-8")
    return path


def complaints(path: Path, text: str, *overrides: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, overrides)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "read_warc: {select: {index: 3}}",
            ["read_warc.select.index: input should be a valid string or a valid list"],
        ),
        (
            "score_quality: {model: 3}",
            ["score_quality.model: input should be a valid string or a valid mapping"],
        ),
        (
            "score_quality: {model: {fra: 3, eng: m.bin}}",
            ["score_quality.model.fra: input should be a valid string"],
        ),
        (
            "filter_language: {min_score: high}",
            [
                "filter_language.min_score: input should be a valid number, unable to "
                "parse string as a number or a valid mapping"
            ],
        ),
        (
            "filter_language: {min_score: {fra: high, eng: 3}}",
            [
                "filter_language.min_score.eng: input should be less than or equal to 1",
                "filter_language.min_score.fra: input should be a valid number, unable "
                "to parse string as a number",
            ],
        ),
        (
            "clean_lines: {preset: refindweb}",
            [
                "clean_lines.preset: input should be 'c4' or 'refinedweb' or a valid "
                "list; did you mean refinedweb?"
            ],
        ),
        (
            "clean_lines: {preset: [c4, 3]}",
            ["clean_lines.preset[1]: input should be 'c4' or 'refinedweb'"],
        ),
        (
            "deduplicate: {verify: 3}",
            ["deduplicate.verify: input should be a valid mapping"],
        ),
    ],
)
def test_a_value_that_may_have_several_types_is_one_line_a_mistake(
    recipe: Path, entry: str, said: list[str]
) -> None:
    _, *lines = complaints(recipe, f"{HEAD}stages:\n  - {entry}\n")
    assert lines == [f"  stages.yaml:5: stages[0].{line}" for line in said]


@pytest.mark.parametrize("place", ["~nobody.here/x", "~nobody.here"])
def test_a_home_of_nobody_is_one_line(recipe: Path, tmp_path: Path, place: str) -> None:
    why = f"{place}: ~nobody.here is no home folder of anybody here: write the path"
    own = f"filter_url: {{lists: [{place}]}}"
    stages = WHOLE.replace("decode_html: {}", f"{own}\n  - decode_html: {{}}")
    for text, overrides in (
        (HEAD.replace("out\n", f"{place}\n") + WHOLE, ()),
        (HEAD.replace("a.warc.gz", place) + WHOLE, ()),
        (HEAD + stages, ()),
        (HEAD + WHOLE.replace("decode_html", f"{place}/x.py:Own"), ()),
        (HEAD + WHOLE, (f"output={place}",)),
        (HEAD + WHOLE, (f"extract_text.model={place}",)),
    ):
        (line,) = complaints(recipe, text, *overrides)
        assert line.startswith((why, f"{place}/x.py: "))
    with pytest.raises(ConfigError, match="is no home folder"):
        resolve([place])
    with pytest.raises(ConfigError, match="is no home folder"):
        Places(root=place).place_of("a.warc.gz")


def stage(recipe: Recipe, name: str) -> object:
    return next(config for config in recipe.stages if config.stage == name)


def test_the_recipe_of_the_repository_is_right() -> None:
    recipe = load_recipe(ROOT / "stages.yaml")
    assert [config.stage for config in recipe.stages][:2] == ["read_warc", "filter_url"]
    assert recipe.executor.kind == "ray"


def test_languages_reach_the_stages_that_want_them(recipe: Path) -> None:
    loaded = load_recipe(recipe)
    filter_language = stage(loaded, "filter_language")
    assert isinstance(filter_language, FilterLanguage)
    assert filter_language.languages == ("eng", "fra")


def test_other_names_of_a_language_mean_the_same(recipe: Path) -> None:
    assert load_recipe(recipe, ["languages=[zho, fr]"]).languages == ("cmn", "fra")


def test_every_mistake_is_told_with_its_line(recipe: Path) -> None:
    text = HEAD + WHOLE.replace("read_warc: {}", "read_warc: {max_html_byte: 3MiB}")
    text = text.replace("measure_text: {}", "measure_text: {stage: sign}")
    text = text.replace("sign: {}", "sign: {bands: many}").replace("output", "ouptut")
    text = text.replace("deduplicate", "dedupe")
    found = complaints(recipe, text)
    assert found[0] == f"{recipe} cannot be run:"
    for expected in (
        "stages.yaml:1: output: field required",
        "stages.yaml:2: ouptut: extra inputs are not permitted",
        "stages.yaml:5: stages[0].read_warc.max_html_byte: extra inputs are not permitted",
        "stages.yaml:11: stages[6].measure_text.stage: extra inputs are not permitted",
        "stages.yaml:12: stages[7].sign.bands: input should be a valid integer",
        "stages.yaml:15: stages[10].dedupe: no such stage; there are read_warc,",
    ):
        assert any(expected in line for line in found), expected
    lines = [int(line.split(":")[1]) for line in found[1:]]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        pytest.param(
            "  - read_warc: {}\n",
            "",
            "stages[0].decode_html: the first stage, and only the first, is read_warc",
            id="no source",
        ),
        pytest.param(
            "  - identify_language: {}\n",
            "",
            "filter_language: reads 'language', which no stage above it writes",
            id="a column nobody writes",
        ),
        pytest.param(
            "  - save: documents\n",
            "",
            "measure_text: writes 'word_count' below the last `save:`",
            id="a column nobody keeps",
        ),
        pytest.param(
            "deduplicate: {}",
            "deduplicate: {keep: [-beauty]}",
            "deduplicate: reads 'beauty', which no stage above it writes",
            id="keep by an unknown column",
        ),
        pytest.param(
            "  - deduplicate: {}\n",
            "  - deduplicate: {near: false}\n  - deduplicate: {as: again}\n",
            "deduplicate: value error, a document is in one cluster, so this stage",
            id="clusters of clusters",
        ),
        pytest.param(
            "  - decode_html: {}\n",
            "  - decode_html: {}\n  - decode_html: {}\n",
            "a second 'decode_html'; give one of them `as: name`",
            id="a stage twice",
        ),
        pytest.param(
            "deduplicate: {}",
            "deduplicate: {index: ./nowhere/../out/}",
            "stages[10].deduplicate.index: is the output; an index is a folder of its own",
            id="an index in the output folder",
        ),
        pytest.param(
            "  - deduplicate: {}\n",
            "  - deduplicate: {index: a}\n  - deduplicate: {index: b}\n",
            "stages[11].deduplicate.index: one stage of a recipe can have an index",
            id="two indexes",
        ),
        pytest.param(
            "languages: [fra, eng]",
            "languages: [frz]",
            "languages[0]:",
            id="no such language",
        ),
    ],
)
def test_an_order_that_cannot_work(
    recipe: Path, old: str, new: str, complaint: str
) -> None:
    text = HEAD + WHOLE
    assert old in text
    found = complaints(recipe, text.replace(old, new))
    assert any(complaint in line for line in found), found


def test_nothing_is_kept_without_a_save(recipe: Path) -> None:
    text = HEAD + "stages:\n  - read_warc: {}\n  - decode_html: {}\n"
    assert any("nothing is kept" in line for line in complaints(recipe, text))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("a: [", "is not YAML", id="broken YAML"),
        pytest.param("- a\n", "a recipe is a mapping", id="a list"),
        pytest.param("", "a recipe is a mapping", id="empty"),
        pytest.param("!!python/object:os.system {}", "is not YAML", id="an object"),
    ],
)
def test_what_is_no_recipe_is_said_in_one_line(
    recipe: Path, text: str, complaint: str
) -> None:
    (line,) = complaints(recipe, text)
    assert complaint in line


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe at .*nothing\.yaml"):
        load_recipe(tmp_path / "nothing.yaml")


def test_overrides_reach_any_setting(recipe: Path) -> None:
    loaded = load_recipe(
        recipe,
        [
            "output=elsewhere",
            "seed=9",
            "executor.kind=inline",
            "read_warc.split_bytes=1MiB",
            "filter_language.min_score={fra: 0.5}",
        ],
    )
    assert (loaded.output, loaded.seed) == ("elsewhere", 9)
    assert loaded.executor.kind == "inline"
    source = loaded.stages[0]
    assert isinstance(source, ReadWarc)
    assert source.split_bytes == 1 << 20


def test_an_override_finds_a_stage_by_its_prefix(recipe: Path) -> None:
    recipe.write_text(
        HEAD
        + WHOLE.replace(
            "  - extract_text",
            "  - identify_language: {as: raw}\n  - extract_text",
        ),
        encoding="utf-8",
    )
    loaded = load_recipe(recipe, ["raw.identify_language.on=html"])
    first, second = (c for c in loaded.stages if isinstance(c, IdentifyLanguage))
    assert (first.on, second.on) == ("html", "text")
    assert (first.label, second.label) == ("raw.identify_language", "identify_language")
    assert "raw_language" in plan_of(loaded)[0].saved.names


def plan_of(recipe: Recipe) -> list[Pass]:
    return [step for step in plan_steps(recipe.stages) if isinstance(step, Pass)]


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("seed", "write it as name=value"),
        ("=3", "write it as name=value"),
        ("measure.words=3", "no stage or setting 'measure'"),
        ("seed=[", "no YAML"),
    ],
)
def test_an_override_that_names_nothing(
    recipe: Path, override: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint.replace("[", r"\[")):
        load_recipe(recipe, [override])


def test_stages_become_passes_and_barriers(recipe: Path) -> None:
    steps = plan_steps(load_recipe(recipe).stages)
    shapes = [
        (step.name, "barrier" if isinstance(step, BarrierStep) else step.kind)
        for step in steps
    ]
    assert shapes == [
        ("extracted", "source"),
        ("documents", "table"),
        ("decisions", "column"),
        ("deduplicate", "barrier"),
        ("mix_corpus", "barrier"),
    ]


def test_without_the_first_save_two_passes_become_one(recipe: Path) -> None:
    recipe.write_text(HEAD + WHOLE.replace("  - save: extracted\n", ""), "utf-8")
    first, second = plan_of(load_recipe(recipe))
    assert [config.stage for config in first.stages][-2:] == ["measure_text", "sign"]
    assert second.kind == "column"


def test_a_save_holds_every_column_but_the_page(recipe: Path) -> None:
    extracted, documents, _ = plan_of(load_recipe(recipe))
    assert extracted.saved is not None
    assert documents.saved is not None
    assert {"id", "url", "text", "language"} <= set(extracted.saved.names)
    assert not {"html", "drop_reason"} & set(documents.saved.names)
    assert {"word_count", "text_hash", "band_13"} <= set(documents.saved.names)


def test_signals_are_numbers_but_not_hashes(recipe: Path) -> None:
    names = signal_columns(load_recipe(recipe).stages).names
    assert {"text_chars", "language_score", "word_count"} <= set(names)
    assert not {"text_hash", "band_00", "language", "title"} & set(names)


def test_secrets_are_not_repeated(recipe: Path) -> None:
    loaded = load_recipe(
        recipe, ["storage_options={s3: {endpoint_url: 'http://h', profile: hidden}}"]
    )
    assert "hidden" not in str(loaded.resolved())


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "  - mix_corpus: {weights: {fra: 1, deu: 2}}",
            "mix_corpus.weights.deu: is not in `languages`",
        ),
        (
            "  - mix_corpus: {weight: {fra: 1}}",
            "mix_corpus.weight: extra inputs are not permitted; did you mean weights?",
        ),
        (
            "  - mix_corpus: {budget_tokens: 10 apples}",
            "'10 apples' is not a number such as 10B, 300M, 1e9",
        ),
        (
            "  - filter_language: {as: x, min_score: {deu: 0.3}}",
            "filter_language.min_score.deu: is not in `languages`",
        ),
        (
            "  - filter_toxicity: {per_language: {de: {toxicity_max: 0.3}}}",
            "filter_toxicity.per_language.deu: is not in `languages`",
        ),
        (
            "  - filter_quality: {as: x, per_language: {fro: {word_count: [1, 2]}}}",
            "per_language.fro: is not in `languages`; did you mean fra?",
        ),
    ],
)
def test_a_name_that_means_nothing_is_a_mistake(
    recipe: Path, line: str, complaint: str
) -> None:
    text = HEAD + WHOLE.replace("  - mix_corpus: {}", line)
    assert complaint in "\n".join(complaints(recipe, text))


@pytest.mark.parametrize(
    ("written", "number"),
    [
        *(("10B", 10**10), ("1e9", 10**9), ("1.5e6", 1_500_000), ("300 M", 3 * 10**8)),
        *(("2.5k", 2500), ("1T", 10**12), ("10_000", 10_000), ("7", 7)),
    ],
)
def test_counts_are_read_as_people_write_them(
    recipe: Path, written: str, number: int
) -> None:
    found = load_recipe(recipe, [f"mix_corpus.budget_tokens={written}"])
    assert found.stages[-1].budget_tokens == number  # type: ignore[attr-defined]  # of MixCorpus


def test_a_mistyped_choice_has_its_nearest_name() -> None:
    with pytest.raises(ConfigError) as raised:
        load_recipe(ROOT / "stages.yaml", ["filter_quality.preset=gophr"])
    assert "did you mean gopher?" in str(raised.value)
    assert "literal[" not in str(raised.value)


def test_the_short_form_of_the_executor_takes_settings(tmp_path: Path) -> None:
    recipe = load_recipe(
        ROOT / "stages.yaml", ("executor=inline", "executor.workers=2")
    )
    assert (recipe.executor.kind, recipe.executor.workers) == ("inline", 2)


def test_many_keys_are_refused_at_once(recipe: Path) -> None:
    keys = "".join(f"key{number}: {number}\n" for number in range(20_000))
    lines = complaints(recipe, HEAD + keys + WHOLE)
    assert len(lines) < 30
    assert "19,980 more mistakes" in "\n".join(lines)
    (line,) = complaints(recipe, HEAD + 3 * keys + WHOLE)
    assert "is over 512 KiB: not a recipe" in line
