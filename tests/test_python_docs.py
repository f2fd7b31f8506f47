"""docs/python.md: every block runs, one after the other, and gives what the page says."""

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import tamis
from tamis.storage import Storage

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")


def blocks(folder: Path) -> list[str]:
    """The page's code; its folders lie in one of the test's."""
    found = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    places = r'"(out/|out-python/|kept/|one\.warc\.gz)"'
    return [re.sub(places, lambda m: repr(f"{folder}/{m[1]}"), code) for code in found]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the names of the page mean once all of it has run."""
    folder = tmp_path_factory.mktemp("python")
    known: dict[str, Any] = {"folder": folder}
    with contextlib.chdir(ROOT):
        for number, code in enumerate(blocks(folder)):
            exec(compile(code, f"docs/python.md, block {number}", "exec"), known)
    return known


def test_the_page_runs_from_top_to_bottom(names: dict[str, Any]) -> None:
    assert isinstance(names["run"], tamis.Run)
    assert names["run"].is_complete


def test_kept_documents_are_those_that_are_not_dropped(names: dict[str, Any]) -> None:
    run = names["run"]
    every = run.documents(columns=["id", "drop_reason", "url"]).read_all()
    kept = run.documents(kept=True, columns=["id"]).read_all()
    gone = run.documents(kept=False, columns=["id", "drop_reason"]).read_all()
    assert kept.num_rows + gone.num_rows == every.num_rows
    assert every["drop_reason"].null_count == kept.num_rows
    assert gone["drop_reason"].null_count == 0
    dropped = set(run.dropped().to_table(["id"])["id"].to_pylist())
    assert not dropped & set(kept["id"].to_pylist())
    assert set(gone["id"].to_pylist()) <= dropped


def test_without_a_mix_the_deduplicated_documents_have_all_signals(
    names: dict[str, Any],
) -> None:
    run = names["run"]
    assert not run.has_mix
    columns = set(run.documents(kept=True).schema.names)
    assert {"text", "language", "word_count", "band_19", "cluster"} <= columns
    assert not {"html", "drop_stage", "text_cuts"} & columns


def test_an_export_holds_what_documents_gives(names: dict[str, Any]) -> None:
    lines = [
        line for path in names["files"] for line in path.read_text("utf-8").splitlines()
    ]
    assert len(names["files"]) == 2
    # The samples' mix leaves nothing out: kept, and kept before the mix, are the same.
    assert len(lines) == names["deduplicated"]
    assert not [p for p in (names["folder"] / "kept").iterdir() if "partial" in p.name]


def test_every_command_has_its_call() -> None:
    from tamis.cli.main import _COMMANDS

    table = PAGE[PAGE.index("| call | command |") :]
    assert {name for name in _COMMANDS if f"`tamis {name}`" not in table} == set()
    for name in tamis.__all__:
        assert hasattr(tamis, name)
        assert name in PAGE or name.startswith("__"), name


def test_the_executor_that_ran_is_on_record(names: dict[str, Any]) -> None:
    assert names["run"].summary["recipe"]["executor"]["kind"] == "inline"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Dropped by a bound of words.", id="Latin"),
        pytest.param("Слишком короткий текст.", id="Cyrillic"),
        pytest.param("نص قصير جدا.", id="Arabic"),
        pytest.param("文本太短。", id="Chinese"),
        pytest.param("ข้อความสั้นเกินไป", id="Thai"),
    ],
)
def test_apply_adds_what_a_stage_reads(text: str) -> None:
    found = tamis.apply("filter_quality", [text, None, text])
    assert found["text"].to_pylist() == [text, None, text]
    assert found["drop_reason"][0].as_py() == "word_count"
    assert found["language"][0].is_valid


def test_apply_of_no_text_is_an_empty_table() -> None:
    assert tamis.apply("measure_text", []).num_rows == 0


def test_apply_names_what_it_cannot_add() -> None:
    with pytest.raises(
        tamis.TamisError, match=r"reads 'html', which the documents lack"
    ):
        tamis.apply("decode_html", ["a text"])
    with pytest.raises(tamis.TamisError, match=r"read_rights reads 'html'"):
        tamis.apply("filter_rights", ["a text"])
    with pytest.raises(tamis.TamisError, match="deduplicate sees a whole corpus"):
        tamis.apply("deduplicate", ["a text"])
    with pytest.raises(tamis.TamisError, match="did you mean measure_text"):
        tamis.apply("measure_texts", ["a text"])


def test_apply_takes_tables_of_other_libraries() -> None:
    table = pa.table({"text": ["Bonjour à tous.", "Good morning."], "mine": [1, 2]})
    found = tamis.apply(tamis.stages.IdentifyLanguage(), table)
    assert found["language"].to_pylist() == ["fra", "eng"]
    assert found["mine"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    "type_", [pa.large_string(), pa.string_view(), pa.string()], ids=str
)
def test_apply_takes_strings_of_every_width(type_: pa.DataType) -> None:
    table = pa.table({"text": pa.array(["Bonjour à tous.", "你好，世界。"], type_)})
    found = tamis.apply("identify_language", table)
    assert found["language"].to_pylist() == ["fra", "cmn"]


def test_columns_of_apply_do_not_depend_on_the_documents() -> None:
    stages = ["filter_quality", "score_toxicity"]
    schemas = [
        tamis.apply(stages, texts).schema
        for texts in (["Short."], ["Short.", None], ["A line of words. " * 80])
    ]
    assert schemas[0].names == schemas[1].names == schemas[2].names
    assert "toxicity" in " ".join(schemas[0].names)


@pytest.mark.parametrize(
    ("stages", "documents", "said"),
    [
        ("keep_share", ["a"], "keep_share"),
        ("measure_text", [1, 2], r"texts \(str\) or pages \(bytes\), not int"),
        ({"save": "kept"}, ["a"], "is no transform: it needs a recipe"),
        (
            "measure_text",
            pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]),
            "column 'text' cannot be told apart",
        ),
        ("measure_text", pa.table({"text": ["a"], "_row": [1]}), "_row"),
    ],
)
def test_apply_says_what_it_cannot_do(stages: Any, documents: Any, said: str) -> None:
    with pytest.raises(tamis.TamisError, match=said):
        tamis.apply(stages, documents)


def test_a_finished_run_says_what_it_cannot_do(
    names: dict[str, Any], tmp_path: Path
) -> None:
    run = names["run"]
    with pytest.raises(tamis.TamisError, match="format: 'csv' is none of"):
        run.export(tmp_path / "a", format="csv")
    with pytest.raises(tamis.TamisError, match="no column 'charm'"):
        run.documents(columns="charm")
    assert run.documents(columns="url").schema.names == ["url"]
    assert run.documents(columns=[]).read_all().num_columns == 0
    for trusted in ("none.py:Of", ["none.py:Of"]):
        assert tamis.Run(run.output, trusted_stages=trusted).stages()


def test_a_table_of_strange_names_is_refused(
    names: dict[str, Any], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    for name in ("run.json", "tables.json"):
        (output / name).write_bytes(Path(names["run"].output, name).read_bytes())
    tables = json.loads((output / "tables.json").read_text("utf-8"))
    about = next(iter(tables["inputs"].values()))
    storage = Storage(str(output))
    for strange in ({"../x": about}, {"a/b": about}):
        storage.write_record("tables.json", {"inputs": strange})
        with pytest.raises(tamis.TamisError, match="is no input's name"):
            tamis.Run(output)
    hostile = {"a": about | {"dropped": "../../etc/passwd"}}
    storage.write_record("tables.json", {"inputs": hostile})
    with pytest.raises(tamis.TamisError, match="is not the name of a file in it"):
        tamis.Run(output).dropped()


def test_tables_and_runs_are_shown_as_html(names: dict[str, Any]) -> None:
    from tamis.tables import table_html

    shown = table_html(pa.table({"a": ["<b>", None], "b": [0.123456, 2.0]}))
    assert "&lt;b&gt;" in shown
    assert "0.1235" in shown
    assert "read_warc" in names["run"]._repr_html_()
    assert "sign(bands=None, rows=None, ngram=5" in repr(tamis.stages)


def test_a_record_comes_back_from_the_archive_that_was_written(
    names: dict[str, Any], command: Callable[..., Any]
) -> None:
    from warcio.archiveiterator import ArchiveIterator

    with (names["folder"] / "one.warc.gz").open("rb") as file:
        (record,) = (
            (r.rec_headers.get_header("WARC-Target-URI"), r.content_stream().read())
            for r in ArchiveIterator(file)
        )
    row = names["row"]
    assert record[0] == row["url"]
    with contextlib.chdir(ROOT):
        assert record[1] == tamis.fetch_record(*names["place"], root="samples/")
