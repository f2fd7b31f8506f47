"""Properties of every code point, as tables for kernels.

    index  (4352,)         uint16  block of each run of 256 code points
    flags  (blocks * 256)  uint16  a sum of the constants below
    lower  (blocks * 256)  int32   what to add to the code point for its lower case

`position(index, c)` is the place of code point `c` in `flags` and `lower`. ASCII is the
first block: `flags[c]` is enough. The properties are those of the Unicode version of
the package `regex` (18.0 in regex 2026.11), not of Python; the lock file pins it.
Unassigned and private code points have no flag.
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import unidata_version

import numpy as np
import regex
from numpy.typing import NDArray
from xxhash import xxh3_64_hexdigest

from tamis.cache import cached_arrays
from tamis.compiled import kernel
from tamis.text.utf8 import Integer, decode

LETTER = 1  # General_Category L*
NUMBER = 2  # N*: decimal digits, letter-like numbers, superscripts, fractions
JOINER = 4  # continues a word, never begins one: marks, underscores, ZWJ, ZWNJ
SPACE = 8  # White_Space, and U+001C to U+001F, as in str.isspace()
UNSPACED = 16  # a letter of a script that does not separate words with spaces
TERMINAL = 32  # Sentence_Terminal: . ! ? 。 । ؟ ...
CLOSER = 64  # may be between a terminal and the line's end: quotes, brackets
UPPER = 128
LOWER = 256
SYMBOL = 512  # punctuation and symbols
DECIMAL = 1024  # Nd, the digits of any script

# Khmer ends sections with signs of its own; datatrove has them too.
TERMINAL_CLASS = r"[\p{Sentence_Terminal}\u17D6\u17D9\u17DA]"

_CODE_POINTS = 0x110000

# The scripts whose words only a dictionary can find. By Script_Extensions (scx), since
# the prolonged sound mark ー has the script Common.
_UNSPACED_SCRIPTS = "".join(
    rf"\p{{scx={script}}}"
    for script in ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
)

_PATTERNS = {
    LETTER: r"\p{L}",
    NUMBER: r"\p{N}",
    JOINER: r"[\p{M}\p{Pc}\u200C\u200D]",
    SPACE: r"[\p{White_Space}\x1C-\x1F]",
    UNSPACED: rf"[\p{{L}}&&[{_UNSPACED_SCRIPTS}]]",
    TERMINAL: TERMINAL_CLASS,
    CLOSER: r"""[\p{Pe}\p{Pf}\p{Pi}"']""",
    UPPER: r"[\p{Lu}\p{Lt}]",
    # Georgian has only small letters: its sentences begin with one.
    LOWER: r"[\p{Ll}--\p{Script=Georgian}]",
    SYMBOL: r"[\p{P}\p{S}]",
    DECIMAL: r"\p{Nd}",
}


class CodePoints(NamedTuple):
    """The tables that the module docstring describes."""

    index: NDArray[np.uint16]  # type: ignore[assignment]  # hides tuple.index, unused
    flags: NDArray[np.uint16]
    lower: NDArray[np.int32]


@lru_cache(maxsize=1)
def code_points() -> CodePoints:
    """The tables, computed once for each version of Python and `regex`: it takes 50 ms."""
    source = xxh3_64_hexdigest(Path(__file__).read_bytes())
    about = f"{unidata_version}-{version('regex')}-{source}"
    tables = cached_arrays(f"code-points-{about}", _computed)
    # Copies: kernels are compiled for arrays that can be written.
    return CodePoints(*(np.array(tables[name]) for name in CodePoints._fields))


def _computed() -> dict[str, NDArray[Any]]:
    flags = np.zeros(_CODE_POINTS, np.uint16)
    for flag, pattern in _PATTERNS.items():
        for start, stop in spans(pattern):
            flags[start:stop] |= flag
    lower = np.zeros(_CODE_POINTS, np.int32)
    for start, stop in spans(r"\p{Changes_When_Lowercased}"):
        for code in range(start, stop):
            # İ becomes i and a dot above: only the first of the two is used.
            lower[code] = ord(chr(code).lower()[0]) - code
    index, (of_block, lower_of_block) = two_level(flags, lower)
    return {"index": index, "flags": of_block, "lower": lower_of_block}


def two_level(
    *tables: NDArray[Any],
) -> tuple[NDArray[np.uint16], list[NDArray[Any]]]:
    """Tables over all code points, cut into blocks of 256 that equal ranges share."""
    numbers: dict[bytes, int] = {}
    firsts: list[int] = []
    index = np.empty(_CODE_POINTS >> 8, np.uint16)
    for block in range(len(index)):
        rows = slice(block << 8, (block + 1) << 8)
        key = b"".join(table[rows].tobytes() for table in tables)
        if key not in numbers:
            numbers[key] = len(firsts)
            firsts.append(block)
        index[block] = numbers[key]
    return index, [table.reshape(-1, 256)[firsts].ravel() for table in tables]


def spans(pattern: str) -> Iterator[tuple[int, int]]:
    """Ranges [start, stop) of the code points that a `regex` character class matches."""
    for first, text in _assigned_planes():
        for match in regex.finditer(f"(?:{pattern})+", text, flags=regex.V1):
            yield first + match.start(), first + match.end()


@kernel(inline="always")
def position(index: NDArray[np.uint16], code: Integer) -> np.int64:
    """Place of code point `code` in a table of `two_level`."""
    return (np.int64(index[code >> 8]) << 8) | (code & 255)


@kernel(forceinline=True)  # inlined by numba, it counts references
def flag_at(
    data: NDArray[np.uint8],
    here: Integer,
    stop: Integer,
    index: NDArray[np.uint16],
    flags: NDArray[np.uint16],
) -> tuple[np.uint16, int]:
    """Flags and number of bytes of the character at `here`; fast for ASCII."""
    byte = data[here]
    if byte < 0x80:
        return flags[byte], 1
    code, width = decode(data, here, stop)
    return flags[position(index, code)], width


@lru_cache(maxsize=1)
def _assigned_planes() -> list[tuple[int, str]]:
    """Planes 0 to 3 and the tags of plane 14, each part with its first code point."""
    parts = [(0, 0xD800), (0xE000, 0x40000), (0xE0000, 0xE1000)]
    return [
        (start, np.arange(start, stop, dtype="<u4").tobytes().decode("utf-32-le"))
        for start, stop in parts
    ]
