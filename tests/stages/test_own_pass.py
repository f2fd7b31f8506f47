"""score_borderline as a pass of its own: aligned columns, and what it asks for.

Where Ray then puts a call that asks for a GPU is told in tests/test_executors.py.
"""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.recipes import own_recipe

from tamis.documents.parts import Part
from tamis.errors import ConfigError
from tamis.recipe.load import load_recipe
from tamis.recipe.plan import Pass, plan_steps
from tamis.runner.passes.layers import run_layer
from tamis.runner.passes.work import PassWork
from tamis.runner.run import run
from tamis.stages.score_borderline import ScoreBorderline
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.executors import Call, InlineExecutor
from tamis.work.tasks import Silent

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = pa.schema(
    [
        ("id", pa.uint64()),
        ("text", pa.string()),
        ("text_chars", pa.int64()),
        ("language", pa.string()),
        ("toxicity_max", pa.float32()),
    ]
)
REASONS = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])


@pytest.fixture
def model(onnx_folder: Callable[..., str]) -> str:
    return onnx_folder(("fine", "toxic"), turnip=(0.0, 1.0), репа=(0.0, 2.0))


def work_of(config: ScoreBorderline) -> PassWork:
    (step,) = (step for step in plan_steps([config]) if isinstance(step, Pass))
    signals = pa.schema([])
    return PassWork(step.name, config.model, (config,), step.saved, signals, False)


def saved(storage: Storage, rows: int, cuts: tuple[int, ...] = ()) -> Part:
    """Row n says turnip n % 5 times; every third was dropped; every seventh is not asked."""
    outputs = Outputs(storage, "a")
    table = pa.table(
        {
            "id": range(rows),
            "text": ["turnip " * (n % 5) + "rose" for n in range(rows)],
            "text_chars": [7 * (n % 5) + 4 for n in range(rows)],
            "language": ["eng"] * rows,
            "toxicity_max": [0.1 if n % 7 == 0 else 0.5 for n in range(rows)],
        },
        DOCUMENTS,
    )
    for number, (start, stop) in enumerate(pairwise([0, *cuts, rows])):
        with outputs.parquet("documents", DOCUMENTS, f"a-{number}") as writer:
            writer.write_table(table.slice(start, stop - start))
    reasons = ["word_count" if n % 3 == 0 else None for n in range(rows)]
    with outputs.parquet("decisions", REASONS, "a") as writer:
        writer.write_table(pa.table([table["id"], reasons], schema=REASONS))
    return Part("a", "print", tuple(outputs.files[:-1]), (outputs.files[-1],))


def expected(rows: int) -> list[float | None]:
    return [
        None if n % 3 == 0 or n % 7 == 0 else float(1 / (1 + np.exp(-(n % 5))))
        for n in range(rows)
    ]


@pytest.mark.parametrize("rows", [0, 1, 400])
@pytest.mark.parametrize("batch_windows", [1, 7])
def test_the_layer_lies_on_the_documents_row_for_row(
    model: str, tmp_path: Path, rows: int, batch_windows: int
) -> None:
    config = ScoreBorderline(
        model=model,
        labels=("toxic",),
        resources={"gpu": 1},
        batch_windows=batch_windows,
    )
    layers = []
    cuts: tuple[int, ...]
    for cuts in ((), (rows // 2,), (rows // 5, rows // 5, rows // 2)):
        storage = Storage(str(tmp_path / str(len(cuts))))
        part = saved(storage, rows, cuts)
        outputs = Outputs(storage, "a")
        tally = run_layer(outputs, work_of(config), part)
        (layer,) = outputs.files
        table = pq.read_table(storage.path(layer.path))
        assert table["id"].to_pylist() == list(range(rows))
        assert table["drop_reason"].null_count == rows
        assert table["borderline_score"].to_pylist() == [
            None if value is None else pytest.approx(value, abs=1e-6)
            for value in expected(rows)
        ]
        layers.append(Path(storage.path(layer.path)).read_bytes())
        both = part.with_layer(layer, "b").read(storage, ["text", "borderline_score"])
        assert both["borderline_score"].equals(table["borderline_score"])
        still_in = sum(n % 3 > 0 for n in range(rows))
        if still_in:
            counts = tally["stages"]["score_borderline"]
            assert counts["documents_in"] == counts["documents_out"] == still_in
    assert len(set(layers)) == 1  # the files that a part lies in change nothing


class Recording(InlineExecutor):
    """Remembers what the calls of each pass asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.gpus: dict[str, float] = {}

    def submit(self, call: Call) -> None:
        self.gpus[call.arguments[1].split("/")[1]] = call.gpus
        super().submit(call)


RECIPE = """
  - score_borderline: {{model: {model}, labels: [toxic], column: text_chars,
      between: [300, 900], windows_by: null, resources: {{gpu: 0.5}}}}
  - filter_toxicity: {{toxic_word_density: null, borderline_score: 0.499}}
"""


def recipe_with(model: str, folder: Path) -> Path:
    """The repository's recipe, a borderline pass in the place of its toxicity filter."""
    whole = own_recipe()
    path = folder / "stages.yaml"
    old = "  - filter_toxicity: {}\n"
    assert old in whole
    text = whole.replace(old, RECIPE.format(model=model))
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_places_the_pass_and_reads_its_column(
    model: str, sample_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    output = tmp_path / "out"
    shutil.copytree(sample_run, output)
    recipe = load_recipe(recipe_with(model, tmp_path), [f"output={output}"])
    executor = Recording()
    book = run(recipe, executor, Silent()).summary
    assert not {"extracted", "documents"} & set(book["tasks_executed"])
    assert book["tasks_executed"]["score_borderline"] == 2
    assert executor.gpus["score_borderline"] == 0.5
    assert executor.gpus["decisions"] == 0
    stages = book["stages"]
    assert stages["score_borderline"]["documents_in"] > 0
    # No sample says turnip: every document that was asked about is even odds, and out.
    out = stages["filter_toxicity"]["dropped"]["toxic_text"]
    dropped = sum(own["documents"] for own in out.values())
    asked = sum(
        pq.read_table(path)["borderline_score"].drop_null().length()
        for path in (output / "score_borderline").glob("*.parquet")
    )
    assert dropped == asked > 0
    names = {
        name
        for path in (output / "dropped").glob("*.parquet")
        for name in pq.read_schema(path).names
    }
    assert "borderline_score" in names


@pytest.mark.parametrize(
    "place", ["  - mask_pii: {}\n", "  - save: extracted\n", "  - save: documents\n"]
)
def test_a_pass_of_its_own_is_below_the_last_save(
    model: str, tmp_path: Path, place: str
) -> None:
    path = recipe_with(model, tmp_path)
    text = path.read_text("utf-8")
    stage = RECIPE.format(model=model).partition("  - filter_toxicity")[0].strip("\n")
    moved = text.replace(stage + "\n", "").replace(place, f"{stage}\n{place}")
    path.write_text(moved, encoding="utf-8")
    with pytest.raises(ConfigError, match="put it below the last `save:`"):
        load_recipe(path)
