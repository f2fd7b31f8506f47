"""Words that say what a number beside them is, by kind; `words.tsv` has them by language.

    phone   a phone number, or that somebody may call
    number  a number of any kind, and what may stand between a phone's word and its number
    other   an order, an account, a book, an id
    unit    what is counted: behind an amount

A word with `*` is the beginning of words. Those of a language called `touching-` are found
within others too: their scripts put no space between words, or write the article with them.
"""

import re
from functools import lru_cache
from importlib.resources import files
from typing import Literal, NamedTuple

Kind = Literal["phone", "number", "other", "unit"]

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST_STEM = 2


class Words(NamedTuple):
    """The words of a kind, in lower case."""

    whole: frozenset[str]
    stems: frozenset[str]
    touching: tuple[str, ...]

    def has(self, word: str) -> bool:
        """Whether a word in lower case, or two with a space, is one of these."""
        return word in self.whole or any(
            word[:length] in self.stems
            for length in range(_SHORTEST_STEM, len(word) + 1)
        )

    def end_of_last(self, text: str) -> int:
        """Where the last of these words in `text` ends; -1 if there is none."""
        end, before = -1, ""
        text = text.lower()
        for match in _WORD.finditer(text):
            word = match.group()
            if self.has(word) or f"{before} {word}" in self.whole:
                end = match.end()
            before = word
        if not text.isascii():
            for word in self.touching:
                place = text.rfind(word)
                if place >= 0:
                    end = max(end, place + len(word))
        return end


@lru_cache(maxsize=8)
def words_of(kind: Kind) -> Words:
    table = files("tamis.pii").joinpath("words.tsv").read_text(encoding="utf-8")
    whole, stems, touching = set(), set(), []
    for line in table.splitlines()[1:]:
        own, language, words = line.split("\t")
        if own != kind:
            continue
        for word in words.lower().split(", "):
            if language.startswith("touching-"):
                touching.append(word)
            elif word.endswith("*"):
                stems.add(word[:-1])
            else:
                whole.add(word)
    return Words(frozenset(whole), frozenset(stems), tuple(touching))
