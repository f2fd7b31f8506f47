"""Where the host and the path of an address are in its buffer.

Nearly all addresses are plain: `http://` or `https://`, a host of visible ASCII without
escapes. One pass over a column's bytes finds their parts. `normalise.address` spells
the others; its results are in a buffer of their own. A path with escapes or letters
outside ASCII is spelled only if it is needed: few hosts have listed pages.

    spans  (addresses, 5)  int64  start and stop of the host, without `www.` and without
                                  dots at its ends; start and stop of the path with its
                                  query, without slashes at its end, the stop ODD if it
                                  is not plain; 1 if `www.` was removed

The buffer keeps its capitals: a reader must make letters lower case (`lower`).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.urls.normalise import MOST_CHARACTERS, Address

Spans = NDArray[np.int64]

ODD = -1  # start of the host of an address that is not plain, stop of such a path

_SCHEME = np.frombuffer(b"http", np.uint8)
_WWW = np.frombuffer(b"www.", np.uint8)
_HASH, _PERCENT, _DOT, _SLASH = 0x23, 0x25, 0x2E, 0x2F
_COLON, _QUESTION, _AT, _BRACKET, _BACKSLASH = 0x3A, 0x3F, 0x40, 0x5B, 0x5C
_S = 0x73


def plain_spans(data: Bytes, offsets: Offsets) -> Spans:
    """Spans of the plain addresses, ODD for the others; empty for an empty address."""
    return _plain_spans(read_only(data), offsets, MOST_CHARACTERS)


def spelled(addresses: Iterable[Address]) -> tuple[Bytes, Spans]:
    """A new buffer with the addresses, and their spans in it."""
    pieces: list[bytes] = []
    spans: list[tuple[int, int, int, int, int]] = []
    end = 0
    for where in addresses:
        # A lone surrogate cannot be encoded, and no list has one.
        host = where.host.encode("utf-8", "replace")
        path = where.path.encode("utf-8", "replace")
        pieces += [host, path]
        start, middle, end = end, end + len(host), end + len(host) + len(path)
        spans.append((start, middle, middle, end, where.is_www))
    data = np.frombuffer(b"".join(pieces), np.uint8)
    return data, np.array(spans, np.int64).reshape(-1, 5)


@kernel(inline="always")
def lower(byte: int) -> int:
    """An ASCII capital as its lower-case letter; any other byte unchanged."""
    return byte + 0x20 if 0x41 <= byte <= 0x5A else byte


@kernel
def _plain_spans(data: Bytes, offsets: Offsets, most: int) -> Spans:
    spans = np.zeros((len(offsets) - 1, 5), np.int64)
    for row in range(len(spans)):
        first, last = offsets[row], min(offsets[row + 1], offsets[row] + most)
        if first == last:
            continue
        spans[row, 0] = ODD
        authority = _after_scheme(data, first, last)
        if authority < 0:
            continue
        # To the path, then to the fragment; the host is what follows the last @.
        start, path, stop = authority, np.int64(-1), last
        is_plain = True
        for at in range(authority, last):
            byte = data[at]
            if byte == _HASH:
                stop = at
                break
            if not 0x21 <= byte <= 0x7E or byte in (_PERCENT, _BACKSLASH):
                is_plain = False
                break
            if path < 0 and byte in (_SLASH, _QUESTION):
                path = np.int64(at)
            elif path < 0 and byte == _AT:
                start = at + 1
        if path < 0 and is_plain:
            path = np.int64(stop)
        if path <= authority:  # an odd host, or `http:///a`: whatever that is
            continue
        if start < path and data[start] == _BRACKET:
            continue
        host = start
        while host < path and data[host] != _COLON:
            host += 1
        while host > start and data[host - 1] == _DOT:
            host -= 1
        while start < host and data[start] == _DOT:
            start += 1
        if _begins(data, start, host, _WWW):
            start += len(_WWW)
            spans[row, 4] = 1
        while is_plain and stop > path and data[stop - 1] == _SLASH:
            stop -= 1
        if not is_plain:
            stop = np.int64(ODD)
        spans[row, 0], spans[row, 1], spans[row, 2], spans[row, 3] = (
            *(start, host, path, stop),
        )
    return spans


@kernel
def _after_scheme(data: Bytes, first: int, last: int) -> int:
    """The position after `http://` or `https://`; -1 if neither begins here."""
    if not _begins(data, first, last, _SCHEME):
        return -1
    at = first + len(_SCHEME)
    if at < last and lower(data[at]) == _S:
        at += 1
    if at + 2 < last and (
        data[at] == _COLON and data[at + 1] == _SLASH and data[at + 2] == _SLASH
    ):
        return at + 3
    return -1


@kernel
def _begins(data: Bytes, start: int, stop: int, word: Bytes) -> bool:
    same = 0
    if stop - start >= len(word):
        while same < len(word) and lower(data[start + same]) == word[same]:
            same += 1
    return same == len(word)
