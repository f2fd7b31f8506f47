"""A dictionary laid out for kernels to walk, letter by letter.

    first    (256 or 65536,)  uint32  entry of each unit that a word may begin with
    units    (slots,)         uint16  a hash table for each state: units that go on
    entries  (slots,)         uint32  their entries
    pairs    (2 ** 17,)       uint8   a bit for each pair of units that begins words, at
                                      a hash of it: a filter, wrong for one in six others

An entry is 0 or: where the table of the state begins << 12 | the logarithm of its slots
<< 8 | one more than the cost of the word that ends here, 0 if none does. Chinese and
Japanese words cost 0 to 254, those of the other dictionaries 0 all.

6 MB for Chinese and Japanese, 1 to 2 for the others. A look that misses the cache costs
more than all else, and three in five, whether two characters begin a word, are in vain:
the 128 kB of `pairs` answer most of these, which took a quarter off the time of Chinese.
For the same reason each state has a table of its own: with one for all walks took 1.5
times as long.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tamis.text.icu_data import Dictionary
from tamis.text.icu_tries import MAX_COST, Edges, edges_of
from tamis.text.utf8 import Integer

_EMPTY = 0xFFFF  # no character
_MAX_SLOTS = 1 << 20
_PAIR_BITS = 20
# The golden ratio's digits spread keys that follow each other.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Trie(NamedTuple):
    """The tables that the module's docstring describes."""

    first: NDArray[np.uint32]
    units: NDArray[np.uint16]
    entries: NDArray[np.uint32]
    pairs: NDArray[np.uint8]


def trie_of(dictionary: Dictionary) -> Trie | None:
    """The dictionary's words, or None if what should hold them is damaged."""
    edges = edges_of(dictionary)
    if len(edges) == 0 or edges[:, 3].max() > MAX_COST + 1:
        return None
    return _laid_out(edges, 1 << (16 if dictionary.is_wide else 8))


@njit(cache=True, nogil=True, inline="always")
def step(trie: Trie, entry: np.uint32, unit: Integer) -> np.uint32:
    """The entry that `unit` leads to from another, 0 if it leads nowhere."""
    table = np.int64(entry >> np.uint32(8))
    log = table & 15
    mask = (1 << log) - 1
    begin = table >> 4
    place = _place(unit, log)
    for _ in range(mask + 1):
        found = trie.units[begin + place]
        if found == unit:
            return np.uint32(trie.entries[begin + place])
        if found == _EMPTY:
            break
        place = (place + 1) & mask
    return np.uint32(0)


@njit(cache=True, nogil=True, inline="always")
def may_begin(trie: Trie, unit: Integer, following: Integer) -> bool:
    """Whether these two units may begin a word; False if none begins with them."""
    byte, bit = _bit_of(unit, following)
    return bool(trie.pairs[byte] & bit)


@njit(cache=True, nogil=True, inline="always")
def _bit_of(unit: Integer, following: Integer) -> tuple[np.int64, np.uint8]:
    """Where in `pairs` the bit of two units is: its byte, and the byte with it alone."""
    key = np.uint64(unit) << np.uint64(16) | np.uint64(following)
    place = np.int64((key * _SPREAD) >> np.uint64(64 - _PAIR_BITS))
    return place >> 3, np.uint8(1) << np.uint8(place & 7)


def _laid_out(edges: Edges, beginnings: int) -> Trie | None:
    counts = np.bincount(edges[:, 0])
    counts[0] = 0  # the first state has a table of its own
    states = np.flatnonzero(counts)
    # A quarter to half of a table is full, so that a look in vain ends soon. Most states
    # have one edge: one slot will do.
    sizes = np.where(counts[states] == 1, 1, counts[states] * 2)
    logs = np.ceil(np.log2(sizes)).astype(np.int64)
    begins = 1 + np.concatenate([[0], np.cumsum(1 << logs)])
    if begins[-1] > _MAX_SLOTS or logs.max(initial=0) > 15:
        return None
    tables = np.zeros(max(len(counts), int(edges[:, 2].max()) + 1), np.uint32)
    tables[states] = begins[:-1] << 12 | logs << 8
    trie = Trie(
        np.zeros(beginnings, np.uint32),
        np.full(begins[-1], _EMPTY, np.uint16),
        np.zeros(begins[-1], np.uint32),
        np.zeros(1 << (_PAIR_BITS - 3), np.uint8),
    )
    return trie if _fill(trie, edges, tables) else None


@njit(cache=True, nogil=True)
def _fill(trie: Trie, edges: Edges, tables: NDArray[np.uint32]) -> bool:
    """Enter all edges; False if a unit leads from one state to two."""
    for edge in range(len(edges)):
        origin, unit = edges[edge, 0], edges[edge, 1]
        entry = tables[edges[edge, 2]] | np.uint32(edges[edge, 3])
        if origin == 0:
            if trie.first[unit] and trie.first[unit] != entry:
                return False
            trie.first[unit] = entry
            continue
        table = np.int64(tables[origin] >> np.uint32(8))
        begin, mask = table >> 4, (1 << (table & 15)) - 1
        place = _place(unit, table & 15)
        while trie.units[begin + place] != _EMPTY and trie.units[begin + place] != unit:
            place = (place + 1) & mask
        found = trie.entries[begin + place]
        if (found and found != entry) or unit == _EMPTY:
            return False
        trie.units[begin + place] = unit
        trie.entries[begin + place] = entry
    for unit in range(len(trie.first)):
        table = np.int64(trie.first[unit] >> np.uint32(8))
        for slot in range(table >> 4, (table >> 4) + (1 << (table & 15))):
            if trie.units[slot] != _EMPTY:
                byte, bit = _bit_of(unit, trie.units[slot])
                trie.pairs[byte] |= bit
    return True


@njit(cache=True, nogil=True, inline="always")
def _place(unit: Integer, log: Integer) -> np.int64:
    """Where in a table a unit is looked for first: the golden ratio spreads them."""
    return ((np.int64(unit) * 40503) & 0xFFFF) >> (16 - log)
