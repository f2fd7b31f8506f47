"""Phrases that show that a line is not prose, by language.

phrases.tsv has a row per language (ISO 639-3) and kind, its phrases separated by " | ":

    lorem       dummy text: C4 drops the document
    javascript  a notice that a script does not run
    policy      notices of cookies and terms
    counter     what social networks count: "12 likes"
    power       what may be between the number and a counter: "1,2 Mio. Aufrufe"
    cart        "items in cart"
    more        a button after a teaser: "read more"
    sign_in     a button: "sign in"

English policies are those of C4's published code, English counters and buttons those of
RefinedWeb (Penedo et al. 2023, appendix G.2) and a few similar ones; those of other
languages are our own translations. Pages of every language contain English, so its
phrases belong to every list; a language that is not in the table has only these.
"""

import csv
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.unicode import UNSPACED, code_points, position

LOREM, JAVASCRIPT, POLICY, COUNTER, CART, MORE, SIGN_IN = (1 << bit for bit in range(7))
_KINDS = {
    "lorem": LOREM,
    "javascript": JAVASCRIPT,
    "policy": POLICY,
    "counter": COUNTER,
    "cart": CART,
    "more": MORE,
    "sign_in": SIGN_IN,
}
# These are searched anywhere in a line, the others at one of its ends.
ANYWHERE = LOREM | JAVASCRIPT | POLICY | CART

# Letters at the start of a phrase that are hashed; phrases of ANYWHERE are not shorter.
LETTERS = 4
PLACES = 4096
_SHARED = "eng"


class Phrases(NamedTuple):
    """Lists of phrases in lower case, one per language, English first.

    codes    (letters,)      int32  code points, phrase after phrase
    starts   (phrases + 1,)  int64  where each phrase begins
    kinds    (phrases,)      int64
    lists    (lists + 1,)    int64  where each list begins; its counters come last
    counters (lists,)        int64  where its counters begin
    begins   (lists, PLACES) bool   whether a phrase that is searched ANYWHERE may
                                    begin with four code points of this `place_of`
    """

    codes: NDArray[np.int32]
    starts: NDArray[np.int64]
    kinds: NDArray[np.int64]
    lists: NDArray[np.int64]
    counters: NDArray[np.int64]
    begins: NDArray[np.bool_]


def languages() -> tuple[str, ...]:
    """ISO 639-3 codes of the languages that have phrases, in the order of the lists."""
    return tuple(_table())


def list_of(codes: list[str | None]) -> NDArray[np.int64]:
    """The number of each document's list, by its language; English's for others."""
    places = {language: place for place, language in enumerate(languages())}
    return np.array([places.get(code or _SHARED, 0) for code in codes], np.int64)


@lru_cache(maxsize=1)
def phrases() -> Phrases:
    """Every language's list."""
    letters: list[NDArray[np.int32]] = []
    kinds: list[int] = []
    lists, counters = [0], []
    begins = np.zeros((len(_table()), PLACES), np.bool_)
    for language, rows in enumerate(_table().values()):
        own = dict.fromkeys(_table()[_SHARED] + rows)
        counters.append(lists[-1] + sum(kind != COUNTER for kind, _ in own))
        for kind, phrase in sorted(own, key=lambda row: row[0] == COUNTER):
            codes = _small(phrase)
            letters.append(codes)
            kinds.append(kind)
            if kind & ANYWHERE:
                begins[language, place_of(*codes[:LETTERS].tolist())] = True
        lists.append(len(kinds))
    return Phrases(
        np.concatenate(letters),
        np.cumsum([0, *map(len, letters)], dtype=np.int64),
        np.array(kinds, np.int64),
        np.array(lists, np.int64),
        np.array(counters, np.int64),
        begins,
    )


@kernel(inline="always")
def place_of(first: int, second: int, third: int, fourth: int) -> int:
    """A hash below PLACES of four code points; others may have the same."""
    return (((first * 31 + second) * 31 + third) * 31 + fourth) & (PLACES - 1)


@lru_cache(maxsize=1)
def _table() -> dict[str, list[tuple[int, str]]]:
    """Kind and spelling of the phrases of each language."""
    path = files("tamis.text.cleaning") / "phrases.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    table: dict[str, list[tuple[int, str]]] = {}
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        own = table.setdefault(row["language"], [])
        spelled = row["phrases"].split(" | ")
        if row["kind"] == "power":  # its counters are in the row before
            counters = [phrase for kind, phrase in own if kind == COUNTER]
            own += [
                (COUNTER, power + space + counter)
                for power in spelled
                for counter in counters
                for space in _joints(power)
            ]
        else:
            own += [(_KINDS[row["kind"]], phrase) for phrase in spelled]
    return table


def _joints(power: str) -> tuple[str, ...]:
    """Separators of a power and a counter: a space, or nothing in unspaced scripts."""
    tables = code_points()
    is_unspaced = tables.flags[position(tables.index, ord(power[-1]))] & UNSPACED
    return ("", " ") if is_unspaced else (" ",)


def _small(phrase: str) -> NDArray[np.int32]:
    tables = code_points()
    codes = np.array([ord(letter) for letter in phrase], np.int32)
    for place, code in enumerate(codes):
        codes[place] += tables.lower[position(tables.index, int(code))]
    return codes
