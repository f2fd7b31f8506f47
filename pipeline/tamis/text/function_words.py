"""Function words and verb endings of each language, whose place in a sentence is fixed.

function_words.tsv has a row per language (ISO 639-3):

    justext      name of a frequency list in the package `justext` (BSD 2-clause, made
                 from Wikipedia): its first words are the stop words
    stop_words   the stop words themselves, as ICU cuts them, if justext has no list;
                 for English the eight of Gopher (Rae et al. 2021, section A1.1)
    never_first  particles that do not begin a clause: the Chinese 的, the Hindi का
    never_last   articles, prepositions and the like that do not end a clause: the, der, в
    governs      words whose complement follows directly: the Arabic في; and particles,
                 which belong to what is before them
    ungoverned   words that cannot be such a complement: a word that governs is not
                 followed by one of these. في على, का को, 被就
    endings      last letters of the words that end sentences, in languages with the verb
                 at the end and without capitals: 다, है, து

All columns except the first two are our own, from grammars. For a language that is not
in the table, or a role without words, nothing is measured: its statistics are null, or
do not count, rather than 0.
"""

import csv
from functools import cache, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.text.buffers import utf8_buffers
from tamis.text.hashing import word_hashes
from tamis.text.unicode import code_points
from tamis.text.words import segment

STOP, NEVER_FIRST, NEVER_LAST, GOVERNS, UNGOVERNED = 1, 2, 4, 8, 16

_COLUMN_OF = {
    NEVER_FIRST: "never_first",
    NEVER_LAST: "never_last",
    GOVERNS: "governs",
    UNGOVERNED: "ungoverned",
}

# Words taken from the beginning of a list: about as many as FineWeb-2's longest lists.
LONGEST_LIST = 50


class FunctionWords(NamedTuple):
    """The lists of a batch, as `statistics.vocabulary` and `order` read them.

    hashes       (words,)        uint64  list after list, each ascending
    roles        (words,)        uint8   a sum of STOP, NEVER_FIRST and so on
    lists        (lists + 1,)    int64   where each list begins
    list_of      (documents,)    int64   each document's list; -1 for none
    endings      (bytes,)        uint8   endings in UTF-8, one after the other
    ending_ends  (endings,)      int64   where each of them ends
    ending_lists (lists + 1,)    int64   where the endings of each list begin
    """

    hashes: NDArray[np.uint64]
    roles: NDArray[np.uint8]
    lists: NDArray[np.int64]
    list_of: NDArray[np.int64]
    endings: NDArray[np.uint8]
    ending_ends: NDArray[np.int64]
    ending_lists: NDArray[np.int64]


def function_words(codes: list[str | None]) -> FunctionWords:
    """The lists for documents of these languages (ISO 639-3; None is unknown)."""
    known = sorted({code for code in codes if code is not None and code in _table()})
    lists = [_list_of(language) for language in known]
    places = {language: place for place, language in enumerate(known)}
    endings = [ending.encode() for code in known for ending in endings_of(code)]
    return FunctionWords(
        np.concatenate([np.empty(0, np.uint64), *(hashes for hashes, _ in lists)]),
        np.concatenate([np.empty(0, np.uint8), *(roles for _, roles in lists)]),
        np.cumsum([0, *(len(hashes) for hashes, _ in lists)], dtype=np.int64),
        np.array([places.get(code or "", -1) for code in codes], np.int64),
        np.frombuffer(b"".join(endings), np.uint8),
        np.cumsum([len(ending) for ending in endings], dtype=np.int64),
        np.cumsum([0, *(len(endings_of(code)) for code in known)], dtype=np.int64),
    )


def languages() -> tuple[str, ...]:
    """ISO 639-3 codes of the languages that have lists."""
    return tuple(_table())


@cache
def words_of(language: str, role: int) -> tuple[str, ...]:
    """The words that have this role in a language, () for none.

    At most LONGEST_LIST stop words, the most frequent first if the list has an order.
    """
    row = _table().get(language)
    if row is None:
        return ()
    if role != STOP:
        return tuple(row[_COLUMN_OF[role]].split())
    if row["stop_words"] or not row["justext"]:
        return tuple(row["stop_words"].split())
    path = _stop_lists() / f"{row['justext']}.txt"
    return _head(path.read_text(encoding="utf-8"))


def endings_of(language: str) -> tuple[str, ...]:
    """The endings of words that end sentences, () if they are not known."""
    row = _table().get(language)
    return () if row is None else tuple(row["endings"].split())


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, str]]:
    """Rows of function_words.tsv by language."""
    path = files("tamis.text") / "function_words.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["language"]: row for row in csv.DictReader(lines, delimiter="\t")}


def _stop_lists() -> Path:
    """justext's folder of lists, found without importing justext and its lxml."""
    spec = find_spec("justext")
    assert spec is not None  # a dependency
    assert spec.submodule_search_locations is not None  # a package
    return Path(spec.submodule_search_locations[0]) / "stoplists"


def _head(text: str) -> tuple[str, ...]:
    """The first distinct words of a frequency list, cut as documents are.

    "d'un" gives d and un: no word of a document has an apostrophe.
    """
    data, offsets = utf8_buffers(pa.array([text[: 40 * LONGEST_LIST].lower()]))
    words = segment(data, offsets)
    found = [
        data[start:end].tobytes().decode()
        for start, end in zip(words.starts, words.ends, strict=True)
    ]
    return tuple(dict.fromkeys(found))[:LONGEST_LIST]


@cache
def _list_of(language: str) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Hashes of a language's function words, ascending, and the roles of each."""
    roles: dict[int, int] = {}
    for role in (STOP, *_COLUMN_OF):
        for value in _hashes(words_of(language, role)):
            roles[value] = roles.get(value, 0) | role
    hashes = sorted(roles)
    return (
        np.array(hashes, np.uint64),
        np.array([roles[value] for value in hashes], np.uint8),
    )


def _hashes(words: tuple[str, ...]) -> list[int]:
    data, offsets = utf8_buffers(pa.array([" ".join(words)]))
    tables = code_points()
    found = segment(data, offsets)
    hashes: list[int] = word_hashes(data, found, tables.index, tables.lower).tolist()
    return hashes
