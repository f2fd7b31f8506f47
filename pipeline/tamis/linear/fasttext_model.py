"""The labels of a line and their probabilities, by a fastText classifier's file.

Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016), and "FastText.zip"
(2016) for codes and pruning. Words are what stands between ASCII white space. A line is the
mean of the vectors of its words, of their n-grams of letters, and of n-grams of words; an
n-gram's vector is found by its hash. The line's end counts as a word of its own.

How that is computed is in `tamis.linear.fasttext_kernels`.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.linear.fasttext_file import (
    HIERARCHICAL,
    FastTextFile,
    Matrix,
    no_codes,
    read_fasttext,
    unaligned,
)
from tamis.linear.fasttext_kernels import (
    Labels,
    NGrams,
    Words,
    decode,
    fill,
    probabilities,
)
from tamis.text.buffers import Bytes, Offsets, read_only

_MOST_RANKED = 1 << 24  # buckets: a table of 1 MB
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_LINE = 64  # bytes
_MOST_DECODED = 1 << 23  # bytes: vectors in codes that are decoded before
_UNSEEN = 10**15  # fastText's count of an inner node that is not there yet


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
        self._words = _words_of(file)
        self._ngrams = _ngrams_of(file)
        self._vectors = _decoded(file.vectors)
        self._labels = _labels_of(file)

    def probabilities(self, data: Bytes, offsets: Offsets) -> NDArray[np.float32]:
        """(lines, labels): in [0, 1.00001], as fastText's `predict` gives them.

        All 0 if nothing of a line has a vector. A line feed is white space.
        """
        return probabilities(
            read_only(data),
            offsets,
            self._words,
            self._ngrams,
            self._vectors,
            self._labels,
        )


def _words_of(file: FastTextFile) -> Words:
    slots = np.zeros(1 << max(4, (2 * len(file.starts)).bit_length()), np.uint64)
    words = Words(file.text, file.starts, file.ends, slots, file.words)
    fill(words)
    return words


def _ngrams_of(file: FastTextFile) -> NGrams:
    first_word = (file.buckets + 127) & -64
    bits = np.zeros((first_word + file.words + 63) >> 6, np.uint64)
    bits[first_word >> 6 :] = _ALL
    ranks = kept = rows = np.empty(0, np.int32)
    if file.pruned is None:
        bits[: file.buckets >> 6] = _ALL
        bits[file.buckets >> 6] = (1 << (file.buckets & 63)) - 1
    else:
        # Of equal keys the last one counts, as in fastText. No n-gram has one outside.
        last_first = file.pruned[::-1]
        kept, places = np.unique(last_first[:, 0], return_index=True)
        is_met = (kept >= 0) & (kept < file.buckets)
        kept, rows = kept[is_met], last_first[places[is_met], 1]
        bit = np.uint64(1) << (kept & 63).astype(np.uint64)
        np.bitwise_or.at(bits, kept >> 6, bit)
        if file.buckets <= _MOST_RANKED:
            ranks = np.searchsorted(kept, np.arange(0, first_word, 64)).astype(np.int32)
    return NGrams(
        file.buckets,
        file.shortest,
        file.longest,
        file.word_ngrams,
        bits,
        first_word,
        file.pruned is not None,
        ranks,
        kept,
        rows,
    )


def _decoded(vectors: Matrix) -> Matrix:
    """The matrix without codes if it is small: a vector is in one place then, not in nine."""
    rows, columns = len(vectors.codes), vectors.columns
    if not rows or 4 * rows * columns > _MOST_DECODED:
        return vectors
    # A row of 16 numbers is one line of the processor's cache, if rows begin with one.
    room = np.zeros(4 * rows * columns + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    dense = room[start : start + 4 * rows * columns].view(np.float32)
    dense = dense.reshape(rows, columns)
    decode(dense, vectors)
    return vectors._replace(dense=unaligned(dense), codes=no_codes())


def _labels_of(file: FastTextFile) -> Labels:
    labels = len(file.label_counts)
    vectors = np.array(file.label_vectors.dense)
    if len(file.label_vectors.codes):
        vectors = np.zeros((labels, file.label_vectors.columns), np.float32)
        decode(vectors, file.label_vectors)
    left = right = np.empty(0, np.int32)
    if file.loss == HIERARCHICAL:
        left, right = _tree(file.label_counts)
    return Labels(np.ascontiguousarray(vectors.T), file.loss, left, right)


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
