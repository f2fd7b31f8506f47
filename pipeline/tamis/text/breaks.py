"""Where words part in scripts that do not part them with spaces, as ICU 78 says.

Runs of nothing but Han and kana, Thai, Lao, Khmer or Burmese are cut by our kernels along
ICU's own dictionaries, two to five times as fast, all others by ICU itself. The boundaries
are the same either way, so that which of them a run takes is a matter of time only. Where
a dictionary cannot be read, or is that of another version, ICU cuts all.

    data          (bytes,)  uint8  UTF-8
    starts, ends  (runs,)   int64  bytes data[start:end] are a run, in ascending order
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

import numpy as np
from icu4py.breakers import WordBreaker
from numba import njit
from numpy.typing import NDArray

from tamis.text.icu_data import read_dictionary
from tamis.text.lookahead import SCRIPTS, Script, lookahead_breaks
from tamis.text.shortest_path import cheapest_breaks
from tamis.text.tries import Trie, trie_of
from tamis.text.utf8 import decode

# Code points that go to ICU at once: bounds the memory of a batch, not the result.
_CHUNK = 1_000_000
_LINE_FEED = 10


def word_breaks(
    data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Bytes of `data` before which a word begins within a run, ascending.

    Runs begin with a letter. Beginnings and ends of runs may be among the bytes.
    """
    is_left = np.ones(len(starts), np.bool_)
    found = []
    trie = _trie("cjdict", None)
    if trie is not None:
        found.append(cheapest_breaks(data, starts, ends, is_left, trie))
    for script in SCRIPTS:
        if not (is_left & _begins_in(script, data, starts)).any():
            continue
        trie = _trie(script.name, script.offset)
        if trie is not None:
            found.append(lookahead_breaks(data, starts, ends, is_left, trie, script))
    if is_left.any():
        codes, positions = _text_of(data, starts[is_left], ends[is_left])
        found.append(positions[_break_ordinals(codes)])
    return found[0] if len(found) == 1 else np.sort(np.concatenate(found))


@lru_cache
def _trie(name: str, offset: int | None) -> Trie | None:
    """A dictionary of ICU's, read when a text first needs it (50 ms).

    With an `offset`, one of bytes behind that code point, else one of 16 bits a unit.
    """
    found = read_dictionary(name)
    if found is None or (None if found.is_wide else found.offset) != offset:
        return None
    return trie_of(found)


def _begins_in(
    script: Script, data: NDArray[np.uint8], starts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which runs begin with one of the script's first 128 code points."""
    lead, second = data[starts].astype(np.int64), data[starts + 1]
    is_block = (lead << 5 | (second & 63) >> 1) & 0x1FF == script.offset >> 7
    return np.asarray(is_block & (lead >> 4 == 0b1110))


def _break_ordinals(codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Ordinals of the code points before which ICU sees a boundary, ascending."""
    return np.concatenate([np.empty(0, np.int64), *_breaks_of_chunks(codes)])


def _breaks_of_chunks(codes: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    start = 0
    while start < len(codes):
        stop = _chunk_end(codes, start, start + _CHUNK)
        chunk = codes[start:stop]
        text = chunk.tobytes().decode("utf-32-le")
        # The locale decides nothing: dictionaries are chosen by script.
        segments = WordBreaker(text, "en").segments()
        units = np.fromiter(chain.from_iterable(segments), np.int64)[1::2]
        if (chunk > 0xFFFF).any():  # ICU counts in units of UTF-16
            unit_of = np.cumsum(1 + (chunk > 0xFFFF))
            units = np.searchsorted(unit_of, units) + 1
        yield start + units[:-1]
        start = stop


def _chunk_end(codes: NDArray[np.uint32], start: int, stop: int) -> int:
    """Just behind the last run that ends before `stop`, or the first one after it."""
    if stop >= len(codes):
        return len(codes)
    ends = np.flatnonzero(codes[start:stop] == _LINE_FEED)
    if len(ends):
        return start + int(ends[-1]) + 1
    return stop + int(np.argmax(codes[stop:] == _LINE_FEED)) + 1


@njit(cache=True, nogil=True)
def _text_of(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Code points of the runs, a line feed behind each, and their bytes."""
    capacity = 0
    for run in range(len(starts)):
        capacity += ends[run] - starts[run] + 1
    codes = np.empty(capacity, np.uint32)
    positions = np.empty(capacity, np.int64)
    count = 0
    for run in range(len(starts)):
        here = starts[run]
        while here < ends[run]:
            code, width = decode(data, here, ends[run])
            codes[count], positions[count] = code, here
            count += 1
            here += width
        codes[count], positions[count] = _LINE_FEED, here
        count += 1
    return codes[:count].copy(), positions[:count].copy()
