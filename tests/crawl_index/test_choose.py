"""What an index and conditions come to: places in archives."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tamis.crawl_index.choose import select_records
from tamis.crawl_index.settings import Select
from tamis.errors import ConfigError, InputError
from tamis.remote.opening import Access
from tamis.warc.selected import Group, groups, packed, unpacked

# url, status, mime, languages, archive, offset, length
PAGES = [
    ("https://a.fr/1", 200, "text/html", "fra", "a.warc.gz", 500, 10),
    ("https://www.a.fr/2", 200, "text/html", "fra,eng", "a.warc.gz", 100, 20),
    ("https://b.co.uk/1", 200, "text/html", "eng,fra", "b.warc.gz", 300, 30),
    ("https://россия.рф/", 200, "application/xhtml+xml", "rus", "b.warc.gz", 0, 40),
    ("https://a.fr/x.pdf", 200, "application/pdf", None, "a.warc.gz", 900, 50),
    ("https://a.fr/gone", 404, "text/html", "fra", "a.warc.gz", 1000, 60),
    ("https://c.de/", 200, "text/html", None, "c.warc.gz", 0, 70),
    ("http://192.0.2.1/", 200, "text/html", "jpn", "c.warc.gz", 70, 80),
]
ARCHIVES = ["a.warc.gz", "b.warc.gz", "c.warc.gz"]
A_FR = ("a.fr", "fr")
HOSTS = [A_FR, A_FR, ("b.co.uk", "uk"), ("россия.рф", "рф"), A_FR, A_FR, ("c.de", "de")]


def as_parquet(folder: Path) -> str:
    domains, tlds = zip(*HOSTS, (None, None), strict=True)
    urls, status, mime, languages, names, offsets, lengths = zip(*PAGES, strict=True)
    table = pa.table(
        {
            "url": urls,
            "url_host_registered_domain": pa.array(domains, pa.string()),
            "url_host_tld": pa.array(tlds, pa.string()),
            "fetch_status": pa.array(status, pa.int16()),
            "content_mime_detected": mime,
            "content_languages": pa.array(languages, pa.string()),
            "warc_filename": [f"crawl-data/X/warc/{name}" for name in names],
            "warc_record_offset": pa.array(offsets, pa.int32()),
            "warc_record_length": pa.array(lengths, pa.int32()),
        }
    )
    pq.write_table(table, folder / "index.parquet", row_group_size=3)
    return str(folder / "index.parquet")


def cdxj_line(page: tuple[Any, ...]) -> str:
    url, status, mime, languages, name, offset, length = page
    about = {
        "url": url,
        "status": str(status),
        "mime": "text/plain",
        "mime-detected": mime,
        "digest": "X",
        "length": str(length),
        "offset": str(offset),
        "filename": f"crawl-data/X/warc/{name}",
        **({"languages": languages} if languages else {}),
    }
    return f"surt)/ 20240518010203 {json.dumps(about)}\n"


def as_cdxj(folder: Path) -> str:
    lines = ['!meta {"format": "cdxj"}\n', *map(cdxj_line, PAGES), "no json\n", "\n"]
    # As CommonCrawl does: some lines to a gzip member.
    members = [gzip.compress("".join(part).encode()) for part in (lines[:4], lines[4:])]
    (folder / "cdx-00000.gz").write_bytes(b"".join(members))
    return str(folder / "cdx-00000.gz")


@pytest.fixture(params=[as_parquet, as_cdxj], ids=["parquet", "cdxj"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path: str = request.param(tmp_path)
    return path


def chosen(
    index: str, names: list[str] = ARCHIVES, **settings: Any
) -> dict[str, list[tuple[int, int]]]:
    select = Select.model_validate({"index": index, **settings})
    places = select_records(select, names, Access()).places
    return {
        name: [tuple(pair) for pair in found.tolist()] for name, found in places.items()
    }


def test_without_conditions_all_pages_are_wanted(index: str) -> None:
    assert chosen(index) == {
        "a.warc.gz": [(100, 20), (500, 10)],
        "b.warc.gz": [(0, 40), (300, 30)],
        "c.warc.gz": [(0, 70), (70, 80)],
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(
            {"languages": ["fra"]},
            {"a.warc.gz": [(100, 20), (500, 10)]},
            id="first language",
        ),
        pytest.param(
            {"languages": ["rus", "jpn"]},
            {"b.warc.gz": [(0, 40)], "c.warc.gz": [(70, 80)]},
            id="two languages",
        ),
        pytest.param({"domains": ["b.co.uk"]}, {"b.warc.gz": [(300, 30)]}, id="domain"),
        pytest.param({"tlds": ["рф"]}, {"b.warc.gz": [(0, 40)]}, id="tld"),
        pytest.param(
            {"mime": ["application/pdf"]}, {"a.warc.gz": [(900, 50)]}, id="mime"
        ),
        pytest.param(
            {"mime": [], "tlds": ["fr"]},
            {"a.warc.gz": [(100, 20), (500, 10), (900, 50)]},
            id="any mime",
        ),
        pytest.param(
            {"where": "url LIKE '%/1' AND warc_record_length > 10 -- so"},
            {"b.warc.gz": [(300, 30)]},
            id="where",
        ),
        pytest.param(
            {"where": "content_languages IS NULL"}, {"c.warc.gz": [(0, 70)]}, id="null"
        ),
        pytest.param(
            {"languages": ["fra"], "where": "false OR url ILIKE '%WWW%'"},
            {"a.warc.gz": [(100, 20)]},
            id="both, bracketed",
        ),
    ],
)
def test_all_conditions_hold(
    index: str, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert chosen(index, **settings) == expected


def test_only_the_archives_of_the_input_count(index: str) -> None:
    assert chosen(index, ["c.warc.gz"]) == {"c.warc.gz": [(0, 70), (70, 80)]}


def test_a_place_named_twice_is_fetched_once(index: str, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    pattern = f"{tmp_path}/**/{Path(index).name}"
    (again / Path(index).name).write_bytes(Path(index).read_bytes())
    assert chosen(pattern, ["c.warc.gz"]) == {"c.warc.gz": [(0, 70), (70, 80)]}


def test_an_index_without_such_records_is_an_error(index: str) -> None:
    with pytest.raises(InputError, match="names no record of these archives"):
        chosen(index, ["other.warc.gz"])


def test_a_condition_on_a_column_that_is_not_there_is_a_mistake(index: str) -> None:
    with pytest.raises(ConfigError, match=r"select\.where: .*no_such_column"):
        chosen(index, where="no_such_column > 3")


def test_an_index_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"warc_filename": ["a"]}), tmp_path / "old.parquet")
    with pytest.raises(ConfigError, match="no column content_languages, content_mime"):
        chosen(f"{tmp_path}/old.parquet", languages=["fra"])


def test_an_index_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 or so")
    with pytest.raises(InputError, match=r"index .*bad\.parquet"):
        chosen(f"{tmp_path}/bad.parquet")


@pytest.mark.parametrize(
    "where",
    [
        "url IN (SELECT content FROM read_text('/etc/hostname'))",
        "url IN (SELECT filename FROM glob('/*'))",
        "url = getenv('HOME')",
    ],
)
def test_a_condition_sees_the_index_and_nothing_else(index: str, where: str) -> None:
    with pytest.raises(ConfigError, match=r"select\.where"):
        chosen(index, where=where)


@pytest.mark.parametrize(
    "where", ["", "url =", "true); DROP TABLE rows; --", "true; SELECT 1"]
)
def test_where_is_one_condition(where: str) -> None:
    with pytest.raises(ValidationError, match="condition in SQL"):
        Select(index="x", where=where)


@pytest.mark.parametrize(
    ("places", "ranges"),
    [
        pytest.param([], [], id="none"),
        pytest.param([(5, 10)], [(5, 15)], id="one"),
        pytest.param([(0, 100), (100, 50)], [(0, 150)], id="touching"),
        pytest.param([(0, 100), (110, 100)], [(0, 210)], id="little between"),
        pytest.param([(0, 100), (150, 100)], [(0, 100), (150, 250)], id="much between"),
        pytest.param(
            [(0, 1000), (1101, 9)], [(0, 1000), (1101, 1110)], id="beyond the gap"
        ),
        pytest.param([(0, 100), (20, 10)], [(0, 100)], id="one in another"),
    ],
)
def test_neighbours_are_fetched_together(
    places: list[tuple[int, int]], ranges: list[tuple[int, int]]
) -> None:
    selected = packed(np.array(places, np.int64).reshape(-1, 2))
    found = groups(selected, max_gap_bytes=100)
    assert [(group.start, group.stop) for group in found] == ranges
    assert [place for group in found for place in group.places] == places
    assert unpacked(selected) == places


def test_waste_stays_below_a_fifth() -> None:
    random = np.random.default_rng(1)
    gaps, lengths = random.integers(0, 400, 500), random.integers(1, 900, 500)
    offsets = np.cumsum(gaps + np.r_[0, lengths[:-1]])
    found: list[Group] = groups(packed(np.column_stack([offsets, lengths])), 10_000)
    fetched = sum(group.stop - group.start for group in found)
    assert int(lengths.sum()) <= fetched <= 1.2 * int(lengths.sum())
    assert len(found) < 400
