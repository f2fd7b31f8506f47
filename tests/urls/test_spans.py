"""Plain addresses are read in place; they must come out as `address` spells them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.text.buffers import Bytes, utf8_buffers
from tamis.urls.normalise import Address, address
from tamis.urls.spans import ODD, Spans, plain_spans, spelled

ODD_PATH = "(odd)"


def addresses(data: Bytes, spans: Spans) -> list[Address | None]:
    """What spans say; a path that is not plain reads as ODD_PATH."""
    content = data.tobytes()

    def text(start: int, stop: int) -> str:
        return ODD_PATH if stop == ODD else content[start:stop].decode().lower()

    return [
        None if start == ODD else Address(text(start, stop), bool(www), text(path, end))
        for start, stop, path, end, www in spans.tolist()
    ]


def read(urls: list[str | None]) -> list[Address | None]:
    data, offsets = utf8_buffers(pa.array(urls, pa.string()))
    return addresses(data, plain_spans(data, offsets))


PLAIN = [
    "http://a.org",
    "HTTPS://WWW.A.org/B/",
    "http://www.www.a.org:8080/b?c=d//#e é%",
    "http://me:secret@a.org/d@e",
    "http://me@you@www.a.org",
    "http://a.org.:80/",
    "http://..a..org..",
    "http://www.",
    "http://www.:1",
    "http://a.org?Q=1",
    "http://a.org#b",
    "http://:80/x",
    "http://@",
    "http://-_~!$&'()*+,;=|^",
    "http://a.org/" + "b" * 5_000,
    "http://1.2.3.4:x",
]


@pytest.mark.parametrize("url", PLAIN)
def test_a_plain_address_is_read_where_it_stands(url: str) -> None:
    assert read([url]) == [address(url)]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "a.org",
            "http:a.org",
            "http:/a.org",
            "http:///a.org",
            "ftp://a.org",
            "http://",
        ),
        *(" http://a.org", "http://a.org ", "http://a%2eorg/", "http://a.org\\b/c"),
        *("http://дом.рф", "http://a。org/b", "http://[::1]/", "http://me@[::1]", "?"),
        *("http", "https:/", "httpx://a.org", "http://#", "http://?"),
    ],
)
def test_any_other_is_left_to_be_spelled(url: str) -> None:
    assert read([url]) == [None]


@pytest.mark.parametrize(
    "url",
    [
        *("http://WWW.a.org/%41", "http://me@www.a.org:80/дом", "http://www.a.org?q=é"),
        *("http://www.a.org/b\\c", "http://www.a.org./b c", "http://www.a.org/\t"),
    ],
)
def test_an_odd_path_leaves_the_host_plain(url: str) -> None:
    assert read([url]) == [Address("a.org", True, ODD_PATH)]
    assert address(url).host == "a.org"


def test_empty_and_missing_addresses_have_no_host() -> None:
    nothing = Address("", False, "")
    assert read(["", None]) == [nothing, nothing]
    assert read([]) == []
    data, spans = spelled([])
    assert (len(data), spans.shape) == (0, (0, 5))


def test_a_slice_is_read_alone() -> None:
    urls = pa.array(["http://a.org/x", "http://b.org", "http://c.org"])[1:2]
    data, offsets = utf8_buffers(urls)
    assert addresses(data, plain_spans(data, offsets)) == [Address("b.org", False, "")]


def test_what_is_spelled_reads_back() -> None:
    own = [
        Address("a.org", True, "/x?y"),
        Address("", False, "/дом"),
        Address("b", False, ""),
    ]
    data, spans = spelled(own)
    assert addresses(data, spans) == own
    surrogate, _ = spelled([Address("a", False, "/\ud800")])
    assert surrogate.tobytes() == b"a/?"


@settings(max_examples=500, deadline=None)
@given(
    st.text(alphabet="awWoO.:/?#@[]%\\ é1-", max_size=24),
    st.sampled_from(["http", "HTTPs"]),
)
def test_whatever_is_taken_for_plain_agrees_with_the_long_way(
    rest: str, scheme: str
) -> None:
    url = f"{scheme}://{rest}"
    (found,) = read([url])
    expected = address(url)
    if found is not None and found.path == ODD_PATH:
        assert any(mark in rest for mark in "%\\ é")
        expected = expected._replace(path=ODD_PATH)
    assert found is None or found == expected
    assert np.issubdtype(plain_spans(*utf8_buffers(pa.array([url]))).dtype, np.int64)
