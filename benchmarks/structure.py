"""How much of a page's structure a Markdown text has: measures against known blocks.

A measure of a page is (points, of how many); a page that has nothing to find gives none.

    headings, cells, terms, items, quotes, paragraphs    blocks whose words are in the text
    rows whole          all cells of a row in one line of the text, in order
    columns aligned     cells in a table's column below their own head, in their own row
    table TEDS          1 - tree edit distance / nodes of the larger tree, cells by edit
                        similarity (WebMainBench's measure), of the best table of the text
    list nesting        items that are items, at their depth, below their own parent
    list order          longest common subsequence of items, of all items
    list numbers        items of ordered lists that have their number
    code equal          pieces of code that a fence holds to the character
    code edit           edit similarity of all code, fences end to end (WebMainBench's)
    formulas equal      formulas, white space aside, between dollars or TeX's own marks
    formula edit        edit similarity of all formulas, end to end (WebMainBench's)
    headline, standfirst, first, last    the page's title and paragraphs
    free of forbidden   strings of menus, notices, comments and teasers that are absent
    free of repeats     lines of 20 letters or more that say nothing for the second time
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple

import numpy as np
from markdown_it import MarkdownIt
from markdown_it.token import Token

Score = tuple[float, float]
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_FENCE = re.compile(r"^( *)(`{3,}|~{3,})[^\n]*\n.*?(?:^ *\2[`~]*[ ]*$|\Z)", re.M | re.S)
_TEX = re.compile(
    r"\$\$(.+?)\$\$|\$([^$\n]+)\$|\\\\?\[(.+?)\\\\?\]|\\\\?\((.+?)\\\\?\)", re.S
)
_INLINE = re.compile(r"\$([^$]+)\$")
_NOTE = re.compile(r"\[\^\d+\]")
_WORD = re.compile(r"\w+")


class Item(NamedTuple):
    """An item of a list: where it stands and its number, None without one."""

    text: str
    depth: int
    parent: str
    number: int | None


class Shown(NamedTuple):
    """What a Markdown text holds."""

    words: str  # of the whole text
    lines: list[str]  # words of each line
    tables: list[list[list[str]]]
    items: list[Item]
    codes: list[str]
    formulas: list[str]


def words(text: str) -> str:
    """The words of a text in lower case, with a space between and around."""
    return f" {' '.join(_WORD.findall(text.lower()))} "


def shown(markdown: str) -> Shown:
    """What a Markdown text holds, as a renderer of CommonMark with tables reads it."""
    without_code = _FENCE.sub("", markdown)
    formulas = [
        next(filter(None, found.groups())) for found in _TEX.finditer(without_code)
    ]
    lines = [words(_MARKDOWN.renderInline(line)) for line in markdown.splitlines()]
    tables: list[list[list[str]]] = []
    items: list[Item] = []
    codes: list[str] = []
    open_: list[Any] = []  # lists: (next number or None); and items: index into `items`
    for token in _MARKDOWN.parse(markdown):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type in ("th_open", "td_open"):
            tables[-1][-1].append("")
        elif token.type in ("fence", "code_block"):
            codes.append(token.content.removesuffix("\n"))
        _read_list(token, open_, items)
        if token.type == "inline" and tables and token.level >= 4 and tables[-1]:
            _into_cell(token, tables)
    return Shown(words(_said(markdown)), lines, tables, items, codes, formulas)


def _said(markdown: str) -> str:
    """The text without its marks, tag soup and escapes included."""
    return "\n".join(
        _inline(token) if token.type == "inline" else token.content
        for token in _MARKDOWN.parse(markdown)
        if token.type in ("inline", "fence", "code_block", "html_block")
    )


def _inline(token: Token) -> str:
    return "".join(
        "\n" if child.type in ("softbreak", "hardbreak") else child.content
        for child in token.children or ()
    )


def _into_cell(token: Token, tables: list[list[list[str]]]) -> None:
    row = tables[-1][-1]
    if row and row[-1] == "" and token.content:
        row[-1] = _inline(token)


def _read_list(token: Token, open_: list[Any], items: list[Item]) -> None:
    if token.type in ("bullet_list_open", "ordered_list_open"):
        is_ordered = token.type == "ordered_list_open"
        open_.append(["list", int(token.attrGet("start") or 1) if is_ordered else None])
    elif token.type == "list_item_open":
        above = [entry for entry in open_ if entry[0] == "item"]
        parent = items[above[-1][1]].text if above else ""
        number = open_[-1][1]
        if number is not None:
            open_[-1][1] += 1
        items.append(Item("", len(above), parent, number))
        open_.append(["item", len(items) - 1])
    elif token.type in ("bullet_list_close", "ordered_list_close", "list_item_close"):
        open_.pop()
    elif token.type == "inline" and open_ and open_[-1][0] == "item":
        item = items[open_[-1][1]]
        if not item.text:
            items[open_[-1][1]] = item._replace(text=words(_inline(token)))


def scores(gold: dict[str, Any], markdown: str) -> dict[str, Score]:
    """Each measure of a page; `gold` is a row of the page factory."""
    said = shown(markdown)
    found: dict[str, Score] = {}
    blocks = gold["blocks"]
    found |= _kept(blocks, said)
    tables = [[block[1], *block[2]] for block in blocks if block[0] == "table"]
    found |= _table_scores(tables, said)
    found |= _list_scores([block for block in blocks if block[0] == "list"], said)
    codes = [block[2] for block in blocks if block[0] == "code"]
    if codes:
        equal = sum(code in said.codes for code in codes)
        found["code equal"] = (equal, len(codes))
        found["code edit"] = (similarity("\n".join(codes), "\n".join(said.codes)), 1)
    formulas = list(_formulas(blocks))
    if formulas:
        wanted = Counter(map(_squeezed, formulas))
        there = Counter(map(_squeezed, said.formulas))
        found["formulas equal"] = ((wanted & there).total(), wanted.total())
        joined = ["\n".join(map(_squeezed, part)) for part in (formulas, said.formulas)]
        found["formula edit"] = (similarity(*joined), 1)
    paragraphs = [block[1] for block in blocks if block[0] == "paragraph"]
    ends = {
        "headline": gold["title"],
        "standfirst": gold["standfirst"],
        "first": paragraphs[0],
        "last": paragraphs[-1],
    }
    found |= {name: (float(_has(said, text)), 1) for name, text in ends.items()}
    forbidden = gold["forbidden"]
    free = sum(words(text) not in said.words for text in forbidden)
    found["free of forbidden"] = (free, len(forbidden))
    found["free of repeats"] = _free_of_repeats(gold, said)
    return found


def _has(said: Shown, text: str) -> bool:
    """Whether the words of a text stand in the page's, its formulas and notes aside."""
    parts = _NOTE.sub("", _INLINE.sub("$", text)).split("$")
    return all(words(part) in said.words for part in parts if part.strip())


def _kept(blocks: list[Any], said: Shown) -> dict[str, Score]:
    texts: dict[str, list[str]] = {
        "headings": [block[2] for block in blocks if block[0] == "heading"],
        "cells": [
            cell
            for block in blocks
            if block[0] == "table"
            for row in (block[1], *block[2])
            for cell in row
            if cell
        ],
        "terms": [
            text
            for block in blocks
            if block[0] == "definitions"
            for pair in block[1]
            for text in pair
        ],
        "items": [
            item.text
            for block in blocks
            if block[0] == "list"
            for item in _items(block)
        ],
        "quotes": [
            text
            for block in blocks
            if block[0] == "quote"
            for text in (*block[1], *block[2])
        ],
        "paragraphs": [block[1] for block in blocks if block[0] == "paragraph"],
    }
    return {
        kind: (sum(_has(said, text) for text in all_), len(all_))
        for kind, all_ in texts.items()
        if all_
    }


def _table_scores(tables: list[list[list[str]]], said: Shown) -> dict[str, Score]:
    if not tables:
        return {}
    whole = rows = 0
    for table in tables:
        for row in table:
            wanted = [words(cell)[:-1] for cell in row if cell]
            whole += any(_in_order(wanted, line) for line in said.lines)
            rows += 1
    wanted_cells = Counter(place for table in tables for place in _places(table))
    there = Counter(place for table in said.tables for place in _places(table))
    aligned = (wanted_cells & there).total()
    best = [
        max((teds(table, other) for other in said.tables), default=0.0)
        for table in tables
    ]
    return {
        "rows whole": (whole, rows),
        "columns aligned": (aligned, wanted_cells.total()),
        "table TEDS": (sum(best), len(best)),
    }


def _in_order(wanted: list[str], line: str) -> bool:
    position = 0
    for cell in wanted:
        position = line.find(cell + " ", position)
        if position < 0:
            return False
        position += len(cell)
    return True


def _places(table: Sequence[Sequence[str]]) -> Iterator[tuple[str, str, str]]:
    """(head, first cell of the row, cell) of each cell that is not empty."""
    for row in table[1:]:
        for head, cell in zip(table[0], row, strict=False):
            if cell.strip():
                yield words(head), words(row[0]), words(cell)


def teds(table: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> float:
    """Similarity of two tables as trees of rows of cells, in [0, 1].

    Between trees of two levels the edit distance is an alignment of rows, whose
    costs are alignments of cells. Zhong et al. 2020, https://arxiv.org/abs/1911.10683
    """
    costs = np.array([[_row_cost(a, b) for b in other] for a in table])
    distance = _aligned(
        costs.reshape(len(table), len(other)),
        [1.0 + len(row) for row in table],
        [1.0 + len(row) for row in other],
    )
    nodes = max(1 + sum(1 + len(row) for row in rows) for rows in (table, other))
    return 1.0 - distance / nodes


def _row_cost(row: Sequence[str], other: Sequence[str]) -> float:
    costs = np.array([[1.0 - similarity(a, b) for b in other] for a in row])
    ones = [1.0] * max(len(row), len(other))
    return _aligned(
        costs.reshape(len(row), len(other)), ones[: len(row)], ones[: len(other)]
    )


def _aligned(costs: Any, removed: Sequence[float], added: Sequence[float]) -> float:
    """The least cost of an alignment of two sequences in order."""
    row = np.concatenate([[0.0], np.cumsum(added)])
    for index, price in enumerate(removed):
        above, row = row, np.empty(len(added) + 1)
        row[0] = above[0] + price
        for place, other in enumerate(added):
            row[place + 1] = min(
                above[place] + costs[index, place],
                above[place + 1] + price,
                row[place] + other,
            )
    return float(row[-1])


def _items(block: Any, depth: int = 0, parent: str = "") -> Iterator[Item]:
    for number, (text, nested) in enumerate(block[3], block[2]):
        yield Item(words(text), depth, parent, number if block[1] else None)
        if nested:
            yield from _items(nested, depth + 1, words(text))


def _list_scores(lists: list[Any], said: Shown) -> dict[str, Score]:
    wanted = [item for block in lists for item in _items(block)]
    if not wanted:
        return {}
    nests = Counter((item.text, item.depth, item.parent) for item in wanted)
    there = Counter((item.text, item.depth, item.parent) for item in said.items)
    texts, others = ([item.text for item in items] for items in (wanted, said.items))
    costs = np.array([[2.0 * (a != b) for b in others] for a in texts])
    distance = _aligned(
        costs.reshape(len(texts), len(others)), [1.0] * len(texts), [1.0] * len(others)
    )
    found: dict[str, Score] = {
        "list nesting": ((nests & there).total(), len(wanted)),
        "list order": ((len(texts) + len(others) - distance) / 2, len(wanted)),
    }
    numbers = Counter((i.text, i.number) for i in wanted if i.number is not None)
    if numbers:
        named = Counter((i.text, i.number) for i in said.items)
        found["list numbers"] = ((numbers & named).total(), numbers.total())
    return found


def _formulas(blocks: list[Any]) -> Iterator[str]:
    for block in blocks:
        if block[0] == "formula":
            yield block[1]
        elif block[0] == "paragraph":
            yield from _INLINE.findall(block[1])


def _squeezed(tex: str) -> str:
    """TeX without white space and without what only says that it is displayed."""
    return re.sub(r"\\displaystyle\b|\\(?:begin|end)\{split\}|\s", "", tex)


def _free_of_repeats(gold: dict[str, Any], said: Shown) -> Score:
    long = Counter(line for line in said.lines if len(line) >= 20)
    wanted = words(json.dumps(gold["blocks"], ensure_ascii=False))
    more = (count - max(1, wanted.count(line)) for line, count in long.items())
    return long.total() - sum(map(max, more, repeat(0))), max(long.total(), 1)


def similarity(text: str, other: str) -> float:
    """1 - edit distance / length of the longer text; 1 for two empty texts.

    A row of the table of distances at a time: what is to its left is a running
    minimum, so that numpy does all of it.
    """
    if text == other:
        return 1.0
    if not text or not other:
        return 0.0
    letters = np.frombuffer(other.encode("utf-32-le"), np.uint32)
    steps = np.arange(len(letters) + 1)
    row = steps.copy()
    for letter in np.frombuffer(text.encode("utf-32-le"), np.uint32):
        above = row
        row = above + 1
        np.minimum(row[1:], above[:-1] + (letters != letter), out=row[1:])
        row = np.minimum.accumulate(row - steps) + steps
    return 1.0 - float(row[-1]) / max(len(text), len(other))


def rates(
    found: Sequence[dict[str, Score]], names: Sequence[str]
) -> list[float | None]:
    """Points over all pages of each measure; None where no page has anything to find."""
    rates: list[float | None] = []
    for name in names:
        pairs = [page[name] for page in found if name in page]
        of = sum(pair[1] for pair in pairs)
        rates.append(sum(pair[0] for pair in pairs) / of if of else None)
    return rates


MEASURES: Final = (
    *("headings", "cells", "terms", "items", "quotes", "paragraphs"),
    *("rows whole", "columns aligned", "table TEDS"),
    *("list nesting", "list order", "list numbers"),
    *("code equal", "code edit", "formulas equal", "formula edit"),
    *("headline", "standfirst", "first", "last"),
    *("free of forbidden", "free of repeats"),
)
