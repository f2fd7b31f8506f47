"""Exact spans of e-mail addresses in ASCII, by the rules of `rules.email_span`.

Nearly all addresses are plain, and a page may list thousands. So one pass over the
anchors' bytes decides on them; an anchor with anything outside ASCII is left to
`email_span`. Both give the same span for the same text.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.pii.characters import NEITHER, class_of
from tamis.pii.rules import MOST_LABELS, MOST_LOCAL_CHARACTERS, top_level_domains
from tamis.text.buffers import Bytes, read_only
from tamis.text.hashing import OFFSET, PRIME, empty_table, finished, place

# In place of a first byte: there is no address; only `email_span` can decide.
NONE, ODD = -1, -2

_MOST_LABEL_BYTES = 63
_AT, _DOT, _HYPHEN = 0x40, 0x2E, 0x2D
_APOSTROPHE, _PLUS, _PERCENT = 0x27, 0x2B, 0x25


def ascii_emails(
    data: Bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(anchors, 2): first byte and end of the address of each EMAIL anchor."""
    return _ascii_emails(read_only(data), starts, stops, _top_level_table())


@lru_cache(maxsize=1)
def _top_level_table() -> NDArray[np.uint64]:
    names = sorted(name.encode() for name in top_level_domains() if name.isascii())
    ends = np.cumsum([0, *map(len, names)], dtype=np.int64)
    return _table(np.frombuffer(b"".join(names), np.uint8), ends)


@kernel
def _ascii_emails(
    data: Bytes,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    table: NDArray[np.uint64],
) -> NDArray[np.int64]:
    spans = np.full((len(starts), 2), NONE, np.int64)
    for anchor in range(len(starts)):
        start, stop = int(starts[anchor]), int(stops[anchor])
        at = stop
        is_ascii = True
        for here in range(start, stop):
            is_ascii = is_ascii and data[here] < 0x80
            if data[here] == _AT and at == stop:
                at = here
        if not is_ascii:
            spans[anchor, 0] = ODD
            continue
        first = _local(data, start, at)
        end = _domain_end(data, at + 1, stop, table)
        if first < at and end > 0:
            spans[anchor, 0], spans[anchor, 1] = first, end
    return spans


@kernel
def _local(data: Bytes, start: int, at: int) -> int:
    """Where the local part before `at` begins; `at` if there is none."""
    first = at
    while first > start and not (
        data[first - 1] == _DOT and first < at and data[first] == _DOT
    ):
        first -= 1
    if first > start:  # after two dots: the second one is not part of it
        first += 1
    while first < at and data[first] in (_DOT, _APOSTROPHE, _PLUS, _PERCENT, _HYPHEN):
        first += 1
    is_sound = first < at and data[at - 1] not in (_DOT, _APOSTROPHE)
    return first if is_sound and at - first <= MOST_LOCAL_CHARACTERS else at


@kernel
def _domain_end(data: Bytes, start: int, stop: int, table: NDArray[np.uint64]) -> int:
    """End of the longest domain name that begins at `start`; 0 if none does."""
    end, label = 0, start
    for count in range(MOST_LABELS):
        end_of_label, hyphen = label, -1
        while end_of_label < stop and (
            class_of(data[end_of_label]) != NEITHER or data[end_of_label] == _HYPHEN
        ):
            if data[end_of_label] == _HYPHEN and hyphen < 0:
                hyphen = end_of_label
            end_of_label += 1
        if end_of_label == label:
            break
        if count and _is_in(table, data, label, end_of_label):
            end = end_of_label
        elif count and hyphen > label and _is_in(table, data, label, hyphen):
            end = hyphen
        is_name = data[label] != _HYPHEN and data[end_of_label - 1] != _HYPHEN
        if not is_name or end_of_label - label > _MOST_LABEL_BYTES:
            break
        if end_of_label >= stop or data[end_of_label] != _DOT:
            break
        label = end_of_label + 1
    return end


@kernel
def _key(data: Bytes, start: int, stop: int) -> np.uint64:
    """Hash of a label in lower case."""
    value = OFFSET
    for here in range(start, stop):
        byte = data[here]
        if 0x41 <= byte <= 0x5A:
            byte += 0x20
        value = (value ^ np.uint64(byte)) * PRIME
    return finished(value)


@kernel
def _is_in(table: NDArray[np.uint64], data: Bytes, start: int, stop: int) -> bool:
    return bool(table[place(table, len(table) - 1, _key(data, start, stop))])


@kernel
def _table(names: Bytes, ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A hash table of the names that end at `ends`; see `tamis.text.hashing`."""
    table = empty_table(len(ends) - 1)
    for name in range(len(ends) - 1):
        key = _key(names, ends[name], ends[name + 1])
        table[place(table, len(table) - 1, key)] = key
    return table
