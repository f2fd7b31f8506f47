"""A fastText classifier's file, checked before fastText itself reads it.

fastText does not check what it reads: half a file, from an interrupted download, or a
forged one makes it fill the memory without end or read outside its tables. So the
layout is parsed here, and every count is compared with the file's size. The numbers in
the tables are not checked: wrong numbers only give wrong answers.

    magic, version     int32
    settings           12 int32, a double
    dictionary         entries, words, labels (int32), tokens, pruned (int64);
                       an entry: text, 0, count (int64), kind (int8: 0 word, 1 label);
                       pruned n-grams: their number and their row (int32), -1 for none pruned
    input matrix       bool: whether in codes; see `_matrix`
    output matrix      bool: whether in codes, where the input is; a row for each label
"""

import mmap
import struct
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
from numba import njit

from tamis.text.buffers import Bytes

_MAGIC, _VERSIONS = 793712314, (11, 12)
_LOSSES = range(1, 5)  # hierarchical softmax, negative sampling, softmax, one vs all
_SUPERVISED = 3
_CENTROIDS = 256
_LONGEST_WORD = 1 << 16
# With hierarchical softmax, fastText's tree of labels reads this count as "none left".
_LABEL_COUNTS = 10**15
_WHOLE, _BREAKS_OFF, _NO_KIND, _NO_COUNT = range(4)


def open_fasttext(path: str) -> Any:
    """fastText's model. Raises ValueError if the file is no model, or not whole."""
    if not Path(path).is_file():
        raise ValueError("no such file")
    with Path(path).open("rb") as file:
        if file.seek(0, 2) == 0:
            raise ValueError("not a fastText model: an empty file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                _check(_Reader(content))
            except struct.error as error:
                raise ValueError("not a whole fastText model: cut short") from error
    return fasttext.load_model(path)


class _Reader:
    """A place in the file; raises `struct.error` if the file ends too early."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        self.place = 0

    def numbers(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{layout}", self.content, self.place)
        self.place += struct.calcsize(f"<{layout}")
        return found

    def skip(self, size: int) -> None:
        if size < 0 or self.place + size > len(self.content):
            raise struct.error
        self.place += size

    def entries(self, number: int) -> int:
        """How many labels are among the next entries of the dictionary."""
        # No variable for the array: the file cannot be closed while one maps it.
        place, labels, found = _entries(
            np.frombuffer(self.content, np.uint8), self.place, number
        )
        if found == _BREAKS_OFF:
            raise struct.error
        _need(found != _NO_KIND, f"an entry of another kind ends at byte {place}")
        _need(found != _NO_COUNT, f"the count of a label, before byte {place}")
        self.place = place
        return labels


def _check(reader: _Reader) -> None:
    magic, version = reader.numbers("2i")
    if magic != _MAGIC or version not in _VERSIONS:
        raise ValueError("not a fastText model")
    settings = reader.numbers("12id")
    dimension, _, _, _, _, word_ngrams, loss, kind, buckets, _, maxn, _, _ = settings
    if kind != _SUPERVISED:
        raise ValueError("a fastText model of words, not a classifier")
    _need(loss in _LOSSES, f"a loss of {loss}")
    # fastText divides by the number of buckets for every n-gram, of letters or words.
    has_ngrams = maxn > 0 or word_ngrams > 1
    _need(buckets > 0 or (buckets == 0 and not has_ngrams), f"{buckets} buckets")
    words, labels, pruned = _dictionary(reader)
    _need(labels >= 1, "no labels")
    (is_coded,) = reader.numbers("?")
    rows, columns = _matrix(reader, is_coded)
    _need(columns == dimension, f"vectors of {columns}, not of {dimension}")
    ngrams = buckets if pruned < 0 else pruned
    _need(rows == words + ngrams, f"{rows} vectors for {words} words, {ngrams} n-grams")
    _need(is_coded or pruned < 0, "pruned, but not in codes")
    (is_output_coded,) = reader.numbers("?")
    rows, columns = _matrix(reader, is_coded and is_output_coded)
    _need(columns == dimension, f"label vectors of {columns}, not of {dimension}")
    _need(rows == labels, f"{rows} vectors for {labels} labels")


def _dictionary(reader: _Reader) -> tuple[int, int, int]:
    """Numbers of words, labels and pruned n-grams; the last is -1 if not pruned."""
    entries, words, labels, _, pruned = reader.numbers("3i2q")
    _need(min(words, labels) >= 0 and words + labels == entries, "its counts")
    # An entry has at least an end and its numbers: 10 bytes. The file must hold them.
    _need(entries * 10 <= len(reader.content), f"{entries} entries")
    found = reader.entries(entries)
    _need(found == labels, f"{found} labels, not {labels}")
    if pruned > 0:
        first = reader.place
        reader.skip(8 * pruned)
        pairs = np.frombuffer(reader.content[first : reader.place], np.int32)
        rows = pairs[1::2]
        _need(rows.min() >= 0 and rows.max() < pruned, "rows of pruned n-grams")
    return words, labels, pruned


@njit(cache=True, nogil=True)
def _entries(data: Bytes, place: int, number: int) -> tuple[int, int, int]:
    """End of `number` entries, number of labels, and what is wrong (`_WHOLE`: nothing).

    Nothing outside the file is read: 4 million words take .05 s.
    """
    labels = 0
    for _ in range(number):
        last = min(len(data), place + _LONGEST_WORD)
        while place < last and data[place] != 0:
            place += 1
        # Its end, a count of eight bytes, its kind.
        if place == last or place + 10 > len(data):
            return place, labels, _BREAKS_OFF
        kind = data[place + 9]
        if kind > 1:
            return place + 10, labels, _NO_KIND
        if kind == 1:
            count = np.uint64(0)
            for byte in range(8, 0, -1):
                count = (count << np.uint64(8)) | np.uint64(data[place + byte])
            # A negative count is 2^63 or more here.
            if count >= np.uint64(_LABEL_COUNTS):
                return place + 10, labels, _NO_COUNT
            labels += 1
        place += 10
    return place, labels, _WHOLE


def _matrix(reader: _Reader, is_coded: bool) -> tuple[int, int]:
    """Rows and columns of a matrix of float32 or codes; norms may have codes too."""
    if not is_coded:
        rows, columns = reader.numbers("2q")
        _need(min(rows, columns) >= 0, "its tables")
        reader.skip(4 * rows * columns)
        return rows, columns
    has_norms, rows, columns, size = reader.numbers("?2qi")
    _need(min(rows, columns, size) >= 0, "its tables")
    reader.skip(size)
    parts = _centroids(reader, columns)
    _need(size == rows * parts, f"{size} codes for {rows} vectors of {parts} parts")
    if has_norms:
        reader.skip(rows)
        _centroids(reader, 1)
    return rows, columns


def _centroids(reader: _Reader, columns: int) -> int:
    """Number of parts of a vector of `columns`; skips the vectors that codes mean."""
    dimension, parts, width, last = reader.numbers("4i")
    is_right = dimension == columns and width > 0 and 0 < last <= width
    _need(is_right and (parts - 1) * width + last == columns, "its codes")
    reader.skip(4 * dimension * _CENTROIDS)
    return int(parts)


def _need(is_right: bool, what: str) -> None:
    if not is_right:
        raise ValueError(f"not a sound fastText model: {what}")
