"""The kernels of a fastText classifier: from lines to the probabilities of its labels.

What is computed is in `tamis.linear.fasttext_model`.

lid.176.ftz keeps 42,765 of 2,000,000 n-grams: of 2,100 in a line of 1,000 bytes 260 have a
vector. A bitmap of 256 KB tells the others, before any larger table is looked at. N-grams are
hashed eight places at once, a place being where a letter begins: first all of one letter,
which those of two continue, and so on.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.linear.fasttext_file import HIERARCHICAL, SOFTMAX, Matrix
from tamis.text.buffers import Bytes, Offsets

_END = np.frombuffer(b"</s>", np.uint8)
_LABEL = np.frombuffer(b"__label__", np.uint8)
_BASIS, _PRIME = np.uint32(2166136261), np.uint32(16777619)  # FNV-1a of 32 bits
_WORDS_PRIME = np.uint64(116049371)
_INNER = np.int32(-2)
_AT_ONCE = 512  # letters: their hashes and keys stay in the nearest cache
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
# fastText asks for log(p + 1e-5) and gives back its exponential.
_FLOOR = np.float32(1e-5)
_LEAST = np.float32(np.log(1e-6))
_SIGMOIDS, _MOST_SIGMOID = 512, 8
_HASHED_END = np.uint32(0xD79C9359)
_SURROGATES_OF_BYTES = np.uint32(0xFFFFFF00)  # a byte over 127 is a negative char


class Words(NamedTuple):
    """Words and labels of the dictionary, found by hash.

    slots  (a power of two,) uint64: an entry's hash above, its number + 1 below; 0: none
    """

    text: Bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    slots: NDArray[np.uint64]
    words: int


class NGrams(NamedTuple):
    """Which n-grams there are, and where the vector of each is.

    A word has a key too, so that words and n-grams are looked up in one go:

    bits        a bit for each key, set if it has a vector: the buckets, 64 bits of which
                none is set, then the words, from `first_word` on
    is_pruned   only the buckets in `kept` have a vector
    ranks       int32, how many bits are set before each 64; empty if that is too large
    kept, rows  int32: buckets in ascending order, and their rows
    """

    buckets: int
    shortest: int
    longest: int
    of_words: int
    bits: NDArray[np.uint64]
    first_word: int
    is_pruned: bool
    ranks: NDArray[np.int32]
    kept: NDArray[np.int32]
    rows: NDArray[np.int32]


class Letters(NamedTuple):
    """The letters of a line's words, each word between its marks.

    A letter is a byte and those that continue it. A word without n-grams has one letter,
    of no use.

    text     uint8, the letters' bytes
    starts   int32, where in it each letter begins; one more is its end
    code     uint32, the first four bytes of each letter, the first one lowest
    left     int32, how many letters are left in the word, this one included
    entry    int32, of a word's first letter: the word's row, or -1 without one; of
             others: _INNER
    """

    text: Bytes
    starts: NDArray[np.int32]
    code: NDArray[np.uint32]
    left: NDArray[np.int32]
    entry: NDArray[np.int32]


class Labels(NamedTuple):
    """The labels' vectors, and the tree that they are the leaves of (or none).

    vectors      (columns, labels) float32: a score of all labels is summed at once
    left, right  (labels - 1,) int32: children of the inner nodes; inner ones have numbers
                 from `labels` on
    """

    vectors: NDArray[np.float32]
    loss: int
    left: NDArray[np.int32]
    right: NDArray[np.int32]


@kernel(inline="always")
def _extended(value: np.uint32, byte: np.uint8) -> np.uint32:
    wide = np.uint32(byte)
    if byte > 127:
        wide |= _SURROGATES_OF_BYTES
    return np.uint32((value ^ wide) * _PRIME)


@kernel(forceinline=True)
def _slot_of(
    words: Words, hashed: np.uint32, text: Bytes, start: int, stop: int
) -> np.int64:
    """The slot of the word text[start:stop], or the free one where it belongs."""
    mask = len(words.slots) - 1
    slot = np.int64(hashed) & mask
    while words.slots[slot]:
        if np.uint32(words.slots[slot] >> np.uint64(32)) == hashed:
            entry = _entry(words.slots[slot])
            first = words.starts[entry]
            is_same = words.ends[entry] - first == stop - start
            place = start
            while is_same and place < stop:
                is_same = words.text[first + place - start] == text[place]
                place += 1
            if is_same:
                return slot
        slot = (slot + 1) & mask
    return slot


@kernel(inline="always")
def _entry(slot: np.uint64) -> np.int64:
    """The number of an entry; -1 for an empty slot."""
    return np.int64(slot & np.uint64(0xFFFFFFFF)) - 1


@kernel
def fill(words: Words) -> None:
    """Of equal entries the last one counts, as in fastText."""
    for entry in range(len(words.starts)):
        start, stop = words.starts[entry], words.ends[entry]
        hashed = _BASIS
        for byte in words.text[start:stop]:
            hashed = _extended(hashed, byte)
        slot = _slot_of(words, hashed, words.text, start, stop)
        words.slots[slot] = np.uint64(hashed) << np.uint64(32) | np.uint64(entry + 1)


@kernel
def probabilities(
    data: Bytes,
    offsets: Offsets,
    words: Words,
    ngrams: NGrams,
    vectors: Matrix,
    labels: Labels,
) -> NDArray[np.float32]:
    chances = np.zeros((len(offsets) - 1, labels.vectors.shape[1]), np.float32)
    longest = 0
    for line in range(len(chances)):
        longest = max(longest, offsets[line + 1] - offsets[line])
    # Two marks to a word, which is a byte and a space at least; then the end, and as many
    # letters as are read behind the last one.
    most = 2 * longest + 8 + max(ngrams.longest, 0)
    letters = Letters(
        np.empty(most, np.uint8),
        np.zeros(most, np.int32),
        np.zeros(most, np.uint32),
        np.zeros(most, np.int32),
        np.zeros(most, np.int32),
    )
    # The hash of every word, for n-grams of words; their number is not known before.
    hashes = np.empty(longest // 2 + 2 if ngrams.of_words > 1 else 0, np.uint32)
    hidden = np.empty(vectors.columns, np.float32)
    for line in range(len(chances)):
        text = data[offsets[line] : offsets[line + 1]]
        count, widest, several = _read(letters, hashes, text, words, ngrams)
        hidden[:] = 0
        added = _add_letters(
            hidden, letters, count, widest, words.words, ngrams, vectors
        )
        added += _add_words(hidden, hashes[:several], words.words, ngrams, vectors)
        if added:
            hidden *= np.float32(1.0 / added)
            _judge(chances[line], hidden, labels)
    return chances


@kernel
def _read(
    letters: Letters,
    hashes: NDArray[np.uint32],
    line: Bytes,
    words: Words,
    ngrams: NGrams,
) -> tuple[int, int, int]:
    """Write a line's letters and its words' hashes.

    Returns the number of letters, the bytes of the widest, and the number of words.
    """
    place = count = several = 0
    widest = 1
    is_end = False
    while not is_end:
        while place < len(line) and _is_space(line[place]):
            place += 1
        start = place
        last, place, hashed, width = _spell(letters, count, line, start)
        # The line's end is its last word; one that is written as it ends the line too.
        is_end = place == start or _is(line, start, place, _END)
        if place == start:
            hashed, slot = _HASHED_END, _slot_of(words, _HASHED_END, _END, 0, len(_END))
        else:
            slot = _slot_of(words, hashed, line, start, place)
        entry = _entry(words.slots[slot])
        is_label = entry < 0 and _is(
            line, start, min(start + len(_LABEL), place), _LABEL
        )
        if entry >= words.words or is_label:
            continue
        if is_end or ngrams.longest <= 0:
            last = count + 1
            letters.starts[last] = letters.starts[count]
            letters.left[count] = 0
        else:
            widest = max(widest, width)
        letters.entry[count] = entry
        count = last
        if ngrams.of_words > 1:
            hashes[several] = hashed
            several += 1
    return count, widest, several


@kernel(forceinline=True)
def _spell(
    letters: Letters, count: int, line: Bytes, place: int
) -> tuple[int, int, np.uint32, int]:
    """Write the letters of the word at `place` behind `count` others.

    Returns the number of all letters, where the word ends, its hash, and the bytes of its
    widest letter.
    """
    hashed = _BASIS
    first, widest, width = count, 1, 1
    here = letters.starts[count]
    code = np.uint32(60)
    letters.text[here] = 60
    letters.code[count] = code
    while place < len(line) and not _is_space(line[place]):
        byte = line[place]
        hashed = _extended(hashed, byte)
        place += 1
        here += 1
        letters.text[here] = byte
        if byte & 0xC0 == 0x80:
            if width < 4:
                code |= np.uint32(byte) << np.uint32(8 * width)
            width += 1
            widest = max(widest, width)
        else:
            count += 1
            letters.starts[count] = here
            code, width = np.uint32(byte), 1
        letters.code[count] = code
    here += 1
    count += 1
    letters.text[here] = 62
    letters.starts[count] = here
    letters.code[count] = 62
    count += 1
    letters.starts[count] = here + 1
    for letter in range(first, count):
        letters.left[letter] = count - letter
        letters.entry[letter] = _INNER
    return count, place, hashed, widest


@kernel(inline="always")
def _is_space(byte: np.uint8) -> bool:
    return bool(byte <= 32 and (byte == 32 or 9 <= byte <= 13 or byte == 0))


@kernel(forceinline=True)
def _is(text: Bytes, start: int, stop: int, word: Bytes) -> bool:
    if stop - start != len(word):
        return False
    same = 0
    while same < len(word) and text[start + same] == word[same]:
        same += 1
    return same == len(word)


@kernel
def _add_letters(
    hidden: NDArray[np.float32],
    letters: Letters,
    count: int,
    widest: int,
    words: int,
    ngrams: NGrams,
    vectors: Matrix,
) -> int:
    """Add the vectors of words and of their n-grams of letters; returns how many.

    They are added in fastText's order: a word, and its n-grams by the place where they
    begin. `keys` has a row for each place.
    """
    shortest = max(ngrams.shortest, 1)
    lengths = max(ngrams.longest + 1 - shortest, 0)
    hashes = np.empty(_AT_ONCE, np.uint32)
    keys = np.empty((_AT_ONCE, 1 + lengths), np.uint32)
    rows = np.empty(_AT_ONCE * (1 + lengths), np.int64)
    added = 0
    for first in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - first)
        hashes[:] = _BASIS
        for length in range(1, ngrams.longest + 1):
            _extend(hashes[:size], letters, first, length, widest)
            if length >= shortest:
                left = letters.left[first : first + size]
                column = keys[:size, 1 + length - shortest]
                _bucket(column, hashes, left, length, ngrams)
        _key_words(keys[:size], letters, first, shortest, ngrams)
        several = _rows_of(rows, keys[:size].ravel(), words, ngrams)
        _add_rows(hidden, vectors, rows[:several])
        added += several
    return added


@kernel
def _extend(
    hashes: NDArray[np.uint32], letters: Letters, first: int, length: int, widest: int
) -> None:
    """Continue the hashes of n-grams from `first` on by their letter number `length`."""
    if widest > 4:  # no UTF-8
        for place in range(len(hashes)):
            letter = first + place + length - 1
            if length <= letters.left[first + place]:
                for byte in letters.text[
                    letters.starts[letter] : letters.starts[letter + 1]
                ]:
                    hashes[place] = _extended(hashes[place], byte)
        return
    codes = letters.code[first + length - 1 : first + length - 1 + len(hashes)]
    for byte in range(widest):
        shift = np.uint32(8 * byte)
        for place in range(len(hashes)):
            rest = np.uint32(codes[place] >> shift)
            longer = _extended(hashes[place], np.uint8(rest & np.uint32(255)))
            # No byte of UTF-8 that continues a letter is 0.
            hashes[place] = longer if byte == 0 or rest else hashes[place]


@kernel
def _bucket(
    keys: NDArray[np.uint32],
    hashes: NDArray[np.uint32],
    left: NDArray[np.int32],
    length: int,
    ngrams: NGrams,
) -> None:
    """Write each hash modulo the buckets; a key without a vector if the word is shorter.

    Without a division: Lemire et al., "Faster remainder by direct computation" (2019).
    """
    divisor = np.uint64(ngrams.buckets)
    inverse = _ALL // divisor + np.uint64(1)
    none = np.uint32(ngrams.first_word - 1)
    for place in range(len(keys)):
        part = inverse * np.uint64(hashes[place])
        upper = (part >> np.uint64(32)) * divisor
        lower = (part & np.uint64(0xFFFFFFFF)) * divisor
        key = np.uint32((upper + (lower >> np.uint64(32))) >> np.uint64(32))
        keys[place] = key if left[place] >= length else none


@kernel
def _key_words(
    keys: NDArray[np.uint32],
    letters: Letters,
    first: int,
    shortest: int,
    ngrams: NGrams,
) -> None:
    """Write the keys of words; a mark alone is no n-gram."""
    none = np.uint32(ngrams.first_word - 1)
    has_marks = shortest == 1 and keys.shape[1] > 1
    for place in range(len(keys)):
        entry = letters.entry[first + place]
        keys[place, 0] = np.uint32(ngrams.first_word + entry) if entry >= 0 else none
        is_last = letters.left[first + place] == 1
        if has_marks and (entry != _INNER or is_last):
            keys[place, 1] = none


@kernel
def _rows_of(
    rows: NDArray[np.int64], keys: NDArray[np.uint32], words: int, ngrams: NGrams
) -> int:
    """Write the rows of the keys that have a vector; returns how many."""
    several = np.uint64(0)
    bits = ngrams.bits
    for key in keys:
        rows[several] = key
        known = bits[key >> np.uint32(6)] >> np.uint64(key & np.uint32(63))
        several += known & np.uint64(1)
    for place in range(np.int64(several)):
        key = rows[place]
        if key >= ngrams.first_word:
            rows[place] = key - ngrams.first_word
        else:
            rows[place] = words + _row(ngrams, key)
    return int(several)


@kernel
def _add_rows(
    total: NDArray[np.float32], vectors: Matrix, rows: NDArray[np.int64]
) -> None:
    if not len(vectors.dense):
        for row in rows:
            _add(total, vectors, row)
        return
    dense = vectors.dense
    whole = len(total) & -8
    for first in range(0, whole, 8):  # eight sums stay in one register
        a, b, c, d = total[first], total[first + 1], total[first + 2], total[first + 3]
        e, f, g, h = (
            total[first + 4],
            total[first + 5],
            total[first + 6],
            total[first + 7],
        )
        for row in rows:
            vector = dense[row, first : first + 8]
            a, b, c, d = a + vector[0], b + vector[1], c + vector[2], d + vector[3]
            e, f, g, h = e + vector[4], f + vector[5], g + vector[6], h + vector[7]
        total[first], total[first + 1], total[first + 2], total[first + 3] = a, b, c, d
        total[first + 4], total[first + 5], total[first + 6], total[first + 7] = (
            e,
            f,
            g,
            h,
        )
    for row in rows:
        for column in range(whole, len(total)):
            total[column] += dense[row, column]


@kernel
def _add_words(
    hidden: NDArray[np.float32],
    hashes: NDArray[np.uint32],
    words: int,
    ngrams: NGrams,
    vectors: Matrix,
) -> int:
    """Add the vectors of n-grams of words; returns how many."""
    added = 0
    for first in range(len(hashes)):
        # fastText keeps hashes as int32, and widens them with their sign.
        hashed = np.uint64(np.int64(np.int32(hashes[first])))
        for last in range(first + 1, min(len(hashes), first + ngrams.of_words)):
            hashed = hashed * _WORDS_PRIME + np.uint64(np.int64(np.int32(hashes[last])))
            key = np.int64(hashed % np.uint64(ngrams.buckets))
            if (ngrams.bits[key >> 6] >> np.uint64(key & 63)) & np.uint64(1):
                _add(hidden, vectors, words + _row(ngrams, key))
                added += 1
    return added


@kernel(forceinline=True)
def _row(ngrams: NGrams, key: np.int64) -> np.int64:
    """Row of a bucket that has a vector, after those of the words."""
    if not ngrams.is_pruned:
        return np.int64(key)
    if not len(ngrams.ranks):
        return np.int64(ngrams.rows[np.searchsorted(ngrams.kept, key)])
    below = ngrams.bits[key >> 6] & (
        (np.uint64(1) << np.uint64(key & 63)) - np.uint64(1)
    )
    return np.int64(ngrams.rows[ngrams.ranks[key >> 6] + _ones(below)])


@kernel(inline="always")
def _ones(bits: np.uint64) -> np.int64:
    """How many bits are set (Warren, "Hacker's Delight", 5-1)."""
    bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
    pairs = np.uint64(0x3333333333333333)
    bits = (bits & pairs) + ((bits >> np.uint64(2)) & pairs)
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def decode(dense: NDArray[np.float32], vectors: Matrix) -> None:
    """Add the vectors to as many rows."""
    for row in range(len(dense)):
        _add(dense[row], vectors, row)


@kernel(forceinline=True)
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
    found: NDArray[np.float32], hidden: NDArray[np.float32], labels: Labels
) -> None:
    """The probability of each label, by the loss that the model was trained with."""
    if labels.loss == HIERARCHICAL:
        _descend(found, hidden, labels)
        return
    _dots(found, hidden, labels.vectors)
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
    found: NDArray[np.float32], hidden: NDArray[np.float32], labels: Labels
) -> None:
    """Hierarchical softmax: a leaf's probability is the product along its path."""
    leaves = len(found)
    inner = len(labels.left)
    scores = np.zeros(leaves + inner, np.float32)
    _dots(found, hidden, labels.vectors)
    # A node's children have smaller numbers: from the root down. Below a node of less than
    # a millionth no label has more.
    for node in range(leaves + inner - 1, leaves - 1, -1):
        left, right = labels.left[node - leaves], labels.right[node - leaves]
        if scores[node] < _LEAST:
            scores[left] = scores[right] = scores[node]
            continue
        chance = np.float32(1.0) / (np.float32(1.0) + np.exp(-found[node - leaves]))
        scores[left] = scores[node] + np.log(np.float32(1.0) - chance + _FLOOR)
        scores[right] = scores[node] + np.log(chance + _FLOOR)
    for label in range(leaves):
        found[label] = np.exp(scores[label]) if scores[label] >= _LEAST else 0


@kernel
def _dots(
    totals: NDArray[np.float32],
    hidden: NDArray[np.float32],
    vectors: NDArray[np.float32],
) -> None:
    """Write the product of `hidden` and each column of `vectors`."""
    totals[:] = 0
    for row in range(len(hidden)):
        for column in range(len(totals)):
            totals[column] += vectors[row, column] * hidden[row]


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
