"""Made documents: what stands on a page, as blocks that every renderer writes in its own way.

A document is drawn from a seed; the same seed gives the same document. Blocks are
tuples, so that JSON can hold them:

    ("heading", level, text)              ("paragraph", text)
    ("list", ordered, start, items)       items: (text, nested list or None)
    ("table", head, rows)                 cells are text; some are empty, some are long
    ("code", language, text)              ("formula", TeX)
    ("quote", paragraphs, items)          ("definitions", (term, text) pairs)

`$...$` in a text is an inline formula; `[^n]` refers to the note n of the document.
"""

import random
from typing import Any, Final, NamedTuple

from words import WORDS, Words

Block = tuple[Any, ...]


class Document(NamedTuple):
    """One page's content and the strings that stand around it."""

    name: str
    language: str
    title: str
    standfirst: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


CODE: Final[dict[str, tuple[str, ...]]] = {
    "python": (
        "def mean(values):\n"
        "    total = 0\n"
        "    for value in values:\n"
        "        if value is not None:\n"
        "            total += value\n"
        "\n"
        "    return total / len(values)  # never empty",
        "class Jar:\n"
        '    """Holds `count` beans."""\n'
        "\n"
        "    def __init__(self, count: int = 0) -> None:\n"
        "        self._count = count\n"
        "\n"
        "    def __add__(self, other):\n"
        "        return Jar(self._count + other._count)",
    ),
    "javascript": (
        "const beans = [1, 2, 3].map((n) => n * 2);\n"
        "for (const bean of beans) {\n"
        "  if (bean > 2 && bean < 8) {\n"
        '    console.log(`bean: ${bean}`, "ok\\n");\n'
        "  }\n"
        "}",
        "async function fetchBread(url) {\n"
        "  const answer = await fetch(url);\n"
        "  return answer.ok ? answer.json() : null;\n"
        "}",
    ),
    "c": (
        "#include <stdio.h>\n"
        "\n"
        "int main(void)\n"
        "{\n"
        "\tfor (int i = 0; i < 10; i++)\n"
        '\t\tprintf("%d\\n", i * i);\n'
        "\treturn 0;\n"
        "}",
        "static inline int *last(int *first, size_t n)\n"
        "{\n"
        "    return n ? &first[n - 1] : NULL; /* may be null */\n"
        "}",
    ),
}
INLINE: Final = (
    r"a^2+b^2=c^2",
    r"x_{i+1}",
    r"\alpha \le \beta",
    r"\frac{n}{2}",
    r"e^{-\lambda t}",
)
DISPLAYED: Final = (
    r"\int_0^1 x^2 \, dx = \frac{1}{3}",
    r"\sum_{k=1}^{n} k = \frac{n(n+1)}{2}",
    r"\sqrt{a^2 + b^2} \geq \frac{a+b}{\sqrt{2}}",
    r"P(A \mid B) = \frac{P(B \mid A) P(A)}{P(B)}",
)


def document(language: str, seed: int) -> Document:
    """The document of a language and a seed."""
    rng = random.Random(f"{language}:{seed}")
    writer = _Writer(WORDS[language], rng)
    title = writer.phrase(3)
    standfirst = writer.sentence()
    kinds = ["list", "ordered", "table", "code", "formula", "quote", "definitions"]
    kinds += ["wide", "code"]
    rng.shuffle(kinds)
    blocks: list[Block] = [("paragraph", writer.paragraph(2))]
    for index, kind in enumerate(kinds):
        if index % 3 == 0:
            blocks.append(("heading", 2, writer.phrase(2)))
        elif index % 3 == 2:
            blocks.append(("heading", 3, writer.phrase(2)))
        blocks.append(("paragraph", writer.paragraph(3, formula=index % 2 == 0)))
        blocks.append(writer.block(kind))
    blocks.append(("paragraph", writer.paragraph(2) + "[^1]"))
    blocks.append(("paragraph", writer.paragraph(2)))
    notes = (writer.sentence(),)
    return Document(
        f"{language}-{seed}", language, title, standfirst, tuple(blocks), notes
    )


class _Writer:
    """Draws texts and blocks of one language."""

    def __init__(self, words: Words, rng: random.Random) -> None:
        self._words = words
        self._rng = rng

    def sentence(self) -> str:
        sentence = self._rng.choice(self._words.sentences)
        return sentence.replace("{n}", str(self._rng.randint(3, 99)))

    def paragraph(self, sentences: int, formula: bool = False) -> str:
        chosen = self._rng.sample(self._words.sentences, sentences)
        numbered = [s.replace("{n}", str(self._rng.randint(3, 99))) for s in chosen]
        if formula:
            numbered[-1] += f" ${self._rng.choice(INLINE)}$"
            numbered.append(self.sentence())
            return " ".join(numbered)
        return self._words.glue.join(numbered)

    def phrase(self, names: int) -> str:
        chosen = self._rng.sample(self._words.names, names)
        return (self._words.glue or " ").join(chosen) + f" {self._rng.randint(2, 99)}"

    def name(self) -> str:
        return f"{self._rng.choice(self._words.names)} {self._rng.randint(2, 999)}"

    def items(self, ordered: bool, depth: int) -> Block:
        rng = self._rng
        start = rng.choice((1, 1, 4, 7)) if ordered and depth == 2 else 1
        items = []
        for _ in range(rng.randint(3, 4)):
            nested = None
            if depth and rng.random() < 0.5:
                nested = self.items(rng.random() < 0.3, depth - 1)
            items.append(
                (self.sentence() if rng.random() < 0.5 else self.name(), nested)
            )
        return ("list", ordered, start, tuple(items))

    def table(self, columns: int, rows: int) -> Block:
        rng = self._rng
        head = tuple(self.name() for _ in range(columns))
        body = []
        for _ in range(rows):
            row = [self.name()]
            for _ in range(columns - 1):
                draw = rng.random()
                cell = str(rng.randint(1, 9999)) if draw < 0.6 else self.name()
                row.append(
                    "" if draw < 0.15 else self.sentence() if draw > 0.9 else cell
                )
            body.append(tuple(row))
        return ("table", head, tuple(body))

    def block(self, kind: str) -> Block:
        rng = self._rng
        if kind in ("list", "ordered"):
            return self.items(kind == "ordered", 2)
        if kind in ("table", "wide"):
            return self.table(3 if kind == "table" else 5, rng.randint(3, 6))
        if kind == "code":
            language = rng.choice(sorted(CODE))
            return ("code", language, rng.choice(CODE[language]))
        if kind == "formula":
            return ("formula", rng.choice(DISPLAYED))
        if kind == "quote":
            items = tuple(self.sentence() for _ in range(2))
            return ("quote", (self.paragraph(2),), items)
        pairs = tuple((self.name(), self.sentence()) for _ in range(3))
        return ("definitions", pairs)
