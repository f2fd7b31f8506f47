"""Where a page's text is, found without a model.

prefix sums   counts of words and the like over blocks: a range costs one subtraction
run           the consecutive blocks of greatest value: words outside of links, less
              linked words and a price per block (maximum subarray, Bentley 1984)
best element  Readability's idea: paragraphs vote for parent and grandparent
groups        blocks of the same markup pattern
copies        blocks of the same words
main heading  the heading that shares most with <title>
"""

from typing import Final

import numpy as np

from tamis.compiled import kernel
from tamis.html.blocks.judge.dictionary import KIND_NAMES
from tamis.html.blocks.judge.paths import TAG_KIND_NAMES
from tamis.html.blocks.layout import GROUP_SLOTS, ZERO, Page
from tamis.html.blocks.read import tags

_PRICE: Final = 8.0
_LONG_WORDS: Final = 12
_MIX = np.uint64(0x9E3779B97F4A7C15)
_COMMENT: Final = len(TAG_KIND_NAMES) + KIND_NAMES.index("comment")
_LIST_ITEM: Final = TAG_KIND_NAMES.index("li")


@kernel(inline="always")
def find_regions(page: Page) -> None:
    """Fill prefix sums, groups, copies and `regions`; paths must be filled already."""
    _sum_up(page)
    _find_run(page)
    _find_best_element(page)
    _find_groups(page)


@kernel
def words_before_main(page: Page) -> int:
    """Words before the main heading; 0 if there is none."""
    main = page.regions[0].main_heading
    return int(page.words_before[main]) if main >= 0 else 0


@kernel(inline="always")
def forget_groups(page: Page) -> None:
    """Free the slots of this page's blocks, for the next page."""
    for block in range(page.state[0].blocks):
        page.groups[page.group_of[block]].key = 0
        page.copies[page.copy_of[block]].key = 0


@kernel(inline="always")
def _sum_up(page: Page) -> None:
    region = page.regions[0]
    region.headings = region.heading_words = region.paragraph_words = 0
    region.item_words = region.comment_words = region.digits = 0
    region.main_heading = -1
    words = linked = stops = longs = 0
    best_share = 0.0
    for index in range(page.state[0].blocks):
        page.words_before[index] = words
        page.linked_before[index] = linked
        page.stops_before[index] = stops
        page.long_before[index] = longs
        block = page.blocks[index]
        words += block.words
        linked += block.linked_words
        stops += block.terminals + block.commas
        if block.words >= _LONG_WORDS and 4 * block.linked_words < block.words:
            longs += block.words
        region.digits += block.digits
        tag = page.elements[block.container].tag
        if tags.H1 <= tag <= tags.H6:
            region.headings += 1
            region.heading_words += block.words
            share = 0.0
            if block.words >= 2 and block.title_words >= 2:
                share = block.title_words / (block.words + 2.0)
                share += 0.2 if tag == tags.H1 else 0.0
            if share > best_share:
                best_share = share
                region.main_heading = index
        if tag == tags.P:
            region.paragraph_words += block.words
        element = block.element
        if page.nearest[element, _LIST_ITEM] >= 0:
            region.item_words += block.words
        if page.nearest[element, _COMMENT] >= 0:
            region.comment_words += block.words
    count = page.state[0].blocks
    page.words_before[count] = words
    page.linked_before[count] = linked
    page.stops_before[count] = stops
    page.long_before[count] = longs


@kernel(inline="always")
def _find_run(page: Page) -> None:
    region = page.regions[0]
    region.run_start = region.run_stop = start = 0
    best = total = 0.0
    for index in range(page.state[0].blocks):
        block = page.blocks[index]
        total += block.words - 2.0 * block.linked_words - _PRICE
        if total <= 0:
            total, start = 0.0, index + 1
        elif total > best:
            best, region.run_start, region.run_stop = total, start, index + 1


@kernel(inline="always")
def _find_best_element(page: Page) -> None:
    for index in range(page.state[0].blocks):
        block = page.blocks[index]
        if block.words < 8 or 3 * block.linked_words > block.words:
            continue
        vote = 1.0 + block.commas + min(block.words / 20.0, 5.0)
        holder = block.container
        tag = page.elements[holder].tag
        if tag == tags.P or tag == tags.LI or tag == tags.TD or tag == tags.PRE:
            holder = page.elements[holder].parent
        page.paths[holder].score += np.float32(vote)
        parent = page.elements[holder].parent
        if parent >= 0:
            page.paths[parent].score += np.float32(vote / 2)
    best, best_score = 0, np.float32(0)
    for index in range(page.state[0].elements):
        path = page.paths[index]
        if path.score <= best_score:
            continue
        element = page.elements[index]
        words = (
            page.words_before[element.block_stop]
            - page.words_before[element.block_start]
        )
        linked = (
            page.linked_before[element.block_stop]
            - page.linked_before[element.block_start]
        )
        path.score *= np.float32(1.0 - linked / max(words, 1))
        if path.score > best_score:
            best, best_score = index, path.score
    page.regions[0].best_element = best
    page.regions[0].best_score = best_score


@kernel(inline="always")
def _find_groups(page: Page) -> None:
    region = page.regions[0]
    best = page.elements[region.best_element]
    repeated = 0
    last_slot = slots_for(page.state[0].blocks + ZERO) - 1
    for index in range(page.state[0].blocks):
        block = page.blocks[index]
        element = page.elements[block.element]
        key = element.signature
        for _ in range(2):
            if element.parent < 0:
                break
            element = page.elements[element.parent]
            key = (key ^ element.signature) * _MIX
        page.copy_of[index] = _add(page.copies, last_slot, block.hash, block, index)
        if page.copies[page.copy_of[index]].blocks > 1:
            repeated += block.words
        page.group_of[index] = _add(page.groups, last_slot, key, block, index)
        group = page.groups[page.group_of[index]]
        plain = block.words - block.linked_words
        group.longest = max(group.longest, plain)
        if region.run_start <= index < region.run_stop:
            group.in_run += plain
        if best.block_start <= index < best.block_stop:
            group.in_best += plain
    region.repeated_words = repeated


@kernel
def slots_for(keys: int) -> int:
    """Slots of a table to use, a power of two: few for few keys, to stay in the cache."""
    slots = 64
    while slots < 2 * keys and slots < GROUP_SLOTS:
        slots *= 2
    return slots


@kernel
def _add(table: Page, last_slot: int, key: np.uint64, block: Page, index: int) -> int:
    """Count the block under its key; returns the slot. Key 0 is read as 1."""
    key = max(key, np.uint64(1))
    slot = key & np.uint64(last_slot)
    while table[slot].key != 0 and table[slot].key != key:
        slot = (slot + np.uint64(1)) & np.uint64(last_slot)
    group = table[slot]
    if group.key == 0:
        group.key = key
        group.first = index
        group.blocks = group.words = group.linked_words = group.terminals = 0
        group.longest = group.in_run = group.in_best = 0
    group.blocks += 1
    group.words += block.words
    group.linked_words += block.linked_words
    group.terminals += block.terminals
    return int(slot)
