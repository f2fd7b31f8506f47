"""Siblings of the same markup pattern: posts, cards, entries, sections.

Peers have the same parent, tag and first name, and hold two blocks or more each. They
distinguish a thread from an article. A thread's posts are peers, and the first of them
is the page's text; an article's comments have another markup pattern than the article.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.judge.regions import slots_for, words_before_main
from tamis.html.blocks.layout import Page

PEER_NAMES: Final = (
    "peers",
    "peers_page_share",
    "peers_run_share",
    "peers_words_each",
    "peers_first_words",
)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def find_peers(page: Page) -> None:
    """Fill `peers`, and in `peers_of` the slot of the nearest ancestor's peers.

    An element is its own ancestor here; the slot is -1 if no ancestor has a peer.
    `words_before` and the best run must be filled already.
    """
    region = page.regions[0]
    last_slot = slots_for(2 * page.state[0].blocks) - 1
    for index in range(page.state[0].elements):
        page.own_peers[index] = -1
        element = page.elements[index]
        start, stop = element.block_start, element.block_stop
        # An element that holds all of its parent's blocks has no peer. No two of the
        # others hold the same set of borders between blocks, and siblings share no
        # border (but may share a block: "<b>a<p>b</p>c</b><b>d"). There are fewer such
        # sets than twice the borders, so the table of GROUP_SLOTS cannot fill up.
        is_whole = page.paths[index].wider != element.parent
        if element.parent < 0 or stop - start < 2 or is_whole:
            continue
        slot = _slot(page, last_slot, element.signature ^ np.uint64(element.parent))
        peers = page.peers[slot]
        if peers.elements == 0:
            peers.first = start
        peers.elements += 1
        peers.words += page.words_before[stop] - page.words_before[start]
        start, stop = max(start, region.run_start), min(stop, region.run_stop)
        if start < stop:
            peers.in_run += page.words_before[stop] - page.words_before[start]
        page.own_peers[index] = slot
    for index in range(page.state[0].elements):
        slot = page.own_peers[index]
        parent = page.elements[index].parent
        if slot >= 0 and page.peers[slot].elements > 1:
            page.peers_of[index] = slot
        else:
            page.peers_of[index] = page.peers_of[parent] if parent >= 0 else -1


@kernel
def peer_features(page: Page, index: int, row: NDArray[np.float32], at: int) -> int:
    """Write PEER_NAMES of a block from `at` on, all 0 if no ancestor has a peer.

    Returns where the next feature goes.
    """
    slot = page.peers_of[page.blocks[index].element]
    if slot < 0:
        row[at : at + len(PEER_NAMES)] = 0
        return at + len(PEER_NAMES)
    peers = page.peers[slot]
    row[at] = peers.elements
    row[at + 1] = peers.words / max(page.words_before[page.state[0].blocks], 1)
    row[at + 2] = peers.in_run / max(peers.words, 1)
    row[at + 3] = peers.words / peers.elements
    row[at + 4] = page.words_before[peers.first] - words_before_main(page)
    return at + len(PEER_NAMES)


@kernel
def forget_peers(page: Page) -> None:
    """Free the slots of this page's elements, for the next page."""
    for index in range(page.state[0].elements):
        if page.own_peers[index] >= 0:
            page.peers[page.own_peers[index]].key = 0


@kernel
def _slot(page: Page, last_slot: int, pattern: np.uint64) -> int:
    """The slot of a markup pattern, emptied if it is new."""
    key = max(pattern * _MIX, np.uint64(1))
    slot = key >> np.uint64(32) & np.uint64(last_slot)
    while page.peers[slot].key != 0 and page.peers[slot].key != key:
        slot = (slot + np.uint64(1)) & np.uint64(last_slot)
    peers = page.peers[slot]
    if peers.key == 0:
        peers.key = key
        peers.elements = peers.words = peers.in_run = 0
    return int(slot)
