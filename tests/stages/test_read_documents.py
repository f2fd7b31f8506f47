"""Rows of Parquet and of JSON lines become documents, each field where it is asked for."""

import gzip
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from pydantic import ValidationError

from tamis.errors import InputError
from tamis.stages.read_documents import ReadDocuments
from tamis.warc.reading import Reading
from tamis.warc.splits import Split

TEXTS = [
    "Les textes latins, été compris.",
    "Кириллица и «кавычки».",
    "النص العربي هنا.",
    "漢字とかな、そして한글。",
    "देवनागरी में लिखा हुआ।",
    "ภาษาไทยไม่มีช่องว่าง",
]


def lines(rows: Sequence[Any], path: Path) -> Path:
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def table(rows: Sequence[dict[str, Any]], path: Path, **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path, **options)
    return path


def read(
    path: Path, stage: ReadDocuments, splits: int = 1
) -> tuple[list[dict[str, Any]], Reading]:
    """All rows, read in so many splits, and what was counted."""
    size = path.stat().st_size
    edges = [size * number // splits for number in range(splits + 1)]
    rows, whole = [], Reading()
    for start, stop in itertools.pairwise(edges):
        reading = Reading()
        split = Split(str(path), start, stop, size, start == 0, name=path.name)
        for batch in stage.read(split, reading):
            assert batch.schema == stage.columns_written()
            rows += batch.to_pylist()
        for loss in reading.losses:
            whole.lose(loss)
        whole.records += reading.records
        whole.dates_unread += reading.dates_unread
    return rows, whole


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_texts_of_every_script_are_what_they_were(tmp_path: Path, name: str) -> None:
    rows = [
        {"text": text, "url": f"https://www.ex{n}.co.uk/"}
        for n, text in enumerate(TEXTS)
    ]
    write = table if name.endswith("parquet") else lines
    found, reading = read(write(rows, tmp_path / name), ReadDocuments())
    assert [row["text"] for row in found] == TEXTS
    assert [row["text_chars"] for row in found] == [len(text) for text in TEXTS]
    assert found[1]["host"], found[1]["domain"] == ("www.ex1.co.uk", "ex1.co.uk")
    assert (reading.records, reading.records_lost) == (len(TEXTS), 0)


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_fields_are_found_at_any_depth(tmp_path: Path, name: str) -> None:
    rows = [
        {
            "body": {"plain": text},
            "meta": {
                "uri": "https://e.org/a",
                "lang": "fr",
                "when": "2024-05-03T10:00:00Z",
            },
            "from": "mine",
            "score": 0.5,
            "doc": f"d-{number}",
        }
        for number, text in enumerate(TEXTS)
    ]
    stage = ReadDocuments.model_validate(
        {
            "fields": {
                "text": "body.plain",
                "id": "doc",
                "url": "meta.uri",
                "language": "meta.lang",
                "fetched_at": "meta.when",
                "source": "from",
            },
            "carry": {"score": "float64", "meta.lang": "string"},
        }
    )
    write = table if name.endswith("parquet") else lines
    found, _ = read(write(rows, tmp_path / name), stage)
    first = found[0]
    assert first["text"] == TEXTS[0]
    assert first["record_id"] == "d-0"
    assert (first["url"], first["domain"]) == ("https://e.org/a", "e.org")
    assert (first["language"], first["language_score"]) == ("fra", 1.0)
    assert first["fetched_at"] == datetime(2024, 5, 3, 10, tzinfo=UTC)
    assert (first["crawl"], first["score"], first["meta_lang"]) == ("mine", 0.5, "fr")


@pytest.mark.parametrize("splits", [1, 2, 7, 40])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_splits_read_every_row_once(tmp_path: Path, name: str, splits: int) -> None:
    rows = [
        {"id": f"{n}", "text": TEXTS[n % len(TEXTS)] * (n % 9 + 1)} for n in range(300)
    ]
    path = tmp_path / name
    if name.endswith("parquet"):
        table(rows, path, row_group_size=17)
    else:
        lines(rows, path)
    found, _ = read(path, ReadDocuments(), splits)
    assert [row["record_id"] for row in found] == [row["id"] for row in rows]
    assert len({row["id"] for row in found}) == 300


def test_an_id_is_made_of_name_and_place_unless_the_recipe_knows_better(
    tmp_path: Path,
) -> None:
    own = (1 << 63) + 5
    rows = [{"id": 1_700_000_000_000, "text": "a"}, {"id": own, "text": "b"}]
    path = lines(rows, tmp_path / "a.jsonl")
    (first, second), _ = read(path, ReadDocuments())
    assert first["id"] == xxhash.xxh3_64_intdigest(b"a.jsonl:0")
    assert (first["record_id"], second["record_id"]) == ("1700000000000", str(own))
    found, _ = read(path, ReadDocuments(ids="own"))
    assert [row["id"] for row in found] == [1_700_000_000_000, own]


def test_damaged_lines_cost_themselves_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    deep = b"[" * 100_000
    path.write_bytes(
        b'{"text": "one"}\n{"text": "tw\n\n"text"\n[1]\n' + deep + b"\n"
        b'{"text": "\xff\xfe"}\n{"text": "' + b"9" * 5000 + b'"}\n{"text": "last"}'
    )
    found, reading = read(path, ReadDocuments())
    assert [row["text"][:4] for row in found] == ["one", "9999", "last"]
    assert (reading.records, reading.records_lost) == (3, 5)
    assert (
        reading.bytes_lost
        == path.stat().st_size
        - sum(len(line) + 1 for line in (b'{"text": "one"}', b"", b'{"text": "last"'))
        - len(b'{"text": ""}\n')
        - 5000
    )


def test_a_damaged_row_group_costs_itself(tmp_path: Path) -> None:
    rows = [{"text": f"{n} {TEXTS[n % 6]}" * 20} for n in range(400)]
    path = table(rows, tmp_path / "a.parquet", row_group_size=100, compression="zstd")
    about = pq.read_metadata(path).row_group(1).column(0)
    content = bytearray(path.read_bytes())
    start = about.dictionary_page_offset or about.data_page_offset
    content[start + 40 : start + 60] = b"\0" * 20
    path.write_bytes(content)
    found, reading = read(path, ReadDocuments(), splits=3)
    kept = [int(row["text"].split()[0]) for row in found]
    assert kept == [*range(100), *range(200, 400)]
    assert (reading.records, reading.records_lost) == (300, 100)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": ""}, "no_text"),
        ({"text": " \n"}, "no_text"),
        ({"text": None}, "no_text"),
        ({"text": 5}, "no_text"),
        ({"text": "é" * 60}, "text_too_large"),
        ({"text": "é" * 50}, None),
    ],
)
def test_a_row_without_a_text_has_a_reason(
    tmp_path: Path, row: Any, reason: str
) -> None:
    path = lines([{"text": "first"}, row], tmp_path / "a.jsonl")
    found, _ = read(path, ReadDocuments(max_text_bytes=100))
    assert found[1]["drop_reason"] == reason
    assert (found[1]["text"] is None) == (reason is not None)


def test_half_a_surrogate_pair_and_bytes_that_are_no_utf8_are_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a\\ud800b", "url": "https://e.org/\\udfff"}\n')
    (row,), _ = read(path, ReadDocuments())
    assert row["text"] == "a\ufffdb"
    broken = pa.array([b"a\xffb", b"fine"]).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "a.parquet")
    found, _ = read(tmp_path / "a.parquet", ReadDocuments())
    assert [row["text"] for row in found] == ["a\ufffdb", "fine"]


def test_a_file_without_the_text_names_its_fields(tmp_path: Path) -> None:
    rows = [{"content": "a", "meta": {"url": "b"}}]
    for path in (
        lines(rows, tmp_path / "a.jsonl"),
        table(rows, tmp_path / "a.parquet"),
    ):
        with pytest.raises(
            InputError, match=r"no 'text'.*there are content, meta\.url"
        ):
            read(path, ReadDocuments())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"WARC/1.0\r\nWARC-Type: response\r\n", "a web archive: read_warc"),
        (b'[{"text": "a"},\n{"text": "b"}]', "a JSON array"),
        (b'{\n  "text": "a"\n}\n', "JSON over several lines"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_another_format_is_called_what_it_is(
    tmp_path: Path, content: bytes, said: str, packed: bool
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=said):
        read(path, ReadDocuments())


def test_a_field_that_the_recipe_names_must_be_there(tmp_path: Path) -> None:
    path = lines([{"text": "a", "meta": {"link": "b"}}], tmp_path / "a.jsonl")
    stage = ReadDocuments.model_validate({"fields": {"url": "meta.lnk"}})
    with pytest.raises(InputError, match=r"no 'meta\.lnk'; did you mean meta\.link"):
        read(path, stage)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_file_of_nothing_or_of_half_a_table_is_no_crash(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    if not content:
        assert read(path, ReadDocuments())[0] == []
        return
    with pytest.raises(InputError, match="no sound Parquet"):
        read(path, ReadDocuments())


def test_dates_that_nobody_wrote_are_null_and_counted(tmp_path: Path) -> None:
    dates = ["2024-05", 1700000000, 1e300, -5, "yesterday", None, True]
    path = lines([{"text": "a", "d": date} for date in dates], tmp_path / "a.jsonl")
    stage = ReadDocuments.model_validate({"fields": {"fetched_at": "d"}})
    found, reading = read(path, stage)
    assert [row["fetched_at"] is None for row in found] == [False, False, *[True] * 5]
    assert reading.dates_unread == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"runs": ["a"], "carry": ["b"]}, "is for files of others"),
        ({"documents": "all"}, "are for runs"),
        ({"runs": ["a", "a"]}, "named twice"),
        ({"carry": ["url"]}, "a column already"),
        ({"carry": ["a.b", "a_b"]}, "a column already"),
        ({"carry": {"a": "date"}}, "string"),
        ({"fields": {"txt": "a"}}, "Extra inputs"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ReadDocuments.model_validate(settings)


@pytest.mark.parametrize("cut", [4, 1000])
def test_a_packed_file_that_ends_early_gives_all_that_can_be_unpacked(
    tmp_path: Path, cut: int
) -> None:
    rows = [{"text": f"line {n}, {hash_of(n)}"} for n in range(60_000)]
    path = lines(rows, tmp_path / "a.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-cut])
    found, reading = read(path, ReadDocuments())
    assert len(found) >= 60_000 - cut
    assert reading.records_lost == 1


def test_zeros_behind_a_packed_file_are_padding(tmp_path: Path) -> None:
    path = lines([{"text": "a"}, {"text": "b"}], tmp_path / "a.jsonl.gz")
    path.write_bytes(path.read_bytes() + bytes(512))
    found, reading = read(path, ReadDocuments())
    assert (len(found), reading.records_lost) == (2, 0)


def hash_of(number: int) -> str:
    return xxhash.xxh3_64_hexdigest(str(number).encode())


def test_what_is_refused_does_not_depend_on_the_split(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"not json\n" * 50 + b'{"a": 1}\n' * 50)
    for splits in (1, 7):
        with pytest.raises(InputError, match="there is no 'text'"):
            read(path, ReadDocuments(), splits)


def test_a_time_zone_that_nobody_has_is_null(tmp_path: Path) -> None:
    kind = pa.timestamp("ms", tz="Nowhere/City")
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": ["a"], "d": pa.array([1_700_000_000_000], kind)}), path
    )
    stage = ReadDocuments.model_validate({"fields": {"fetched_at": "d"}})
    ((row,), reading) = read(path, stage)
    assert (row["fetched_at"], reading.dates_unread) == (None, 1)
