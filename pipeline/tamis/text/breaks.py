"""Find word boundaries with ICU, in scripts that do not separate words with spaces.

All runs of a batch go to ICU as one text, with a line feed after each, since a call costs
more than a run. The text is UTF-16, as ICU counts, with the byte position of each unit.

    data          (bytes,)  uint8  UTF-8
    starts, ends  (runs,)   int64  bytes data[start:end] are a run, in ascending order
"""

from collections.abc import Iterator
from operator import itemgetter

import numpy as np
from icu4py.breakers import WordBreaker
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.utf8 import decode

# UTF-16 units that go to ICU at once: bounds the memory of a batch, not the result.
_CHUNK = 1_000_000
_LINE_FEED = 10


def word_breaks(
    data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Positions in `data` at which a word begins within a run, ascending.

    Runs begin with a letter. Beginnings and ends of runs may be among the positions.
    """
    units, positions = _utf16_of(data, starts, ends)
    breaks = [np.empty(0, np.int64), *_breaks_of_chunks(units)]
    return positions[np.concatenate(breaks)]


def _breaks_of_chunks(units: NDArray[np.uint16]) -> Iterator[NDArray[np.int64]]:
    """Numbers of the units before which ICU finds a boundary, ascending."""
    start = 0
    while start < len(units):
        stop = _chunk_end(units, start, start + _CHUNK)
        text = units[start:stop].tobytes().decode("utf-16-le")
        # The locale has no effect: dictionaries are chosen by script.
        segments = WordBreaker(text, "en").segments()
        ends = np.fromiter(map(itemgetter(1), segments), np.int64)
        yield start + ends[:-1]
        start = stop


def _chunk_end(units: NDArray[np.uint16], start: int, stop: int) -> int:
    """The end of the last run before `stop`, or else of the first run after it."""
    if stop >= len(units):
        return len(units)
    ends = np.flatnonzero(units[start:stop] == _LINE_FEED)
    if len(ends):
        return start + int(ends[-1]) + 1
    return stop + int(np.argmax(units[stop:] == _LINE_FEED)) + 1


@kernel
def _utf16_of(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Units of the runs, a line feed after each, and the byte position of each unit."""
    capacity = 0
    for run in range(len(starts)):
        capacity += ends[run] - starts[run] + 1
    units = np.empty(capacity, np.uint16)
    positions = np.empty(capacity, np.int64)
    count = 0
    for run in range(len(starts)):
        here = starts[run]
        while here < ends[run]:
            code, width = decode(data, here, ends[run])
            if code > 0xFFFF:  # a surrogate before the other one
                units[count] = 0xD7C0 + (code >> 10)
                positions[count] = here
                count += 1
                code = 0xDC00 | (code & 0x3FF)
            units[count], positions[count] = code, here
            count += 1
            here += width
        units[count], positions[count] = _LINE_FEED, here
        count += 1
    return units[:count].copy(), positions[:count].copy()
