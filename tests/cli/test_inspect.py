"""`tamis inspect`: a run's own tables, its own recipe, and nothing that it masks."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tamis.cli.showing import show_document, visible
from tamis.recipe.load import load_recipe
from tamis.runner.places import Places
from tamis.runner.recorded import recorded_stages, stages_for_text
from tamis.runner.replay import text_again
from tamis.storage import Storage

Command = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[2]

# Not the recipe of the repository: its own placeholder, and a mail address that stays
# in sight only if somebody forgets it.
RECIPE = """
input: INPUT
output: OUTPUT
languages: [eng]
executor: {kind: inline}
stages:
  - read_warc: {}
  - filter_url: {}
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - identify_language: {}
  - mask_pii: {email: "[a mail address]"}
  - sign: {}
  - save: documents
  - filter_quality: {preset: [], bounds: {text_chars: [0, 5000]}}
  - deduplicate: {}
  - mix_corpus: {}
"""
SENTENCES = (
    "The ferry leaves the harbour at seven and comes back when the fog has lifted.",
    "Nobody on the quay remembers who painted the name of the boat in red letters.",
    "A timetable hangs beside the door, though the captain has never looked at it.",
    "Passengers pay with coins, with fish, or with a story that is worth the trip.",
)


def page_of(*more: str) -> str:
    paragraphs = "".join(f"<p>{text}</p>" for text in (*SENTENCES, *more))
    return f"<html><body><main>{paragraphs}</main></body></html>"


PAGES = {
    "http://ferry.example/seven": page_of(),
    "http://copy.example/seven": page_of("Read <i>more</i> about other boats here."),
    "http://porn.example/mail": page_of("Write to jane.doe@example.com today."),
    "http://ferry.example/long": page_of(*SENTENCES * 40, "bob.roe@example.com"),
}


def archive_of(pages: dict[str, str]) -> bytes:
    """Responses, every record a gzip member of its own."""
    members = []
    for url, page in pages.items():
        block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{page}".encode()
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\n"
            "WARC-Record-ID: <urn:uuid:12345678-1234-4678-9234-567812345678>\r\n"
            "WARC-Date: 2026-11-22T00:00:00Z\r\n"
            "Content-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        members.append(gzip.compress(head.encode() + block + b"\r\n\r\n"))
    return b"".join(members)


@pytest.fixture(scope="module")
def ferry(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    folder = tmp_path_factory.mktemp("ferry")
    (folder / "ferry.warc.gz").write_bytes(archive_of(PAGES))
    recipe = RECIPE.replace("INPUT", f"{folder}/ferry.warc.gz")
    path = folder / "mine.yaml"
    path.write_text(recipe.replace("OUTPUT", f"{folder}/out"), "utf-8")
    ended = command("run", str(path), "--quiet")
    assert ended.code == 0, ended.stderr
    return folder / "out"


def rows(run: Path, folder: str) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((run / folder).glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]


def test_a_text_read_again_is_masked_as_its_own_recipe_says(
    ferry: Path, command: Command
) -> None:
    """The command runs beside another stages.yaml, which is no part of this run."""
    (page,) = [row for row in rows(ferry, "dropped") if "porn" in row["url"]]
    assert (page["stage"], page["text"]) == ("filter_url", None)
    ended = command("inspect", str(ferry), "--url", page["url"])
    assert ended.code == 0, ended.stderr
    assert "The ferry leaves" in ended.stdout
    assert "Write to [a mail address] today" in ended.stdout
    assert "jane.doe" not in ended.stdout


def test_a_page_that_drops_before_its_text_is_masked_is_masked_all_the_same(
    ferry: Path,
) -> None:
    (page,) = [row for row in rows(ferry, "dropped") if "porn" in row["url"]]
    book = json.loads((ferry / "run.json").read_text("utf-8"))
    stages = recorded_stages(book, {})
    limit = {"clean_lines": {"preset": "c4", "max_removed_ratio": 0.0}}
    place = [entry.stage for entry in stages].index("mask_pii")
    (cleaner,) = recorded_stages({"recipe": {"stages": [limit]}}, {})
    text = text_again(page, [*stages[:place], cleaner, *stages[place:]], Places(book))
    assert text
    assert "jane.doe" not in text


def test_a_text_that_was_saved_is_not_read_again(
    ferry: Path, tmp_path: Path, command: Command
) -> None:
    """Dropped on columns and not among the samples: documents/ has it, masked."""
    run = Path(shutil.copytree(ferry, tmp_path / "out"))
    (file,) = sorted((run / "dropped").glob("*.parquet"))
    table = pq.read_table(file)
    nothing = pa.nulls(table.num_rows, pa.string())
    place = table.column_names.index("text")
    file.unlink()
    storage = Storage(str(run))
    with storage.writer("dropped", "ferry", ".parquet") as written:
        pq.write_table(table.set_column(place, "text", nothing), written.temporary)
    tables = json.loads((run / "tables.json").read_text("utf-8"))
    del tables["digest"]
    for about in tables["inputs"].values():
        about["dropped"] = written.name
    storage.write_record("tables.json", tables)
    (ferry.parent / "ferry.warc.gz").rename(ferry.parent / "elsewhere.warc.gz")
    try:
        ended = command("inspect", str(run), "--dropped", "text_chars")
        missing = command("inspect", str(run), "--stage", "filter_url")
    finally:
        (ferry.parent / "elsewhere.warc.gz").rename(ferry.parent / "ferry.warc.gz")
    assert "The ferry leaves" in ended.stdout
    assert "bob.roe" not in ended.stdout
    assert "(no text: " in missing.stdout
    assert "ferry.warc.gz: no such file" in missing.stdout


def test_only_shards_of_the_manifest_are_the_mix(
    ferry: Path, tmp_path: Path, command: Command
) -> None:
    """A run that was stopped leaves shards of a mix that never came to be."""
    run = Path(shutil.copytree(ferry, tmp_path / "out"))
    (shard,) = sorted((run / "mix").glob("*.parquet"))
    shutil.copy(shard, shard.with_name("shard-00001-000-0123456789abcdef.parquet"))
    (file,) = sorted((run / "dropped").glob("*.parquet"))
    shutil.copy(file, file.with_name("ferry.warc.gz-0123456789abcdef.parquet"))
    shown = command("inspect", str(run)).stdout
    assert shown.count("== in the mix") == len(rows(ferry, "mix")) == 1
    left_out = command("inspect", str(run), "--stage", "filter_url").stdout
    assert left_out.count("== filter_url") == 1


@pytest.mark.parametrize("which", ["kept", "dropped"])
def test_a_cluster_is_found_by_the_id_of_any_of_its_documents(
    which: str, ferry: Path, command: Command
) -> None:
    (kept,) = rows(ferry, "mix")
    (gone,) = [row for row in rows(ferry, "dropped") if row["stage"] == "deduplicate"]
    id_ = kept["id"] if which == "kept" else gone["id"]
    ended = command("inspect", str(ferry), "--cluster", str(id_))
    assert ended.code == 0, ended.stderr
    assert ended.stdout.startswith(f"cluster {kept['id']}: 2 documents\n")
    # The longer one stays: what the other one lacks is marked.
    places = [ended.stdout.index(part) for part in ("== kept", "== duplicate_near")]
    assert places == sorted(places)
    assert ended.stdout.index(kept["url"]) < ended.stdout.index(gone["url"])
    assert "[-Read more about other boats here.-]" in ended.stdout
    # 5-grams by hand: sentences of 15, 15, 14 and 15 words, and 6 more words.
    assert "similarity 0.90" in ended.stdout  # (59 - 4) / (65 - 4)


def test_a_cluster_in_a_terminal_stands_in_two_columns(
    ferry: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(force_terminal=True, width=100, color_system="standard")
    monkeypatch.setattr("rich.console.Console", lambda: console)
    (kept,) = rows(ferry, "mix")
    with console.capture() as captured:
        command("inspect", str(ferry), "--cluster", str(kept["id"]))
    shown = captured.get()
    assert "this one" in shown
    assert "\x1b[1;31mRead more about" in shown  # bold red


def test_a_cluster_that_is_none_says_so(ferry: Path, command: Command) -> None:
    dropped = next(r for r in rows(ferry, "dropped") if r["stage"] == "filter_url")
    for id_ in (1, dropped["id"]):
        ended = command("inspect", str(ferry), "--cluster", str(id_))
        assert (ended.code, ended.stdout) == (2, "")
        assert f"deduplicate saw no document with the id {id_}" in ended.stderr


def test_what_a_stranger_wrote_orders_nothing() -> None:
    assert visible("a\x1b]0;title\x07\x9b2J\u202eb\tc\nd") == (
        "a\ufffd]0;title\ufffd\ufffd2J\ufffdb\tc\nd"
    )
    console = Console(width=80, force_terminal=True)
    row = {"id": 1, "url": "http://a/[red]\x1b[31m", "language": "eng"}
    row |= {"warc_path": "a\x1b[2J", "warc_offset": 0, "warc_length": 1}
    with console.capture() as captured:
        show_document(console, row, "in the mix", text="[bold]\x1b[2Jtext")
    assert "\x1b[2J" not in captured.get()
    assert "\x1b[31m" not in captured.get()
    assert "[bold]" in captured.get()


def test_the_recorded_recipe_is_the_recipe() -> None:
    recipe = load_recipe(ROOT / "stages.yaml")
    book = json.loads(json.dumps({"recipe": recipe.resolved()}))
    assert recorded_stages(book, recipe.storage_options) == recipe.stages


def test_stages_for_text_are_those_that_write_it_and_what_they_go_by() -> None:
    settings = {
        "identify_language": {},
        "clean_lines": {},
        "measure_text": {},
        "mask_pii": {},
        "sign": {},
    }
    entries = [{"decode_html": {}}, {"extract_text": {"engine": "resiliparse"}}]
    entries += [{"identify_language": {"prefix": "raw", "on": "html"}}]
    entries += [{name: own} for name, own in settings.items()]
    for entry in entries:
        if "identify_language" in entry:
            entry["identify_language"]["languages"] = ["eng"]
    stages = recorded_stages({"recipe": {"stages": entries}}, {})
    assert [config.label for config in stages_for_text(stages)] == [
        *("decode_html", "extract_text", "identify_language", "clean_lines"),
        "mask_pii",
    ]
