"""How much of a benchmark's instance stands in a document: shared n-grams of words.

The rule of Tulu 3 (Lambert et al. 2024, section 3.2): an instance is hit by a document in
whose 8-grams more than half of the instance's tokens lie. Words are those of
`tamis.text.words` in lower case, so that punctuation, case and white space do not count and
scripts without spaces have words too.

    keys      (places,)     uint64  hash of each n-gram of any instance; 0: free
    grams     (places,)     int32   its number
    bits      (2^k,)        uint8   four bits or more for each n-gram: 1 at its hash. Nearly
                                    all n-grams of a page have a 0, and these bits stay in
                                    a core's cache, as the keys do not
    starts    (grams + 1,)  int64   where its places begin
    instance  (places,)     int32   the instance that has it, and
    position  (places,)     int32   at which of its words
    lengths   (instances,)  int64   words of each
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.growth import doubled
from tamis.text.hashing import PRIME, empty_table, finished, place, word_hashes
from tamis.text.unicode import code_points
from tamis.text.words import Words, segment

# An n-gram that more instances have is a phrase of the benchmark's form, such as "which of
# the following is". Its places are not kept: it would be a million hits in one page.
MOST_INSTANCES_OF_GRAM = 1000


class Index(NamedTuple):
    """The n-grams of all instances; see above."""

    ngram: int
    keys: NDArray[np.uint64]
    grams: NDArray[np.int32]
    bits: NDArray[np.uint8]
    starts: NDArray[np.int64]
    instance: NDArray[np.int32]
    position: NDArray[np.int32]
    lengths: NDArray[np.int64]


class Overlap(NamedTuple):
    """Per document: the instance it has most of, and that share; -1 and 0 for none."""

    instance: NDArray[np.int64]
    share: NDArray[np.float32]


def index_of(texts: Sequence[str], ngram: int) -> Index:
    """The index of the instances' texts. Those of fewer words than `ngram` have no n-gram."""
    encoded = [text.encode() for text in texts]
    data = read_only(np.frombuffer(b"".join(encoded), np.uint8))
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    words = segment(data, offsets)
    tables = code_points()
    hashes = word_hashes(data, words, tables.index, tables.lower)
    values, instance, position = _grams(hashes, words.documents, ngram)
    order = np.argsort(values, kind="stable")
    values = values[order]
    firsts = np.flatnonzero(np.diff(values, prepend=np.uint64(0)))
    counts = np.diff(np.append(firsts, len(values)))
    is_kept = np.repeat(counts <= MOST_INSTANCES_OF_GRAM, counts)
    order = order[is_kept]
    kept = counts[counts <= MOST_INSTANCES_OF_GRAM]
    unique = values[firsts][counts <= MOST_INSTANCES_OF_GRAM]
    keys, grams, bits = _table(unique)
    return Index(
        ngram,
        keys,
        grams,
        bits,
        np.concatenate([[0], np.cumsum(kept)]).astype(np.int64),
        instance[order],
        position[order],
        np.diff(words.documents),
    )


def overlaps(data: Bytes, words: Words, index: Index) -> Overlap:
    """What each document of a batch has most of; of equal shares the first instance."""
    documents = len(words.documents) - 1
    found = np.full(documents, -1, np.int64)
    share = np.zeros(documents, np.float32)
    tables = code_points()
    hashes = word_hashes(read_only(data), words, tables.index, tables.lower)
    hit, gram = _hits(
        hashes, words.documents, index.ngram, index.keys, index.grams, index.bits
    )
    for document in np.unique(hit).tolist():
        own = np.unique(gram[hit == document])
        found[document], share[document] = _most(own, index)
    return Overlap(found, share)


def _most(grams: NDArray[np.int32], index: Index) -> tuple[int, float]:
    """The instance of which most words lie in these n-grams, and how many of them do."""
    places = np.concatenate(
        [np.arange(index.starts[gram], index.starts[gram + 1]) for gram in grams]
    )
    instances, positions = index.instance[places], index.position[places]
    order = np.lexsort((positions, instances))
    instances, positions = instances[order], positions[order]
    # Words that each n-gram adds behind the one before it in the same instance.
    steps = np.diff(positions, prepend=0)
    is_first = np.diff(instances, prepend=-1) != 0
    added = np.where(is_first, index.ngram, np.minimum(steps, index.ngram))
    numbers = instances[is_first]
    covered = np.add.reduceat(added, np.flatnonzero(is_first))
    shares = covered / index.lengths[numbers]
    best = int(np.argmax(shares))
    return int(numbers[best]), float(shares[best])


@kernel
def _grams(
    hashes: NDArray[np.uint64], documents: Offsets, ngram: int
) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
    """Hash, instance and first word of every n-gram."""
    values = np.empty(len(hashes), np.uint64)
    instance = np.empty(len(hashes), np.int32)
    position = np.empty(len(hashes), np.int32)
    count = 0
    oldest = _power(ngram)
    for document in range(len(documents) - 1):
        first, last = documents[document], documents[document + 1]
        sum_ = np.uint64(0)
        for word in range(first, last):
            sum_ = _rolled(hashes, sum_, first, word, ngram, oldest)
            if word - first + 1 >= ngram:
                values[count] = finished(sum_)
                instance[count] = document
                position[count] = word - first + 1 - ngram
                count += 1
    return values[:count], instance[:count], position[:count]


@kernel(inline="always")
def _power(ngram: int) -> np.uint64:
    """The weight of the word that leaves an n-gram (Karp and Rabin 1987)."""
    weight = np.uint64(1)
    for _ in range(ngram):
        weight *= PRIME
    return weight


@kernel(inline="always")
def _rolled(
    hashes: NDArray[np.uint64],
    sum_: np.uint64,
    first: int,
    word: int,
    ngram: int,
    oldest: np.uint64,
) -> np.uint64:
    """The n-gram's sum with one more word, and without the one that it leaves behind."""
    sum_ = sum_ * PRIME + hashes[np.uint64(word)]
    if word - first >= ngram:
        sum_ -= hashes[np.uint64(word - ngram)] * oldest
    return sum_


@kernel
def _table(
    values: NDArray[np.uint64],
) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.uint8]]:
    keys = empty_table(len(values))
    grams = np.zeros(len(keys), np.int32)
    size = 64
    while 2 * size < len(values):
        size *= 2
    bits = np.zeros(size, np.uint8)
    for number in range(len(values)):
        at = place(keys, len(keys) - 1, values[number])
        keys[at] = values[number]
        grams[at] = number
        bits[_byte_of(bits, values[number])] |= _bit_of(values[number])
    return keys, grams, bits


@kernel(inline="always")
def _byte_of(bits: NDArray[np.uint8], value: np.uint64) -> np.uint64:
    return (value >> np.uint64(20)) & np.uint64(len(bits) - 1)


@kernel(inline="always")
def _bit_of(value: np.uint64) -> np.uint8:
    return np.uint8(1) << np.uint8(value >> np.uint64(61))


@kernel
def _hits(
    hashes: NDArray[np.uint64],
    documents: Offsets,
    ngram: int,
    keys: NDArray[np.uint64],
    grams: NDArray[np.int32],
    bits: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Document and number of each n-gram that an instance has."""
    hit = np.empty(64, np.int64)
    gram = np.empty(64, np.int32)
    count = 0
    mask = len(keys) - 1
    oldest = _power(ngram)
    for document in range(len(documents) - 1):
        first, last = documents[document], documents[document + 1]
        sum_ = np.uint64(0)
        for word in range(first, last):
            sum_ = _rolled(hashes, sum_, first, word, ngram, oldest)
            if word - first + 1 < ngram:
                continue
            value = finished(sum_)
            if bits[_byte_of(bits, value)] & _bit_of(value) == 0:
                continue
            at = place(keys, mask, value)
            if keys[at] == 0:
                continue
            if count == len(hit):
                hit, gram = doubled(hit), doubled(gram)
            hit[count], gram[count] = document, grams[at]
            count += 1
    return hit[:count], gram[:count]
