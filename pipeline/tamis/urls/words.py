"""Words in an address that show what its site is about.

A word of an address is a run of letters, or of letters and digits, between any other
characters of its host and path. The query is not read: it is what a visitor looked for.
Case and accents do not count. A compound counts as its words if the table has every
part of it: `freepornvideos` is free + porn + videos, while `siriporn`, `essex`,
`cockburn` and `analytics` have parts that are not in the table.

    strict  one is enough, alone or in a compound
    hard    one is enough, but only as a word of its own
    soft    two different ones are needed, alone or in compounds
    part    means nothing, and makes compounds

Strict, hard and soft words and the two-word rule are RefinedWeb's (Penedo et al. 2023,
appendix G.1). Its strict words match anywhere, as in "Siriporn"; ours do not.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

from tamis.errors import ConfigError
from tamis.urls.normalise import Address, unicode_host

RULES = ("strict", "hard", "soft", "part")

_LETTERS, _WITH_DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
# A longer run is an identifier, not a compound.
_MAX_COMPOUND = 40
_SOFT_NEEDED = 2
_SIEVE_WORDS = 250


class UrlWords:
    """Words by rule, folded: lower-case letters without accents."""

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        folded = {rule: frozenset(map(fold, words.get(rule, ()))) for rule in RULES}
        self.strict, self.hard, self.soft, self.part = (folded[x] for x in RULES)
        self._known = frozenset().union(*folded.values())
        self._longest = max(map(len, self._known), default=0)

    def rule(self, where: Address) -> str | None:
        """`strict`, `hard` or `soft`, the first rule that applies; None for none."""
        words = address_words(where)
        parts = words.union(*map(self.compound, words))
        if not self.strict.isdisjoint(parts):
            return "strict"
        if not self.hard.isdisjoint(words):
            return "hard"
        return "soft" if len(self.soft & parts) >= _SOFT_NEEDED else None

    def compound(self, word: str) -> list[str]:
        """The words of a compound, last first; none if a part is unknown.

        If there are several ways to cut it, the one whose last words are longest.
        """
        size = len(word)
        if size > _MAX_COMPOUND:
            return []
        # Where a known word ends -> where the longest one that ends there starts.
        start_of = {0: 0}
        for start in range(size):
            if start in start_of:
                for stop in range(start + 1, min(size, start + self._longest) + 1):
                    if stop not in start_of and word[start:stop] in self._known:
                        start_of[stop] = start
        parts = []
        while size and size in start_of:
            parts.append(word[start_of[size] : size])
            size = start_of[size]
        return parts

    def sieve(self) -> list[str]:
        """Regular expressions; one matches each ASCII address that a rule may apply to.

        For RE2: most addresses match none and need no more work. There are several,
        because one automaton of thousands of words exceeds RE2's memory and runs 1,000
        times slower.
        """
        listed = sorted(filter(str.isascii, self.strict | self.hard | self.soft))
        starts = range(0, len(listed), _SIEVE_WORDS)
        groups = (listed[start : start + _SIEVE_WORDS] for start in starts)
        return ["|".join(map(re.escape, group)) for group in groups]


def address_words(where: Address) -> set[str]:
    """Folded words of host and path."""
    text = fold(f"{unicode_host(where.host)} {where.path.split('?', 1)[0]}")
    letters = set(_LETTERS.findall(text))
    return letters.union(_WITH_DIGITS.findall(text)) if _DIGIT.search(text) else letters


def fold(text: str) -> str:
    """Lower-case letters without accents: `Coño` is `cono`, `ß` is `ss`."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def load_words(paths: Iterable[str], *, with_own: bool) -> UrlWords:
    """Words of the user's tables, and of the package's own if `with_own`.

    A table has lines `rule<TAB>word`, and comments from `#`. Raises ConfigError naming
    a line that is neither, and for a table without words.
    """
    found: dict[str, list[str]] = {rule: [] for rule in RULES}
    tables = [(path, _read(path)) for path in paths]
    if with_own:
        tables.append(("words.tsv", _own_words()))
    for name, text in tables:
        before = sum(map(len, found.values()))
        for number, line in enumerate(text.splitlines(), 1):
            cells = line.split("#", 1)[0].split()
            if not cells:
                continue
            if len(cells) != 2 or cells[0] not in RULES:
                expected = f"one of {', '.join(RULES)}, a tab and a word"
                raise ConfigError(f"{name}, line {number}: {line!r} is not {expected}")
            found[cells[0]].append(cells[1])
        if sum(map(len, found.values())) == before:
            raise ConfigError(f"word table {name} has no word")
    return UrlWords(found)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"word table {path} cannot be read: {error}") from error


@lru_cache(maxsize=1)
def _own_words() -> str:
    return (
        resources.files(__package__).joinpath("words.tsv").read_text(encoding="utf-8")
    )
