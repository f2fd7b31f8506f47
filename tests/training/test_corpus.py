import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import ConfigError
from tamis.training.corpus import Text, corpus_files, digests, drawn, texts_of

ROWS = [
    {"text": "мир", "lang": "ru", "url": "https://a.example/x"},
    {"text": "words", "language": "eng", "domain": "b.example"},
    {"text": "", "language": "eng"},
    {"text": "?", "language": "no such"},
    {"language": "eng"},
]
TEXTS = [
    Text("мир", "rus", "a.example", "a.example"),
    Text("words", "eng", "b.example", "b.example"),
]


def test_texts_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    lines = "\n".join(map(json.dumps, ROWS)) + "\n\n"
    (tmp_path / "a.jsonl").write_text(lines, "utf-8")
    (tmp_path / "below").mkdir()
    with gzip.open(tmp_path / "below" / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(lines)
    names = ["text", "lang", "language", "url", "domain"]
    schema = pa.schema([(name, pa.string()) for name in names])
    pq.write_table(pa.Table.from_pylist(ROWS[:2], schema), tmp_path / "c.parquet")
    (tmp_path / "notes.md").write_text("nothing to read")
    files = corpus_files(tmp_path)
    assert [file.name for file in files] == ["a.jsonl", "b.jsonl.gz", "c.parquet"]
    assert list(texts_of(files)) == TEXTS * 3


@pytest.mark.parametrize(
    ("folders", "read"),
    [
        (["mix", "documents", "dropped"], "mix"),
        (["extracted", "documents", "dropped"], "documents"),
        (["extracted", "dropped"], "extracted"),
    ],
)
def test_of_a_run_the_mix_is_read_or_what_was_saved_last(
    tmp_path: Path, folders: list[str], read: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jsonl").touch()
    assert corpus_files(tmp_path) == [tmp_path / read / "a.jsonl"]


def test_a_draw_takes_each_text_once_whatever_the_order() -> None:
    texts = [Text(str(number % 50), "eng", "", "") for number in range(500)]
    texts.append(Text("seul", "fra", "", ""))
    chosen = drawn(texts, 10)
    assert len({text.text for text in chosen}) == len(chosen) == 11
    assert chosen == drawn(reversed(texts), 10)
    assert chosen[-1].language == "fra"


@pytest.mark.parametrize(
    ("row", "site", "host"),
    [
        ({"domain": "a.example", "host": "b.a.example"}, "a.example", "b.a.example"),
        ({"domain": "a.example", "url": "//b.a.example/"}, "a.example", "b.a.example"),
        ({"domain": "a.example"}, "a.example", "a.example"),
        ({"domain": None, "host": "10.0.0.1"}, "10.0.0.1", "10.0.0.1"),
        ({"url": "https://user@C.example:80/x"}, "c.example", "c.example"),
        ({"url": "no address"}, "", ""),
        ({"url": "http://[::1"}, "", ""),
        ({"url": 3}, "", ""),
        ({}, "", ""),
    ],
)
def test_a_site_is_the_domain_and_a_host_what_is_nearest(
    tmp_path: Path, row: dict[str, Any], site: str, host: str
) -> None:
    row = row | {"text": "слово", "language": "rus"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    assert list(texts_of([tmp_path / "a.jsonl"])) == [Text("слово", "rus", site, host)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"{"),
        ("a.jsonl", b"[1]"),
        ("a.jsonl", b"\xff"),
        ("a.jsonl.gz", b"no gzip"),
        ("a.parquet", b"no parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=name):
        list(texts_of([tmp_path / name]))


def test_a_folder_without_texts_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \.parquet, \.jsonl"):
        corpus_files(tmp_path)


def test_digests_are_those_of_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert digests([tmp_path / "abc"]) == {
        str(tmp_path / "abc"): "ba7816bf8f01cfea414140de5dae2223"
        "b00361a396177a9cb410ff61f20015ad"
    }


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.compress(b'{"text": "a"}')[:-9], id="cut"),
        pytest.param(gzip.compress(b"{}" * 99)[:10] + b"\xff" * 20, id="damaged"),
        pytest.param(gzip.compress(b"[" * 200_000), id="a thousand brackets"),
        pytest.param(gzip.compress(b'{"text": "\xff"}'), id="no UTF-8"),
    ],
)
def test_a_damaged_archive_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.jsonl\.gz: cannot be read"):
        list(texts_of([tmp_path / "a.jsonl.gz"]))


def test_half_an_emoji_is_a_question_mark(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "да \\ud83d", "language": "rus"}')
    assert list(texts_of([tmp_path / "a.jsonl"])) == [Text("да ?", "rus", "", "")]
