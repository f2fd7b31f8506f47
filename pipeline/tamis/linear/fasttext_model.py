"""The labels of a line and their probabilities, by a fastText classifier's file.

Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016), and "FastText.zip"
(2016) for codes and pruning. Words are what stands between ASCII white space. A line is the
mean of the vectors of its words, of their n-grams of letters, and of n-grams of words; an
n-gram's vector is found by its hash. The line's end counts as a word of its own.

lid.176.ftz keeps 42,765 of 2,000,000 n-grams: of 2,000 in a line 24 have a vector. A bitmap
of 256 KB tells the others, before any larger table is looked at.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.linear.fasttext_file import (
    HIERARCHICAL,
    SOFTMAX,
    FastTextFile,
    Matrix,
    read_fasttext,
)
from tamis.text.buffers import Bytes, read_only

_END = np.frombuffer(b"</s>", np.uint8)
_LABEL = np.frombuffer(b"__label__", np.uint8)
_BASIS, _PRIME = np.uint32(2166136261), np.uint32(16777619)  # FNV-1a of 32 bits
_WORDS_PRIME = np.uint64(116049371)
_MOST_BITS = 24  # of the bitmap's size: 2 MB
_NONE = np.int32(-1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_UNSEEN = 10**15  # fastText's count of an inner node that is not there yet
# fastText asks for log(p + 1e-5) and gives back its exponential.
_FLOOR = np.float32(1e-5)
_LEAST = np.float32(np.log(1e-6))
_SIGMOIDS, _MOST_SIGMOID = 512, 8
_SURROGATES_OF_BYTES = np.uint32(0xFFFFFF00)  # a byte over 127 is a negative char


class _Words(NamedTuple):
    """Words and labels of the dictionary, found by hash.

    slots  (a power of two,) int32: an entry; -1: none
    """

    text: Bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    slots: NDArray[np.int32]
    words: int


class _NGrams(NamedTuple):
    """Which n-grams there are, and where the vector of each is.

    is_pruned  only those in `keys` have a vector
    bits       a bit for each bucket that may have one: all, or those in `keys`
    keys, rows (a power of two,) int32, found by hash; a key of -1: none
    """

    buckets: int
    shortest: int
    longest: int
    of_words: int
    is_pruned: bool
    bits: NDArray[np.uint64]
    keys: NDArray[np.int32]
    rows: NDArray[np.int32]


class _Labels(NamedTuple):
    """The labels' vectors, and the tree that they are the leaves of (or none).

    left, right  (labels - 1,) int32: children of the inner nodes; inner ones have numbers
                 from `labels` on
    """

    vectors: NDArray[np.float32]
    loss: int
    left: NDArray[np.int32]
    right: NDArray[np.int32]


class FastTextModel:
    """An open classifier. `labels` are in the file's order.

    Raises ValueError if the file is none.
    """

    def __init__(self, path: str) -> None:
        file = read_fasttext(path)
        entries = zip(file.starts[file.words :], file.ends[file.words :], strict=True)
        self.labels = tuple(
            file.text[start:end].tobytes().decode("utf-8", "replace")
            for start, end in entries
        )
        self._words = _Words(
            file.text, file.starts, file.ends, _slots(file), file.words
        )
        self._ngrams = _ngrams_of(file)
        self._vectors = file.vectors
        self._labels = _labels_of(file)

    def probabilities(self, line: Bytes) -> NDArray[np.float32]:
        """(labels,): of each label in [0, 1.00001], as fastText's `predict` gives them.

        All 0 if nothing of the line has a vector. A line feed is white space.
        """
        return _probabilities(
            read_only(line), self._words, self._ngrams, self._vectors, self._labels
        )


def _slots(file: FastTextFile) -> NDArray[np.int32]:
    size = 1 << max(4, (2 * len(file.starts)).bit_length())
    slots = np.full(size, _NONE, np.int32)
    _fill(slots, file.text, file.starts, file.ends)
    return slots


def _ngrams_of(file: FastTextFile) -> _NGrams:
    bits, keys = np.full(1, _ALL, np.uint64), np.full(1, _NONE, np.int32)
    rows = np.zeros(1, np.int32)
    if file.pruned is not None:
        size = 1 << max(4, (4 * len(file.pruned)).bit_length())
        width = 1 << min(_MOST_BITS, max(6, int(file.buckets).bit_length()))
        bits = np.zeros(width >> 6, np.uint64)
        keys, rows = np.full(size, _NONE, np.int32), np.zeros(size, np.int32)
        _fill_pruned(bits, keys, rows, file.pruned)
    return _NGrams(
        file.buckets,
        file.shortest,
        file.longest,
        file.word_ngrams,
        file.pruned is not None,
        bits,
        keys,
        rows,
    )


def _labels_of(file: FastTextFile) -> _Labels:
    labels = len(file.label_counts)
    vectors = np.array(file.label_vectors.dense)
    if len(file.label_vectors.codes):
        vectors = np.zeros((labels, file.label_vectors.columns), np.float32)
        for label in range(labels):
            _add(vectors[label], file.label_vectors, label)
    left = right = np.empty(0, np.int32)
    if file.loss == HIERARCHICAL:
        left, right = _tree(file.label_counts)
    return _Labels(np.ascontiguousarray(vectors), file.loss, left, right)


@kernel
def _hash(token: Bytes) -> np.uint32:
    value = _BASIS
    for byte in token:
        value = _extended(value, byte)
    return value


@kernel(inline="always")
def _extended(value: np.uint32, byte: np.uint8) -> np.uint32:
    wide = np.uint32(byte)
    if byte > 127:
        wide |= _SURROGATES_OF_BYTES
    return np.uint32((value ^ wide) * _PRIME)


@kernel
def _slot_of(
    slots: NDArray[np.int32],
    text: Bytes,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    hashed: np.uint32,
    token: Bytes,
) -> np.int64:
    """The slot of a word, or the free one where it belongs."""
    mask = len(slots) - 1
    slot = np.int64(hashed) & mask
    while slots[slot] >= 0:
        entry = slots[slot]
        if ends[entry] - starts[entry] == len(token) and _begins(
            text[starts[entry] : ends[entry]], token
        ):
            return slot
        slot = (slot + 1) & mask
    return slot


@kernel
def _fill(
    slots: NDArray[np.int32],
    text: Bytes,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    """Of equal entries the last one counts, as in fastText."""
    for entry in range(len(starts)):
        token = text[starts[entry] : ends[entry]]
        slots[_slot_of(slots, text, starts, ends, _hash(token), token)] = entry


@kernel
def _fill_pruned(
    bits: NDArray[np.uint64],
    keys: NDArray[np.int32],
    rows: NDArray[np.int32],
    pruned: NDArray[np.int32],
) -> None:
    for pair in range(len(pruned)):
        key = pruned[pair, 0]
        if key < 0:
            continue  # no n-gram has it
        bit = np.int64(key) & (64 * len(bits) - 1)
        bits[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)
        slot = _key_slot(keys, np.int64(key))
        keys[slot], rows[slot] = key, pruned[pair, 1]


@kernel
def _key_slot(keys: NDArray[np.int32], key: np.int64) -> np.int64:
    mask = len(keys) - 1
    slot = np.int64(np.uint32(key) * np.uint32(0x9E3779B1)) & mask
    while keys[slot] >= 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@kernel
def _probabilities(
    line: Bytes, words: _Words, ngrams: _NGrams, vectors: Matrix, labels: _Labels
) -> NDArray[np.float32]:
    hidden = np.zeros(vectors.columns, np.float32)
    # The hash of every word, for n-grams of words; their number is not known before.
    hashes = np.empty(len(line) // 2 + 2 if ngrams.of_words > 1 else 0, np.uint32)
    # A word between its marks, and the n-grams of it that may have a vector.
    marked = np.empty(len(line) + 6, np.uint8)
    found = np.empty((len(line) + 6) * max(ngrams.longest, 1), np.int64)
    added = place = count = 0
    while place <= len(line):
        start = place
        while place < len(line) and not _is_space(line[place]):
            place += 1
        # The line's end is its last word; one that is written as it ends the line too.
        token = line[start:place] if place > start else _END
        is_end = len(token) == len(_END) and _begins(token, _END)
        if place > start or place == len(line):
            hashed = _hash(token)
            slot = _slot_of(
                words.slots, words.text, words.starts, words.ends, hashed, token
            )
            entry = words.slots[slot]
            is_label = entry >= words.words or (entry < 0 and _begins(token, _LABEL))
            if entry >= 0 and not is_label:
                _add(hidden, vectors, entry)
                added += 1
            if not is_label and not is_end:
                marked[0] = 60
                marked[1 : len(token) + 1] = token
                marked[len(token) + 1] = 62
                several = _letter_ngrams(
                    found,
                    marked[: len(token) + 2],
                    ngrams.shortest,
                    ngrams.longest,
                    ngrams.buckets,
                    ngrams.bits,
                )
                for key in found[:several]:
                    row = _row(ngrams, key)
                    if row >= 0:
                        _add(hidden, vectors, words.words + row)
                        added += 1
            if ngrams.of_words > 1 and not is_label:
                hashes[count] = hashed
                count += 1
            if is_end:
                break
        if place < len(line):
            place += 1
    for first in range(count):
        # fastText keeps hashes as int32, and widens them with their sign.
        several_hashed = np.uint64(np.int64(np.int32(hashes[first])))
        for last in range(first + 1, min(count, first + ngrams.of_words)):
            several_hashed = several_hashed * _WORDS_PRIME + np.uint64(
                np.int64(np.int32(hashes[last]))
            )
            row = _row(ngrams, np.int64(several_hashed % np.uint64(ngrams.buckets)))
            if row >= 0:
                _add(hidden, vectors, words.words + row)
                added += 1
    chances = np.zeros(len(labels.vectors), np.float32)
    if added:
        hidden *= np.float32(1.0 / added)
        _judge(chances, hidden, labels)
    return chances


@kernel(inline="always")
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13 or byte == 0)


@kernel
def _begins(token: Bytes, with_: Bytes) -> bool:
    if len(token) < len(with_):
        return False
    same = 0
    while same < len(with_) and token[same] == with_[same]:
        same += 1
    return same == len(with_)


@kernel(error_model="numpy")
def _letter_ngrams(
    found: NDArray[np.int64],
    word: Bytes,
    shortest: int,
    longest: int,
    buckets: int,
    bits: NDArray[np.uint64],
) -> int:
    """Write the buckets of a marked word's n-grams that `bits` knows; returns how many."""
    count = 0
    mask = 64 * len(bits) - 1
    for start in range(len(word)):
        if word[start] & 0xC0 == 0x80:
            continue
        hashed = _BASIS
        place = start
        for length in range(1, longest + 1):
            if place >= len(word):
                break
            hashed = _extended(hashed, word[place])
            place += 1
            while place < len(word) and word[place] & 0xC0 == 0x80:
                hashed = _extended(hashed, word[place])
                place += 1
            is_mark = length == 1 and (start == 0 or place == len(word))
            if length >= shortest and not is_mark:
                key = np.int64(hashed % np.uint32(buckets))
                bit = key & mask
                found[count] = key
                count += (bits[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1)
    return count


@kernel
def _row(ngrams: _NGrams, key: np.int64) -> np.int64:
    """Row of an n-gram's bucket after those of the words; -1 if it has none."""
    if not ngrams.is_pruned:
        return key
    slot = _key_slot(ngrams.keys, key)
    return np.int64(ngrams.rows[slot] if ngrams.keys[slot] >= 0 else -1)


@kernel
def _add(total: NDArray[np.float32], vectors: Matrix, row: int | np.int64) -> None:
    if len(vectors.dense):
        for column in range(vectors.columns):
            total[column] += vectors.dense[row, column]
        return
    norm = vectors.norms[row]
    last = vectors.codes.shape[1] - 1
    for part in range(last + 1):
        column = part * vectors.width
        width = min(vectors.width, vectors.columns - column)
        # Before this part stand 256 vectors for each part, all `width` wide.
        first = 256 * column + int(vectors.codes[row, part]) * width
        for offset in range(width):
            total[column + offset] += norm * vectors.centroids[first + offset]


@kernel
def _judge(
    found: NDArray[np.float32], hidden: NDArray[np.float32], labels: _Labels
) -> None:
    """The probability of each label, by the loss that the model was trained with."""
    if labels.loss == HIERARCHICAL:
        _descend(found, hidden, labels)
        return
    for label in range(len(found)):
        found[label] = _dot(labels.vectors[label], hidden)
    if labels.loss == SOFTMAX:
        largest = found.max()
        total = np.float32(0.0)
        for label in range(len(found)):
            found[label] = np.exp(found[label] - largest)
            total += found[label]
        for label in range(len(found)):
            found[label] /= total
    else:
        for label in range(len(found)):
            found[label] = _table_sigmoid(found[label])
    for label in range(len(found)):
        found[label] = np.exp(np.log(found[label] + _FLOOR))


@kernel
def _descend(
    found: NDArray[np.float32], hidden: NDArray[np.float32], labels: _Labels
) -> None:
    """Hierarchical softmax: a leaf's probability is the product along its path."""
    leaves = len(found)
    inner = len(labels.left)
    scores = np.zeros(leaves + inner, np.float32)
    # A node's children have smaller numbers: from the root down. Below a node of less than
    # a millionth no label has more.
    for node in range(leaves + inner - 1, leaves - 1, -1):
        left, right = labels.left[node - leaves], labels.right[node - leaves]
        if scores[node] < _LEAST:
            scores[left] = scores[right] = scores[node]
            continue
        chance = _dot(labels.vectors[node - leaves], hidden)
        chance = np.float32(1.0) / (np.float32(1.0) + np.exp(-chance))
        scores[left] = scores[node] + np.log(np.float32(1.0) - chance + _FLOOR)
        scores[right] = scores[node] + np.log(chance + _FLOOR)
    for label in range(leaves):
        if scores[label] >= _LEAST:
            found[label] = np.exp(scores[label])


@kernel
def _dot(one: NDArray[np.float32], other: NDArray[np.float32]) -> np.float32:
    total = np.float32(0.0)
    for place in range(len(one)):
        total += one[place] * other[place]
    return total


@kernel
def _table_sigmoid(value: np.float32) -> np.float32:
    """fastText's: looked up in a table of 512 steps from -8 to 8."""
    if value < -_MOST_SIGMOID:
        return np.float32(0.0)
    if value > _MOST_SIGMOID:
        return np.float32(1.0)
    step = int((value + _MOST_SIGMOID) * _SIGMOIDS / _MOST_SIGMOID / 2)
    exact = step * 2.0 * _MOST_SIGMOID / _SIGMOIDS - _MOST_SIGMOID
    return np.float32(1.0 / (1.0 + np.exp(-exact)))


def _tree(counts: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Children of the inner nodes of fastText's Huffman tree over the labels.

    The labels are sorted by count, the most frequent first, as fastText stores them; in
    another order the tree is another, and so is fastText's.
    """
    leaves = len(counts)
    inner = leaves - 1
    totals = np.full(leaves + inner, _UNSEEN, np.int64)
    totals[:leaves] = counts
    children = np.empty((inner, 2), np.int32)
    leaf, node = leaves - 1, leaves
    for made in range(inner):
        for side in range(2):
            if leaf >= 0 and (node >= leaves + inner or totals[leaf] < totals[node]):
                children[made, side] = leaf
                leaf -= 1
            else:
                children[made, side] = node
                node += 1
        totals[leaves + made] = totals[children[made]].sum()
    return np.ascontiguousarray(children[:, 0]), np.ascontiguousarray(children[:, 1])
