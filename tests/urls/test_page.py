"""Addresses that lead to the same page, and some that do not."""

import pytest

from tamis.urls.page import page_address

SAME = [
    ("http://example.org/", "example.org"),
    ("https://www.example.org", "example.org"),
    ("HTTP://Example.ORG:80/a/", "example.org/a"),
    ("https://example.org:443/a#part", "example.org/a"),
    ("https://me:secret@example.org./a", "example.org/a"),
    ("https://example.org:8443/a", "example.org:8443/a"),
    ("https://example.org:80/a", "example.org:80/a"),
    ("https://example.org/a/./b/../c/", "example.org/a/c"),
    ("https://example.org/../../a", "example.org/a"),
    ("https://example.org/%7Eme/%c3%a9t%C3%A9", "example.org/~me/%C3%A9t%C3%A9"),
    ("https://example.org/~me/été", "example.org/~me/%C3%A9t%C3%A9"),
    ("https://example.org/a%2Fb", "example.org/a%2Fb"),
    ("https://example.org/a?b=2&a=1", "example.org/a?a=1&b=2"),
    ("https://example.org/a?tag=2&tag=1", "example.org/a?tag=2&tag=1"),
    ("https://example.org/a?utm_source=x&id=7&fbclid=y&", "example.org/a?id=7"),
    ("https://example.org/a?PHPSESSID=9", "example.org/a"),
    ("https://example.org/a;jsessionid=9F?id=7", "example.org/a?id=7"),
    ("https://example.org?", "example.org"),
    ("https://bücher.example/ß", "xn--bcher-kva.example/%C3%9F"),
    (
        "https://пример.рф/новости/",
        "xn--e1afmkfd.xn--p1ai/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8",
    ),
    ("https://例え.jp/頁?頁=二", "xn--r8jz45g.jp/%E9%A0%81?%E9%A0%81=%E4%BA%8C"),
    ("https://[2001:db8::1]:443/a", "[2001:db8::1]/a"),
    (" https://example.org/a\n", "example.org/a"),
    ("urn:isbn:1", "urn:isbn:1"),
    ("", ""),
]


@pytest.mark.parametrize(("url", "expected"), SAME, ids=[url for url, _ in SAME])
def test_an_address_has_one_spelling(url: str, expected: str) -> None:
    assert page_address(url) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/A", "https://example.org/a"),
        ("https://example.org/a//b", "https://example.org/a/b"),
        ("https://example.org/a?id=1", "https://example.org/a?id=2"),
        ("https://example.org/a?ref=x", "https://example.org/a"),
        ("https://blog.example.org/", "https://example.org/"),
        ("https://example.org/index.html", "https://example.org/"),
    ],
)
def test_different_pages_stay_apart(one: str, other: str) -> None:
    assert page_address(one) != page_address(other)


def test_parameters_of_a_site_of_its_own_can_be_ignored() -> None:
    assert page_address("https://a.org/x?Ref=1&id=2", {"ref"}) == "a.org/x?id=2"


@pytest.mark.parametrize("url", [url for url, _ in SAME if url.startswith("http")])
def test_the_spelling_of_a_spelling_is_itself(url: str) -> None:
    spelled = page_address(url)
    assert page_address("http://" + spelled) == page_address("https://" + spelled) or (
        ":80" in spelled
    )
    if ":80" not in spelled:
        assert page_address("https://" + spelled) == spelled


def test_what_no_host_has_is_no_error() -> None:
    for url in (
        "http://",
        "http://%zz/%",
        "http://[::1",
        "https://a b/\ud800",
        "http:///x",
    ):
        assert isinstance(page_address(url), str)
