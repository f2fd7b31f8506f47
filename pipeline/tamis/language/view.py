"""The part of a document that a language model reads.

A few hundred characters are enough to recognise a language. Reading more costs time and
adds the footer; reading only the beginning takes a cookie banner for the page. So a
long document is judged by its beginning and its middle. Web addresses, e-mail
addresses, digits and control characters are removed: they are the same in every
language, and fastText takes them for English.

Most lines are cleaned by a kernel. `text_view` and `clean` say what a clean line is, and
make those that are not as simple: with an address, or all in capitals.
"""

import html
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from unicodedata import unidata_version

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from xxhash import xxh3_64_hexdigest

from tamis.cache import cached_arrays
from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only, utf8_buffers
from tamis.text.unicode import position, two_level
from tamis.text.utf8 import decode

_ADDRESS = re.compile(r"(?:https?://|www\.)\S{1,2000}")
# Bounded on both sides: \S+@ would scan a page of Chinese once per character.
_EMAIL = re.compile(r"[\w.+-]{1,64}@\S{1,255}")
# Digits, controls and all white space except the plain space; they become spaces.
_NOISE = re.compile(
    r"[\d\x00-\x1f\x7f-\xa0\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\ufffd]+"
)

# What a character is to Python. A line's flags tell whether `str.isupper` holds.
_IS_NOISE, _IS_SPACE, _IS_UPPER, _IS_LOWER = 1, 2, 4, 8
_CODE_POINTS = 0x110000
_WHOLE = 1 << 62  # bytes: no sample
_SCHEME, _WWW, _AT = 0x3A2F2F, 0x7777772E, 0x40


def text_views(column: pa.Array, sample_bytes: int = _WHOLE) -> pa.Array:
    """`text_view` of each text; empty for a null."""
    data, offsets = utf8_buffers(column)
    data = read_only(data)
    lines, ends, is_odd = _views(data, offsets, sample_bytes, *_characters())
    views = pa.LargeStringArray.from_buffers(
        len(column), pa.py_buffer(ends), pa.py_buffer(lines)
    )
    if not is_odd.any():
        return views
    odd = [
        text_view(data[offsets[row] : offsets[row + 1]].data, sample_bytes)
        for row in is_odd.nonzero()[0].tolist()
    ]
    mask = pa.array(is_odd)
    return pc.replace_with_mask(views, mask, pa.array(odd, pa.large_string()))


def middle_views(texts: Sequence[str], characters: int) -> pa.Array:
    """The middle of each page's text, after its menus and before its footer.

    Character references are resolved: "&eacute;t&eacute;" is French.
    """
    middles = []
    for text in texts:
        start = max((len(text) - characters) // 2, 0)
        middles.append(html.unescape(text[start : start + characters]))
    return text_views(pa.array(middles, pa.large_string()))


def text_view(utf8: bytes | memoryview, sample_bytes: int) -> str:
    """At most `sample_bytes` of a text, half from its start and half from its middle.

    One line, cleaned as in `clean`; empty if nothing is left. Cuts are between
    characters.
    """
    size = len(utf8)
    if size <= sample_bytes:
        return clean(_decoded(utf8))
    half = sample_bytes // 2
    middle = max((size - half) // 2, half)
    return clean(_decoded(utf8[:half]) + " " + _decoded(utf8[middle : middle + half]))


def clean(text: str) -> str:
    """One line without addresses, digits and control characters.

    A text all in capitals becomes lower case: models saw few such texts, and take a
    headline in capitals for another language.
    """
    if "://" in text or "www." in text:
        text = _ADDRESS.sub(" ", text)
    if "@" in text:
        text = _EMAIL.sub(" ", text)
    text = _NOISE.sub(" ", text).strip()
    return text.lower() if text.isupper() else text


def _decoded(utf8: bytes | memoryview) -> str:
    return bytes(utf8).decode("utf-8", "ignore")


@lru_cache(maxsize=1)
def _characters() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Index and flags of every code point; see tamis.text.unicode."""
    source = xxh3_64_hexdigest(Path(__file__).read_bytes())
    tables = cached_arrays(f"characters-{unidata_version}-{source}", _computed)
    return tables["index"], tables["flags"]


def _computed() -> dict[str, NDArray[Any]]:
    flags = np.zeros(_CODE_POINTS, np.uint8)
    characters = "".join(map(chr, range(_CODE_POINTS)))
    for match in _NOISE.finditer(characters):
        flags[match.start() : match.end()] |= _IS_NOISE
    for code, character in enumerate(characters):
        if character.isspace():
            flags[code] |= _IS_SPACE
        if character.isupper():
            flags[code] |= _IS_UPPER
        elif character.islower() or character.istitle():
            flags[code] |= _IS_LOWER
    index, (of_block,) = two_level(flags)
    return {"index": index, "flags": of_block}


@kernel
def _views(
    data: Bytes,
    offsets: Offsets,
    sample_bytes: int,
    index: NDArray[np.uint16],
    flags: NDArray[np.uint8],
) -> tuple[Bytes, Offsets, NDArray[np.bool_]]:
    """Clean lines end to end, where each ends, and which ones need `text_view` instead."""
    room = 0
    for row in range(len(offsets) - 1):
        room += min(offsets[row + 1] - offsets[row], sample_bytes) + 1
    lines = np.empty(room, np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    is_odd = np.zeros(len(offsets) - 1, np.bool_)
    half = sample_bytes // 2
    for row in range(len(is_odd)):
        start, stop = offsets[row], offsets[row + 1]
        cut = middle = stop
        if stop - start > sample_bytes:
            cut = start + half
            middle = start + max((stop - start - half) // 2, half)
            stop = middle + half
        size, is_odd[row] = _clean(
            lines[ends[row] :], data, (start, cut), (middle, stop), index, flags
        )
        ends[row + 1] = ends[row] + size
    return lines, ends, is_odd


@kernel
def _clean(
    line: Bytes,
    data: Bytes,
    beginning: tuple[int, int],
    middle: tuple[int, int],
    index: NDArray[np.uint16],
    flags: NDArray[np.uint8],
) -> tuple[int, bool]:
    """Write a line; returns its size, and whether it is another one.

    Where the text is short, `middle` is empty and begins at the beginning's end.
    """
    size = last = 0  # `last`: without spaces at the end
    seen, recent = np.uint8(0), np.uint32(0)
    has_address = is_behind_noise = False
    here, end = beginning
    while here < end or end < middle[1]:
        if here >= end:
            here, end = middle
            line[size] = 32
            size += size > 0
            recent, is_behind_noise = np.uint32(0), False
            continue
        byte = data[here]
        code, width = np.int64(byte), 1
        if byte >= 0x80:
            code, width = decode(data, here, end)
            is_longer = (width == 3 and code < 0x800) or (width == 4 and code < 0x10000)
            if width == 1 or is_longer:  # no UTF-8
                here += 1
                continue
        flag = flags[position(index, code)]
        seen |= flag
        recent = np.uint32(recent << np.uint32(8)) | np.uint32(byte)
        is_address = recent & np.uint32(0xFFFFFF) == _SCHEME or recent == _WWW
        has_address |= is_address or byte == _AT
        if flag & _IS_NOISE:
            line[size] = 32
            size += size > 0 and not is_behind_noise
            is_behind_noise = True
        elif size or not flag & _IS_SPACE:
            for step in range(width):
                line[size + step] = data[here + step]
            size += width
            is_behind_noise = False
            if not flag & _IS_SPACE:
                last = size
        here += width
    is_upper = seen & _IS_UPPER > 0 and not seen & _IS_LOWER
    return last, bool(has_address or is_upper)
