import pytest

from tamis.urls.normalise import Address, address, unicode_host

ONE_PAGE = [
    "http://bücher.example/abc",
    "HTTP://BÜCHER.Example/ABC",
    "https://xn--bcher-kva.example/abc/",
    "https://XN--BCHER-KVA.EXAMPLE:443/abc#top",
    "//me:secret@xn--bcher-kva.example./a%62c",
    "http://b%C3%BCcher.example\\abc",
    "http://B%C3%9Ccher.ex%41mple/%41B%43",
    "http://bücher.example../abc",
    "http://:pass@word@bücher.example:/abc//",
    " http://bücher。example/a\tbc\n",
    "bücher.example:80/abc",
]


@pytest.mark.parametrize("url", ONE_PAGE)
def test_every_spelling_of_a_page_is_the_same_page(url: str) -> None:
    assert address(url) == Address("xn--bcher-kva.example", False, "/abc")


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        pytest.param("", "", "", id="empty"),
        pytest.param("http://", "", "", id="scheme only"),
        pytest.param("/a/b", "", "/a/b", id="a path is not a host"),
        pytest.param("http://a.org?Q=1", "a.org", "?q=1", id="query without a path"),
        pytest.param("http://a.org:/", "a.org", "", id="empty port"),
        pytest.param("http://[2001:DB8::1]:80/x", "[2001:db8::1]", "/x", id="IPv6"),
        pytest.param("http://192.0.2.1/x", "192.0.2.1", "/x", id="IPv4"),
        pytest.param("http://a@b@c.org/d@e", "c.org", "/d@e", id="last @ counts"),
        pytest.param("ftp://пример.рф/я", "xn--e1afmkfd.xn--p1ai", "/я", id="Cyrillic"),
        pytest.param("http://例え.jp/", "xn--r8jz45g.jp", "", id="Japanese"),
        pytest.param("http://straße.de", "xn--strae-oqa.de", "", id="sharp s stays"),
        pytest.param("http://a.org/%ff%", "a.org", "/%", id="bad escapes"),
        pytest.param("http://a.org/%D0%9F", "a.org", "/п", id="an escaped capital"),
        pytest.param("http://%61.org", "a.org", "", id="an escaped host"),
        pytest.param("http://[::1", "[::1]", "", id="IPv6 without an end"),
        pytest.param("http://me:x@[::1]/", "[::1]", "", id="IPv6 with a user"),
        pytest.param("http://[::1]:x@a.org", "a.org", "", id="a user like IPv6"),
        pytest.param("http:///a.org", "a.org", "", id="three slashes"),
        pytest.param("http:////a.org", "", "/a.org", id="four slashes"),
        pytest.param("http://.../x", "", "/x", id="a host of dots"),
        pytest.param("http://@/x", "", "/x", id="a user and no host"),
        pytest.param("http://:80/x", "", "/x", id="a port and no host"),
        pytest.param("http://a.org:8x0/y", "a.org", "/y", id="a port of letters"),
        pytest.param("http://a.org#b@c.org/", "a.org", "", id="an @ behind #"),
        pytest.param("http://a.org?b@c.org", "a.org", "?b@c.org", id="an @ behind ?"),
    ],
)
def test_hosts_and_paths(url: str, host: str, path: str) -> None:
    assert address(url) == Address(host, False, path)


def test_www_comes_off_once_and_is_remembered() -> None:
    assert address("http://WWW.a.org/") == Address("a.org", True, "")
    assert address("http://www.www.a.org/") == Address("www.a.org", True, "")
    assert address("http://wwww.a.org/") == Address("wwww.a.org", False, "")


def test_punycode_is_readable_again_and_nonsense_stays() -> None:
    assert unicode_host("www.xn--bcher-kva.example") == "www.bücher.example"
    assert unicode_host("xn--p1ai") == "рф"
    assert unicode_host("xn--\x7f99999999") == "xn--\x7f99999999"


def test_hostile_addresses_cost_no_time() -> None:
    long = "a." * 50_000
    assert len(address(f"http://{long}org/").host) < 5_000
    assert address("http://" + "ü" * 50_000 + ".de/").host.isascii() is False
    assert address("http:" + "/" * 100_000).host == ""
