from dataclasses import replace

import pytest

from tamis.warc.admission import Admitted, Refused, admit, media_type
from tamis.warc.headers import parse_header
from tamis.warc.record import Record


@pytest.fixture
def made(record):
    """A Record of a page with this type, status line, HTTP fields and body."""

    def make(
        body: bytes = b"body",
        status: bytes = b"200 OK",
        http: bytes = b"",
        type: str = "response",
        fields: tuple[str, ...] = (),
    ) -> Record:
        head = b"HTTP/1.1 " + status + b"\r\n" + http + b"\r\n"
        content = record("a", body, type=type, head=head, fields=fields)
        header = parse_header(content, is_arc=False)
        assert header is not None
        return Record(0, 0, len(content), header, content[header.length : -4])

    return make


@pytest.mark.parametrize(
    ("page", "mime"),
    [
        pytest.param(
            {"http": b"Content-Type: Text/HTML;charset=x\r\n"}, None, id="html"
        ),
        pytest.param(
            {"http": b"content-type: application/xhtml+xml\r\n"}, None, id="xhtml"
        ),
        pytest.param(
            {"http": b"Content-Type: application/pdf\r\n", "body": b"<html>"},
            "application/pdf",
            id="the header outranks the body",
        ),
        pytest.param(
            {
                "http": b"Content-Type: application/pdf\r\n",
                "fields": ("WARC-Identified-Payload-Type: text/html",),
            },
            None,
            id="the crawler outranks the header",
        ),
        pytest.param({"body": b" \n<!doctype html><p>"}, None, id="sniffed doctype"),
        pytest.param({"body": b"\xef\xbb\xbf<!-- x -->"}, None, id="sniffed comment"),
        pytest.param({"body": "<Html >".encode("utf-16")}, None, id="sniffed UTF-16"),
        pytest.param(
            {"body": b'<?xml version="1.0"?>\n<html xmlns="x">'},
            None,
            id="sniffed XHTML",
        ),
        pytest.param({"body": b"<article>"}, "none", id="no tag that browsers sniff"),
        pytest.param({"http": b"Content-Type: html\r\n"}, "none", id="no media type"),
        pytest.param({"body": b""}, "none", id="nothing to sniff"),
    ],
)
def test_type_of_a_page(made, page, mime) -> None:
    admission = admit(made(**page))
    if mime is None:
        assert isinstance(admission, Admitted)
    else:
        expected = None if mime == "none" else mime
        assert admission == Refused("response", 200, expected)


@pytest.mark.parametrize("status", [b"404 Not Found", b"301 Moved", b"206 Partial"])
def test_only_status_200_is_admitted(made, status: bytes) -> None:
    admission = admit(made(status=status, http=b"Content-Type: text/html\r\n"))
    assert admission == Refused("response", int(status[:3]), "text/html")


def test_conversion_of_plain_text_is_admitted(made) -> None:
    text = made(type="conversion", fields=("Content-Type: text/plain",))
    assert admit(text) == Admitted(text, None)
    image = made(type="conversion", fields=("Content-Type: image/png",))
    assert admit(image) == Refused("conversion", None, "image/png")


@pytest.mark.parametrize("type_", ["request", "revisit", "metadata", "resource"])
def test_other_records_are_counted_by_their_type(made, type_: str) -> None:
    other = made(type=type_, fields=("Content-Type: application/http; msgtype=x",))
    assert admit(other) == Refused(type_, None, "application/http")


def test_response_that_is_no_http_is_refused(made) -> None:
    page = made(fields=("Content-Type: text/dns",))
    assert admit(replace(page, block=b"answer")) == Refused(
        "response", None, "text/dns"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("TEXT/html ; charset=utf-8", "text/html"),
        ("text/html, text/html", "text/html"),
        ("text/" + "x" * 100, None),
        ("текст/html", None),
    ],
)
def test_media_type(value: str | None, expected: str | None) -> None:
    assert media_type(value) == expected
