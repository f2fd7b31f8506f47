"""Find the differences of two similar texts, word by word, for a human reader.

Words are ICU's (UAX 29, dictionaries for scripts without spaces), each with the white
space after it: no base letter is separated from its marks, and joined words give the
same text again. Common ends are removed before the comparison, and words that are more
than a hundredth of a long text start no match. So two pages of a few thousand words
take some milliseconds, and a page of one repeated word takes no longer.
"""

from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple

from icu4py.breakers import WordBreaker

MAX_WORDS = 5000
CONTEXT_WORDS = 6


class Difference(NamedTuple):
    """One place where the texts differ: `left` and `right`, between common words.

    `before` and `after` are at most CONTEXT_WORDS words.
    """

    before: str
    left: str
    right: str
    after: str


def differences(left: str, right: str) -> list[Difference]:
    """The differences in the order of the text; none if only white space differs.

    Only the first MAX_WORDS words of each are compared.
    """
    ours, theirs = _words(left), _words(right)
    bare, other_bare = _bare(ours), _bare(theirs)
    start = _common(bare, other_bare)
    stop = _common(bare[start:][::-1], other_bare[start:][::-1])
    matcher = SequenceMatcher(
        None, bare[start : len(bare) - stop], other_bare[start : len(theirs) - stop]
    )
    found = []
    for verb, low, high, other_low, other_high in matcher.get_opcodes():
        if verb == "equal":
            continue
        low, high = low + start, high + start
        found.append(
            Difference(
                before="".join(ours[max(low - CONTEXT_WORDS, 0) : low]),
                left="".join(ours[low:high]),
                right="".join(theirs[other_low + start : other_high + start]),
                after="".join(ours[high : high + CONTEXT_WORDS]),
            )
        )
    return found


def _words(text: str) -> list[str]:
    words: list[str] = []
    for piece in WordBreaker(text, "en"):
        if piece.isspace() and words:
            words[-1] += piece
        else:
            words.append(piece)
            if len(words) > MAX_WORDS:
                return words[:MAX_WORDS]
    return words


def _bare(words: list[str]) -> list[str]:
    return [word.strip() for word in words]


def _common(left: list[str], right: list[str]) -> int:
    """Number of words that both have at their beginning."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return sum(1 for _ in same)
