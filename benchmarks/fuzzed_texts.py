"""Make texts with difficult cases for quality filters from real ones.

Lines doubled, cut, chopped up, given bullets, dots, odd white space and citations;
phrases that C4 looks for, whole and almost whole, in odd places.
"""

import random
from collections.abc import Callable

MAX_CHARS = 30_000

_BULLETS = ("• ", "- ", " -", "\u00a0•", "* ")
_ELLIPSES = ("...", "…", "... ", '…"', "....")
_GLUE = (
    *(" # ", " ... ", " … ", "  ", " 1 ", " x "),
    *("\u2028", "\x0b", "\r\n", "\x85", "\x1c"),
)
_BITS = (
    *("[1]", "[12]", "[]", "[edit]", "[citation needed]", "[[3]]", "[Edit]", "[ 1]"),
    *("[٣]", "[①]", "[1", ".[4]", ". [5]", "java[1]script", "privacy[2] policy"),
    *(" lorem ipsum ", "Lorem Ipsum dolor", "lorem İpsum", "JavaScript", "{", "}"),
    *(" cookie policy", " uses coo\u212aies ", "Terms of Use", "use of cookies"),
    *("x" * 1001, "y" * 1000, ".", "?", '!"', "'", "...", "… ", ".”", "。"),
    *("\u2028", "\x85", "\x1d", "\r", "\r\n", "\x0b", "\u3000", "\u200b", "\x00"),
)

Lines = list[str]


def fuzzed(text: str, rng: random.Random) -> str:
    """The text after one to five changes of its lines, cut to MAX_CHARS."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 5)):
        # Phrases in odd places are a third as frequent as all other changes together.
        change = rng.choice((*_CHANGES, *[_strewn] * (len(_CHANGES) // 3)))
        lines = change(lines, rng) or ["x"]
    return "\n".join(lines)[:MAX_CHARS] or "x"


def _doubled(lines: Lines, rng: random.Random) -> Lines:
    return lines + rng.choices(lines, k=rng.randint(1, len(lines)))


def _bulleted(lines: Lines, rng: random.Random) -> Lines:
    return [
        rng.choice(_BULLETS) + line if rng.random() < 0.95 else line for line in lines
    ]


def _dotted(lines: Lines, rng: random.Random) -> Lines:
    return [
        line + rng.choice(_ELLIPSES) if rng.random() < 0.4 else line for line in lines
    ]


def _chopped(lines: Lines, rng: random.Random) -> Lines:
    chopped = []
    for line in lines:
        words = line.split()
        chopped += (
            [line]
            if rng.random() < 0.5
            else [
                " ".join(words[start : start + 3]) for start in range(0, len(words), 3)
            ]
        )
    return chopped


def _cut(lines: Lines, rng: random.Random) -> Lines:
    start = rng.randrange(len(lines))
    return lines[start : start + rng.randint(1, 6)]


def _spread(lines: Lines, rng: random.Random) -> Lines:
    return [part for line in lines for part in (line, rng.choice(("", " ")))]


def _glued(lines: Lines, rng: random.Random) -> Lines:
    glue = rng.choice(_GLUE)
    return [line.replace(" ", glue, rng.randint(1, 60)) for line in lines]


def _repeating(lines: Lines, rng: random.Random) -> Lines:
    words = " ".join(lines).split() or ["x"]
    start = rng.randrange(len(words))
    span = words[start : start + rng.randint(1, 12)]
    return [*lines, " ".join(span * rng.randint(2, 20))]


def _padded(lines: Lines, rng: random.Random) -> Lines:
    return [*[""] * rng.randint(1, 3), *lines, *[""] * rng.randint(0, 3)]


def _loud(lines: Lines, rng: random.Random) -> Lines:
    return [line.upper() if rng.random() < 0.3 else line for line in lines]


def _shuffled(lines: Lines, rng: random.Random) -> Lines:
    words = " ".join(lines).split()
    rng.shuffle(words)
    return [" ".join(words[start : start + 8]) for start in range(0, len(words), 8)]


def _endless(lines: Lines, rng: random.Random) -> Lines:
    return [line.rstrip(".!?。") for line in lines]


def _strewn(lines: Lines, rng: random.Random) -> Lines:
    lines = lines.copy()
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(lines))
        line = lines[place]
        at = rng.choice((0, len(line), rng.randint(0, len(line))))
        lines[place] = line[:at] + rng.choice(_BITS) + line[at:]
    return lines


_CHANGES: tuple[Callable[[Lines, random.Random], Lines], ...] = (
    *(_doubled, _bulleted, _dotted, _chopped, _cut, _spread, _glued),
    *(_repeating, _padded, _loud, _shuffled, _endless, _strewn),
)
