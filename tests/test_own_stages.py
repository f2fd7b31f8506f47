"""Stages that a user writes have every right that the package's own have."""

import hashlib
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import xxhash

import tamis
from tamis.errors import ConfigError, SchemaError
from tamis.schema import PROVENANCE
from tamis.stage import Kind, Placement, Stage, column_of, drop
from tamis.stage_source import load_class
from tamis.stages.filter_quality import FilterQuality
from tamis.warc.reading import Reading
from tamis.warc.splits import Split
from tamis.work.fingerprints import stage_dependencies
from tamis.work.transforms import chain_of, through

ROOT = Path(__file__).resolve().parents[1]

OWN = '''
"""Two stages in one file."""

import pyarrow.compute as pc

import tamis
from tamis.stage import drop

WORD = "e"


class KeepWord(tamis.Transform):
    """Drop texts without a word."""

    def columns_read(self):
        return ("text",)

    def build(self):
        def keep_word(batch):
            has_word = pc.match_substring(batch["text"], WORD)
            return drop(batch, pc.if_else(has_word, None, "no_word"))

        return keep_word


class KeepVowels(KeepWord):
    """The same with a setting, under a name of its own."""

    vowels: str = "aeiou"
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN, "utf-8")
    return path


def recipe_of(folder: Path, *behind: Any, **settings: Any) -> tamis.Recipe:
    stages: list[Any] = [
        *("read_warc", "decode_html", "extract_text", *behind),
        {"save": "extracted"},
    ]
    values = {"executor": "inline", "output": str(folder / "out")} | settings
    samples = str(ROOT / "samples" / "samples-00000.warc.gz")
    return tamis.Recipe(input=samples, languages=["fra"], stages=stages, **values)


def test_a_stage_is_named_after_its_class() -> None:
    class KeepURLs2(tamis.Transform):
        def build(self) -> Any: ...

    class Named(tamis.Transform):
        stage: str = "other_name"

        def build(self) -> Any: ...

    class Literally(tamis.Transform):
        stage: Literal["shout"]

        def build(self) -> Any: ...

    assert Literally().stage == "shout"
    assert KeepURLs2.stage_name() == "keep_urls2"
    assert Named().stage == "other_name"
    assert FilterQuality().label == "filter_quality"
    assert FilterQuality(prefix="raw").label == "raw.filter_quality"


def test_a_subclass_of_a_stage_is_a_stage_of_its_own() -> None:
    class StrictQuality(FilterQuality):
        """The same bounds under another name."""

    stage = StrictQuality()
    assert (stage.stage, stage.kind) == ("strict_quality", "transform")
    found = tamis.apply(stage, ["Too short."])
    assert found["drop_reason"].to_pylist() == ["word_count"]


def test_two_stages_of_one_file_run(own: Path, tmp_path: Path) -> None:
    recipe = recipe_of(
        tmp_path, {f"{own}:KeepWord": {}}, {f"{own}:KeepVowels": {"vowels": "e"}}
    )
    run = tamis.run(recipe)
    first, second = (run.summary["stages"][n] for n in ("keep_word", "keep_vowels"))
    assert first["documents_in"] == first["documents_out"] + sum(
        amount["documents"] for amount in first["dropped"]["no_word"].values()
    )
    assert second["documents_in"] == first["documents_out"]
    assert set(run.dropped().to_table(["stage"])["stage"].to_pylist()) >= {"keep_word"}


@pytest.mark.ray
def test_the_file_travels_to_the_workers(own: Path, tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, {f"{own}:KeepWord": {}}, executor="ray")
    run = tamis.run(recipe)
    assert run.summary["recipe"]["executor"]["kind"] == "ray"
    inline = tamis.run(recipe_of(tmp_path / "b", {f"{own}:KeepWord": {}}))
    kept = [r.documents(kept=True).read_all().sort_by("id") for r in (run, inline)]
    assert kept[0].equals(kept[1])


def test_a_changed_file_redoes_its_pass(own: Path, tmp_path: Path) -> None:
    stage = {f"{own}:KeepWord": {}}
    assert tamis.run(recipe_of(tmp_path, stage)).summary["tasks_executed"]["extracted"]
    again = tamis.run(recipe_of(tmp_path, stage)).summary["tasks_executed"]
    assert "extracted" not in again
    own.write_text(OWN.replace('WORD = "e"', 'WORD = "é"'), "utf-8")
    changed = tamis.run(recipe_of(tmp_path, stage)).summary
    assert changed["tasks_executed"]["extracted"] > 0
    assert changed["stages"]["keep_word"]["documents_out"] < 100


def test_a_stage_of_a_notebook_is_refused_with_the_line_to_write(
    tmp_path: Path,
) -> None:
    class Nowhere(tamis.Transform):
        def build(self) -> Any:
            return lambda batch: batch

    assert tamis.run(recipe_of(tmp_path, Nowhere())).is_complete
    recipe = recipe_of(tmp_path / "b", Nowhere(), executor="ray")
    with pytest.raises(ConfigError, match=r"`path/to/file\.py:Nowhere`"):
        tamis.run(recipe)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        pytest.param("own.py:Missing", "defines no class Missing", id="no class"),
        pytest.param("own.py:WORD", "defines no class WORD", id="no class at all"),
        pytest.param("none.py:Stage", "cannot be read", id="no file"),
        pytest.param("bad.py:Stage", "SyntaxError", id="no Python"),
        pytest.param("plain.py:Plain", "is no tamis.Source", id="no stage"),
    ],
)
def test_what_is_no_stage_is_one_line(
    own: Path, tmp_path: Path, name: str, complaint: str
) -> None:
    (tmp_path / "bad.py").write_text("class :", "utf-8")
    (tmp_path / "plain.py").write_text("class Plain: ...", "utf-8")
    with pytest.raises(ConfigError, match=complaint) as caught:
        recipe_of(tmp_path, {f"{own.parent}/{name}": {}})
    head, line = str(caught.value).splitlines()
    assert head == "recipe cannot be run:"
    assert line.startswith("stages[3].")


def test_settings_are_set_by_the_short_name(own: Path, tmp_path: Path) -> None:
    path = tmp_path / "stages.yaml"
    path.write_text(
        f"input: a.warc.gz\noutput: out\nlanguages: [fra]\nstages:\n  - read_warc: {{}}\n"
        f"  - decode_html: {{}}\n  - extract_text: {{}}\n  - {own}:KeepVowels: {{}}\n"
        f"  - save: extracted\n"
    )
    recipe = tamis.Recipe.load(path, ["keep_vowels.vowels=y"])
    assert recipe.stages[3].model_dump()["vowels"] == "y"


def test_a_recorded_stage_of_a_file_is_not_run_on_its_word(
    own: Path, tmp_path: Path
) -> None:
    name = f"{own}:KeepWord"
    run = tamis.Run(tamis.run(recipe_of(tmp_path, {name: {}})).output)
    with pytest.raises(ConfigError, match="name the recipe with --recipe"):
        run.stages()
    trusted = tamis.Run(run.output, trusted_stages={name})
    assert [stage.label for stage in trusted.stages()][3] == "keep_word"


class ReadLines(tamis.Source):
    """Read JSON lines with `url` and `text`: a source that is no archive."""

    def columns_written(self) -> pa.Schema:
        own = [("text", pa.string()), ("text_chars", pa.int32())]
        return pa.schema([*PROVENANCE, *own, ("drop_reason", pa.string())])

    def read(
        self, split: Split, reading: Reading | None = None
    ) -> Iterator[pa.RecordBatch]:
        reading = reading or Reading()
        rows = [json.loads(line) for line in Path(split.path).read_text().splitlines()]
        reading.records = reading.admitted = len(rows)
        for number, row in enumerate(rows):
            values = dict.fromkeys(self.columns_written().names) | row
            key = f"{Path(split.path).name}:{number}".encode()
            values |= {
                "id": xxhash.xxh3_64_intdigest(key),
                "warc_path": split.path,
                "warc_offset": number,
                "warc_length": 1,
                "text_chars": len(row["text"]),
                "drop_reason": None if row["text"] else "empty",
            }
            yield pa.RecordBatch.from_pylist([values], self.columns_written())


def test_a_source_of_a_user_feeds_a_whole_run(tmp_path: Path) -> None:
    texts = ["Le canal est calme ce matin.", "", "The canal is quiet.", "Le canal."]
    for name in ("a", "b"):
        lines = [json.dumps({"url": f"https://x/{t}", "text": t}) for t in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    recipe = tamis.Recipe(
        input=str(tmp_path / "*.jsonl"),
        output=str(tmp_path / "out"),
        languages=["fra", "eng"],
        executor="inline",
        stages=[
            ReadLines(),
            "identify_language",
            "sign",
            {"save": "documents"},
            tamis.stages.Deduplicate(near=False),
            "mix_corpus",
        ],
    )
    run = tamis.run(recipe)
    assert run.summary["source"]["admitted"] == 8
    assert run.summary["stages"]["read_lines"]["dropped"]["empty"]
    mixed = set(run.mix().to_table(["text"])["text"].to_pylist())
    assert mixed == set(texts) - {""}
    assert run.dropped().count_rows() == 2 + 3
    assert tamis.check(recipe).to_do["documents"] == "done"


def test_a_source_says_what_it_lacks() -> None:
    class Bare(tamis.Source):
        def columns_written(self) -> pa.Schema:
            return pa.schema([("text", pa.string())])

        def read(self, split: Split, reading: Reading | None = None) -> Any: ...

    with pytest.raises(ConfigError, match="does not write id, record_id, url"):
        tamis.Recipe(
            input="a", output="b", languages=["fra"], stages=[Bare(), {"save": "c"}]
        )


def test_a_stage_says_what_is_wrong_with_its_place(tmp_path: Path) -> None:
    class Lonely(tamis.Transform):
        def mistakes(self, placement: Placement) -> list[str]:
            others = len(placement.above) + len(placement.below)
            return [f"stands among {others} others"] if others > 1 else []

        def build(self) -> Any: ...

    with pytest.raises(ConfigError, match=r"stages\[3\]\.lonely: stands among 4"):
        recipe_of(tmp_path, Lonely())


def batch(**columns: list[Any]) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))
    columns = {"drop_reason": [None] * rows} | columns
    return pa.RecordBatch.from_pydict(columns).cast(
        pa.schema([(n, pa.string()) for n in columns])
    )


class Misbehaving(tamis.Transform):
    """Does what a stage may not."""

    how: str = ""

    def build(self) -> Callable[[pa.RecordBatch], Any]:
        return {
            "loses a row": lambda b: b.slice(1),
            "returns a table": lambda b: pa.Table.from_batches([b]),
            "takes drop_reason away": lambda b: b.drop_columns(["drop_reason"]),
            "raises": lambda b: 1 / 0,
        }[self.how]


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ("loses a row", "stage misbehaving: 2 rows went in, 1 came out"),
        ("returns a table", "stage misbehaving: returned Table, not a RecordBatch"),
        ("takes drop_reason away", "stage misbehaving: the batch has no column drop_r"),
    ],
)
def test_a_stage_that_breaks_the_contract_is_named(how: str, complaint: str) -> None:
    chain = chain_of([Misbehaving(how=how)])
    with pytest.raises(SchemaError, match=complaint):
        through(chain, batch(text=["a", "b"]), lambda step: None)


def test_what_a_stage_raises_carries_its_name() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        through(chain_of([Misbehaving(how="raises")]), batch(text=["a"]), print)
    assert caught.value.__notes__ == ["in stage misbehaving"]


def test_drop_without_the_column_names_it() -> None:
    rows = pa.RecordBatch.from_pydict({"text": ["a"]})
    with pytest.raises(SchemaError, match="no column drop_reason; it has text"):
        drop(rows, pa.nulls(1, pa.string()))
    with pytest.raises(SchemaError, match="no column url; it has text"):
        column_of(rows, "url")


def test_dropped_rows_reach_no_later_stage() -> None:
    seen: list[tuple[str, int, int]] = []

    class DropFirst(tamis.Transform):
        def build(self) -> Any:
            def drop_first(rows: pa.RecordBatch) -> pa.RecordBatch:
                is_a = pc.equal(rows["text"], "a")
                return drop(rows, pc.if_else(is_a, "is_a", None))

            return drop_first

    class See(DropFirst):
        def build(self) -> Any:
            return lambda rows: rows

    kept = through(
        chain_of([DropFirst(), See()]),
        batch(text=["a", "b", "a"]),
        lambda s: seen.append((s.stage.label, s.before.num_rows, s.dropped.num_rows)),
    )
    assert seen == [("drop_first", 3, 2), ("see", 1, 0)]
    assert kept["text"].to_pylist() == ["b"]


def test_a_bare_stage_is_no_stage() -> None:
    class Nothing(Stage):
        @property
        def kind(self) -> Kind:
            return super().kind

    with pytest.raises(SchemaError, match="derive from Source, Transform or Barrier"):
        _ = Nothing().kind
    with pytest.raises(TypeError, match="abstract"):
        tamis.Transform()  # type: ignore[abstract]  # the point


def test_the_documented_stage_works_as_written(tmp_path: Path) -> None:
    """docs/recipe.md shows a package with a stage: it is made here, and installed."""
    page = (ROOT / "docs" / "recipe.md").read_text("utf-8")
    section = page[page.index("## Stages of your own") :]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (entry,) = re.findall(r"```toml\n\[project(.*?)```", section, re.DOTALL)
    name = code.partition("\n")[0].removeprefix("# ")
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(code, "utf-8")
    about = tmp_path / "my_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: my-package\nVersion: 1"
    )
    group, line = re.findall(r'"(tamis\.stages)"\]\n(.*)', entry)[0]
    (about / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")

    own = {f"{tmp_path / name}:Shout": {}}
    texts = tamis.run(recipe_of(tmp_path, own)).documents(columns=["text"]).read_all()
    assert pc.utf8_upper(texts["text"]).equals(texts["text"])

    script = (
        "import tamis, sys\n"
        "found = tamis.apply('shout', ['bonjour'])\n"
        "assert found['text'].to_pylist() == ['BONJOUR'], found\n"
        "recipe = tamis.Recipe.load(sys.argv[1])\n"
        "assert recipe.stages[3].label == 'shout'\n"
    )
    path = tmp_path / "stages.yaml"
    path.write_text(
        "input: a.warc.gz\noutput: out\nlanguages: [fra]\nstages:\n"
        "  - read_warc: {}\n  - decode_html: {}\n  - extract_text: {}\n  - shout: {}\n"
        "  - save: extracted\n"
    )
    places = os.pathsep.join([str(tmp_path), str(ROOT / "pipeline")])
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def test_the_text_that_counts_is_the_one_that_was_loaded(tmp_path: Path) -> None:
    """An import outlives an edit of its file: results are those of what was imported."""
    path = tmp_path / "edited_stage.py"
    path.write_text(OWN, "utf-8")
    sys.path.insert(0, str(tmp_path))
    try:
        edited_stage = importlib.import_module("edited_stage")
    finally:
        sys.path.remove(str(tmp_path))
    stage = edited_stage.KeepVowels()
    before = stage_dependencies(stage)
    path.write_text(OWN.replace('WORD = "e"', 'WORD = "é"'), "utf-8")
    assert stage_dependencies(stage) == before
    assert before["sources"]


def test_a_base_class_elsewhere_counts_too(tmp_path: Path) -> None:
    (tmp_path / "base_of_mine.py").write_text(OWN, "utf-8")
    derived = tmp_path / "derived.py"
    derived.write_text(
        "from base_of_mine import KeepWord\n\n\nclass KeepMore(KeepWord):\n    pass\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        stage = load_class(derived, "KeepMore")
    finally:
        sys.path.remove(str(tmp_path))
    sources = stage_dependencies(stage())["sources"]  # type: ignore[arg-type]  # a Stage, by its file
    texts = (derived.read_text("utf-8"), OWN)
    assert sources == [hashlib.sha256(text.encode()).hexdigest() for text in texts]


PROMPT = """
import pyarrow.compute as pc, tamis
from tamis.stage import drop
class KeepWord(tamis.Transform):
    def columns_read(self):
        return ("text",)
    def build(self):
        return lambda batch: drop(
            batch, pc.if_else(pc.match_substring(batch["text"], "WORD"), None, "no_word")
        )

recipe = tamis.Recipe(
    input="SAMPLES", output="OUT", languages=["fra"], executor="EXECUTOR",
    stages=["read_warc", "decode_html", "extract_text", KeepWord(), {"save": "extracted"}],
)
run = tamis.run(recipe)
print(run.summary["stages"]["keep_word"]["documents_out"], run.summary["tasks_executed"])
"""


def at_a_prompt(folder: Path, **words: str) -> subprocess.CompletedProcess[str]:
    """What Python says to commands from its standard input, which are in no file."""
    samples = str(ROOT / "samples" / "samples-00000.warc.gz")
    values = {"WORD": "e", "EXECUTOR": "inline", "OUT": str(folder / "out")} | words
    text = PROMPT.replace("SAMPLES", samples)
    for name, value in values.items():
        text = text.replace(name, value)
    return subprocess.run(
        [sys.executable, "-"], input=text, capture_output=True, text=True, check=False
    )


def test_a_stage_of_a_prompt_runs_inline_and_leaves_no_stale_result(
    tmp_path: Path,
) -> None:
    first = at_a_prompt(tmp_path)
    assert first.returncode == 0, first.stderr
    other = at_a_prompt(tmp_path, WORD="xyzzy")
    assert other.returncode == 0, other.stderr
    kept = [int(said.stdout.split()[0]) for said in (first, other)]
    assert kept[0] > kept[1] == 0
    assert "extracted" in other.stdout


def test_ray_refuses_a_stage_of_a_prompt(tmp_path: Path) -> None:
    said = at_a_prompt(tmp_path, EXECUTOR="ray")
    assert "ConfigError: stage KeepWord is defined in __main__" in said.stderr
    assert "write it to a file" in said.stderr
