import pytest

from pipeline.urls.keys import entry_keys, host_keys, url_keys, within_key
from pipeline.urls.normalise import address


def takes(entry: str, url: str) -> bool:
    """Whether a list with this one entry holds the page, by keys alone."""
    listed, where = set(entry_keys(entry)), address(url)
    if not listed.isdisjoint(host_keys(where.host)):
        return True
    is_near = within_key(where.host) in listed
    return is_near and not listed.isdisjoint(url_keys(where))


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("a.org", "http://a.org/"),
        ("a.org", "https://www.a.org/x"),
        ("A.org.", "http://x.y.a.org:8080/"),
        ("https://a.org/", "http://a.org/x"),
        ("b.a.co.uk", "http://c.b.a.co.uk/"),
        ("www.a.org", "http://a.org/x"),
        ("www.a.org", "http://www.a.org/"),
        ("bücher.de", "http://shop.xn--bcher-kva.de/"),
        ("a.org/b", "http://a.org/b"),
        ("a.org/b/", "http://www.a.org/B/c/d.html?x=1"),
        ("http://a.org/b?id=3", "http://a.org/b?id=3#top"),
        ("a.org/привет", "http://a.org/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82/x"),
        ("192.0.2.1", "http://192.0.2.1/"),
        ("[2001:db8::1]", "http://[2001:db8::1]:80/"),
    ],
)
def test_an_entry_takes(entry: str, url: str) -> None:
    assert takes(entry, url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        pytest.param("a.org", "http://ba.org/", id="a suffix is no parent"),
        pytest.param("b.a.org", "http://a.org/", id="a parent is not its child"),
        pytest.param("www.a.org", "http://blog.a.org/", id="www is one site"),
        pytest.param("a.org/b", "http://a.org/bc", id="a path is cut at slashes"),
        pytest.param("a.org/b", "http://x.a.org/b", id="a URL is of one host"),
        pytest.param("a.org/b?id=3", "http://a.org/b?id=4", id="the query counts"),
        pytest.param("org", "http://a.org/", id="a top-level domain is no entry"),
        pytest.param("", "http://a.org/", id="nothing takes nothing"),
    ],
)
def test_an_entry_leaves(entry: str, url: str) -> None:
    assert not takes(entry, url)


def test_keys_per_address_are_bounded() -> None:
    where = address("http://" + "a." * 1_000 + "org/" + "b/" * 1_000)
    assert len(host_keys(where.host)) <= 16
    assert len(list(url_keys(where))) <= 17
