"""What a block stands in, in Markdown: quotations and list items, from the outermost in.

An item's mark comes before its first kept block; its other blocks, and what is nested in
it, are indented by the mark's width. An item without a kept block of its own, only with
lists in it, has no mark and indents nothing. A list directly in a list belongs to the item
before it, as a browser shows it.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import NONE, REVERSED, ZERO, Page
from tamis.html.blocks.read import tags

# Of deeper ones the innermost counts alone. CommonMark has no limit; markdown-it stops at 20
# levels, and a list takes two.
MAX_NESTING: Final = 8
_MAX_COLUMNS: Final = 32  # deeper ones are not indented
_LARGEST_NUMBER: Final = 999_999_999  # CommonMark's
PREFIX_BYTES: Final = _MAX_COLUMNS + 16
_LINE_FEED, _BLANK, _CLOSING, _STAR, _HYPHEN, _DOT, _ZERO, _QUOTE = (
    *(10, 32, 41, 42),
    *(45, 46, 48, 62),
)

# What the writer knows of an element beside ELEMENT.
NODE = np.dtype(
    [
        # li: its number, or -1 for a bullet; ol: that of its next item; cell: its column.
        ("number", np.int32),
        ("count", np.int32),  # items of a list, cells of a row
        ("item", np.int32),  # list: its last item, while items are counted
        ("holder", np.int32),  # a list directly in a list: the item before it, else 0
        ("columns", np.int32),  # table: of its longest row
        ("simple", np.int32),  # table: kept cells that are one short block
        ("other", np.int32),  # table: blocks of other kept cells
        ("is_own", np.bool_),  # li: has a kept block of its own
        ("is_marked", np.bool_),  # li: its mark was written
        ("has_marks", np.bool_),  # list: one of its marks was written
        ("is_second", np.bool_),  # list: stands behind another one, and has other marks
        ("is_left", np.bool_),  # table: something else follows one of its rows
        ("is_table", np.bool_),  # table: is written as one
    ],
    align=True,
)
Nodes = Any
Chain = NDArray[np.int64]


@kernel(inline="always")
def nodes_of(page: Page) -> Nodes:
    """One NODE per element, with the numbers of items and the columns of cells."""
    count = page.state[0].elements + ZERO
    nodes = np.zeros(count, NODE)
    for index in range(count):
        tag, parent = page.elements[index].tag, page.elements[index].parent
        if parent < 0:
            continue
        if tag == tags.LI:
            nodes[parent].count += 1
            nodes[parent].item = index
        elif tag == tags.TD or tag == tags.TH:
            nodes[index].number = nodes[parent].count
            nodes[parent].count += 1
        elif _is_list(tag) and _is_list(page.elements[parent].tag):
            nodes[index].holder = nodes[parent].item
    for index in range(count):
        tag, parent = page.elements[index].tag, page.elements[index].parent
        if tag == tags.OL:
            first = page.numbers[index] + ZERO
            counts_down = page.elements[index].flags & np.uint32(REVERSED) != 0
            if first < 0:
                first = nodes[index].count + ZERO if counts_down else ZERO + 1
            nodes[index].number = first
        elif tag == tags.LI:
            nodes[index].number = NONE
            if parent >= 0 and page.elements[parent].tag == tags.OL:
                _number(page, nodes, index, parent)
    return nodes


@kernel(inline="always")
def _number(page: Page, nodes: Nodes, item: int, parent: int) -> None:
    """Give an item of an ol its number, and find the next one's."""
    number = page.numbers[item] + ZERO
    if number < 0:
        number = nodes[parent].number + ZERO
    nodes[item].number = min(max(number, 0), _LARGEST_NUMBER)
    counts_down = page.elements[parent].flags & np.uint32(REVERSED) != 0
    nodes[parent].number = number - 1 if counts_down else number + 1


@kernel
def _is_list(tag: int) -> bool:
    return bool(tag == tags.UL or tag == tags.OL)


@kernel
def outer(page: Page, nodes: Nodes, element: int) -> int:
    """What an element stands in, or -1."""
    if nodes[element].holder > 0:
        return int(nodes[element].holder)
    return int(page.elements[element].parent)


@kernel
def fill_chain(page: Page, nodes: Nodes, holder: int, chain: Chain) -> int:
    """Fill in the quotations and marked items around an element; returns their number."""
    total = ZERO
    element = holder + ZERO
    while element >= 0:
        total += _is_container(page, nodes, element)
        element = outer(page, nodes, element)
    place = total
    element = holder + ZERO
    while element >= 0:
        if _is_container(page, nodes, element):
            place -= 1
            if place == total - 1 or place < MAX_NESTING - 1:
                chain[min(place, MAX_NESTING - 1)] = element
        element = outer(page, nodes, element)
    columns = ZERO
    for place in range(min(total, MAX_NESTING + ZERO)):
        columns += width(page, nodes, chain[place])
        if columns > _MAX_COLUMNS:
            return int(place)
    return int(min(total, MAX_NESTING + ZERO))


@kernel
def _is_container(page: Page, nodes: Nodes, element: int) -> bool:
    tag = page.elements[element].tag
    return bool(tag == tags.BLOCKQUOTE or (tag == tags.LI and nodes[element].is_own))


@kernel
def width(page: Page, nodes: Nodes, element: int) -> int:
    """Columns that a container's mark takes."""
    columns = 2
    if page.elements[element].tag == tags.LI and nodes[element].number >= 0:
        number = nodes[element].number // 10
        columns = 3
        while number > 0:
            columns += 1
            number //= 10
    return columns


@kernel(inline="always")
def separate(
    page: Page,
    before: Chain,
    count_before: int,
    chain: Chain,
    count: int,
    nodes: Nodes,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """A blank line, with the marks of the quotations that go on; between items a line end."""
    common = shared(before, count_before, chain, count)
    out[at] = _LINE_FEED
    at += 1
    if are_neighbours(page, before, count_before, chain, count, common):
        return at
    at = without_blanks(out, write_indent(page, nodes, chain, common, out, at))
    out[at] = _LINE_FEED
    return at + 1


@kernel
def shared(before: Chain, count_before: int, chain: Chain, count: int) -> int:
    """How many containers two blocks share."""
    common = ZERO
    while common < count_before and common < count and before[common] == chain[common]:
        common += 1
    return int(common)


@kernel(inline="always")
def are_neighbours(
    page: Page,
    before: Chain,
    count_before: int,
    chain: Chain,
    count: int,
    common: int,
) -> bool:
    """Whether the blocks are of two items of one list, and the first of no item deeper."""
    if common in (count_before, count):
        return False
    first, second = before[common], chain[common]
    for place in range(common + 1, count_before):
        if page.elements[before[place]].tag == tags.LI:
            return False
    return bool(
        page.elements[first].tag == tags.LI
        and page.elements[second].tag == tags.LI
        and page.elements[first].parent == page.elements[second].parent
    )


@kernel(inline="always")
def write_marks(
    page: Page,
    nodes: Nodes,
    before: Chain,
    count_before: int,
    chain: Chain,
    count: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """The start of a unit's first line: marks of quotations, and of items that begin."""
    common = shared(before, count_before, chain, count)
    for place in range(count):
        element = chain[place]
        if page.elements[element].tag == tags.BLOCKQUOTE or nodes[element].is_marked:
            at = _write_one_indent(page, nodes, element, out, at)
            continue
        nodes[element].is_marked = True
        parent = max(page.elements[element].parent, 0)
        if not nodes[parent].has_marks:
            nodes[parent].has_marks = True
            if place == common and place < count_before:
                _tell_apart(page, nodes, before[place], element)
        at = _write_mark(page, nodes, element, nodes[parent].is_second, out, at)
    return at


@kernel(inline="always")
def _tell_apart(page: Page, nodes: Nodes, before: int, element: int) -> None:
    """Let a list have other marks than that of its kind which ends before it."""
    if page.elements[before].tag != tags.LI:
        return
    first = max(page.elements[before].parent, 0)
    second = max(page.elements[element].parent, 0)
    if (nodes[before].number >= 0) == (nodes[element].number >= 0):
        nodes[second].is_second = not nodes[first].is_second


@kernel(inline="always")
def _write_mark(
    page: Page,
    nodes: Nodes,
    element: int,
    is_second: bool,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """`- ` or `12. `; `* ` or `12) ` in a second list; returns where it ends."""
    stop = at + width(page, nodes, element)
    number = nodes[element].number
    out[stop - 1] = _BLANK
    if number < 0:
        out[at] = _STAR if is_second else _HYPHEN
        return stop
    out[stop - 2] = _CLOSING if is_second else _DOT
    for position in range(stop - 3, at - 1, -1):
        out[position] = _ZERO + number % 10
        number //= 10
    return stop


@kernel
def write_indent(
    page: Page,
    nodes: Nodes,
    chain: Chain,
    count: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """The start of a unit's later lines."""
    for place in range(count):
        at = _write_one_indent(page, nodes, chain[place], out, at)
    return at


@kernel
def _write_one_indent(
    page: Page, nodes: Nodes, element: int, out: NDArray[np.uint8], at: int
) -> int:
    if page.elements[element].tag == tags.BLOCKQUOTE:
        out[at], out[at + 1] = _QUOTE, _BLANK
        return at + 2
    for _ in range(width(page, nodes, element)):
        out[at] = _BLANK
        at += 1
    return at


@kernel
def without_blanks(out: NDArray[np.uint8], at: int) -> int:
    """Where the line that ends at `at` ends without its last blanks."""
    while at > 0 and out[at - 1] == _BLANK:
        at -= 1
    return at
