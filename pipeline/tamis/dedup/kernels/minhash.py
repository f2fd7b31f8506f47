"""Signatures: sketches by fast similarity sketching, cut into band hashes.

Søren Dahlgaard, Mathias Bæk Tejs Knudsen & Mikkel Thorup, "Fast Similarity Sketching",
FOCS 2017 (arXiv:1704.04370), section 2. Like MinHash it gives `slots` values, each
equal for two sets with a chance of their Jaccard similarity. But it hashes every
element about once, while MinHash does so `slots` times. Its slots are slightly
dependent, which makes the estimate better than MinHash's, not worse (section 1.2).

    hashes  (shingles,)          uint64  a document's shingles, in any order and number
    slots   (slots,)             uint64  the sketch
    bands   (documents, bands)   uint64  two documents share a bucket of a band when
                                         all its `rows` slots agree
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import read_only
from tamis.text.normalise import Folding, folding
from tamis.text.shingles import document_shingles, mix64, scratch_for

Hashes = NDArray[np.uint64]

_EMPTY = np.int64(1 << 62)
_ROUND = np.uint64(0x9E3779B97F4A7C15)
_BAND = np.uint64(0xD1B54A32D192ED03)


def signatures(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    *,
    ngram: int,
    bands: int,
    rows: int,
) -> tuple[Hashes, Hashes, NDArray[np.bool_]]:
    """Text hashes (documents,), bands (bands, documents), and which documents have bands.

    `data` and `offsets` as utf8_buffers gives them. A document of fewer than `ngram`
    words has no bands: it is compared by its text hash alone.
    """
    texts, band_hashes, is_signed = _signatures(
        read_only(data), offsets, ngram, bands, rows, folding()
    )
    return texts, band_hashes, is_signed


def bands_of(slots: Hashes, bands: int, rows: int) -> Hashes:
    """Band hashes (bands, documents) of sketches (documents, slots) from elsewhere."""
    found: Hashes = _bands_of(slots, bands, rows)
    return found


@kernel
def _bands_of(slots: Hashes, bands: int, rows: int) -> Hashes:
    hashes = np.empty((bands, len(slots)), np.uint64)
    for document in range(len(slots)):
        for band in range(bands):
            hashes[band, document] = band_hash(slots[document], band, rows)
    return hashes


@kernel
def _signatures(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    ngram: int,
    bands: int,
    rows: int,
    table: Folding,
) -> tuple[Hashes, Hashes, NDArray[np.bool_]]:
    documents = len(offsets) - 1
    texts = np.empty(documents, np.uint64)
    band_hashes = np.zeros((bands, documents), np.uint64)
    is_signed = np.zeros(documents, np.bool_)
    scratch = scratch_for(offsets)
    slots = np.empty(bands * rows, np.uint64)
    rounds = np.empty(bands * rows, np.int64)
    for document in range(documents):
        count, texts[document] = document_shingles(
            data, offsets[document], offsets[document + 1], ngram, table, scratch
        )
        if count == 0:
            continue
        is_signed[document] = True
        fill_sketch(scratch[:count], slots, rounds)
        for band in range(bands):
            band_hashes[band, document] = band_hash(slots, band, rows)
    return texts, band_hashes, is_signed


@kernel
def fill_sketch(hashes: Hashes, slots: Hashes, rounds: NDArray[np.int64]) -> None:
    """Fill `slots` with the sketch of a set of at least one element.

    `rounds` is scratch of the same length. Each round hashes every element with another
    seed: the high bits name a slot, and a slot keeps the smallest hash of the first
    round that hit it. After `slots` rounds, each slot that is still empty (tiny sets
    only) gets a round of its own.
    """
    count = len(slots)
    for place in range(count):
        rounds[place] = _EMPTY
    empty = count
    for turn in range(2 * count):
        seed = mix64(np.uint64(turn + 1) * _ROUND)
        if turn >= count and rounds[turn - count] < turn:
            continue
        for element in hashes:
            value = mix64(element ^ seed)
            if turn < count:
                slot = np.int64(
                    ((value >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32)
                )
            else:
                slot = np.int64(turn - count)
            if rounds[slot] < turn:
                continue
            if rounds[slot] > turn:
                rounds[slot] = turn
                slots[slot] = value
                empty -= 1
            elif value < slots[slot]:
                slots[slot] = value
        if empty == 0:
            return


@kernel
def band_hash(slots: Hashes, band: int, rows: int) -> np.uint64:
    """A hash of the band's slots. Equal slots in another band give another hash."""
    joined = np.uint64(band + 1) * _BAND
    for slot in range(band * rows, (band + 1) * rows):
        joined = mix64(joined ^ slots[slot])
    return joined
