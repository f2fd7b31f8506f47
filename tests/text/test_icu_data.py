"""A library as ICU's data lies in it, built by hand, and what may be wrong with it."""

import importlib.metadata
import struct
from pathlib import Path

import pytest

from tamis.text import breaks, icu_data
from tamis.text.icu_data import Dictionary, read_dictionary

CJDICT = "icudt78l/brkitr/cjdict.dict"


def header(data_format: bytes, *, version: int = 1, size: int = 32) -> bytes:
    """Size, magic, then size of the rest, byte order and so on, format, version."""
    start = struct.pack("<H2sHH4B4s", size, b"\xda\x27", 20, 0, 0, 0, 2, 0, data_format)
    return (start + bytes([version, 0, 0, 0])).ljust(size, b"\0")


def dictionary(trie: bytes, kind: int, transform: int) -> bytes:
    stop = 32 + len(trie)
    indexes = struct.pack("<8i", 32, stop, stop, stop, kind, transform, 0, 0)
    return header(b"Dict") + indexes + trie


def library(entries: dict[str, bytes]) -> bytes:
    """Code, what looks like a header, then the header, names and entries."""
    names, bodies = b"", b""
    for name, body in entries.items():
        names += name.encode() + b"\0"
        bodies += body
    at_names = 4 + 8 * len(entries)
    at_bodies = at_names + len(names)
    table = struct.pack("<I", len(entries))
    for name, body in entries.items():
        table += struct.pack("<II", at_names, at_bodies)
        at_names += len(name) + 1
        at_bodies += len(body)
    return b"\x7fELF..\xda\x27..." + header(b"CmnD") + table + names + bodies


WIDE = dictionary(b"\x30\x00\x00\x4e\x07\x80", kind=9, transform=0)
THAI = dictionary(b"\x10\x05\x21", kind=0, transform=0x1000E00)
WHOLE = library({"icudt78l/a.txt": b"else", CJDICT: WIDE})


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the only library there is."""
    path = tmp_path / "libicudata.so"
    monkeypatch.setattr(icu_data, "_libraries", lambda: iter([path]))
    return path


def test_a_dictionary_is_found_by_its_name(path: Path) -> None:
    path.write_bytes(library({"icudt78l/brkitr/thaidict.dict": THAI, CJDICT: WIDE}))
    assert read_dictionary("cjdict") == Dictionary(WIDE[64:], True, 0)
    assert read_dictionary("thaidict") == Dictionary(b"\x10\x05\x21", False, 0xE00)
    assert read_dictionary("khmerdict") is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xda\x27", id="only the magic"),
        pytest.param(WHOLE[:30], id="cut within the header"),
        pytest.param(WHOLE[:50], id="cut within the table of contents"),
        pytest.param(WHOLE[: -len(WIDE) + 20], id="cut within the entry's header"),
        pytest.param(WHOLE[:-1], id="cut within the trie"),
        pytest.param(WHOLE.replace(b"icudt78l", b"icudt79l"), id="another version"),
        pytest.param(WHOLE.replace(b"icudt78l", b"icudt78b"), id="another byte order"),
        pytest.param(WHOLE.replace(b"CmnD", b"CmnE"), id="no common data"),
        pytest.param(WHOLE.replace(b"Dict", b"Dic2"), id="no dictionary"),
        pytest.param(
            library({CJDICT: header(b"Dict", version=2) + WIDE[32:]}), id="a new format"
        ),
        pytest.param(library({CJDICT: dictionary(b"xx", 3, 0)}), id="unknown trie"),
        pytest.param(
            library({CJDICT: dictionary(b"xx", 0, 7)}), id="unknown transformation"
        ),
        pytest.param(library({CJDICT: dictionary(b"", 9, 0)}), id="no trie"),
        pytest.param(
            library({CJDICT: header(b"Dict", size=65000)[:32] + WIDE[32:]}),
            id="header longer than the file",
        ),
    ],
)
def test_what_is_not_as_expected_is_no_dictionary(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read_dictionary("cjdict") is None


def test_without_a_file_there_is_no_dictionary(path: Path) -> None:
    assert not path.exists()
    assert read_dictionary("cjdict") is None


def test_without_a_list_of_files_there_is_no_dictionary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def files(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", files)
    assert read_dictionary("cjdict") is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(THAI, id="units of eight bits"),
        pytest.param(dictionary(b"\x10\x05\x21", 0, 0x1001780), id="of another script"),
    ],
)
def test_a_dictionary_of_another_kind_is_not_used(path: Path, other: bytes) -> None:
    path.write_bytes(library({CJDICT: other, "icudt78l/brkitr/laodict.dict": other}))
    breaks._trie.cache_clear()
    try:
        assert breaks._trie("cjdict", None) is None
        assert breaks._trie("laodict", 0xE80) is None
    finally:
        breaks._trie.cache_clear()


@pytest.mark.parametrize("name", ["cjdict", "thaidict", "laodict", "khmerdict"])
def test_the_wheel_s_own_library_is_read(name: str) -> None:
    """Should a new icu4py fail here, ICU would cut all: five times as slow, as right."""
    found = read_dictionary(name)
    assert found is not None
    assert found.is_wide == (name == "cjdict")
