"""A fastText classifier's file, looked through before fastText itself reads it.

fastText believes what it reads: half a file, as a download that broke off leaves it, or
a forged one makes it fill the memory without end or read outside its tables. So the
layout is followed here, with every count held against the file's size. What is inside
the tables may be anything: numbers that are wrong give answers that are wrong.

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

_MAGIC, _VERSIONS = 793712314, (11, 12)
_SUPERVISED = 3
_CENTROIDS = 256
_LONGEST_WORD = 1 << 16


def open_fasttext(path: str) -> Any:
    """fastText's model. Raises ValueError where the file is none, or not whole."""
    if not Path(path).is_file():
        raise ValueError("no such file")
    with Path(path).open("rb") as file:
        if file.seek(0, 2) == 0:
            raise ValueError("not a fastText model: an empty file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                _check(_Reader(content))
            except struct.error as error:
                raise ValueError("not a whole fastText model: it breaks off") from error
    return fasttext.load_model(path)


class _Reader:
    """A place in the file; `struct.error` where it ends too early."""

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

    def word(self) -> None:
        end = self.content.find(b"\0", self.place, self.place + _LONGEST_WORD)
        if end < 0:
            raise struct.error
        self.place = end + 1


def _check(reader: _Reader) -> None:
    magic, version = reader.numbers("2i")
    if magic != _MAGIC or version not in _VERSIONS:
        raise ValueError("not a fastText model")
    dimension, *_, kind, buckets, _, _, _, _ = reader.numbers("12id")
    if kind != _SUPERVISED:
        raise ValueError("a fastText model of words, no classifier")
    words, labels, pruned = _dictionary(reader)
    _need(labels >= 1, "no labels")
    (is_coded,) = reader.numbers("?")
    rows, columns = _matrix(reader, is_coded)
    _need(columns == dimension, f"vectors of {columns}, not of {dimension}")
    ngrams = buckets if pruned < 0 else pruned
    _need(rows == words + ngrams, f"{rows} vectors for {words} words, {ngrams} n-grams")
    _need(is_coded or pruned < 0, "pruned, and yet not in codes")
    (is_output_coded,) = reader.numbers("?")
    rows, columns = _matrix(reader, is_coded and is_output_coded)
    _need(columns == dimension, f"label vectors of {columns}, not of {dimension}")
    _need(rows == labels, f"{rows} vectors for {labels} labels")


def _dictionary(reader: _Reader) -> tuple[int, int, int]:
    """How many words, labels and pruned n-grams it has; -1 where it is not pruned."""
    entries, words, labels, _, pruned = reader.numbers("3i2q")
    _need(min(words, labels) >= 0 and words + labels == entries, "its counts")
    # Of each entry at least an end and its numbers: no count larger than the file.
    _need(entries * 10 <= len(reader.content), f"{entries} entries")
    found = 0
    for _ in range(entries):
        reader.word()
        _, kind = reader.numbers("qb")
        _need(kind in (0, 1), f"entries of kind {kind}")
        found += kind
    _need(found == labels, f"{found} labels, not {labels}")
    if pruned > 0:
        first = reader.place
        reader.skip(8 * pruned)
        pairs = np.frombuffer(reader.content[first : reader.place], np.int32)
        rows = pairs[1::2]
        _need(rows.min() >= 0 and rows.max() < pruned, "rows of pruned n-grams")
    return words, labels, pruned


def _matrix(reader: _Reader, is_coded: bool) -> tuple[int, int]:
    """Rows and columns. float32, or codes: of the norms as well where they are apart."""
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
    """Of how many parts a vector of so many columns is; what codes stand for."""
    dimension, parts, width, last = reader.numbers("4i")
    is_right = dimension == columns and width > 0 and 0 < last <= width
    _need(is_right and (parts - 1) * width + last == columns, "its codes")
    reader.skip(4 * dimension * _CENTROIDS)
    return int(parts)


def _need(is_right: bool, what: str) -> None:
    if not is_right:
        raise ValueError(f"not a sound fastText model: {what}")
