"""An index on a server: of a large file only what can matter is fetched."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.crawl_index.choose import select_records
from tamis.crawl_index.settings import Select
from tamis.errors import InputError
from tamis.remote.opening import Access

TLDS = sorted(["ar", "br", "cn", "de", "es", "fr", "gr", "in", "jp", "ru"])


@pytest.fixture
def index(site, hasty, tmp_path) -> str:
    """Ten row groups, sorted as CommonCrawl's are, with URLs that take the most room."""
    chance = random.Random(1)
    count = 20_000
    table = pa.table(
        {
            "url": [f"https://{chance.randbytes(40).hex()}/" for _ in range(count)],
            "url_host_tld": [TLDS[row * 10 // count] for row in range(count)],
            "fetch_status": [200] * count,
            "content_mime_detected": ["text/html"] * count,
            "content_languages": [chance.choice(["fra", "por"]) for _ in range(count)],
            "warc_filename": ["x/a.warc.gz"] * count,
            "warc_record_offset": chance.sample(range(10**9), count),
            "warc_record_length": [chance.randrange(1, 10**5) for _ in range(count)],
        }
    )
    pq.write_table(table, tmp_path / "i.parquet", row_group_size=count // 10)
    site.files["i.parquet"] = (tmp_path / "i.parquet").read_bytes()
    return site.url("i.parquet")


def test_columns_that_nothing_asks_for_are_not_fetched(site, index: str) -> None:
    selection = select_records(
        Select(index=index, languages=("por",)), ["a.warc.gz"], Access()
    )
    assert 9_000 < selection.records < 11_000
    assert site.sent < len(site.files["i.parquet"]) / 3


def test_row_groups_that_cannot_matter_are_not_fetched(site, index: str) -> None:
    select = Select(index=index, tlds=("br",), where="url LIKE 'https://%'")
    assert select_records(select, ["a.warc.gz"], Access()).records == 2000
    assert site.sent < len(site.files["i.parquet"]) / 5


def test_an_index_is_read_through_a_bad_connection(site, faults, index: str) -> None:
    site.faults += [faults["breaks_after"](10), faults["answers"](503)]
    select = Select(index=index, tlds=("fr",))
    assert select_records(select, ["a.warc.gz"], Access()).records == 2000


def test_an_index_that_is_not_there_is_named(site, hasty) -> None:
    with pytest.raises(InputError, match=r"/none\.parquet: no such file"):
        select_records(Select(index=site.url("none.parquet")), ["a"], Access())


def test_a_server_that_gives_up_is_said(site, faults, index: str) -> None:
    site.every = faults["answers"](503)
    with pytest.raises(InputError, match=r"i\.parquet: given up after 4 attempts"):
        select_records(Select(index=index), ["a"], Access())
