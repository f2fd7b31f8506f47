"""Wholes: what is kept or left together, after the trees have judged each block.

    rows      a row of a table of data is one statement: kept whole or left whole
    heads     a table keeps its head, if it keeps any row
    gaps      a list, quotation, table, code or heading between kept blocks of one container
              stays, unless it is made of links, or its names say that it is something else
    formulas  and so does a formula that is a block
    copies    of blocks that stand twice on a page, one after the other as before, the first
              are kept: the same text for phones, a teaser, a post that others quote

A row without its first cell is a false statement, and a text without its quotations another
text. The trees see blocks; a table's layout is told from its data by short cells.
"""

from typing import Final

import numpy as np

from tamis.compiled import kernel
from tamis.html.blocks.judge.paths import ALL_KINDS
from tamis.html.blocks.judge.regions import slots_for
from tamis.html.blocks.layout import (
    BREAK,
    CONTENT,
    DISPLAYED,
    FORMULA,
    IN_PRE,
    NONE,
    ZERO,
    Page,
)
from tamis.html.blocks.read import tags
from tamis.html.blocks.write.plain import row_of

_MOST_GAP_BLOCKS: Final = 400
# The mean probability of a whole's words below which a gap stays a gap.
_LEAST_CHANCE: Final = 0.03
_LEAST_CHANCE_OF_LINKS: Final = 0.3
# Of copies go quotations and passages: some blocks, or one that is long. What explains two
# entries of a list in the same words stays, a refrain, the meals of two days.
_LEAST_QUOTED_WORDS: Final = 40
_LEAST_COPIED_WORDS: Final = 80
_LEAST_WORDS_OF_COPY: Final = 15  # on average of its blocks
_BYTES_OF_WORD: Final = 16  # at most, where no blanks are between words
_LONG_COPY: Final = 120  # words of one block, or of lines that end in breaks
_MOST_COPIED_BLOCKS: Final = 400  # looked at in one go
_OTHERS: Final = np.array(
    [
        ALL_KINDS.index(f"{name}_name")
        for name in ("comment", "navigation", "footer", "related", "overlay")
    ]
    + [ALL_KINDS.index(f"{name}_tag") for name in ("aside", "footer", "form")]
)


@kernel
def keep_wholes(page: Page) -> None:
    """Change `is_kept` so that no whole is kept in part."""
    _keep_rows(page)
    _keep_gaps(page)
    _keep_formulas(page)


@kernel
def _keep_rows(page: Page) -> None:
    """Rows first; then the head of each table of which a row is kept."""
    for index in range(page.state[0].elements + ZERO):
        element = page.elements[index]
        first, stop = element.block_start + ZERO, element.block_stop + ZERO
        if element.tag != tags.TR or stop - first < 2:
            continue
        if not _is_row(page, index, first, stop):
            continue
        words = kept = ZERO
        for block in range(first, stop):
            own = max(page.blocks[block].words, 1) + ZERO
            words += own
            if page.is_kept[block]:
                kept += own
        if kept > 0:
            stays = 2 * kept >= words
            for block in range(first, stop):
                page.is_kept[block] = stays
    for index in range(page.state[0].elements + ZERO):
        element = page.elements[index]
        if element.tag == tags.TABLE and element.block_stop > element.block_start:
            _keep_head(page, index)


@kernel
def _is_row(page: Page, index: int, first: int, stop: int) -> bool:
    """Whether all blocks are short cells of this row."""
    own = ZERO
    for block in range(first, stop):
        own += row_of(page, block) == index
    return bool(own == stop - first)


@kernel
def _keep_head(page: Page, index: int) -> None:
    """Keep the first row of heads, if a row behind it is kept."""
    table = page.elements[index]
    first, stop = table.block_start + ZERO, table.block_stop + ZERO
    row = row_of(page, first)
    if row < 0 or page.elements[page.blocks[first].container].tag != tags.TH:
        return
    last = page.elements[row].block_stop + ZERO
    if not _is_row(page, row, first, last) or page.is_kept[first]:
        return
    for block in range(last, stop):
        if page.is_kept[block] and row_of(page, block) >= 0:
            for head in range(first, last):
                page.is_kept[head] = 1
            return


@kernel
def _keep_gaps(page: Page) -> None:
    """Keep what lies between kept blocks of one container."""
    for index in range(page.state[0].elements + ZERO):
        element = page.elements[index]
        around = page.paths[index].wider
        if not _can_be_gap(element.tag) or around < 0:
            continue
        first, stop = element.block_start + ZERO, element.block_stop + ZERO
        holder = page.elements[around]
        if (
            stop <= first
            or stop - first > _MOST_GAP_BLOCKS
            or first - 1 < holder.block_start
            or stop >= holder.block_stop
            or not page.is_kept[first - 1]
            or not page.is_kept[stop]
        ):
            continue
        if _is_part_of_text(page, first, stop, holder.depth + ZERO):
            for block in range(first, stop):
                page.is_kept[block] = 1


@kernel
def _keep_formulas(page: Page) -> None:
    """Keep blocks that are only formulas between kept blocks of one container: they have no
    word that the trees could judge, or TeX for words.
    """
    first, blocks = 1 + ZERO, page.state[0].blocks + ZERO
    while first < blocks:
        stop = first
        while stop < blocks and _is_formula(page, stop):
            stop += 1
        if first < stop < blocks and page.is_kept[first - 1] and page.is_kept[stop]:
            holder = page.elements[_holder_of(page, first, stop)]
            if holder.block_start < first and stop < holder.block_stop:
                page.is_kept[first:stop] = 1
        first = stop + 1


@kernel
def _holder_of(page: Page, first: int, stop: int) -> int:
    """The innermost element around a block that holds more than the blocks first:stop."""
    index = page.blocks[first].container + ZERO
    while index > 0 and (
        page.elements[index].block_start >= first
        and page.elements[index].block_stop <= stop
    ):
        index = page.elements[index].parent + ZERO
    return int(index)


@kernel
def _is_formula(page: Page, index: int) -> bool:
    """Whether a block has a formula and no word, or is TeX between marks."""
    block = page.blocks[index]
    if block.words > 0:
        is_one = block.span_stop - block.span_start == 1
        return bool(is_one and page.spans[block.span_start].flags & DISPLAYED)
    for span in range(block.span_start, block.span_stop):
        if page.spans[span].flags & FORMULA:
            return True
    return False


@kernel
def _can_be_gap(tag: int) -> bool:
    return bool(
        tag == tags.UL
        or tag == tags.OL
        or tag == tags.DL
        or tag == tags.BLOCKQUOTE
        or tag == tags.PRE
        or tag == tags.TABLE
        or tags.H1 <= tag <= tags.H6
    )


@kernel
def _is_part_of_text(page: Page, first: int, stop: int, depth: int) -> bool:
    """Whether blocks look like text rather than links, and no name of theirs denies it."""
    words = linked = ZERO
    chance = 0.0
    left = NONE + 0
    for block in range(first, stop):
        own = page.blocks[block].words + ZERO
        words += own
        linked += page.blocks[block].linked_words
        chance += own * page.probabilities[CONTENT, block]
        if not page.is_kept[block]:
            left = block
        for kind in _OTHERS:
            if page.nearest[page.blocks[block].container, kind] > depth:
                return False
    if words == 0 or left < 0:
        return False
    least = _LEAST_CHANCE_OF_LINKS if 2 * linked > words else _LEAST_CHANCE
    return bool(chance / words >= least)


@kernel
def leave_copies(page: Page) -> int:
    """Leave out kept blocks that stand in the kept text before, in the same order; returns
    their words.
    """
    blocks = page.state[0].blocks + ZERO
    last_of = np.full(slots_for(blocks), NONE)
    index, words = ZERO, ZERO
    while index < blocks:
        if not page.is_kept[index]:
            index += 1
            continue
        before = last_of[page.copy_of[index]]
        stop = index if before < 0 else _end_of_copy(page, before, index, blocks)
        if stop == index:
            last_of[page.copy_of[index]] = index
            index += 1
        for block in range(index, stop):
            if page.is_kept[block]:
                words += page.blocks[block].words
                page.is_kept[block] = 0
        index = max(stop, index)
    return int(words)


@kernel
def _end_of_copy(page: Page, before: int, index: int, blocks: int) -> int:
    """End of the kept blocks from `index` on that are those from `before` on; `index` if
    they are no quotation and no passage, or code or rows of a table. What is said again and
    again with nothing between is no copy of a passage.
    """
    own, other = index, before
    words = count = ZERO
    has_lines = False
    while own < blocks and other < index and count < _MOST_COPIED_BLOCKS:
        if not page.is_kept[own]:
            own += 1
            continue
        if not page.is_kept[other]:
            other += 1
            continue
        block = page.blocks[own]
        if (
            page.copy_of[own] != page.copy_of[other]
            or (count > 0 and page.copy_of[own] == page.copy_of[index])
            or block.flags & IN_PRE
            or row_of(page, own) >= 0
        ):
            break
        bytes_ = ZERO
        for span in range(block.span_start, block.span_stop):
            has_lines |= page.spans[span].flags & BREAK != 0
            if page.spans[span].flags & FORMULA == 0:
                bytes_ += page.spans[span].stop - page.spans[span].start
        words += max(block.words + ZERO, bytes_ // _BYTES_OF_WORD)
        count += 1
        own += 1
        other += 1
    if count == 1 and _are_neighbours(page, before, index):
        return index
    if words >= _LEAST_QUOTED_WORDS and own <= _end_of_quotation(page, index):
        return own
    least = _LONG_COPY if has_lines or count == 1 else _LEAST_COPIED_WORDS
    is_copy = words >= least and words >= _LEAST_WORDS_OF_COPY * count
    return own if is_copy else index


@kernel
def _are_neighbours(page: Page, before: int, index: int) -> bool:
    """Whether no block between two is kept."""
    kept = ZERO
    for block in range(before + 1, index):
        kept += page.is_kept[block]
    return bool(kept == 0)


@kernel
def _end_of_quotation(page: Page, index: int) -> int:
    """End of the outermost quotation that a block is in; 0 if it is in none."""
    stop = ZERO
    element = page.blocks[index].container + ZERO
    while element > 0:
        if page.elements[element].tag == tags.BLOCKQUOTE:
            stop = page.elements[element].block_stop + ZERO
        element = page.elements[element].parent + ZERO
    return int(stop)


@kernel
def keep_title(page: Page) -> None:
    """Keep the page's own heading: the one most like <title>, if there is a text to head.

    A heading that is all link is the site's name; one behind the text heads something else.
    """
    main = page.regions[0].main_heading
    if main < 0:
        main = _only_heading(page)
    if main < 0 or page.is_kept[main]:
        return
    block = page.blocks[main]
    is_first = page.elements[block.container].tag == tags.H1
    words, shared = block.words, block.title_words
    is_title = 2 * shared >= words if is_first else 5 * shared >= 4 * words
    if not is_title or block.linked_words == words:
        return
    kept = text_before = ZERO
    for index in range(page.state[0].blocks + ZERO):
        if page.is_kept[index]:
            kept += page.blocks[index].words
            if index < main:
                text_before += page.blocks[index].words
    if kept > 0 and 2 * text_before <= kept:
        page.is_kept[main] = 1


@kernel
def _only_heading(page: Page) -> int:
    """The only <h1>, if all of it is in <title> too; else -1."""
    found = NONE + 0
    for index in range(page.state[0].blocks + ZERO):
        block = page.blocks[index]
        if page.elements[block.container].tag == tags.H1 and block.words > 0:
            if found >= 0:
                return int(NONE)
            found = index
    if found >= 0 and page.blocks[found].title_words < page.blocks[found].words:
        return int(NONE)
    return int(found)
