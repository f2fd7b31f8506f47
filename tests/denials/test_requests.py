"""A file of requests says whom it means, since when and why; or what is wrong with it."""

import json
from pathlib import Path

import pytest

from tamis.denials.requests import read_requests
from tamis.errors import ConfigError

WHY = {"date": "2026-11-30", "reason": "asked by mail"}


def lines(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        ("domain", "Example.ORG.", "example.org"),
        ("domain", "bücher.example", "xn--bcher-kva.example"),
        ("host", "https://www.example.org/", "example.org"),
        ("host", "пример.example", "xn--e1afmkfd.example"),
        ("prefix", "https://example.org/~Me/", "example.org/~me/"),
        ("prefix", "https://example.org/", "example.org"),
        ("url", "https://wiki.example/%A5%a6", "wiki.example/%a5%a6"),
        ("url", "https://wiki.example/%C3%A9", "wiki.example/é"),
        ("domain", "example.co.uk", "example.co.uk"),
        ("prefix", "example.org/本", "example.org/本"),
        ("url", "HTTP://me@example.org:80/A%62c?q=1#x", "example.org/abc?q=1"),
        ("url", "https://مثال.example/नमस्ते", "xn--mgbh0fb.example/नमस्ते"),
        ("id", "00123", "123"),
        ("id", 18446744073709551615, "18446744073709551615"),
    ],
)
def test_a_request_has_one_spelling(
    tmp_path: Path, kind: str, said: object, value: str
) -> None:
    (found,) = read_requests(lines(tmp_path / "a.jsonl", {kind: said, **WHY}))
    assert found == {"kind": kind, "value": value, **WHY}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"domain": "com", **WHY}, "names no host"),
        ({"domain": "co.uk", **WHY}, "no domain that somebody registers"),
        ({"domain": "192.0.2.7", **WHY}, "no domain that somebody registers"),
        ({"domain": "www.example.org", **WHY}, "is a host: say host"),
        ({"domain": "example.org/a", **WHY}, "has a path: say prefix or url"),
        ({"id": "12a", **WHY}, "no number of a document"),
        ({"id": "18446744073709551616", **WHY}, "no number of a document"),
        ({"url": "", **WHY}, "needs one of domain, host, prefix, url, id, and has 0"),
        ({"url": "a.example/1", "id": "1", **WHY}, "and has 2"),
        ({"url": "a.example/1", "date": "2026-11-30"}, "has no reason"),
        ({"url": "a.example/1", "reason": "x"}, "has no date"),
        ({"url": "a.example/1", "reason": "x", "date": "30/11/2026"}, "is no day"),
        ({"address": "a.example/1", **WHY}, "'address' is no part of a request"),
        ([1], "is not a JSON object"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, row: object, why: str
) -> None:
    path = lines(tmp_path / "a.jsonl", {"id": "1", **WHY}, row)
    with pytest.raises(ConfigError, match=rf"a\.jsonl:2: .*{why}"):
        read_requests(path)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", *[{"id": "x", **WHY}] * 30)
    with pytest.raises(ConfigError) as raised:
        read_requests(path)
    said = str(raised.value).splitlines()
    assert len(said) == 21
    assert said[-1] == "and 10 more"


@pytest.mark.parametrize(
    "content",
    [
        "domain,host,date,reason\na.example,,2026-11-30,mail\n,b.example,2026-11-30,mail\n",
        "kind,value,date,reason\ndomain,a.example,2026-11-30,mail\n"
        "host,b.example,2026-11-30,mail\nhost,www.b.example,2026-12-01,again\n",
    ],
)
def test_csv_has_a_header(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufeff" + content, "utf-8")
    found = [(own["kind"], own["value"]) for own in read_requests(path)]
    assert found == [("domain", "a.example"), ("host", "b.example")]


def test_a_comma_that_is_not_quoted_is_no_end_of_an_address(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    line = "2026-11-30,mail,https://a.example/x,y"
    path.write_text(f"date,reason,url\n{line}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"a\.csv:2: has more fields than the header"):
        read_requests(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "neither JSON lines nor CSV"),
        (b"example.org\n", "neither JSON lines nor CSV"),
        (b"domain,date,reason\n", "there is no request in it"),
        (b"\xff\xfe", "is no UTF-8 text"),
        (b'{"id": "1"', "is not a JSON object"),
        (b"{" * 100_000, "is not a JSON object"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        read_requests(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_requests(tmp_path / "none")
