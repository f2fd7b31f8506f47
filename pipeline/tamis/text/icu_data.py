"""ICU's dictionaries as they lie in icu4py's wheel: bytes, checked, or nothing.

ICU's data is one file within a shared library, which lists its entries by name
("ICU data (.dat) files", unicode-org.github.io/icu/userguide/icu_data). An entry that
is a dictionary holds a trie (`tamis.text.tries`). The wheel is the only source, so
that our kernels and ICU cannot disagree about what is a word. Whatever is not as
expected, another version of ICU among it, gives None: ICU itself cuts then.
"""

import importlib.metadata
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# The version whose way with these dictionaries the kernels follow, little-endian.
_FOLDER = b"icudt78l/brkitr/"
_MAGIC = b"\xda\x27"
# Size of the header, magic, then byte order, character set, bytes of a UChar, reserved;
# format, first number of its version.
_HEADER = struct.Struct("<H2s4x4B4sB")
_KNOWN_HEADER = (0, 0, 2, 0)
_INDEXES = struct.Struct("<8i")
_TRIE_TYPE, _TRANSFORM = 4, 5
_UNITS_OF_16_BITS, _HAS_VALUES = 1, 8
_OFFSET_TRANSFORM = 0x1000000


class Dictionary(NamedTuple):
    """A serialised trie. `offset` is the code point that its byte 0 stands for."""

    trie: bytes
    is_wide: bool  # units of 16 bits: a UCharsTrie, with costs; else a BytesTrie
    offset: int  # 0 if wide


def read_dictionary(name: str) -> Dictionary | None:
    """The dictionary of this name ("cjdict"), None if it cannot be read."""
    for path in _libraries():
        try:
            with (
                path.open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
            ):
                found = _dictionary(data, name)
        except (OSError, ValueError, struct.error):  # absent, empty, cut short
            continue
        if found is not None:
            return found
    return None


def _libraries() -> Iterator[Path]:
    """The libraries of icu4py's wheel that by their names hold ICU's data."""
    try:
        files = importlib.metadata.files("icu4py") or []
    except importlib.metadata.PackageNotFoundError:  # it came without a list of files
        return
    for file in files:
        if "icudata" in file.name or "icudt" in file.name:
            yield Path(str(file.locate()))


def _dictionary(data: mmap.mmap, name: str) -> Dictionary | None:
    start = _entry(data, _FOLDER + name.encode() + b".dict")
    if start is None:
        return None
    body = _body(data, start, b"Dict")
    if body is None:
        return None
    indexes = _INDEXES.unpack_from(data, body)
    first, last, kind, transform = *indexes[:2], *indexes[_TRIE_TYPE : _TRANSFORM + 1]
    if not _INDEXES.size <= first < last <= len(data) - body:
        return None
    trie = data[body + first : body + last]
    if kind == _UNITS_OF_16_BITS | _HAS_VALUES and transform == 0:
        return Dictionary(trie, True, 0)
    offset = transform - _OFFSET_TRANSFORM
    if kind == 0 and 0 <= offset < 0x10000:
        return Dictionary(trie, False, offset)
    return None


def _entry(data: mmap.mmap, name: bytes) -> int | None:
    """Where the entry of this name begins, by the table of contents."""
    magic = data.find(_MAGIC)
    while magic >= 2:
        start = magic - 2
        table = _body(data, start, b"CmnD")
        if table is not None:
            return _listed(data, table, name)
        magic = data.find(_MAGIC, magic + 1)
    return None


def _listed(data: mmap.mmap, table: int, name: bytes) -> int | None:
    (count,) = struct.unpack_from("<I", data, table)
    rows = data[table + 4 : table + 4 + 8 * count]
    place = data.find(name + b"\0", table + 4 + len(rows))
    for name_offset, offset in struct.iter_unpack("<II", rows[: len(rows) // 8 * 8]):
        if table + name_offset == place:
            return int(table + offset)
    return None


def _body(data: mmap.mmap, start: int, data_format: bytes) -> int | None:
    """Where a file of this format goes on behind its header; None if it is another."""
    if start < 0 or start + _HEADER.size > len(data):
        return None
    size, magic, *properties, found, version = _HEADER.unpack_from(data, start)
    is_known = (magic, found, version) == (_MAGIC, data_format, 1)
    if not is_known or tuple(properties) != _KNOWN_HEADER:
        return None
    return int(start + size)
