"""A fastText classifier's file: checked, and mapped into memory.

A file may be cut by an interrupted download, or forged. So every count is compared with
the file's size before anything is read by it. The numbers in the tables are not checked:
wrong numbers only give wrong answers.

    magic, version     int32
    settings           12 int32, a double
    dictionary         entries, words, labels (int32), tokens, pruned (int64);
                       an entry: text, 0, count (int64), kind (int8: 0 word, 1 label), the
                       words first;
                       pruned n-grams: their number and their row (int32), -1 for none pruned
    input matrix       bool: whether in codes; see `_matrix`
    output matrix      bool: whether in codes, where the input is; a row for each label
"""

import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes

HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = range(1, 5)
_MAGIC, _VERSIONS = 793712314, (11, 12)
_SUPERVISED = 3
_CENTROIDS = 256
_LONGEST_WORD = 1 << 16
_MOST_COLUMNS = 1 << 16
_LONGEST_NGRAM = 255  # letters or words: what a line costs grows with it
# With hierarchical softmax, fastText's tree of labels reads this count as "none left".
_LABEL_COUNTS = 10**15
_WHOLE, _BREAKS_OFF, _NO_KIND, _NO_COUNT, _NO_ORDER = range(5)


class Matrix(NamedTuple):
    """Vectors as rows of numbers, or as codes (product quantisation).

    dense      (rows, columns)  float32; no rows if in codes
    codes      (rows, parts)    uint8, one code for `width` columns; the last part may be
                                narrower. No rows if not in codes
    norms      (rows,)          float32, what each vector is multiplied with
    centroids  (256 * columns,) float32, what codes mean, part after part
    """

    dense: NDArray[np.float32]
    codes: NDArray[np.uint8]
    norms: NDArray[np.float32]
    centroids: NDArray[np.float32]
    width: int
    columns: int


class FastTextFile(NamedTuple):
    """What the file holds. Arrays are views of the mapped file where they can be.

    text, starts, ends   the file, and where in it the entries are: `words` words, then
                         the labels
    label_counts         how often each label was seen in training
    pruned               (n, 2) int32: n-gram and row; None if none were pruned
    """

    text: Bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    words: int
    label_counts: NDArray[np.int64]
    buckets: int
    shortest: int
    longest: int
    word_ngrams: int
    loss: int
    pruned: NDArray[np.int32] | None
    vectors: Matrix
    label_vectors: Matrix


def read_fasttext(path: str) -> FastTextFile:
    """Map the file. Raises ValueError if it is no classifier of fastText, or not whole."""
    if not Path(path).is_file():
        raise ValueError("no such file")
    with Path(path).open("rb") as file:
        if file.seek(0, 2) == 0:
            raise ValueError("not a fastText model: an empty file")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return _parsed(_Reader(content))
    except struct.error as error:
        raise ValueError("not a whole fastText model: cut short") from error


class _Reader:
    """A place in the file; raises `struct.error` if the file ends too early."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        self.place = 0

    def numbers(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{layout}", self.content, self.place)
        self.place += struct.calcsize(f"<{layout}")
        return found

    def array(self, kind: str, *shape: int) -> NDArray[Any]:
        """The next numbers, as a view of the file."""
        count = int(np.prod(shape, dtype=object))
        size = count * np.dtype(kind).itemsize
        if count < 0 or self.place + size > len(self.content):
            raise struct.error
        found = np.frombuffer(self.content, kind, count, self.place)
        self.place += size
        return found.reshape(shape)

    def entries(self, number: int) -> "_Entries":
        found = _entries(np.frombuffer(self.content, np.uint8), self.place, number)
        place, problem = found[-2:]
        if problem == _BREAKS_OFF:
            raise struct.error
        _need(problem != _NO_KIND, f"an entry of another kind ends at byte {place}")
        _need(problem != _NO_COUNT, f"the count of a label, before byte {place}")
        _need(problem != _NO_ORDER, f"a word behind a label, before byte {place}")
        self.place = place
        return _Entries(*found[:-2])


class _Entries(NamedTuple):
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    counts: NDArray[np.int64]
    labels: int


def _parsed(reader: _Reader) -> FastTextFile:
    magic, version = reader.numbers("2i")
    if magic != _MAGIC or version not in _VERSIONS:
        raise ValueError("not a fastText model")
    settings = reader.numbers("12id")
    dimension, _, _, _, _, word_ngrams, loss, kind, buckets, minn, maxn, _, _ = settings
    if kind != _SUPERVISED:
        raise ValueError("a fastText model of words, not a classifier")
    _need(HIERARCHICAL <= loss <= ONE_VS_ALL, f"a loss of {loss}")
    _need(0 < dimension <= _MOST_COLUMNS, f"vectors of {dimension}")
    if version == min(_VERSIONS):  # before n-grams of letters
        maxn = 0
    longest = max(maxn, word_ngrams)
    _need(longest <= _LONGEST_NGRAM, f"n-grams of {longest}")
    has_ngrams = maxn > 0 or word_ngrams > 1
    _need(buckets > 0 or (buckets == 0 and not has_ngrams), f"{buckets} buckets")
    entries, words, pruned = _dictionary(reader)
    labels = entries.labels
    (is_coded,) = reader.numbers("?")
    vectors = _matrix(reader, is_coded, dimension)
    rows = len(vectors.codes if is_coded else vectors.dense)
    ngrams = buckets if pruned is None else len(pruned)
    _need(rows == words + ngrams, f"{rows} vectors for {words} words, {ngrams} n-grams")
    _need(is_coded or pruned is None, "pruned, but not in codes")
    (is_output_coded,) = reader.numbers("?")
    is_output_coded = is_coded and is_output_coded
    label_vectors = _matrix(reader, is_output_coded, dimension, of="label ")
    rows = len(label_vectors.codes if is_output_coded else label_vectors.dense)
    _need(rows == labels, f"{rows} vectors for {labels} labels")
    return FastTextFile(
        text=np.frombuffer(reader.content, np.uint8),
        starts=entries.starts,
        ends=entries.ends,
        words=words,
        label_counts=entries.counts[words:],
        buckets=buckets,
        shortest=minn,
        longest=maxn,
        word_ngrams=word_ngrams,
        loss=loss,
        pruned=pruned,
        vectors=vectors,
        label_vectors=label_vectors,
    )


def _dictionary(reader: _Reader) -> tuple[_Entries, int, NDArray[np.int32] | None]:
    """Entries, number of words, and the pruned n-grams with their rows."""
    number, words, labels, _, pruned = reader.numbers("3i2q")
    _need(min(words, labels) >= 0 and words + labels == number, "its counts")
    # An entry has at least an end and its numbers: 10 bytes. The file must hold them.
    _need(number * 10 <= len(reader.content), f"{number} entries")
    found = reader.entries(number)
    _need(found.labels == labels, f"{found.labels} labels, not {labels}")
    _need(labels >= 1, "no labels")
    if pruned < 0:
        return found, words, None
    pairs = reader.array("<i4", pruned, 2).copy()  # aligned
    rows = pairs[:, 1]
    _need(
        not pruned or (rows.min() >= 0 and rows.max() < pruned),
        "rows of pruned n-grams",
    )
    return found, words, pairs


@kernel
def _entries(
    data: Bytes, place: int, number: int
) -> tuple[Any, Any, Any, int, int, int]:
    """Starts, ends and counts of entries, number of labels, where the last one ends, and
    what is wrong (`_WHOLE`: nothing).

    Nothing outside the file is read: 4 million words take .05 s.
    """
    starts = np.empty(number, np.int64)
    ends = np.empty(number, np.int64)
    counts = np.empty(number, np.int64)
    labels = 0
    for entry in range(number):
        starts[entry] = place
        last = min(len(data), place + _LONGEST_WORD)
        while place < last and data[place] != 0:
            place += 1
        ends[entry] = place
        # Its end, a count of eight bytes, its kind.
        if place == last or place + 10 > len(data):
            return starts, ends, counts, labels, place, _BREAKS_OFF
        count = np.uint64(0)
        for byte in range(8, 0, -1):
            count = (count << np.uint64(8)) | np.uint64(data[place + byte])
        counts[entry] = np.int64(count)
        kind = data[place + 9]
        place += 10
        if kind > 1:
            return starts, ends, counts, labels, place, _NO_KIND
        if kind == 0 and labels:
            return starts, ends, counts, labels, place, _NO_ORDER
        # A negative count is 2^63 or more here.
        if kind == 1 and count >= np.uint64(_LABEL_COUNTS):
            return starts, ends, counts, labels, place, _NO_COUNT
        labels += kind
    return starts, ends, counts, labels, place, _WHOLE


def _matrix(reader: _Reader, is_coded: bool, wanted: int, of: str = "") -> Matrix:
    """A matrix of float32 or codes; norms may have codes too."""
    if not is_coded:
        rows, columns = reader.numbers("2q")
        _need(min(rows, columns) >= 0, "its tables")
        _need(columns == wanted, f"{of}vectors of {columns}, not of {wanted}")
        dense = unaligned(reader.array("<f4", rows, columns))
        return Matrix(dense, no_codes(), _no_floats(), _no_floats(), 1, columns)
    has_norms, rows, columns, size = reader.numbers("?2qi")
    _need(min(rows, columns, size) >= 0, "its tables")
    _need(columns == wanted, f"{of}vectors of {columns}, not of {wanted}")
    codes = reader.array("u1", size)
    centroids, parts, width = _centroids(reader, columns)
    _need(size == rows * parts, f"{size} codes for {rows} vectors of {parts} parts")
    norms = np.ones(rows, np.float32)
    if has_norms:
        norm_codes = reader.array("u1", rows)
        norms = _centroids(reader, 1)[0][norm_codes]
    dense = unaligned(np.empty((0, columns), np.float32))
    return Matrix(dense, codes.reshape(rows, parts), norms, centroids, width, columns)


def _centroids(reader: _Reader, columns: int) -> tuple[NDArray[np.float32], int, int]:
    """The vectors that codes mean, the parts of a vector of `columns`, and their width."""
    dimension, parts, width, last = reader.numbers("4i")
    is_right = dimension == columns and width > 0 and 0 < last <= width
    _need(is_right and (parts - 1) * width + last == columns, "its codes")
    return reader.array("<f4", dimension * _CENTROIDS).copy(), int(parts), int(width)


def unaligned(dense: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same, typed as it lies in a file, where no number need begin at a multiple of four."""
    dense.setflags(write=False, align=False)
    return dense


def no_codes() -> NDArray[np.uint8]:
    empty = np.empty((0, 1), np.uint8)
    empty.setflags(write=False)
    return empty


def _no_floats() -> NDArray[np.float32]:
    return np.empty(0, np.float32)


def _need(is_right: bool, what: str) -> None:
    if not is_right:
        raise ValueError(f"not a sound fastText model: {what}")
