"""64-bit keys of list entries, and the look-up of every entry that covers an address.

    DOMAIN  example.org      the host and every host below it
    SITE    www.example.org  that site, with and without www, but not blog.example.org
    URL     example.org/a/b  that page and every page below it
    WITHIN  example.org      some URL of the host is listed: its pages must be looked up

A key is a mixed FNV-1a hash, of the host's bytes from the last to the first, and then
of the path's bytes from the first on. So one pass gives the keys of all parents of a
host, and another those of all folders of a page. With 4.6 million entries a look-up
finds another entry's key with odds of 2.5e-13.

    hashes  (entries,)          uint64  sorted keys
    starts  (2**bits + 1,)      uint32  where the keys that begin with these bits begin:
                                        a look-up reads one of these and some four keys
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, read_only
from tamis.text.hashing import OFFSET, PRIME, finished
from tamis.urls.normalise import Address, address, names_host
from tamis.urls.spans import ODD, Spans, lower, spelled

Keys = NDArray[np.uint64]
Starts = NDArray[np.uint32]

DOMAIN, SITE, URL, WITHIN = range(4)

NONE, UNKNOWN = -1, -2  # instead of an entry's place

# A host with more labels, or a path with more segments, is matched by its nearest
# parents only.
_MOST_PARENTS = 16
_KEYS_PER_START = 4
_KIND = np.uint64(0x9E3779B97F4A7C15)
_DOT, _SLASH, _QUESTION, _HYPHEN, _UNDERSCORE = 0x2E, 0x2F, 0x3F, 0x2D, 0x5F
_LINE_FEED, _SPACE = 0x0A, 0x20
_WWW = np.frombuffer(b"www.", np.uint8)


def entry_keys(entries: Sequence[str]) -> Keys:
    """Keys of a list's entries; an entry that names no host has none.

    A single label is no entry: `com` or a stray word would block half the web. Nor is
    what another format has around its hosts, as `||example.org^` or `a.org,adult`.
    """
    return address_keys(filter(names_host, map(address, entries)))


def address_keys(addresses: Iterable[Address]) -> Keys:
    """Keys of addresses that name a host."""
    return _entry_keys(*spelled(addresses))


def line_keys(lines: Bytes) -> tuple[Keys, Spans]:
    """Keys of the lines that are just a domain, and (start, stop) of the others.

    Blank lines are neither. 99 of 100 lines of UT1 are well-formed domains.
    """
    return _line_keys(read_only(lines))


def starts_of(hashes: Keys) -> Starts:
    """The index of sorted keys; see the module's docstring."""
    bits = max(1, (len(hashes) // _KEYS_PER_START).bit_length())
    firsts = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    counts = np.bincount(firsts, minlength=1 << bits)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)


def places_of(
    data: Bytes, spans: Spans, hashes: Keys, *, starts: Starts
) -> NDArray[np.int64]:
    """Place in `hashes` of the entry that covers each address; NONE if none does.

    The nearest entry counts: a host before its parents, hosts before pages, a page
    before its folders. UNKNOWN if that depends on a path that is not plain.
    """
    return _places_of(read_only(data), spans, read_only(hashes), read_only(starts))


@kernel(inline="always")
def _key(state: np.uint64, kind: int) -> np.uint64:
    return finished(state ^ (np.uint64(kind + 1) * _KIND))


@kernel
def _host_state(
    data: Bytes, start: int, stop: int, parents: Keys
) -> tuple[np.uint64, int]:
    """Hash state after a host, and how many parents it has.

    The states of its nearest parents are written to `parents`, a ring buffer, the
    nearest last. The last label is no parent: no list has `com`.
    """
    state, dots = OFFSET, 0
    for back in range(1, stop - start + 1):
        byte = lower(data[stop - back])
        if byte == _DOT:
            if dots:
                parents[(dots - 1) % len(parents)] = state
            dots += 1
        state = (state ^ np.uint64(byte)) * PRIME
    return state, max(dots - 1, 0)


@kernel
def _find(hashes: Keys, starts: Starts, shift: np.uint64, key: np.uint64) -> int:
    first = np.int64(key >> shift)
    for place in range(np.int64(starts[first]), np.int64(starts[first + 1])):
        if hashes[place] == key:
            return place
    return -1


@kernel
def _places_of(
    data: Bytes, spans: Spans, hashes: Keys, starts: Starts
) -> NDArray[np.int64]:
    places = np.full(len(spans), NONE, np.int64)
    bits = 0
    while (1 << bits) < len(starts) - 1:
        bits += 1
    shift = np.uint64(64 - bits)
    parents = np.empty(_MOST_PARENTS, np.uint64)
    for row in range(len(spans)):
        start, stop = spans[row, 0], spans[row, 1]
        if start in (ODD, stop):
            continue
        state, count = _host_state(data, start, stop, parents)
        place = _find(hashes, starts, shift, _key(state, DOMAIN))
        if place < 0:
            place = _find(hashes, starts, shift, _key(state, SITE))
        for back in range(1, min(count, _MOST_PARENTS) + 1):
            if place >= 0:
                break
            parent = parents[(count - back) % _MOST_PARENTS]
            place = _find(hashes, starts, shift, _key(parent, DOMAIN))
        if place < 0 and _find(hashes, starts, shift, _key(state, WITHIN)) >= 0:
            first, last = spans[row, 2], spans[row, 3]
            place = UNKNOWN
            if last != ODD:
                place = _page_place(
                    data, first, last, state, hashes, starts, shift, parents
                )
        places[row] = place
    return places


@kernel
def _page_place(
    data: Bytes,
    first: int,
    last: int,
    state: np.uint64,
    hashes: Keys,
    starts: Starts,
    shift: np.uint64,
    folders: Keys,
) -> int:
    """Place of the entry that covers a page of a host with this state, or NONE."""
    end = first
    while end < last and data[end] != _QUESTION:
        end += 1
    has_query = end + 1 < last
    while end > first and data[end - 1] == _SLASH:
        end -= 1
    count = 0
    for at in range(first, end):
        if at > first and data[at] == _SLASH and data[at - 1] != _SLASH:
            folders[count % len(folders)] = state
            count += 1
        state = (state ^ np.uint64(lower(data[at]))) * PRIME
    if end > first:
        folders[count % len(folders)] = state
        count += 1
    if has_query:
        for at in range(end, last):
            state = (state ^ np.uint64(lower(data[at]))) * PRIME
        place = _find(hashes, starts, shift, _key(state, URL))
        if place >= 0:
            return place
    for back in range(1, min(count, len(folders)) + 1):
        folder = folders[(count - back) % len(folders)]
        place = _find(hashes, starts, shift, _key(folder, URL))
        if place >= 0:
            return place
    return -1


@kernel
def _entry_keys(data: Bytes, spans: Spans) -> Keys:
    keys = np.empty(2 * len(spans), np.uint64)
    scratch = np.empty(1, np.uint64)
    count = 0
    for row in range(len(spans)):
        state, _ = _host_state(data, spans[row, 0], spans[row, 1], scratch)
        if spans[row, 2] == spans[row, 3]:
            keys[count] = _key(state, SITE if spans[row, 4] else DOMAIN)
            count += 1
            continue
        keys[count] = _key(state, WITHIN)
        for at in range(spans[row, 2], spans[row, 3]):
            state = (state ^ np.uint64(lower(data[at]))) * PRIME
        keys[count + 1] = _key(state, URL)
        count += 2
    return keys[:count].copy()


@kernel
def _line_keys(data: Bytes) -> tuple[Keys, Spans]:
    lines = 1
    for byte in data:
        lines += byte == _LINE_FEED
    keys, others = np.empty(lines, np.uint64), np.empty((lines, 2), np.int64)
    scratch = np.empty(1, np.uint64)
    count = odd = 0
    start = 0
    for at in range(len(data) + 1):
        if at < len(data) and data[at] != _LINE_FEED:
            continue
        stop = at
        while stop > start and data[stop - 1] <= _SPACE:
            stop -= 1
        if stop > start and _is_domain(data, start, stop):
            state, _ = _host_state(data, start, stop, scratch)
            keys[count] = _key(state, DOMAIN)
            count += 1
        elif stop > start:
            others[odd, 0], others[odd, 1] = start, stop
            odd += 1
        start = at + 1
    return keys[:count].copy(), others[:odd].copy()


@kernel
def _is_domain(data: Bytes, start: int, stop: int) -> bool:
    """Whether a line is labels of a-z, digits, - and _, without `www.`."""
    if stop - start >= len(_WWW) and (data[start : start + len(_WWW)] == _WWW).all():
        return False
    dots, before = 0, _DOT
    for at in range(start, stop):
        byte = data[at]
        if byte == _DOT:
            if before == _DOT:
                return False
            dots += 1
        elif not (
            0x61 <= byte <= 0x7A
            or 0x30 <= byte <= 0x39
            or byte in (_HYPHEN, _UNDERSCORE)
        ):
            return False
        before = byte
    return dots > 0 and before != _DOT
