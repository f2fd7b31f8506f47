"""How much of a benchmark's instance stands in a document: shared n-grams of words.

The rule of Tulu 3 (Lambert et al. 2024, section 3.2): an instance is hit by a document in
whose 8-grams more than half of the instance's tokens lie. Words are those of
`tamis.text.words` in lower case, so that punctuation, case and white space do not count and
scripts without spaces have words too.

    keys      (places,)     uint64  hash of each n-gram of any instance; 0: free
    grams     (places,)     int32   its number
    bits      (2^k,)        uint64  of which each n-gram sets three bits of one. Of the n-grams of
                                    a page 95 % or more have a 0 there, and so need no
                                    look at the keys, which are in no cache
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
from tamis.decontamination.words import lower_hashes
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.growth import doubled
from tamis.text.hashing import PRIME, empty_table, finished, place
from tamis.text.unicode import code_points
from tamis.text.words import Words, segment

# An n-gram that more instances have is a phrase of the benchmark's form, such as "which of
# the following is". Its places are not kept: it would be a million hits in one page.
MOST_INSTANCES_OF_GRAM = 1000
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd


class Index(NamedTuple):
    """The n-grams of all instances; see above."""

    ngram: int
    keys: NDArray[np.uint64]
    grams: NDArray[np.int32]
    bits: NDArray[np.uint64]
    starts: NDArray[np.int64]
    instance: NDArray[np.int32]
    position: NDArray[np.int32]
    lengths: NDArray[np.int64]


class Hits(NamedTuple):
    """The n-grams of documents that instances have, document after document.

    words   (hits,)           int64  the first word of each
    grams   (hits,)           int32  its number in the index
    bounds  (documents + 1,)  int64  where the hits of each document begin
    """

    words: NDArray[np.int64]
    grams: NDArray[np.int32]
    bounds: NDArray[np.int64]


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
    hashes = lower_hashes(data, words, tables.index, tables.lower)
    values, instance, position = _grams(hashes, words.documents, ngram)
    order = np.argsort(values, kind="stable")
    values = values[order]
    firsts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
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
    found_at = hits(data, words, index)
    for document in np.flatnonzero(np.diff(found_at.bounds)).tolist():
        first, last = found_at.bounds[document : document + 2]
        own = np.unique(found_at.grams[first:last])
        found[document], share[document] = most_of(own, index)
    return Overlap(found, share)


def hits(data: Bytes, words: Words, index: Index) -> Hits:
    """Where n-grams of instances are in the documents of a batch."""
    tables = code_points()
    hashes = lower_hashes(read_only(data), words, tables.index, tables.lower)
    return _hits(
        hashes, words.documents, index.ngram, index.keys, index.grams, index.bits
    )


def most_of(grams: NDArray[np.int32], index: Index) -> tuple[int, float]:
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
                values[count] = sum_
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
) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.uint64]]:
    keys = empty_table(len(values))
    grams = np.zeros(len(keys), np.int32)
    size = 8
    while 8 * size < len(values):
        size *= 2
    bits = np.zeros(size, np.uint64)
    for number in range(len(values)):
        key = finished(values[number])
        at = place(keys, len(keys) - 1, key)
        keys[at] = key
        grams[at] = number
        spread = values[number] * _SPREAD
        bits[_block_of(bits, spread)] |= _bits_of(spread)
    return keys, grams, bits


@kernel(forceinline=True)  # inlined by numba, it counts references
def _block_of(bits: NDArray[np.uint64], spread: np.uint64) -> np.uint64:
    return (spread >> np.uint64(36)) & np.uint64(len(bits) - 1)


@kernel(inline="always")
def _bits_of(spread: np.uint64) -> np.uint64:
    """Three bits of 64, by three parts of the hash."""
    one, six = np.uint64(1), np.uint64(63)
    return (
        one << (spread >> np.uint64(18) & six)
        | one << (spread >> np.uint64(24) & six)
        | one << (spread >> np.uint64(30) & six)
    )


@kernel
def _hits(
    hashes: NDArray[np.uint64],
    documents: Offsets,
    ngram: int,
    keys: NDArray[np.uint64],
    grams: NDArray[np.int32],
    bits: NDArray[np.uint64],
) -> Hits:
    """Every n-gram of a document that an instance has, in the order of the words."""
    words = np.empty(64, np.int64)
    found = np.empty(64, np.int32)
    bounds = np.zeros(len(documents), np.int64)
    values = np.empty(len(hashes), np.uint64)
    places = np.empty(len(hashes), np.int64)
    count = 0
    mask = len(keys) - 1
    for document in range(len(documents) - 1):
        likely = _likely(
            hashes,
            documents[document],
            documents[document + 1],
            ngram,
            bits,
            values,
            places,
        )
        for one in range(likely):
            at = place(keys, mask, finished(values[one]))
            if keys[at] == 0:
                continue
            if count == len(words):
                words, found = doubled(words), doubled(found)
            words[count], found[count] = places[one], grams[at]
            count += 1
        bounds[document + 1] = count
    return Hits(words[:count], found[:count], bounds)


@kernel(forceinline=True)  # inlined by numba, it counts references
def _likely(
    hashes: NDArray[np.uint64],
    first: int,
    last: int,
    ngram: int,
    bits: NDArray[np.uint64],
    values: NDArray[np.uint64],
    places: NDArray[np.int64],
) -> np.int64:
    """How many n-grams of words [first, last) the bits let through; writes them.

    Without a branch on what the bits say: the processor guesses it wrong, and then
    does not load the next bits while it waits for these.
    """
    count = np.uint64(0)
    sum_ = np.uint64(0)
    oldest = _power(ngram - 1)
    whole = min(first + ngram - 1, last)
    for word in range(first, whole):
        sum_ = sum_ * PRIME + hashes[np.uint64(word)]
    for word in range(whole, last):
        sum_ = sum_ * PRIME + hashes[np.uint64(word)]
        values[np.uint64(word - whole)] = sum_
        sum_ -= hashes[np.uint64(word + 1 - ngram)] * oldest
    for start in range(last - whole):
        value = values[np.uint64(start)]
        spread = value * _SPREAD
        wanted = _bits_of(spread)
        values[count] = value
        places[count] = first + start
        count += np.uint64(bits[_block_of(bits, spread)] & wanted == wanted)
    return np.int64(count)
