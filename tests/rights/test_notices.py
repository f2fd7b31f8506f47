import time

import pytest

from tamis.rights.notices import (
    Notices,
    attributes_of,
    directives_of_header,
    read_headers,
    read_tag,
)

AGENTS = frozenset({"gptbot", "ccbot"})


def of_tags(*tags: str) -> Notices:
    notices = Notices()
    for tag in tags:
        read_tag(tag, AGENTS, notices)
    return notices


def of_headers(lines: str) -> Notices:
    notices = Notices()
    read_headers(lines, AGENTS, notices)
    return notices


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('<meta name="robots" content="noai, noimageai">', {"noai", "noimageai"}),
        ("<meta name=robots content=NOINDEX,nofollow>", {"noindex"}),
        (
            '<meta content="nosnippet noarchive" name="ROBOTS"/>',
            {"nosnippet", "noarchive"},
        ),
        ('<meta name="robots" content="none">', {"noindex"}),
        ('<meta name="GPTBot" content="noindex">', {"noindex"}),
        ('<meta name="googlebot" content="noindex">', set()),
        ('<meta http-equiv="X-Robots-Tag" content="noai">', {"noai"}),
        ('<meta http-equiv="X-Robots-Tag" content="bingbot: noai">', set()),
        ('<meta name="description" content="noai, noindex">', set()),
        ('<meta content="noai">', set()),
        ('<meta name="robots" content="max-snippet:-1">', set()),
    ],
)
def test_directives_count_for_everybody_and_for_the_agents(
    tag: str, expected: set[str]
) -> None:
    assert of_tags(tag).directives == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("noai", ["noai"], id="everybody"),
        pytest.param("noindex, otherbot: noai, nosnippet", ["noindex"], id="agent"),
        pytest.param("otherbot: noindex, ccbot: noai", ["noai"], id="two agents"),
        pytest.param("*: noai", ["noai"], id="star"),
        pytest.param(
            "unavailable_after: 25 Jun 2010 15:00:00 PST, noai",
            ["unavailable_after", "noai"],
            id="a date with colons",
        ),
        pytest.param(
            "unavailable_after: Wed, 03 Dec 2025 13:09:53 PST, noai",
            ["unavailable_after", "03 dec 2025 13:09:53 pst", "noai"],
            id="a date with a comma and colons",
        ),
        pytest.param("noindex; noai", ["noindex", "noai"], id="semicolons"),
        pytest.param("360Spider: noindex, noai", [], id="an agent that begins with 3"),
        pytest.param("", [""], id="empty"),
    ],
)
def test_a_header_names_the_agents_it_is_for(value: str, expected: list[str]) -> None:
    assert list(directives_of_header(value, AGENTS)) == expected


@pytest.mark.parametrize(
    ("notices", "reserved"),
    [
        pytest.param(of_headers("tdm-reservation: 1"), True, id="header"),
        pytest.param(of_headers("tdm-reservation: 0"), False, id="expressly not"),
        pytest.param(of_headers("tdm-reservation: yes"), None, id="not a value"),
        pytest.param(of_headers(""), None, id="nothing"),
        pytest.param(
            of_tags('<meta name="tdm-reservation" content="1">'), True, id="meta"
        ),
        pytest.param(
            of_headers("tdm-reservation: 1\ntdm-reservation: 0"), True, id="1 then 0"
        ),
        pytest.param(
            of_headers("tdm-reservation: 0\ntdm-reservation: 1"), True, id="0 then 1"
        ),
        pytest.param(of_headers("tdm-reservation: 0, 1"), True, id="joined by a proxy"),
    ],
)
def test_of_one_technique_a_reservation_decides(
    notices: Notices, reserved: bool | None
) -> None:
    assert notices.tdm.is_reserved is reserved


@pytest.mark.parametrize(
    ("header", "page", "expected"),
    [
        pytest.param("1", "0", (False, "b"), id="the page says no"),
        pytest.param("0", "1", (True, "b"), id="the page says yes"),
        pytest.param("1", "", (True, "a"), id="the page says nothing"),
        pytest.param("1", "perhaps", (True, "a"), id="the page says no value"),
    ],
)
def test_the_page_overrides_the_header(
    header: str, page: str, expected: tuple[bool, str]
) -> None:
    """TDMRep, "processing priority": the page's `<meta>`, then the header, then the host's file."""
    notices = of_headers(f"tdm-reservation: {header}\ntdm-policy: a\ntdm-policy: c")
    read_tag('<meta name="tdm-policy" content="b">', AGENTS, notices)
    if page:
        tag = f'<meta name="tdm-reservation" content="{page}">'
        read_tag(tag, AGENTS, notices)
    assert (notices.tdm.is_reserved, notices.tdm.policy) == expected


def test_a_policy_is_unescaped() -> None:
    read = '<meta name="tdm-reservation" content="1">'
    escaped = of_tags(
        read,
        '<meta name="tdm-policy" content="https://a.example/?p&amp;q">',
    )
    assert escaped.tdm.policy == "https://a.example/?p&q"


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ("content-signal: search=yes, ai-train=no", False),
        ("content-signal: search=yes,ai-train=yes", True),
        ("content-signal: search=no", None),
        ("content-usage: train-ai=n", False),
        ("content-usage: Train-AI=Y", None),
        ("content-usage: search=n, train-ai=y", True),
        ("content-usage: train-ai=n\ncontent-usage: search=y", False),
        ("content-usage: train-ai=n\ncontent-usage: train-ai=y", True),
        ("content-signal: ai-train=no, ai-train=yes", False),
        ("content-signal: ai-train=yes\ncontent-usage: train-ai=n", False),
        ("content-usage: train-ai=n\ncontent-signal: ai-train=yes", False),
        ("content-signal: ai-train", None),
    ],
)
def test_a_refusal_of_training_outdoes_a_leave(
    lines: str, allowed: bool | None
) -> None:
    assert of_headers(lines).ai_train is allowed


def test_an_rsl_licence_is_seen_in_header_and_head() -> None:
    kind = 'rel="license"; type="application/rsl+xml"'
    assert of_headers(f"link: <https://a.example/rsl.xml>; {kind}").rsl
    assert of_tags('<link rel="license" type="application/rsl+xml" href="/r">').rsl
    assert not of_tags('<link rel="alternate" type="application/rss+xml">').rsl


def test_attributes_are_read_however_they_are_written() -> None:
    tag = "<meta NAME = 'a\"b' content=\"c>d\" lang=ja checked name=late x='日本'/>"
    assert attributes_of(tag) == {
        "name": 'a"b',
        "content": "c>d",
        "lang": "ja",
        "checked": "",
        "x": "日本",
    }


@pytest.mark.parametrize("piece", ["a=", '"', "a ", "=", "a='b", "é", " "])
def test_a_hostile_tag_costs_little(piece: str) -> None:
    """A pattern's steps cannot be counted: a tag 100 times as long as any that is read,
    so that the limit is far from both sides."""
    tag = "<meta " + piece * (204_800 // len(piece))
    start = time.process_time()
    attributes_of(tag)
    assert time.process_time() - start < 10  # measured: 0.2 s; quadratic: minutes
