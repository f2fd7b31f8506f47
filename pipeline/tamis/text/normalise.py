"""The folding that decides which texts are the same: one table over all code points.

Signatures are kept after a run (the index of earlier crawls is compared with the next
one), so they must not change with Python, ICU or `regex`. The folding is therefore a
frozen table, normalise.npz, made once from Unicode 15.1 by this module's `main`. It
says what remains of every code point:

    case           folded (Straße = STRASSE, ς = σ, and ı = i, whose capital is I)
    width          compatibility forms are decomposed: Ａ = A, ﬁ = fi, ｶ = カ, ² = 2
    accents        é = e, ё = е, أ = ا; Arabic vowels and Hebrew points are removed too.
                   Vowel signs of Indic scripts, Thai, Khmer ... and the voicing marks
                   of kana are not accents: they stay
    digits         of every script become 0-9. In a shingle a run of digits is one 0; the
                   hash of the whole text has the digits, so that "page 1" and "page 2"
                   are near duplicates, never exact ones
    punctuation    symbols and white space separate words and are removed. Apostrophes
                   that are letters in Unicode (ʼ) are punctuation here, as ' and ’ are
    invisible      soft hyphens, joiners, direction marks, tatweel: ignored

A word is what is between separators. In scripts without spaces (Han, kana, Thai, Lao,
Khmer, Myanmar ...) each letter with its marks is a word of its own: this needs no
dictionary, whose version could change. Precomposed Hangul is not decomposed. If text is
in NFC, as from extract_text, nothing depends on how accents were typed.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.text.unicode import two_level

# The kind of a code point for shingles: bits 21-23 of an entry.
SEPARATOR, SKIPPED, LETTER, DIGIT, UNSPACED, MARK, SEVERAL = range(7)
KIND_SHIFT = 21
CODE_MASK = (1 << KIND_SHIFT) - 1
# An entry of kind SEVERAL holds where its parts start and, below, how many there are.
COUNT_BITS = 5

_PATH = Path(__file__).with_suffix(".npz")
_CODE_POINTS = 0x110000
_HANGUL = range(0xAC00, 0xD7A4)
_IDEOGRAPHS = range(0x20000, 0x40000)  # planes 2 and 3, those of later versions too

# Blocks of the scripts that do not separate words with spaces.
_UNSPACED_BLOCKS = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x1800),  # Khmer
    range(0x1950, 0x19E0),  # Tai Le, New Tai Lue
    range(0x1A20, 0x1AB0),  # Tai Tham
    range(0x2E80, 0x3130),  # radicals, Han marks (々 〇), kana, Bopomofo
    range(0x31A0, 0x3200),  # Bopomofo and kana extensions
    range(0x3400, 0x4DC0),  # Han
    range(0x4E00, 0xA4D0),  # Han, Yi
    range(0xA980, 0xA9E0),  # Javanese
    range(0xA9E0, 0xAA00),  # Myanmar
    range(0xAA60, 0xAAE0),  # Myanmar, Tai Viet
    range(0xF900, 0xFB00),  # Han
    range(0x16F00, 0x18D90),  # Miao, Tangut, Khitan
    range(0x1AFF0, 0x1B300),  # kana, Nushu
    _IDEOGRAPHS,
)
# Blocks whose nonspacing marks are accents or vowel points.
_ACCENT_BLOCKS = (
    range(0x0300, 0x0370),
    range(0x0483, 0x048A),  # Cyrillic
    range(0x0591, 0x05C8),  # Hebrew
    range(0x0610, 0x0780),  # Arabic, Syriac; Thaana's vowels, next, are letters
    range(0x0800, 0x0900),  # Samaritan, Mandaic, Arabic
    range(0x1AB0, 0x1B00),
    range(0x1CD0, 0x1D00),  # Vedic tones
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0xFE00, 0xFE30),  # variation selectors, half marks
    range(0xE0100, 0xE01F0),
)
_APOSTROPHES = range(0x02B9, 0x02C0)
_TATWEEL = 0x0640
_DOTLESS_I = 0x0131


class Folding(NamedTuple):
    """The table for kernels.

    blocks   (4352,)         uint16  block of each run of 256 code points
    entries  (blocks * 256)  uint32  kind, and what to add to the code point (mod 2^21)
    parts    (parts,)        uint32  kind and code point, for entries of kind SEVERAL
    """

    blocks: NDArray[np.uint16]
    entries: NDArray[np.uint32]
    parts: NDArray[np.uint32]


@lru_cache(maxsize=1)
def folding() -> Folding:
    """The frozen table, read from its file on first use."""
    with np.load(_PATH, allow_pickle=False) as file:
        return Folding(file["blocks"], file["entries"], file["parts"])


def compute_folding() -> Folding:
    """The table according to the running Python's Unicode version."""
    entries = np.zeros(_CODE_POINTS, np.uint32)
    parts: list[int] = []
    starts: dict[tuple[int, ...], int] = {}
    for code in range(_CODE_POINTS):
        folded = tuple(_folded(code))
        if len(folded) == 1:
            kind, target = folded[0] >> KIND_SHIFT, folded[0] & CODE_MASK
            entries[code] = kind << KIND_SHIFT | ((target - code) & CODE_MASK)
        elif folded:
            if folded not in starts:
                starts[folded] = len(parts)
                parts.extend(folded)
            place = starts[folded] << COUNT_BITS | len(folded)
            entries[code] = SEVERAL << KIND_SHIFT | place
        else:
            entries[code] = SKIPPED << KIND_SHIFT
    # The code is not used where nothing remains: make those blocks equal.
    entries[entries >> KIND_SHIFT <= SKIPPED] &= np.uint32(7 << KIND_SHIFT)
    blocks, (entries_of_blocks,) = two_level(entries)
    return Folding(
        blocks, entries_of_blocks.astype(np.uint32), np.array(parts, np.uint32)
    )


def _folded(code: int) -> Iterable[int]:
    """What remains of a code point: kinds and code points."""
    if code in _HANGUL:
        return [LETTER << KIND_SHIFT | code]
    if unicodedata.category(chr(code)) == "Cn":
        kind = UNSPACED if code in _IDEOGRAPHS else SEPARATOR
        return [kind << KIND_SHIFT | code]
    bare = _without_accents(unicodedata.normalize("NFKD", chr(code)))
    bare = _without_accents(unicodedata.normalize("NFKD", bare.casefold()))
    return [_kind(ord(char)) << KIND_SHIFT | _target(ord(char)) for char in bare]


def _without_accents(text: str) -> str:
    return "".join(char for char in text if _kind(ord(char)) != SKIPPED)


def _kind(code: int) -> int:
    category = unicodedata.category(chr(code))
    if category == "Cf" or code == _TATWEEL:
        return SKIPPED
    if category[0] == "M":
        is_accent = category != "Mc" and _is_in(_ACCENT_BLOCKS, code)
        return SKIPPED if is_accent else MARK
    if category == "Nd":
        return DIGIT
    if category[0] in "LN" and code not in _APOSTROPHES:
        return UNSPACED if _is_in(_UNSPACED_BLOCKS, code) else LETTER
    return SEPARATOR


def _target(code: int) -> int:
    if code == _DOTLESS_I:
        return ord("i")
    digit = unicodedata.decimal(chr(code), None)
    return code if digit is None else ord("0") + digit


def _is_in(blocks: Iterable[range], code: int) -> bool:
    return any(code in block for block in blocks)


def main() -> None:
    """Write the table again: python -m tamis.text.normalise.

    After that, increase the version of `sign`; indexes of earlier crawls become unusable.
    """
    np.savez_compressed(_PATH, **compute_folding()._asdict())


if __name__ == "__main__":
    main()
