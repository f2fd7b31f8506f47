"""What two similar texts do not have in common, word by word, for a reader's eye.

Words are ICU's (UAX 29, dictionaries for scripts without spaces), each with the white
space behind it: no base letter is parted from its marks, and texts that are put
together again are the same texts. Common ends are set aside before anything is compared,
words that make up more than a hundredth of a long text start no match: two pages of
a few thousand words take some milliseconds, a page of one repeated word no longer.
"""

from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple

from icu4py.breakers import WordBreaker

MAX_WORDS = 5000
CONTEXT_WORDS = 6


class Difference(NamedTuple):
    """One place: what stands there `left` and `right`, between what both have.

    `before` and `after` are at most CONTEXT_WORDS words.
    """

    before: str
    left: str
    right: str
    after: str


def differences(left: str, right: str) -> list[Difference]:
    """The places in the order of the text; none where only white space differs.

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
    """How many words both begin with."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return sum(1 for _ in same)
