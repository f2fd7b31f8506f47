"""What the first pass says around a block, for the trees of the second.

The first trees see a block's own features. Whether it belongs to the text also depends on
what is kept beside it: readers' comments, teasers of other stories and shop furniture stand
behind the text, or in a section, a list or a group of like blocks of which the rest is left.

CHANCE is the first pass's probability, and a mean of it is weighted by words. KEPT are the
blocks above the page's cutoff. A share of a page without kept words is 0, and what a block
does not have (a heading above it, peers, a list around it) is -1.
The order of CONTEXT_NAMES is the order in which `describe_context` writes.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.regions import slots_for
from tamis.html.blocks.layout import COMMENT, CONTENT, FEATURES, NONE, ZERO, Page
from tamis.html.blocks.read import tags

OWN_NAMES: Final = (
    "first_odds",  # log-odds of the first pass
    "first_odds_over_cutoff",
    "comment_odds",
    "words",
    "linked_share",
    "stop_share",
    "digit_share",
    "title_share",
    "copies_best_chance",  # of the blocks with the same words
    "copies_first_chance",
)
_NEAR: Final = (-2, -1, 1, 2)
_WINDOWS: Final = (3, 8, 20)
_LEVELS: Final = (1, 2, 3, 4)
AROUND_NAMES: Final = (
    *(f"chance_at{distance:+}" for distance in _NEAR),  # of blocks before and after
    *(f"window{size}_chance" for size in _WINDOWS),  # without its own
    *(f"holder{level}_chance" for level in _LEVELS),  # as in features.HOLDER_NAMES
    *(f"holder{level}_kept_share" for level in _LEVELS[:3]),  # of the page's kept words
    *(f"holder{level}_words" for level in _LEVELS[:3]),
    "share_of_holder3",
)
LIKE_NAMES: Final = (
    "blocks_of_group",
    "group_chance",  # of the other blocks of its markup pattern
    "group_kept_share",  # of the group's words
    "group_best_chance",
    "peers_chance",
    "peers_kept_share",  # of the page's kept words
)
_WHOLES: Final = ("row", "list", "table", "quotation")  # the innermost around a block
WHOLE_NAMES: Final = (*(f"{name}_chance" for name in _WHOLES), "list_kept_share")
SECTION_NAMES: Final = (
    "heading_chance",  # of the heading above
    "section_chance",  # up to the next heading
    "next_section_chance",
)
RUN_NAMES: Final = (
    "run_words",  # of the consecutive blocks that are all kept, or all left, with it
    "run_blocks",
    "last_kept_run_words",  # the run of the last kept block before it
    "next_kept_run_words",
    "words_since_kept",
    "words_until_kept",
    "words_since_long_kept",  # a block of 12 words or more, more likely than not
    "words_until_long_kept",
    "kept_before_share",  # of the page's kept words
    "kept_after_share",
    "main_run_distance",  # blocks from the run of the most kept words, negative before it
    "comments_before_share",  # of the page's expected words of comments
)
PAGE_CONTEXT_NAMES: Final = (
    "main_run_kept_share",
    "page_kept_share",
    "page_kept_chance",
    "page_chance",
    "page_kept_blocks_share",
    "page_kept_linked_share",
    "page_comments_share",
)
CONTEXT_NAMES: Final[tuple[str, ...]] = (
    *OWN_NAMES,
    *AROUND_NAMES,
    *LIKE_NAMES,
    *WHOLE_NAMES,
    *SECTION_NAMES,
    *RUN_NAMES,
    *PAGE_CONTEXT_NAMES,
)
ALL_NAMES: Final[tuple[str, ...]] = (*NAMES, *CONTEXT_NAMES)
assert len(ALL_NAMES) <= FEATURES

_FIRST: Final = len(NAMES)  # where the context begins among a block's features
_LONG_WORDS: Final = 12
_LEAST_CHANCE: Final = 1e-6  # the least distance of a chance from 0 and from 1

# Rows of `sums`: sums over the blocks before each of its words (one at least), of words times
# their chance, of kept words, and of words times the chance that they are a comment.
_WORDS, _CHANCE, _KEPT, _COMMENTS = 0, 1, 2, 3
_SUMS: Final = 4
_LIST: Final = _WHOLES.index("list")


@kernel
def describe_context(page: Page, cutoff: float) -> None:
    """Fill CONTEXT_NAMES of every block's `features`; probabilities must be filled.

    `cutoff` is the page's, in log-odds: blocks above it are kept.
    """
    blocks = page.state[0].blocks + ZERO
    if blocks == 0:
        return
    is_kept = np.zeros(blocks, np.bool_)
    sums = np.zeros((_SUMS, blocks + 1))
    _sum_up(page, cutoff, is_kept, sums)
    of_page = np.zeros(len(PAGE_CONTEXT_NAMES), np.float32)
    _page(page, is_kept, sums, of_page)
    _own(page, cutoff)
    _around(page, sums)
    _like(page, sums)
    _wholes(page, sums)
    _sections(page, sums)
    _runs(page, is_kept, sums)
    first = len(ALL_NAMES) - len(PAGE_CONTEXT_NAMES)
    for block in range(blocks):
        for feature in range(len(PAGE_CONTEXT_NAMES)):
            page.features[block, first + feature] = of_page[feature]


@kernel
def log_odds(chance: float) -> float:
    """Of a probability, which is moved away from 0 and 1 by 1e-6."""
    chance = min(max(chance, _LEAST_CHANCE), 1.0 - _LEAST_CHANCE)
    return math.log(chance / (1.0 - chance))


@kernel
def _sum_up(
    page: Page, cutoff: float, is_kept: NDArray[np.bool_], sums: NDArray[np.float64]
) -> None:
    for block in range(len(is_kept)):
        words = _words(page, block)
        chance = page.probabilities[CONTENT, block]
        is_kept[block] = log_odds(chance) >= cutoff
        for row in range(_SUMS):
            sums[row, block + 1] = sums[row, block]
        sums[_WORDS, block + 1] += words
        sums[_CHANCE, block + 1] += words * chance
        sums[_KEPT, block + 1] += words * is_kept[block]
        sums[_COMMENTS, block + 1] += words * page.probabilities[COMMENT, block]


@kernel
def _words(page: Page, block: int) -> float:
    return float(max(page.blocks[block].words, 1))


@kernel
def _mean(sums: NDArray[np.float64], row: int, start: int, stop: int) -> float:
    """Of what `row` sums up, by words, over start:stop; -1 if no block is there."""
    if stop <= start:
        return -1.0
    words = sums[_WORDS, stop] - sums[_WORDS, start]
    return float((sums[row, stop] - sums[row, start]) / words)


@kernel
def _kept_share(sums: NDArray[np.float64], start: int, stop: int) -> float:
    """Of the page's kept words, those in start:stop."""
    return float((sums[_KEPT, stop] - sums[_KEPT, start]) / max(sums[_KEPT, -1], 1.0))


@kernel
def _own(page: Page, cutoff: float) -> None:
    """Write OWN_NAMES."""
    blocks = page.state[0].blocks + ZERO
    copies = np.full((2, slots_for(blocks)), np.float32(-1))  # best chance, first
    for block in range(blocks):
        slot, chance = page.copy_of[block], page.probabilities[CONTENT, block]
        copies[0, slot] = max(copies[0, slot], chance)
        if copies[1, slot] < 0:
            copies[1, slot] = chance
    for index in range(blocks):
        row, block = page.features[index], page.blocks[index]
        odds = log_odds(page.probabilities[CONTENT, index])
        words = max(block.words, 1)
        row[_FIRST] = odds
        row[_FIRST + 1] = odds - cutoff
        row[_FIRST + 2] = log_odds(page.probabilities[COMMENT, index])
        row[_FIRST + 3] = block.words
        row[_FIRST + 4] = block.linked_words / words
        row[_FIRST + 5] = block.terminals / words
        row[_FIRST + 6] = block.digits / words
        row[_FIRST + 7] = block.title_words / words
        row[_FIRST + 8] = copies[0, page.copy_of[index]]
        row[_FIRST + 9] = copies[1, page.copy_of[index]]


@kernel
def _around(page: Page, sums: NDArray[np.float64]) -> None:
    """Write AROUND_NAMES."""
    blocks = page.state[0].blocks + ZERO
    for block in range(blocks):
        row = page.features[block]
        own, at = _words(page, block), _FIRST + len(OWN_NAMES)
        for distance in _NEAR:
            other = block + distance
            is_there = 0 <= other < blocks
            row[at] = page.probabilities[CONTENT, other] if is_there else -1.0
            at += 1
        for size in _WINDOWS:
            start, stop = max(block - size, 0), min(block + size + 1, blocks)
            words = sums[_WORDS, stop] - sums[_WORDS, start] - own
            chance = sums[_CHANCE, stop] - sums[_CHANCE, start]
            chance -= own * page.probabilities[CONTENT, block]
            row[at] = chance / max(words, 1.0)
            at += 1
        holder = page.blocks[block].element + ZERO
        element = page.elements[holder]
        if element.block_stop - element.block_start <= 1:
            holder = _wider(page, holder)
        for level in range(len(_LEVELS)):
            element = page.elements[holder]
            start, stop = element.block_start + ZERO, element.block_stop + ZERO
            words = sums[_WORDS, stop] - sums[_WORDS, start]
            row[at + level] = _mean(sums, _CHANCE, start, stop)
            if level < 3:
                row[at + 4 + level] = _kept_share(sums, start, stop)
                row[at + 7 + level] = words
                row[at + 10] = own / max(words, 1.0)
            holder = _wider(page, holder)


@kernel
def _wider(page: Page, element: int) -> int:
    """The nearest ancestor that holds more blocks; itself if there is none."""
    above = page.paths[element].wider + ZERO
    return int(above) if above >= 0 else element


@kernel
def _like(page: Page, sums: NDArray[np.float64]) -> None:
    """Write LIKE_NAMES."""
    blocks = page.state[0].blocks + ZERO
    groups = np.zeros((_SUMS + 1, slots_for(blocks)))  # of sums, best chance, blocks
    for block in range(blocks):
        group = page.group_of[block]
        for row in (_WORDS, _CHANCE, _KEPT):
            groups[row, group] += sums[row, block + 1] - sums[row, block]
        groups[3, group] = max(groups[3, group], page.probabilities[CONTENT, block])
        groups[4, group] += 1
    peers = np.zeros((3, slots_for(2 * blocks)))
    for index in range(page.state[0].elements + ZERO):
        slot = page.own_peers[index] + ZERO
        if slot >= 0:
            element = page.elements[index]
            for row in (_WORDS, _CHANCE, _KEPT):
                peers[row, slot] += (
                    sums[row, element.block_stop] - sums[row, element.block_start]
                )
    at = _FIRST + len(OWN_NAMES) + len(AROUND_NAMES)
    for block in range(blocks):
        row_ = page.features[block]
        row_[at : at + len(LIKE_NAMES)] = -1
        own, group = _words(page, block), page.group_of[block]
        row_[at] = groups[4, group]
        if groups[_WORDS, group] > own:
            others = groups[_CHANCE, group] - own * page.probabilities[CONTENT, block]
            row_[at + 1] = others / (groups[_WORDS, group] - own)
        row_[at + 2] = groups[_KEPT, group] / groups[_WORDS, group]
        row_[at + 3] = groups[3, group]
        slot = page.peers_of[page.blocks[block].element] + ZERO
        if slot >= 0:
            row_[at + 4] = peers[_CHANCE, slot] / max(peers[_WORDS, slot], 1.0)
            row_[at + 5] = peers[_KEPT, slot] / max(sums[_KEPT, -1], 1.0)


@kernel
def _wholes(page: Page, sums: NDArray[np.float64]) -> None:
    """Write WHOLE_NAMES."""
    elements = page.state[0].elements + ZERO
    around = np.full((elements, len(_WHOLES)), NONE)
    for index in range(elements):
        element = page.elements[index]
        if element.parent >= 0:
            around[index] = around[element.parent]
        whole = _whole_of(element.tag)
        if whole >= 0:
            around[index, whole] = index
    at = _FIRST + len(OWN_NAMES) + len(AROUND_NAMES) + len(LIKE_NAMES)
    for block in range(page.state[0].blocks + ZERO):
        row = page.features[block]
        row[at : at + len(WHOLE_NAMES)] = -1
        for whole in range(len(_WHOLES)):
            index = around[page.blocks[block].element, whole]
            if index >= 0:
                element = page.elements[index]
                start, stop = element.block_start + ZERO, element.block_stop + ZERO
                row[at + whole] = _mean(sums, _CHANCE, start, stop)
                if whole == _LIST:
                    row[at + len(_WHOLES)] = _mean(sums, _KEPT, start, stop)


@kernel
def _whole_of(tag: int) -> int:
    """The place in _WHOLES of an element, or -1."""
    if tag == tags.TR:
        return 0
    if tag == tags.UL or tag == tags.OL or tag == tags.DL:
        return 1
    if tag == tags.TABLE:
        return 2
    return 3 if tag == tags.BLOCKQUOTE or tag == tags.PRE else -1


@kernel
def _sections(page: Page, sums: NDArray[np.float64]) -> None:
    """Write SECTION_NAMES."""
    blocks = page.state[0].blocks + ZERO
    at = len(ALL_NAMES) - len(PAGE_CONTEXT_NAMES) - len(RUN_NAMES) - len(SECTION_NAMES)
    heading = NONE + 0
    for block in range(blocks):
        tag = page.elements[page.blocks[block].container].tag
        is_heading = tags.H1 <= tag <= tags.H6
        start = block if is_heading else heading
        stop = page.next_heading[block] + ZERO
        end = page.next_heading[stop] + ZERO if stop < blocks else blocks
        row = page.features[block]
        row[at] = page.probabilities[CONTENT, heading] if heading >= 0 else -1.0
        row[at + 1] = _mean(sums, _CHANCE, start + 1, stop)
        row[at + 2] = _mean(sums, _CHANCE, stop, end)
        if is_heading:
            heading = block


@kernel
def _runs(page: Page, is_kept: NDArray[np.bool_], sums: NDArray[np.float64]) -> None:
    """Write RUN_NAMES."""
    blocks = len(is_kept) + ZERO
    at = len(ALL_NAMES) - len(PAGE_CONTEXT_NAMES) - len(RUN_NAMES)
    comments = max(sums[_COMMENTS, -1], 0.001)
    run_words = np.zeros(blocks)
    main_words, main_start, main_stop = 0.0, ZERO, ZERO
    start = ZERO
    while start < blocks:
        stop = _end_of_run(is_kept, start)
        words = sums[_WORDS, stop] - sums[_WORDS, start]
        run_words[start:stop] = words
        for block in range(start, stop):
            page.features[block, at + 1] = stop - start
        if is_kept[start] and words > main_words:
            main_words, main_start, main_stop = words, start, stop
        start = stop
    kept, long_kept = NONE + 0, NONE + 0
    for block in range(blocks):
        row = page.features[block]
        row[at] = run_words[block]
        row[at + 2] = run_words[kept] if kept >= 0 else -1.0
        row[at + 4] = (
            sums[_WORDS, block] - sums[_WORDS, kept + 1] if kept >= 0 else -1.0
        )
        row[at + 6] = (
            sums[_WORDS, block] - sums[_WORDS, long_kept + 1]
            if long_kept >= 0
            else -1.0
        )
        row[at + 8] = _kept_share(sums, ZERO, block)
        row[at + 9] = _kept_share(sums, block + 1, blocks)
        distance = min(block - main_start, ZERO)
        row[at + 10] = max(block - main_stop + 1, ZERO) if distance == 0 else distance
        row[at + 11] = sums[_COMMENTS, block] / comments
        if is_kept[block]:
            kept = block
            if _is_long(page, block):
                long_kept = block
    kept, long_kept = NONE + 0, NONE + 0
    for block in range(blocks - 1, -1, -1):
        row, end = page.features[block], sums[_WORDS, block + 1]
        row[at + 3] = run_words[kept] if kept >= 0 else -1.0
        row[at + 5] = sums[_WORDS, kept] - end if kept >= 0 else -1.0
        row[at + 7] = sums[_WORDS, long_kept] - end if long_kept >= 0 else -1.0
        if is_kept[block]:
            kept = block
            if _is_long(page, block):
                long_kept = block


@kernel
def _is_long(page: Page, block: int) -> bool:
    is_likely = page.probabilities[CONTENT, block] > 0.5
    return bool(is_likely and page.blocks[block].words >= _LONG_WORDS)


@kernel
def _end_of_run(is_kept: NDArray[np.bool_], start: int) -> int:
    stop = start + 1
    while stop < len(is_kept) and is_kept[stop] == is_kept[start]:
        stop += 1
    return stop


@kernel
def _page(
    page: Page,
    is_kept: NDArray[np.bool_],
    sums: NDArray[np.float64],
    row: NDArray[np.float32],
) -> None:
    """Write PAGE_CONTEXT_NAMES."""
    blocks = len(is_kept)
    kept = chance = linked = main = run = 0.0
    for block in range(blocks):
        words = _words(page, block)
        run = run + words if is_kept[block] else 0.0
        main = max(main, run)
        if is_kept[block]:
            kept += 1
            chance += words * page.probabilities[CONTENT, block]
            linked += page.blocks[block].linked_words
    total, kept_words = sums[_WORDS, -1], max(sums[_KEPT, -1], 1.0)
    row[0] = main / kept_words
    row[1] = sums[_KEPT, -1] / total
    row[2] = chance / kept_words
    row[3] = sums[_CHANCE, -1] / total
    row[4] = kept / blocks
    row[5] = linked / kept_words
    row[6] = sums[_COMMENTS, -1] / total
