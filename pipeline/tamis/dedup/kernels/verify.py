"""Verify duplicates by exact Jaccard similarity inside a component.

Components are chains: a is near b and b near c, but a and c may share nothing, and one
band shared by chance joins two clusters. So each component is walked in the order of
preference. A document stays unless an earlier one that stayed shares a band with it and
has at least the wanted Jaccard similarity; of several such, the first is its keeper.
Every dropped document thus has a kept one that it is truly similar to.

    components  (documents,)         uint64  ascending; preferred documents first
    copies      (documents,)         int64   row of the first document with the same text
    bands       (documents, bands)   uint64  as signed; equal in one column = share a band
    hashes      (shingles,)          uint64  ascending within a document, each once
    offsets     (documents + 1,)     int64   where each document's hashes begin; copies
                                             need none
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import read_only

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]


@kernel
def jaccard(left: Hashes, right: Hashes) -> float:
    """Similarity of two ascending sets, in [0, 1]; two empty sets are the same."""
    if len(left) == 0 and len(right) == 0:
        return 1.0
    shared = _shared(left, right)
    return shared / (len(left) + len(right) - shared)


def verified_survivors(
    components: Hashes,
    copies: Rows,
    bands: Hashes,
    hashes: Hashes,
    offsets: Rows,
    threshold: float,
) -> Rows:
    """Row of the keeper of each document; its own row for a document that stays."""
    buckets, number = _buckets(bands)
    survivors = np.arange(len(components))
    components, hashes = read_only(components), read_only(hashes)
    _walk(components, copies, buckets, number, hashes, offsets, threshold, survivors)
    return survivors


def _buckets(bands: Hashes) -> tuple[NDArray[np.int64], int]:
    """Number of the bucket of each document in each band, and how many there are."""
    numbers = np.empty(bands.shape, np.int64)
    number = 0
    for band in range(bands.shape[1]):
        distinct, inverse = np.unique(bands[:, band], return_inverse=True)
        numbers[:, band] = inverse + number
        number += len(distinct)
    return numbers, number


@kernel
def _walk(
    components: Hashes,
    copies: Rows,
    buckets: NDArray[np.int64],
    number: int,
    hashes: Hashes,
    offsets: Rows,
    threshold: float,
    survivors: Rows,
) -> None:
    """`heads` and `links` list the kept documents of each bucket, the last one first."""
    documents, width = buckets.shape
    heads = np.full(number, -1, np.int64)
    links = np.full(documents * width, -1, np.int64)
    seen_by = np.full(documents, -1, np.int64)
    start = 0
    for row in range(documents):
        if components[row] != components[start]:
            start = row
        if copies[row] != row:
            survivors[row] = survivors[copies[row]]
            continue
        shingles = hashes[offsets[row] : offsets[row + 1]]
        for band in range(width):
            link = heads[buckets[row, band]]
            # A bucket may be in several components if a large one was cut up.
            while link >= start * width:
                kept = link // width
                if seen_by[kept] != row and survivors[row] > kept:
                    seen_by[kept] = row
                    other = hashes[offsets[kept] : offsets[kept + 1]]
                    if _is_near(shingles, other, threshold):
                        survivors[row] = kept
                link = links[link]
        if survivors[row] == row:
            for band in range(width):
                link = row * width + band
                links[link] = heads[buckets[row, band]]
                heads[buckets[row, band]] = link


@kernel
def _is_near(left: Hashes, right: Hashes, threshold: float) -> bool:
    """Whether the Jaccard similarity is at least `threshold`; two empty sets are not."""
    small, large = min(len(left), len(right)), max(len(left), len(right))
    if small == 0 or small < threshold * large:
        return False
    shared = _shared(left, right)
    return shared >= threshold * (len(left) + len(right) - shared)


@kernel
def _shared(left: Hashes, right: Hashes) -> int:
    """Size of the intersection of two ascending sets."""
    shared = one = other = 0
    while one < len(left) and other < len(right):
        if left[one] == right[other]:
            shared += 1
            one += 1
            other += 1
        elif left[one] < right[other]:
            one += 1
        else:
            other += 1
    return shared
