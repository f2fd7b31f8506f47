"""What is left of a document without the n-grams of benchmarks and what surrounds them.

GPT-3's cuts (Brown et al. 2020, appendix C): with each n-gram go the `window` characters on
either side, and of the pieces that stay those of fewer than `least` characters. Characters
are code points; bytes are counted from the document's first.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets
from tamis.text.words import Words

_LINE_FEED, _SPACE = 10, 32
_NO_GAP = np.int32(-1)

Places = NDArray[np.int32]


class Windows(NamedTuple):
    """Each n-gram with the characters around it, in the order of the text.

    starts, stops              in bytes
    first_chars, stop_chars    the same in characters
    gaps                       a line feed within the n-gram, or a space; -1 for none
    """

    starts: Places
    stops: Places
    first_chars: Places
    stop_chars: Places
    gaps: Places


class Pieces(NamedTuple):
    """What is removed of each document, and what is left.

    cuts    (spans,)          [start, stop, start, stop ...] in bytes; see tamis.text.cuts
    spans   (spans,)          the same stretches whole, in characters
    cut_bounds, span_bounds   (documents + 1,)  where those of each document begin
    pieces  (documents,)      how many pieces the windows leave, short ones included
    left    (documents,)      characters that stay
    """

    cuts: Places
    cut_bounds: Offsets
    spans: Places
    span_bounds: Offsets
    pieces: Places
    left: Places


@kernel
def windows(
    data: Bytes,
    offsets: Offsets,
    words: Words,
    hits: NDArray[np.int64],
    bounds: Offsets,
    ngram: int,
    window: int,
) -> Windows:
    """The windows of the n-grams that begin with the words `hits`, ascending."""
    found = Windows(
        np.empty(len(hits), np.int32),
        np.empty(len(hits), np.int32),
        np.empty(len(hits), np.int32),
        np.empty(len(hits), np.int32),
        np.full(len(hits), -1, np.int32),
    )
    for document in range(len(offsets) - 1):
        first, last = offsets[document], offsets[document + 1]
        here, char = first, 0
        for hit in range(bounds[document], bounds[document + 1]):
            start = words.starts[hits[hit]]
            stop = words.ends[hits[hit] + ngram - 1]
            for byte in range(here, start):
                char += data[byte] & 0xC0 != 0x80
            here, inside = start, 0
            space = feed = -1
            for byte in range(start, stop):
                inside += data[byte] & 0xC0 != 0x80
                if data[byte] == _LINE_FEED and feed < 0:
                    feed = byte
                if data[byte] == _SPACE and space < 0:
                    space = byte
            gap = feed if feed >= 0 else space
            before = after = 0
            while start > first and before < window:
                start -= 1
                before += data[start] & 0xC0 != 0x80
            while stop < last and (after < window or data[stop] & 0xC0 == 0x80):
                after += data[stop] & 0xC0 != 0x80
                stop += 1
            found.starts[hit] = start - first
            found.stops[hit] = stop - first
            found.first_chars[hit] = char - before
            found.stop_chars[hit] = char + inside + after
            found.gaps[hit] = gap - first if gap >= 0 else -1
    return found


@kernel
def pieces(
    found: Windows,
    bounds: Offsets,
    sizes: NDArray[np.int32],
    chars: NDArray[np.int32],
    least: int,
) -> Pieces:
    """The pieces that the windows of each document leave; it has `sizes` bytes, `chars`.

    Where a piece is joined to the next, the gap of one n-gram between them stays, so that
    no word grows together with another.
    """
    documents = len(bounds) - 1
    made = Pieces(
        np.empty(4 * len(found.starts), np.int32),
        np.zeros(documents + 1, np.int64),
        np.empty(2 * len(found.starts), np.int32),
        np.zeros(documents + 1, np.int64),
        np.zeros(documents, np.int32),
        np.zeros(documents, np.int32),
    )
    cut = span = 0
    for document in range(documents):
        # Of the piece before the next window: where it begins. Of the cut that is open:
        # where it begins, and its gap; the document's start is the end of an empty one.
        piece, piece_char = np.int32(0), np.int32(0)
        start, start_char, gap = np.int32(0), np.int32(0), _NO_GAP
        is_first = True
        for hit in range(bounds[document], bounds[document + 1] + 1):
            is_end = hit == bounds[document + 1]
            to = sizes[document] if is_end else found.starts[hit]
            to_char = chars[document] if is_end else found.first_chars[hit]
            length = to_char - piece_char
            made.pieces[document] += length > 0
            if length >= max(least, 1):
                made.left[document] += length
                if piece > start:
                    cut = _cut(
                        made.cuts, cut, start, piece, _NO_GAP if is_first else gap
                    )
                    made.left[document] += gap >= 0 and not is_first
                    made.spans[span] = start_char
                    made.spans[span + 1] = piece_char
                    span += 2
                is_first = False
                start, start_char, gap = to, to_char, _NO_GAP
            if is_end:
                break
            gap = found.gaps[hit] if gap < 0 else gap
            if found.stops[hit] > piece:
                piece, piece_char = found.stops[hit], found.stop_chars[hit]
        if start < sizes[document]:
            cut = _cut(made.cuts, cut, start, sizes[document], _NO_GAP)
            made.spans[span] = start_char
            made.spans[span + 1] = chars[document]
            span += 2
        made.cut_bounds[document + 1] = cut
        made.span_bounds[document + 1] = span
    return Pieces(
        made.cuts[:cut],
        made.cut_bounds,
        made.spans[:span],
        made.span_bounds,
        made.pieces,
        made.left,
    )


@kernel(forceinline=True)
def _cut(
    cuts: Places, count: int, start: np.int32, stop: np.int32, gap: np.int32
) -> int:
    """Write the cut, around its gap if it has one; the number of positions then."""
    cuts[count] = start
    if gap >= 0:
        cuts[count + 1] = gap
        cuts[count + 2] = gap + 1
        count += 2
    cuts[count + 1] = stop
    return count + 2
