"""Lines and paragraphs of a batch of documents: their places, their hashes, their cuts.

A unit is a line that is not blank, or a paragraph: lines up to a blank one. White space
before and after is not part of it. Units and their words are compared as
pipeline/tamis/text/normalise.py folds them: case, accents, width and punctuation make
no difference, and a run of digits is one 0. CCNet (Wenzek et al. 2020, section 3.1)
does the same, except that there each digit is a 0 and white space is not treated as
punctuation. Units with too few words are not compared: a line of a single bracket is on
every other page, and code without it is broken.

    data     (bytes,)          uint8  the documents' UTF-8 end to end
    offsets  (documents + 1,)  int64  where each document starts
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets
from tamis.text.normalise import Folding
from tamis.text.shingles import Hashes, appended, document_shingles, mix64, scratch_for

_LINE_FEED, _SPACE = 10, 32
_SEED = np.uint64(0x9AE16A3B2F90404F)


class Units(NamedTuple):
    """The units of a batch of documents.

    starts  (units,)          int64  the first byte that is not white space
    stops   (units,)          int64  one after the last such byte
    bounds  (documents + 1,)  int64  where each document's units begin
    """

    starts: Offsets
    stops: Offsets
    bounds: Offsets


@kernel
def units(data: Bytes, offsets: Offsets, feeds: int) -> Units:
    """Units with at least `feeds` line feeds between them: 1 for lines, 2 paragraphs."""
    room = (offsets[-1] - offsets[0]) // 2 + len(offsets)
    starts = np.empty(room, np.int64)
    stops = np.empty(room, np.int64)
    bounds = np.zeros(len(offsets), np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        is_open, seen = False, 0
        for place in range(offsets[document], offsets[document + 1]):
            byte = data[place]
            if byte == _LINE_FEED:
                seen += 1
            if byte <= _SPACE:
                continue
            if is_open and seen >= feeds:
                count += 1
                is_open = False
            if not is_open:
                starts[count] = place
                is_open = True
            stops[count] = place + 1
            seen = 0
        count += is_open
        bounds[document + 1] = count
    return Units(starts[:count], stops[:count], bounds)


@kernel
def unit_hashes(
    data: Bytes, offsets: Offsets, found: Units, min_words: int, table: Folding
) -> Hashes:
    """A hash of each unit's words in their order; 0 if there are too few."""
    scratch = scratch_for(offsets)
    hashes = np.empty(len(found.starts), np.uint64)
    for unit in range(len(hashes)):
        words, _ = document_shingles(
            data, found.starts[unit], found.stops[unit], 1, table, scratch
        )
        value = _SEED
        for word in range(words):
            value = mix64(value ^ scratch[word])
        hashes[unit] = value if words >= min_words else np.uint64(0)
    return hashes


@kernel
def ngram_hashes(
    data: Bytes, offsets: Offsets, found: Units, ngram: int, table: Folding
) -> tuple[Hashes, Offsets]:
    """Hashes of each unit's runs of `ngram` words, and where each unit's begin.

    A unit of fewer words has none.
    """
    scratch = scratch_for(offsets)
    bounds = np.zeros(len(found.starts) + 1, np.int64)
    hashes = np.empty(max((offsets[-1] - offsets[0]) // 4, 64), np.uint64)
    for unit in range(len(found.starts)):
        count, _ = document_shingles(
            data, found.starts[unit], found.stops[unit], ngram, table, scratch
        )
        hashes = appended(hashes, bounds[unit], scratch, count)
        bounds[unit + 1] = bounds[unit] + count
    return hashes[: bounds[-1]], bounds


@kernel
def removal(
    offsets: Offsets, found: Units, is_removed: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Offsets]:
    """Spans that remove the marked units (pipeline/tamis/text/cuts.py), by document.

    A unit is removed with the white space after it, the last one with that before it:
    no gap stays, and a text that ended without a line feed still does.
    """
    positions = np.empty(2 * int(is_removed.sum()), np.int32)
    bounds = np.zeros(len(offsets), np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        first = offsets[document]
        kept_stop, span = first, np.int64(-1)
        for unit in range(found.bounds[document], found.bounds[document + 1]):
            if is_removed[unit]:
                span = found.starts[unit] if span < 0 else span
                continue
            if span >= 0:
                positions[count] = span - first
                positions[count + 1] = found.starts[unit] - first
                count += 2
            kept_stop, span = found.stops[unit], np.int64(-1)
        if span >= 0:
            positions[count] = kept_stop - first
            positions[count + 1] = offsets[document + 1] - first
            count += 2
        bounds[document + 1] = count
    return positions[:count], bounds
