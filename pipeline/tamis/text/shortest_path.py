"""Words of a run of Han and kana: the path of least cost through ICU's dictionary.

Every word of the dictionary has a cost, 0 to 254, the less the more frequent it is. A
character that is no word by itself may stand alone for 255, and a whole row of up to 19
katakana is a word for a price by its length. The boundaries are those of ICU 78's
CjkBreakEngine, which looks for the cheapest path in the same way: of two paths to one
place it takes the one whose last word is longer.

    data         (bytes,)  uint8  UTF-8
    starts, ends (runs,)   int64  bytes data[start:end] are a run
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tamis.text.tries import Trie, may_begin, step
from tamis.text.utf8 import Integer, decode

_LONGEST_WORD = 20
_UNKNOWN = 255
# ICU's costs of 1 to 8 katakana in a row, and of 9 to 19.
_KATAKANA_COSTS = np.array([984, 408, 240, 204, 252, 300, 372, 480, 8192], np.int64)
_MAX_KATAKANA = 19
_NO_WORD = 1 << 20  # more than any word costs
_PLACE = 0xFFFFFFFF  # bits of a path that say where its last word begins
_UNREACHED = np.int64(1) << 62
# Bytes. ICU adds costs in 32 bits, which 16 million characters can overflow.
_LONGEST_RUN = 3_000_000
_WIDTH = 3  # bytes of every character that the kernel knows


@njit(cache=True, nogil=True, inline="always")
def is_known(code: Integer) -> bool:
    """Whether this is Han or kana to which ICU does nothing but what the kernel does.

    ICU brings its text into NFKC first, so that compatibility forms, half-width kana
    and voicing marks are left to it, as is what Unicode 13 did not have.
    """
    return bool(
        0x4E00 <= code <= 0x9FFC
        or 0x3041 <= code <= 0x3096
        or (0x30A1 <= code <= 0x30FE and code != 0x30FB)
        or 0x3400 <= code <= 0x4DBF
        or code == 0x3005
        or code == 0x3007
        or 0x309D <= code <= 0x309E
        or 0x31F0 <= code <= 0x31FF
    )


@njit(cache=True, nogil=True)
def cheapest_breaks(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    is_left: NDArray[np.bool_],
    trie: Trie,
) -> NDArray[np.int64]:
    """Where in `data` words part within the runs that `is_left` marks, ascending.

    Marks are taken off the runs that were cut: all those of nothing but what is known.
    """
    size, places = 0, 0
    for run in range(len(starts)):
        if is_left[run]:
            size = max(size, ends[run] - starts[run])
            places += (ends[run] - starts[run]) // _WIDTH
    size = min(size, _LONGEST_RUN) // _WIDTH
    codes = np.empty(size, np.int32)
    paths = np.empty(size + 1, np.int64)
    breaks = np.empty(places, np.int64)
    count = 0
    for run in range(len(starts)):
        if not is_left[run] or ends[run] - starts[run] > _LONGEST_RUN:
            continue
        length = _known_codes(data, starts[run], ends[run], codes)
        if length == 0:
            continue
        is_left[run] = False
        _find_paths(codes, length, trie, paths)
        count = _follow_back(paths, length, starts[run], breaks, count)
    return breaks[:count].copy()


@njit(cache=True, nogil=True)
def _known_codes(
    data: NDArray[np.uint8], start: Integer, stop: Integer, codes: NDArray[np.int32]
) -> int:
    """Number of code points, entered into `codes`; 0 if one of them is not known."""
    length = 0
    for here in range(start, stop, _WIDTH):
        code, width = decode(data, here, stop)
        if width != _WIDTH or not is_known(code):
            return 0
        codes[length] = code
        length += 1
    return length


@njit(cache=True, nogil=True)
def _find_paths(
    codes: NDArray[np.int32], length: Integer, trie: Trie, paths: NDArray[np.int64]
) -> None:
    """Enter the cheapest path to each place: its cost << 32 | where its last word begins.

    The lesser of two is the cheaper, and the one with the longer word if none is.
    """
    paths[0] = 0
    for place in range(1, length + 1):
        paths[place] = _UNREACHED
    was_katakana = False
    for here in range(length):
        path = (paths[here] >> 32 << 32) | here
        entry = trie.first[codes[here]]
        behind = here + 1
        paths[behind] = min(paths[behind], path + _price(entry, _UNKNOWN))
        limit = min(length, here + _LONGEST_WORD)
        if behind < length and not may_begin(trie, codes[here], codes[behind]):
            limit = behind
        while entry > 255 and behind < limit:
            entry = step(trie, entry, codes[behind])
            behind += 1
            paths[behind] = min(paths[behind], path + _price(entry, _NO_WORD))
        is_katakana = _is_katakana(codes[here])
        if is_katakana and not was_katakana:
            behind = here + 1
            while (
                behind < length
                and behind - here <= _MAX_KATAKANA
                and _is_katakana(codes[behind])
            ):
                behind += 1
            if behind - here <= _MAX_KATAKANA:
                price = _KATAKANA_COSTS[min(behind - here, 9) - 1] << 32
                paths[behind] = min(paths[behind], path + price)
        was_katakana = is_katakana


@njit(cache=True, nogil=True)
def _follow_back(
    paths: NDArray[np.int64],
    length: Integer,
    start: Integer,
    breaks: NDArray[np.int64],
    count: int,
) -> int:
    """Number of breaks with those added that the path to the end of the run makes."""
    first, here = count, paths[length] & _PLACE
    while here > 0:
        breaks[count] = start + _WIDTH * here
        count += 1
        here = paths[here] & _PLACE
    last = count - 1
    while first < last:
        breaks[first], breaks[last] = breaks[last], breaks[first]
        first += 1
        last -= 1
    return count


@njit(cache=True, nogil=True, inline="always")
def _price(entry: np.uint32, otherwise: int) -> np.int64:
    """What the word that ends here adds to a path, or what it does if there is none."""
    word = np.int64(entry) & 255
    return (word - 1 if word else np.int64(otherwise)) << 32


@njit(cache=True, nogil=True, inline="always")
def _is_katakana(code: Integer) -> bool:
    return bool(0x30A1 <= code <= 0x30FE)
