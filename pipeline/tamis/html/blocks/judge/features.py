"""A row of numbers per block, for the trees.

Trees cut each feature at thresholds, so none is scaled or logarithmic. Shares are in
[0, 1]. Distances are in blocks or elements, and FAR if the other end does not exist.
Nothing depends on the language: words are counted, never read.
The order of the *_NAMES below is the order in which the functions write.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.judge.paths import ALL_KINDS
from tamis.html.blocks.judge.peers import PEER_NAMES, peer_features
from tamis.html.blocks.judge.regions import words_before_main
from tamis.html.blocks.layout import (
    DIALOG,
    FEATURES,
    HIDDEN,
    IN_BUTTON,
    IN_NOSCRIPT,
    IN_PRE,
    NONE,
    ZERO,
    Page,
)
from tamis.html.blocks.read import tags

FAR: Final = 64
_LEVELS: Final = 3
_WINDOWS: Final = (3, 8, 20)
_KIND_COUNT: Final = len(ALL_KINDS)
_LIST_ITEM: Final = ALL_KINDS.index("li_tag")

OWN_NAMES: Final = (
    "tag",
    "is_hidden",
    "is_special",
    "copies",
)
PLACE_NAMES: Final = (
    "words_before_share",
    "after_main_heading",
    "after_heading",
    "section_linked_share",
    "long_before_share",
)
WINDOW_NAMES: Final = tuple(f"window{size}_linked_share" for size in _WINDOWS)
PATH_NAMES: Final = (
    "names_sum",
    "names_nearest",
    *(name for name in ALL_KINDS if name != "li_tag"),
)
HOLDER_NAMES: Final = (
    "holder1_names_own",
    "holder1_words_per_block",
    "holder1_linked_share",
    "holder2_linked_share",
    "holder1_page_share",
    "holder2_page_share",
    "holder3_stop_share",
)
REGION_NAMES: Final = (
    "run_distance",
    "best_distance",
    "best_levels",
    "holder_score_share",
    "group_blocks",
    "group_stop_share",
    "group_page_share",
    "group_run_share",
    "group_best_share",
    "group_longest",
    "group_first_share",
    "group_first_words",
)
PAGE_NAMES: Final = (
    "page_words",
    "page_linked_share",
    "page_long_share",
    "page_run_share",
    "page_best_share",
    "page_headings",
    "page_paragraph_share",
    "page_item_share",
    "page_heading_share",
    "page_comment_share",
    "page_repeated_share",
    "page_digits_per_word",
)
NAMES: Final[tuple[str, ...]] = (
    *OWN_NAMES,
    *PLACE_NAMES,
    *WINDOW_NAMES,
    *PATH_NAMES,
    *HOLDER_NAMES,
    *REGION_NAMES,
    *PEER_NAMES,
    *PAGE_NAMES,
)
assert len(NAMES) <= FEATURES


@kernel(inline="always")
def describe_blocks(page: Page) -> None:
    """Fill `features` of every block; paths, regions and peers must be filled."""
    _find_next_headings(page)
    of_page = np.zeros(len(PAGE_NAMES), np.float32)
    _page(page, of_page)
    heading = NONE
    for block in range(page.state[0].blocks):
        row = page.features[block]
        at = _own(page, block, row, 0)
        at = _place(page, block, heading, row, at)
        at = _windows(page, block, row, at)
        at = _path(page, block, row, at)
        at = _holders(page, block, row, at)
        at = _region(page, block, row, at)
        at = peer_features(page, block, row, at)
        for feature in range(len(PAGE_NAMES)):
            row[at + feature] = of_page[feature]
        tag = page.elements[page.blocks[block].container].tag
        if tags.H1 <= tag <= tags.H6:
            heading = block


@kernel(inline="always")
def _own(page: Page, index: int, row: NDArray[np.float32], at: int) -> int:
    block = page.blocks[index]
    special = 0
    if block.flags & np.uint32(IN_PRE):
        special = 1
    elif block.flags & np.uint32(IN_NOSCRIPT):
        special = 2
    elif block.flags & np.uint32(IN_BUTTON):
        special = 3
    elif block.flags & np.uint32(DIALOG):
        special = 4
    row[at] = page.elements[block.container].tag
    row[at + 1] = 1 if block.flags & np.uint32(HIDDEN) else 0
    row[at + 2] = special
    row[at + 3] = page.copies[page.copy_of[index]].blocks
    return at + len(OWN_NAMES)


@kernel(inline="always")
def _place(
    page: Page, index: int, heading: int, row: NDArray[np.float32], at: int
) -> int:
    count = page.state[0].blocks
    total = page.words_before[count]
    before = page.words_before[index]
    main = page.regions[0].main_heading
    row[at] = before / max(total, 1)
    row[at + 1] = index - main if main >= 0 else -1000
    row[at + 2] = index - heading if heading >= 0 else 1000
    first = heading + 1
    stop = page.next_heading[index]
    tag = page.elements[page.blocks[index].container].tag
    if tags.H1 <= tag <= tags.H6:
        first = index + 1
    words = page.words_before[stop] - page.words_before[first]
    linked = page.linked_before[stop] - page.linked_before[first]
    row[at + 3] = linked / max(words, 1)
    row[at + 4] = page.long_before[index] / max(page.long_before[count], 1)
    return at + len(PLACE_NAMES)


@kernel(inline="always")
def _windows(page: Page, index: int, row: NDArray[np.float32], at: int) -> int:
    count = page.state[0].blocks
    for size in _WINDOWS:
        start, stop = max(index - size, 0), min(index + size + 1, count)
        words, linked, _, _ = _sums(page, start, stop)
        row[at] = linked / max(words, 1)
        at += 1
    return at


@kernel(inline="always")
def _path(page: Page, index: int, row: NDArray[np.float32], at: int) -> int:
    element = page.blocks[index].element
    path = page.paths[element]
    depth = page.elements[element].depth
    row[at] = path.sum
    row[at + 1] = path.nearest_own
    at += 2
    for kind in range(_KIND_COUNT):
        if kind == _LIST_ITEM:  # counted for the page, see page_item_share
            continue
        nearest = page.nearest[element, kind]
        row[at] = depth - nearest if nearest >= 0 else FAR
        at += 1
    return at


@kernel(inline="always")
def _holders(page: Page, index: int, row: NDArray[np.float32], at: int) -> int:
    """Write HOLDER_NAMES: of ancestors that hold more blocks than the one before."""
    block = page.blocks[index]
    total = max(page.words_before[page.state[0].blocks], 1)
    holder = int(block.element)
    element = page.elements[holder]
    if element.block_stop - element.block_start <= 1:
        above = page.paths[holder].wider
        holder = int(above) if above >= 0 else holder
    row[at] = page.paths[holder].own
    for level in range(_LEVELS):
        element = page.elements[holder]
        start, stop = element.block_start + ZERO, element.block_stop + ZERO
        words, linked, stops, _ = _sums(page, start, stop)
        if level == 0:
            row[at + 1] = words / max(element.block_stop - element.block_start, 1)
        if level < 2:
            row[at + 2 + level] = linked / max(words, 1)
            row[at + 4 + level] = words / total
        else:
            row[at + 6] = stops / max(words, 1)
        above = page.paths[holder].wider
        holder = int(above) if above >= 0 else holder
    return at + len(HOLDER_NAMES)


@kernel(inline="always")
def _region(page: Page, index: int, row: NDArray[np.float32], at: int) -> int:
    region = page.regions[0]
    block = page.blocks[index]
    row[at] = _outside(index, region.run_start, region.run_stop)
    best = page.elements[region.best_element]
    row[at + 1] = _outside(index, best.block_start, best.block_stop)
    levels = 0
    holder = int(block.element)
    while holder >= 0:
        element = page.elements[holder]
        if (
            element.block_start <= best.block_start
            and element.block_stop >= best.block_stop
        ):
            break
        holder = int(page.paths[holder].wider)
        levels += 1
    row[at + 2] = levels
    parent = page.elements[block.container].parent
    score = page.paths[block.container].score
    if parent >= 0:
        score = max(score, page.paths[parent].score)
    row[at + 3] = score / max(region.best_score, np.float32(0.001))
    group = page.groups[page.group_of[index]]
    row[at + 4] = group.blocks
    row[at + 5] = group.terminals / max(group.words, 1)
    plain = group.words - group.linked_words
    total = max(page.words_before[page.state[0].blocks], 1)
    before = page.words_before[group.first]
    row[at + 6] = plain / total
    row[at + 7] = group.in_run / max(plain, 1)
    row[at + 8] = group.in_best / max(plain, 1)
    row[at + 9] = group.longest
    row[at + 10] = before / total
    row[at + 11] = before - words_before_main(page)
    return at + len(REGION_NAMES)


@kernel(inline="always")
def _page(page: Page, row: NDArray[np.float32]) -> None:
    count = page.state[0].blocks
    region = page.regions[0]
    words, linked, _, longs = _sums(page, ZERO, count + ZERO)
    total = max(words, 1)
    start, stop = region.run_start + ZERO, region.run_stop + ZERO
    in_run, _, _, _ = _sums(page, start, stop)
    best = page.elements[region.best_element]
    start, stop = best.block_start + ZERO, best.block_stop + ZERO
    in_best, _, _, _ = _sums(page, start, stop)
    row[0] = words
    row[1] = linked / total
    row[2] = longs / total
    row[3] = in_run / total
    row[4] = in_best / total
    row[5] = region.headings
    row[6] = region.paragraph_words / total
    row[7] = region.item_words / total
    row[8] = region.heading_words / total
    row[9] = region.comment_words / total
    row[10] = region.repeated_words / total
    row[11] = region.digits / total


@kernel(inline="always")
def _find_next_headings(page: Page) -> None:
    """Fill `next_heading`: the next heading after each block, else the block count."""
    following = page.state[0].blocks
    for index in range(page.state[0].blocks - 1, -1, -1):
        page.next_heading[index] = following
        tag = page.elements[page.blocks[index].container].tag
        if tags.H1 <= tag <= tags.H6:
            following = index


@kernel
def _sums(page: Page, start: int, stop: int) -> tuple[int, int, int, int]:
    """Words, linked words, punctuation, and words of long blocks in start:stop."""
    return (
        page.words_before[stop] - page.words_before[start],
        page.linked_before[stop] - page.linked_before[start],
        page.stops_before[stop] - page.stops_before[start],
        page.long_before[stop] - page.long_before[start],
    )


@kernel
def _outside(index: int, start: int, stop: int) -> int:
    """Blocks between a block and a range: negative before it, 0 inside."""
    if index < start:
        return index - start
    return max(index - stop + 1, 0)
