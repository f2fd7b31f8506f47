import pytest

from tamis.warc.headers import MAX_LONG_HEADER_BYTES, is_header_start, parse_header


def warc(*lines: str, newline: str = "\r\n") -> bytes:
    return newline.join([*lines, "", "block"]).encode()


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("version", ["WARC/1.0", "WARC/1.1", "WARC/0.18"])
def test_warc_header(version: str, newline: str) -> None:
    head = warc(version, "WARC-Type: Response", "content-LENGTH:5", newline=newline)
    header = parse_header(head, is_arc=False)
    assert header is not None
    assert (header.type, header.block_length) == ("response", 5)
    assert head[header.length :] == b"block"


def test_folded_repeated_and_colonless_lines() -> None:
    head = warc(
        "WARC/1.0",
        "WARC-Target-URI: http://example.org/",
        "no colon here",
        "X: one",
        "\ttwo",
        "X: three",
        "\tnot of the first X",
        "Content-Length: 0",
    )
    header = parse_header(head, is_arc=False)
    assert header is not None
    assert header.fields == {
        "warc-target-uri": "http://example.org/",
        "x": "one two",
        "content-length": "0",
    }
    assert header.type == "unknown"


@pytest.mark.parametrize(
    ("stored", "url"),
    [
        ("http://example.org/a b", "http://example.org/a%20b"),
        ("<http://example.org/>", "http://example.org/"),
        ("http://пример.рф/日本", "http://пример.рф/日本"),
    ],
)
def test_url_is_repaired_as_warcio_does(stored: str, url: str) -> None:
    head = warc("WARC/1.0", f"WARC-Target-URI: {stored}", "Content-Length: 5")
    header = parse_header(head, is_arc=False)
    assert header is not None
    assert header.fields["warc-target-uri"] == url


def test_bytes_that_are_no_utf8_are_latin_1() -> None:
    head = b"WARC/1.0\r\nWARC-Target-URI: http://x/caf\xe9\r\nContent-Length: 0\r\n\r\n"
    header = parse_header(head, is_arc=False)
    assert header is not None
    assert header.fields["warc-target-uri"] == "http://x/café"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", id="HTTP"),
        pytest.param(warc("WARC/1.0", "WARC-Type: response"), id="no length"),
        pytest.param(warc("WARC/1.0", "Content-Length: -1"), id="negative"),
        pytest.param(warc("WARC/1.0", "Content-Length: ٣"), id="Arabic digit"),
        pytest.param(warc("WARC/1.0", "Content-Length: " + "9" * 30), id="absurd"),
        pytest.param(b"WARC/1.0\r\nContent-Length: 5\r\n", id="cut"),
        pytest.param(
            warc("WARC/1.0", "Content-Length: 5", "X: " + "x" * MAX_LONG_HEADER_BYTES),
            id="without end",
        ),
    ],
)
def test_what_is_no_header(head: bytes) -> None:
    assert parse_header(head, is_arc=False) is None


def test_arc_line_of_either_version() -> None:
    for line, length in (
        (b"http://x/ 1.2.3.4 20010203040506 text/html 77\nblock", 77),
        (b"http://x/ 1.2.3.4 20010203040506 text/html 200 md5 - 12 f.arc 88\n", 88),
    ):
        header = parse_header(line, is_arc=True)
        assert header is not None
        assert (header.type, header.block_length) == ("response", length)
        assert header.fields["warc-target-uri"] == "http://x/"
        assert header.fields["warc-date"] == "20010203040506"


@pytest.mark.parametrize(
    "line",
    [
        b"http://x/ 1.2.3.4 20010203040506 text/html -1\n",
        b"http://x/ 1.2.3.4 20010203040506 text/html abc\n",
        b"http://x/ 1.2.3.4 yesterday text/html 77\n",
        b"http://x/ 1.2.3.4 20010203040506 text/html 77",
        b"a line of text with five words\n",
    ],
)
def test_what_is_no_arc_line(line: bytes) -> None:
    assert parse_header(line, is_arc=True) is None


def test_a_version_line_begins_a_warc_record_only() -> None:
    assert is_header_start(b"WARC/1.1\r\nrest", is_arc=False)
    assert not is_header_start(b"WARC/1.1\r\nrest", is_arc=True)
    assert not is_header_start(b"WARC/one\r\n", is_arc=False)
