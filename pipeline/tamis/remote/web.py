"""Files of web servers, over http and https.

Lengths that a server states are always checked: a part must begin at the requested
byte, belong to a file of the known size, and have all its bytes.
"""

import logging
import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from tamis.addresses import without_secrets, without_secrets_in
from tamis.errors import ConfigError, InputError
from tamis.remote.failures import AccessRefused, NoSuchFile, Transient, reason_of
from tamis.remote.origin import About
from tamis.remote.pace import COMMON_CRAWL_HOSTS
from tamis.remote.retries import Patience, retry_after
from tamis.storage import fetched

_CHUNK = 1 << 16
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_MAX_WHOLE = 1 << 30
_QUERY = re.compile(r"\?[^\s)'\"]*")  # urllib3 names paths without a host, too


class _WithoutSecrets(logging.Filter):
    """urllib3 warns of a server's odd headers, and names the address with its query."""

    def filter(self, record: logging.LogRecord) -> bool:
        shown = _QUERY.sub("", without_secrets_in(record.getMessage()))
        record.msg, record.args = shown, None
        return True


for _name in ("connection", "connectionpool", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(_WithoutSecrets())


class WebFile:
    """The file must have this `size` and `etag`; None if not known yet."""

    def __init__(
        self,
        url: str,
        options: Mapping[str, Any],
        patience: Patience,
        size: int | None = None,
        etag: str | None = None,
    ) -> None:
        unknown = set(options) - {"headers", "timeout"}
        if unknown:
            raise ConfigError(
                f"storage_options.https: {sorted(unknown)}: known are headers, timeout"
            )
        self.name = without_secrets(url)
        self.host = urlsplit(url).hostname or ""
        self._url = url
        self._size = size
        self._etag = etag
        self._patience = patience
        read_seconds = float(options.get("timeout", patience.read_seconds))
        self._timeout = (patience.connect_seconds, read_seconds)
        self._session = requests.Session()
        # Ask for the stored bytes, without a coding for the transfer.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers.update(options.get("headers", {}))

    def about(self) -> About:
        response = self._ask("HEAD", {})
        if response.status_code in (403, 405, 501) and not self._is_common_crawl:
            response = self._ask("GET", {"Range": "bytes=0-0"})
        with response:
            self._check_status(response)
            found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            size = found.group(3) if found else response.headers.get("Content-Length")
            if size is None or not size.isdecimal():
                raise InputError(f"{self.name}: the server does not say how long it is")
            stamp = response.headers.get("ETag") or response.headers.get(
                "Last-Modified", ""
            )
            return About(int(size), stamp)

    def read(
        self, start: int, stop: int, sink: bytearray, is_closed: threading.Event
    ) -> None:
        with self._ask("GET", {"Range": f"bytes={start}-{stop - 1}"}) as response:
            self._check_status(response)
            self._check_range(response, start, stop)
            self._receive(response, stop - start, sink, is_closed)

    def read_all(self) -> bytes:
        with self._ask("GET", {}) as response:
            self._check_status(response)
            length = response.headers.get("Content-Length", "")
            sink = bytearray()
            limit = int(length) if length.isdecimal() else _MAX_WHOLE
            is_whole = self._receive(
                response, limit, sink, threading.Event(), may_end=not length
            )
            if not is_whole and length:
                raise Transient("the answer was cut off")
            return bytes(sink)

    def close(self) -> None:
        self._session.close()

    @property
    def _is_common_crawl(self) -> bool:
        return self.host in COMMON_CRAWL_HOSTS

    def _ask(self, method: str, headers: dict[str, str]) -> requests.Response:
        try:
            return self._session.request(
                method,
                self._url,
                headers=headers,
                stream=True,
                timeout=self._timeout,
                allow_redirects=True,
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
            raise InputError(f"{self.name}: not an address") from None
        except requests.exceptions.SSLError as error:
            raise InputError(
                f"{self.name}: no secure connection: {reason_of(error)}"
            ) from None
        except _FAILURES as error:
            # Not chained: the cause's message holds the address with its signature.
            raise Transient(reason_of(error)) from None

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status in _TRANSIENT:
            wait = retry_after(response.headers.get("Retry-After"), time.time())
            raise Transient(f"the server answers {status}", wait)
        if status == 403 and self._is_common_crawl:
            raise AccessRefused(
                f"{self.name}: {self.host} refuses access (403). It blocks addresses "
                f"that ask too often, for up to a day: run again later (finished work "
                f"is kept), with a lower read_warc.requests_per_second"
            )
        if status in (404, 410):
            raise NoSuchFile(f"{self.name}: no such file")
        if status in (401, 403):
            raise InputError(f"{self.name}: no permission to read it ({status})")
        if status == 416:
            raise InputError(f"{self.name}: shorter than its stated size")
        raise InputError(f"{self.name}: the server answers {status}")

    def _check_range(self, response: requests.Response, start: int, stop: int) -> None:
        """Check that the part is the requested one, and of the same file as before."""
        stated = response.headers.get("Content-Range", "")
        if response.status_code == 200:
            length = response.headers.get("Content-Length", "")
            if start > 0:
                raise InputError(
                    f"{self.name}: the server ignores byte ranges: "
                    f"download the file, and name it on the disk"
                )
            total = length if length.isdecimal() else "*"
        else:
            found = _CONTENT_RANGE.fullmatch(stated)
            if found is None or int(found.group(1)) != start:
                raise InputError(
                    f"{self.name}: asked for bytes from {start}, the server sends {stated!r}"
                )
            if int(found.group(2)) >= stop:
                raise InputError(f"{self.name}: the server sends more than was asked")
            total = found.group(3)
        if self._size is not None and total != "*" and int(total) != self._size:
            raise InputError(
                f"{self.name}: its size was {self._size}, the server now says {total}"
            )
        etag = response.headers.get("ETag", "W/")
        if not etag.startswith("W/"):
            if self._etag not in (None, etag):
                raise InputError(f"{self.name}: it changed while it was read")
            self._etag = etag

    def _receive(
        self,
        response: requests.Response,
        length: int,
        sink: bytearray,
        is_closed: threading.Event,
        *,
        may_end: bool = False,
    ) -> bool:
        """Fill `sink` with `length` bytes; False if the answer ended earlier."""
        received, began = 0, time.monotonic()
        while received < length and not is_closed.is_set():
            try:
                part = response.raw.read1(
                    min(_CHUNK, length - received), decode_content=False
                )
            except _FAILURES as error:
                raise Transient(f"cut off: {reason_of(error)}") from None
            if not part:
                if may_end:
                    return False
                raise Transient(f"cut off after {received} of {length} bytes")
            sink += part
            received += len(part)
            fetched.count(len(part))
            seconds = time.monotonic() - began
            if (
                seconds > self._timeout[1]
                and received < seconds * self._patience.min_bytes_per_second
            ):
                raise Transient(f"stalled: {received} bytes in {seconds:.0f} seconds")
        return True
