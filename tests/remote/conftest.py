"""A web server on loopback that does as it is told, good or bad."""

import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tamis.remote import opening
from tamis.remote.retries import Patience

Fault = Callable[["Handler", bytes, int], None]


class Site(ThreadingHTTPServer):
    """Serves `files` by path; each GET takes the next of `faults` instead, if any."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.every: Fault | None = None  # for requests without a fault of their own
        self.asked: list[tuple[str, str | None, float]] = []  # method, range, when
        self.sent = 0  # bytes of bodies
        self.etag = '"1"'
        self.is_over = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def gets(self) -> list[str | None]:
        return [asked for method, asked, _ in self.asked if method == "GET"]

    def handle_error(self, *_: object) -> None:
        """Clients hang up on purpose here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Site

    def do_HEAD(self) -> None:
        self._note()
        content = self._content()
        if content is not None:
            self.head(200, len(content))

    def do_GET(self) -> None:
        self._note()
        content = self._content()
        if content is None:
            return
        fault = self.server.faults.popleft() if self.server.faults else None
        fault = fault or self.server.every
        start = 0
        asked = self.headers["Range"]
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked or "")
        part = content
        if found:
            start, last = map(int, found.groups())
            part = content[start : last + 1]
        if fault:
            fault(self, part, start)
            return
        if not found:
            self.head(200, len(content))
        elif not part:
            self.head(416, 0)
        else:
            self.head(206, len(part), self.content_range(start, part, content))
        self.body(part)

    def content_range(self, start: int, part: bytes, content: bytes) -> str:
        return f"bytes {start}-{start + len(part) - 1}/{len(content)}"

    def head(self, status: int, length: int, content_range: str = "", **more: str):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", self.server.etag)
        if content_range:
            self.send_header("Content-Range", content_range)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def body(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()
        self.server.sent += len(content)

    def _content(self) -> bytes | None:
        content = self.server.files.get(self.path.partition("?")[0].lstrip("/"))
        if content is None:
            self.head(404, 0)
        return content

    def _note(self) -> None:
        self.server.asked.append((self.command, self.headers["Range"], time.time()))

    def log_message(self, *_: object) -> None: ...


def answers(status: int, **fields: str) -> Fault:
    """An error instead of the part."""
    return lambda handler, part, start: handler.head(status, 0, **fields)


def breaks_after(count: int, *, is_rude: bool = False) -> Fault:
    """The right head, `count` bytes, and then the connection ends (or is reset)."""

    def fault(handler: Handler, part: bytes, start: int) -> None:
        size = len(handler.server.files[handler.path.lstrip("/")])
        whole = f"bytes {start}-{start + len(part) - 1}/{size}"
        handler.head(206, len(part), whole)
        handler.body(part[:count])
        handler.close_connection = True
        if is_rude:
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()

    return fault


def stalls_after(count: int) -> Fault:
    def fault(handler: Handler, part: bytes, start: int) -> None:
        size = len(handler.server.files[handler.path.lstrip("/")])
        whole = f"bytes {start}-{start + len(part) - 1}/{size}"
        handler.head(206, len(part), whole)
        handler.body(part[:count])
        handler.server.is_over.wait(20)
        handler.close_connection = True

    return fault


def trickles(handler: Handler, part: bytes, start: int) -> None:
    """A byte now and then: never silent, never done."""
    size = len(handler.server.files[handler.path.lstrip("/")])
    handler.head(206, len(part), f"bytes {start}-{start + len(part) - 1}/{size}")
    for position in range(len(part)):
        handler.body(part[position : position + 1])
        if handler.server.is_over.wait(0.05):
            break
    handler.close_connection = True


def ignores_ranges(handler: Handler, part: bytes, start: int) -> None:
    content = handler.server.files[handler.path.lstrip("/")]
    handler.head(200, len(content))
    handler.body(content)


def claims(content_range: str, length: int | None = None) -> Fault:
    """A part whose Content-Range, or length, is not the truth."""

    def fault(handler: Handler, part: bytes, start: int) -> None:
        handler.head(206, len(part) if length is None else length, content_range)
        handler.body(part)
        handler.close_connection = True

    return fault


@contextmanager
def running_site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.is_over.set()
        site.shutdown()
        site.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture(scope="session")
def running() -> Callable[[], AbstractContextManager[Site]]:
    """`with running() as site`: a server for several tests."""
    return running_site


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Pauses of milliseconds instead of minutes."""
    patience = Patience(
        attempts=4,
        base_seconds=0.01,
        cap_seconds=0.05,
        connect_seconds=2,
        read_seconds=0.3,
    )
    monkeypatch.setattr(opening, "PATIENCE", patience)
    return patience


@pytest.fixture
def faults():
    """The ways a server can be bad, by name."""
    return {
        "answers": answers,
        "breaks_after": breaks_after,
        "stalls_after": stalls_after,
        "trickles": trickles,
        "ignores_ranges": ignores_ranges,
        "claims": claims,
    }
