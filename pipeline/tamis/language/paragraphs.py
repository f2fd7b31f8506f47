"""How much of a text is in its language, and which other one it has: by paragraph.

A page may have a menu in English, a quotation, or each paragraph twice. The view by
which its language is named (see `view`) shows none of that. Here a text is cut into
blocks: lines in a row, at least 200 characters together. Of many blocks eight are read,
evenly spread, each by its first 100 characters.

A block is in another language only if the model is sure, and the language is none with
which the text's own is mixed up (see `sisters`): models err on menus, lists and names.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tamis.language.han import NEIGHBOURS
from tamis.language.labels import SERBO_CROATIAN
from tamis.language.serbo_croatian import SISTERS as SERBO_CROATIANS
from tamis.language.sisters import are_in_one_group
from tamis.language.view import text_views

if TYPE_CHECKING:
    from tamis.language.models import FastText

BLOCK_CHARACTERS = 200
MOST_BLOCKS = 8
_READ_CHARACTERS = 100
# Of 2,145 real texts nearly all in one language, 13 have a second one by this: recipes and
# articles with quotations, pages of a shop with German names. At .8 there are five, and a
# short block of French is missed.
SURE_FROM = 0.6
# A second language has at least this share of the text.
LEAST_SHARE = 0.1


def language_shares(
    texts: Sequence[str | None], languages: Sequence[str | None], model: "FastText"
) -> tuple[list[float | None], list[str | None]]:
    """Per text, the share of its language and the next language of at least a tenth.

    Shares are of the code points of the blocks that were read, line ends not counted.
    Both are null for a text without a language.
    """
    blocks: list[str] = []
    sizes: list[int] = []
    ends: list[int] = []
    for text, language in zip(texts, languages, strict=True):
        if text and language:
            for block in blocks_of(text):
                blocks.append(block[:_READ_CHARACTERS])
                sizes.append(len(block))
        ends.append(len(blocks))
    answers = model.opinions(text_views(pa.array(blocks, pa.large_string())))
    shares: list[float | None] = []
    seconds: list[str | None] = []
    start = 0
    for end, language in zip(ends, languages, strict=True):
        if language is None or start == end:
            shares.append(None)
            seconds.append(None)
        else:
            parts: Counter[str] = Counter()
            for answer, size in zip(answers[start:end], sizes[start:end], strict=True):
                parts[_of_block(language, *answer)] += size
            share, second = _shares(language, parts)
            shares.append(share)
            seconds.append(second)
        start = end
    return shares, seconds


def blocks_of(text: str) -> list[str]:
    """At most eight blocks of the text, evenly spread; none for a blank text."""
    blocks = list(_blocks(text))
    if len(blocks) <= MOST_BLOCKS:
        return blocks
    chosen = np.linspace(0, len(blocks) - 1, MOST_BLOCKS).astype(int)
    return [blocks[place] for place in chosen.tolist()]


def _blocks(text: str) -> Iterator[str]:
    """Lines in a row, until they have 200 characters; what is left goes to the last."""
    lines: list[str] = []
    size = 0
    block = ""
    for line in text.split("\n"):
        line = line.strip()
        if not line:
            continue
        lines.append(line)
        size += len(line)
        if size >= BLOCK_CHARACTERS:
            if block:
                yield block
            block = "\n".join(lines)
            lines, size = [], 0
    rest = "\n".join(lines)
    if block or rest:
        yield f"{block}\n{rest}" if block and rest else block or rest


def _of_block(language: str, answer: str | None, score: float) -> str:
    """The language of a block of a text in `language`."""
    if answer is None or score < SURE_FROM or are_in_one_group(language, answer):
        return language
    if language in SERBO_CROATIANS and answer == SERBO_CROATIAN:
        return language
    # Japanese with few kana is named Chinese; see `han`.
    return language if {language, answer} <= NEIGHBOURS else answer


def _shares(language: str, parts: Counter[str]) -> tuple[float, str | None]:
    total = parts.total()
    others = [(-size, other) for other, size in parts.items() if other != language]
    size, second = min(others, default=(0, ""))
    is_second = -size >= LEAST_SHARE * total and size < 0
    return parts[language] / total, second if is_second else None
