"""Find runs of tokens that occur in another place too, exactly and in linear time.

Lee et al. 2022 (section 4.1) sort all suffixes to find repeats of 50 tokens or more.
Such a stretch is the union of windows of exactly 50 tokens that each occur twice. So it
is enough to sort windows by hash, and only the few that may occur twice according to a
bitmap: the same stretches at a quarter of the memory. Windows of equal hash are
compared token by token.

A token is a word as it is written (letters, digits and marks; one letter with its marks
in scripts without spaces) or one other character; white space separates tokens and is
not compared. Tokens are compared by 64-bit hashes: among the 10^6 different ones of a
partition a false match has odds of 3e-8.

    data     (bytes,)          uint8   the documents' UTF-8 end to end
    offsets  (documents + 1,)  int64   where each document starts
    tokens   (tokens,)         uint64  hashes, the documents' end to end
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.dedup.kernels.sorting import sort_pairs
from tamis.dedup.kernels.units import Units
from tamis.text.buffers import Bytes, Offsets
from tamis.text.normalise import KIND_SHIFT, MARK, SEPARATOR, SKIPPED, UNSPACED, Folding
from tamis.text.shingles import FACTOR, SEED, Hashes, mix64
from tamis.text.unicode import position
from tamis.text.utf8 import decode

_NO_TOKEN, _IN_WORD, _IN_LETTER, _IN_SYMBOL = 0, 1, 2, 3
_BITS_PER_WINDOW = 8  # one window in nine shares its bit by chance and is sorted too


@kernel
def tokens(data: Bytes, offsets: Offsets, table: Folding) -> tuple[Hashes, Units]:
    """Hash and place of every token."""
    room = offsets[-1] - offsets[0]
    hashes = np.empty(room, np.uint64)
    starts = np.empty(room, np.int64)
    stops = np.empty(room, np.int64)
    bounds = np.zeros(len(offsets), np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        state, value = _NO_TOKEN, SEED
        place, last = offsets[document], offsets[document + 1]
        while place < last:
            code, width = decode(data, place, last)
            kind = np.int64(table.entries[position(table.blocks, code)]) >> KIND_SHIFT
            is_space = kind == SEPARATOR and _is_space(int(code))
            goes_on = kind in (SKIPPED, MARK)
            if kind not in (SEPARATOR, UNSPACED, SKIPPED, MARK):
                goes_on = state == _IN_WORD
            if state != _NO_TOKEN and not goes_on:
                hashes[count] = mix64(value)
                count += 1
                state, value = _NO_TOKEN, SEED
            if state == _NO_TOKEN and not is_space and kind != SKIPPED:
                starts[count] = place
                if kind == UNSPACED:
                    state = _IN_LETTER
                else:
                    state = _IN_SYMBOL if kind == SEPARATOR else _IN_WORD
            place += width
            if state != _NO_TOKEN:
                value = (value ^ np.uint64(code)) * FACTOR
                stops[count] = place
        if state != _NO_TOKEN:
            hashes[count] = mix64(value)
            count += 1
        bounds[document + 1] = count
    return hashes[:count], Units(starts[:count], stops[:count], bounds)


def repeated(
    hashes: Hashes, bounds: Offsets, length: int, *, keeps_first: bool
) -> NDArray[np.bool_]:
    """Which tokens are in a window of `length` that occurs twice, (tokens,).

    With `keeps_first` the first occurrence is not marked, and neither is one that
    overlaps with it: of "la la la ..." the first `length` words stay.
    """
    windows = np.maximum(np.diff(bounds) - length + 1, 0).sum()
    bits = max(int(windows * _BITS_PER_WINDOW), 64).bit_length()
    room = np.zeros((2, (1 << bits) // 64), np.uint64)
    count = _mark(hashes, bounds, length, room, 64 - bits)
    found, places = _candidates(hashes, bounds, length, room[1], 64 - bits, count)
    del room
    found, places = sort_pairs(found, places)
    is_repeated = np.zeros(len(hashes), bool)
    _cover(hashes, found, places, length, keeps_first, is_repeated)
    return is_repeated


@kernel
def code_point_spans(
    data: Bytes, offsets: Offsets, found: Units, is_marked: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Offsets]:
    """Where runs of marked tokens start and stop, in code points, by document."""
    positions = np.empty(2 * int(is_marked.sum()), np.int32)
    bounds = np.zeros(len(offsets), np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        here, point = offsets[document], 0
        last = found.bounds[document + 1]
        for token in range(found.bounds[document], last):
            if not is_marked[token]:
                continue
            is_next = token > found.bounds[document] and is_marked[token - 1]
            if not is_next:
                point += _code_points(data, here, found.starts[token])
                here = found.starts[token]
                positions[count] = point
                count += 1
            if token + 1 == last or not is_marked[token + 1]:
                point += _code_points(data, here, found.stops[token])
                here = found.stops[token]
                positions[count] = point
                count += 1
        bounds[document + 1] = count
    return positions[:count], bounds


@kernel
def _code_points(data: Bytes, start: int, stop: int) -> int:
    count = 0
    for place in range(start, stop):
        count += (data[place] & 0xC0) != 0x80
    return count


@kernel
def _is_space(code: int) -> bool:
    if code < 0x1680:
        return code <= 0x20 or 0x7F <= code <= 0xA0
    is_wide = code in (0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
    return is_wide or 0x2000 <= code <= 0x200A


@kernel
def _leaving(length: int) -> np.uint64:
    factor = FACTOR
    for _ in range(length - 1):
        factor *= FACTOR
    return factor


@kernel
def _mark(
    hashes: Hashes, bounds: Offsets, length: int, room: NDArray[np.uint64], shift: int
) -> int:
    """Set each window's bit in room[0], and in room[1] if it was set already.

    Returns how many windows found their bit set.
    """
    count = 0
    leaving = _leaving(length)
    for document in range(len(bounds) - 1):
        rolling = np.uint64(0)
        for token in range(bounds[document], bounds[document + 1]):
            first = token - length + 1
            rolling = (rolling + hashes[token]) * FACTOR
            if first < bounds[document]:
                continue
            bit = mix64(rolling) >> np.uint64(shift)
            rolling -= hashes[first] * leaving
            word, mask = bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63))
            if room[0, word] & mask:
                room[1, word] |= mask
                count += 1
            room[0, word] |= mask
    return count


@kernel
def _candidates(
    hashes: Hashes,
    bounds: Offsets,
    length: int,
    twice: NDArray[np.uint64],
    shift: int,
    count: int,
) -> tuple[Hashes, Hashes]:
    """Hash and first token of every window that shares its bit with another one."""
    leaving = _leaving(length)
    # `count` leaves out the first window of each shared bit; there are at most as many.
    found = np.empty(2 * count, np.uint64)
    places = np.empty(2 * count, np.uint64)
    number = 0
    for document in range(len(bounds) - 1):
        rolling = np.uint64(0)
        for token in range(bounds[document], bounds[document + 1]):
            first = token - length + 1
            rolling = (rolling + hashes[token]) * FACTOR
            if first < bounds[document]:
                continue
            value = mix64(rolling)
            rolling -= hashes[first] * leaving
            bit = value >> np.uint64(shift)
            mask = np.uint64(1) << (bit & np.uint64(63))
            if twice[bit >> np.uint64(6)] & mask:
                found[number] = value
                places[number] = np.uint64(first)
                number += 1
    return found[:number], places[:number]


@kernel
def _cover(
    hashes: Hashes,
    found: Hashes,
    places: Hashes,
    length: int,
    keeps_first: bool,
    is_repeated: NDArray[np.bool_],
) -> None:
    """Mark the tokens of windows that equal the first one of their hash."""
    first = 0
    for window in range(1, len(found)):
        if found[window] != found[first]:
            first = window
            continue
        start, original = np.int64(places[window]), np.int64(places[first])
        if keeps_first and start - original < length:
            continue
        is_same = True
        for token in range(length):
            is_same = is_same and hashes[start + token] == hashes[original + token]
        if not is_same:
            continue
        for token in range(length):
            is_repeated[start + token] = True
            if not keeps_first:
                is_repeated[original + token] = True
