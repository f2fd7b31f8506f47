from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tamis.errors import ConfigError
from tamis.recipe.plan import mistakes_of_order
from tamis.rights.licenses import Statement
from tamis.rights.robots import parse
from tamis.rights.robots_runs import Answer, merge_runs, write_runs
from tamis.stages.decode_html import DecodeHtml
from tamis.stages.filter_rights import FilterRights
from tamis.stages.read_rights import ReadRights, path_of, stated_license
from tamis.stages.read_warc import ReadWarc
from tamis.warc.splits import Split

CC = "https://creativecommons.org/licenses/"
BY = f'<a rel="license" href="{CC}by/4.0/">'


def batch(*pages: str | None, headers: Any = None, kind: str = "text/html") -> Any:
    rows = len(pages)
    return pa.record_batch(
        {
            "html": pa.array(pages, pa.string()),
            "http_content_type": pa.array([kind] * rows, pa.string()),
            "http_rights": pa.array(headers or [None] * rows, pa.string()),
            "drop_reason": pa.nulls(rows, pa.string()),
        }
    )


def read(records: Any, **settings: Any) -> dict[str, list[Any]]:
    config = ReadRights(**settings)
    result = config.build()(records)
    written = config.columns_written()
    assert result.schema == pa.schema([*records.schema, *written])
    struct = result["rights"]
    return {
        field.name: pc.struct_field(struct, field.name).to_pylist()
        for field in struct.type
    }


def test_a_page_that_says_nothing_is_said_to_say_nothing() -> None:
    columns = read(batch("<p>Привет", None))
    assert columns["tdm"] == columns["ai_train"] == [None, None]
    assert columns["noai"] == columns["rsl"] == [False, False]
    assert columns["license"] == [None, None]
    assert columns["license_count"] == [0, 0]


def test_no_pages_give_no_rows() -> None:
    assert set(map(len, read(batch()).values())) == {0}


def test_header_and_page_are_read_together() -> None:
    page = f'<meta name="robots" content="noimageai"><body>{BY}'
    headers = "x-robots-tag: noai\ntdm-reservation: 1\ncontent-signal: ai-train=no"
    columns = read(batch("<p>", page, headers=[None, headers]))
    assert columns["tdm"] == [None, True]
    assert columns["noai"] == columns["noimageai"] == [False, True]
    assert columns["noindex"] == [False, False]
    assert columns["ai_train"] == [None, False]
    assert columns["license"] == [None, "cc-by-4.0"]
    assert columns["license_in"] == [None, "anchor"]


def test_the_result_does_not_depend_on_the_batch() -> None:
    pages = [BY, "", '<meta name="robots" content="noai">', f"{BY}{BY}", None]
    alone = [ReadRights().build()(batch(page)) for page in pages]
    together = ReadRights().build()(batch(*pages))
    assert pa.Table.from_batches(alone).equals(
        pa.Table.from_batches([together]).combine_chunks()
    )


def test_agents_are_those_of_the_settings() -> None:
    page = '<meta name="MyBot" content="noai"><meta name="ccbot" content="noindex">'
    columns = read(batch(page), agents=("mybot",))
    assert columns["noai"] == [True]
    assert columns["noindex"] == [False]


def test_plain_text_has_no_tags() -> None:
    page = f'How to write <meta name="robots" content="noai"> {BY}'
    columns = read(batch(page, kind="text/plain"))
    assert columns["noai"] == [False]
    assert columns["license_count"] == [0]


def test_a_licence_in_a_header_counts() -> None:
    headers = [f'link: <{CC}by-sa/4.0/>; rel="license"']
    columns = read(batch("<p>", headers=headers))
    assert columns["license"] == ["cc-by-sa-4.0"]
    assert columns["license_in"] == ["header"]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param([], (None, None), id="none"),
        pytest.param(
            [Statement("cc-by-4.0", "anchor"), Statement("cc-by-4.0", "link")],
            ("cc-by-4.0", "link"),
            id="the same twice",
        ),
        pytest.param(
            [Statement("cc-by-4.0", "link"), Statement("cc-by-nc-4.0", "anchor")],
            (None, None),
            id="two that differ",
        ),
    ],
)
def test_licences_that_differ_are_none(statements: Any, expected: Any) -> None:
    assert stated_license(statements) == expected


def test_every_signal_is_counted() -> None:
    config = ReadRights(robots="robots.arrow")
    written = {
        f"rights.{f.name}" for f in config.columns_written().field("rights").type
    }
    assert written - set(ReadRights.tallied) == {"rights.tdm_policy"}


def test_robots_txt_is_asked_by_host_and_path(tmp_path: Path) -> None:
    agents = ("ccbot", "gptbot")
    news = parse("User-agent: GPTBot\nDisallow: /news", agents)
    signal = parse("Content-Signal: ai-train=no", agents)
    answers = [Answer("a.example", "", news), Answer("b.example", "", signal)]
    path = tmp_path / "robots.arrow"
    merge_runs(write_runs(answers, tmp_path), path)
    urls = ["https://a.example/news?id=1", "http://a.example", "https://b.example/x"]
    records = batch(*["<p>"] * 4)
    records = records.append_column("url", pa.array([*urls, None], pa.string()))
    hosts_of = ["a.example", "a.example", "b.example", None]
    records = records.append_column("host", pa.array(hosts_of, pa.string()))
    columns = read(records, robots=str(path))
    assert columns["robots"] == [True, False, False, False]
    assert columns["ai_train"] == [None, None, False, None]
    assert ReadRights(robots=str(path)).files() == (str(path),)


def test_a_policy_about_robots_txt_needs_the_table() -> None:
    def mistakes(robots: str | None) -> list[str]:
        stages = [ReadWarc(), DecodeHtml()]
        policy = FilterRights(refuse=("robots",))
        return mistakes_of_order([*stages, ReadRights(robots=robots), policy])

    assert not [text for text in mistakes("robots.arrow") if "robots" in text]
    (mistake,) = (text for text in mistakes(None) if "robots" in text)
    assert "filter_rights: reads 'rights.robots', which no stage above" in mistake


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://a.example/b?c#d", "/b?c"),
        ("https://a.example?c=/", "/?c=/"),
        ("https://a.example", "/"),
        ("", "/"),
    ],
)
def test_the_path_of_an_address_has_its_query(url: str, path: str) -> None:
    assert path_of(url) == path


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"read_rights\.robots: .*none\.arrow"):
        ReadRights(robots=str(tmp_path / "none.arrow")).build()


def test_what_a_server_said_comes_from_the_archive(
    response_record: Callable[[str, str, bytes], bytes], tmp_path: Path
) -> None:
    page = b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\nTDM-Reservation: 1\r\n\r\n<p>x"
    archive = tmp_path / "a.warc.gz"
    archive.write_bytes(response_record("https://a.example/", "2024-01-01", page))
    size = archive.stat().st_size
    (records,) = ReadWarc().read(Split(str(archive), 0, size, size, exact=True))
    columns = read(DecodeHtml().build()(records))
    assert columns["noai"] == columns["tdm"] == [True]
