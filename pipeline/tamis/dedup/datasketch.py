"""Signatures by the library datasketch, for those who query a corpus with it.

An element of the set is a shingle of `tamis.text.shingles`: its 64-bit hash, as 8 bytes,
the lowest first. The library hashes and permutes it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.dedup.kernels.bands import Banding
from tamis.dedup.kernels.minhash import bands_of
from tamis.errors import ConfigError
from tamis.text.shingles import shingles

SCHEME, SEED = "affine32", 1  # the library's defaults since 2.0


class Signed(NamedTuple):
    """Of each document: hash of the text, bands (bands, documents), whether it has bands,
    and the hash values; null without bands.
    """

    texts: NDArray[np.uint64]
    bands: NDArray[np.uint64]
    is_signed: NDArray[np.bool_]
    minhashes: list[NDArray[np.uint32] | None]


class Sketcher:
    """Makes the library's signatures. Raises ConfigError if it is not installed."""

    def __init__(self, ngram: int, banding: Banding) -> None:
        self._ngram, self._banding = ngram, banding
        self._first = _new(banding)

    def signatures(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Signed:
        """Signatures of documents; `data` and `offsets` as utf8_buffers gives them."""
        found = shingles(data, offsets, self._ngram)
        bands, rows = self._banding
        documents = len(offsets) - 1
        slots = np.zeros((documents, bands * rows), np.uint64)
        is_signed = np.diff(found.offsets) > 0
        minhashes: list[NDArray[np.uint32] | None] = [None] * documents
        for document in np.flatnonzero(is_signed).tolist():
            own = found.hashes[found.offsets[document] : found.offsets[document + 1]]
            values = self._sketch(own).hashvalues
            minhashes[document] = values
            slots[document] = values
        return Signed(found.texts, bands_of(slots, bands, rows), is_signed, minhashes)

    def sketch(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
        """The library's MinHash of one document; of an empty set if it has no shingle."""
        return self._sketch(shingles(data, offsets, self._ngram).hashes)

    def _sketch(self, hashes: NDArray[np.uint64]) -> Any:
        sketch = self._first.copy()
        content = hashes.astype("<u8").tobytes()
        places = range(0, len(content), 8)
        sketch.update_batch([content[place : place + 8] for place in places])
        return sketch


def _new(banding: Banding) -> Any:
    try:
        from datasketch import MinHash
    except ImportError as error:
        raise ConfigError(
            "sign.engine: datasketch is not installed: pip install 'tamis[datasketch]', or "
            "leave the engine out"
        ) from error
    bands, rows = banding
    return MinHash(num_perm=bands * rows, seed=SEED, scheme=SCHEME)
