"""The edges of ICU's serialised tries, as ucharstrie.h and bytestrie.h describe them.

    edges  (edges, 4)  int32  the state it leaves, the unit, the state it leads to or 0,
                              one more than the cost of the word that ends there or 0

A state is an offset into the trie, 0 the first. A unit has 16 bits in a UCharsTrie and 8
in a BytesTrie. Numbers are written in one to five units of which the first says how
many: a ladder of (first lead of the next rung, what to take from the lead) for each kind.
Nothing that the file says is trusted: no read leaves it, no state is read twice.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tamis.text.icu_data import Dictionary
from tamis.text.utf8 import Integer

Edges = NDArray[np.int32]
MAX_COST = 254

_Units = NDArray[np.uint16]
_Ladder = NDArray[np.int64]

# Nothing is read further behind what was checked than a number has units.
_PADDING = 8
_UNREAD = -1


class _Form(NamedTuple):
    """How one of the two kinds of trie writes its nodes."""

    linear: int  # leads from here on: a row of units to match
    value: int  # leads from here on: a value, before or instead of what to match
    final: int  # the bit of a value behind which nothing is to match
    shift: int  # of what is left of the lead of a value
    values: _Ladder
    nodes: _Ladder  # of values that share their unit with a node
    deltas: _Ladder


def _ladder(*rungs: tuple[int, int]) -> _Ladder:
    return np.array(rungs, np.int64)


_WIDE = _Form(
    linear=0x30,
    value=0x40,
    final=0x8000,
    shift=0,
    values=_ladder((0x4000, 0), (0x7FFF, 0x4000), (0x8000, 0x7FFF)),
    nodes=_ladder((0x101, 1), (0x1FF, 0x101), (0x200, 0x1FF)),
    deltas=_ladder((0xFC00, 0), (0xFFFF, 0xFC00), (0x10000, 0xFFFF)),
)
_BYTE_VALUES = ((0x51, 0x10), (0x6C, 0x51), (0x7E, 0x6C), (0x7F, 0x7E), (0x80, 0x7F))
_BYTES = _Form(
    linear=0x10,
    value=0x20,
    final=1,
    shift=1,
    values=_ladder(*_BYTE_VALUES),
    nodes=_ladder(*_BYTE_VALUES),
    deltas=_ladder((0xC0, 0), (0xF0, 0xC0), (0xFE, 0xF0), (0xFF, 0xFE), (0x100, 0xFF)),
)


def edges_of(dictionary: Dictionary) -> Edges:
    """All edges of a dictionary's trie, none if it is damaged.

    A cost above MAX_COST is cut down to one that still is. The same edge may come twice,
    where a value precedes a node to which others lead without it.
    """
    kind = np.dtype("<u2") if dictionary.is_wide else np.dtype("u1")
    if len(dictionary.trie) % kind.itemsize or not dictionary.trie:
        return np.empty((0, 4), np.int32)
    units = np.frombuffer(dictionary.trie, kind)
    padded = np.concatenate([units, np.zeros(_PADDING, kind)]).astype(np.uint16)
    form = _WIDE if dictionary.is_wide else _BYTES
    edges = np.empty((len(units), 4), np.int32)
    return edges[: _read_edges(edges, padded, dictionary.is_wide, form)]


@njit(cache=True, nogil=True)
def _read_edges(edges: Edges, units: _Units, is_wide: bool, form: _Form) -> int:
    """Number of edges, 0 if this is no trie."""
    size = len(units) - _PADDING
    waiting = np.zeros(size, np.int32)
    is_seen = np.zeros(size, np.bool_)
    waiting_count, count = 1, 0
    while waiting_count:
        waiting_count -= 1
        origin = np.int64(waiting[waiting_count])
        node, at = _match_node(units, origin, is_wide, form)
        known = count
        if node < form.linear:
            count = _read_branch(edges, count, units, origin, at, node, form)
        elif node < form.value:
            count = _read_row(edges, count, units, origin, at, node - form.linear + 1)
        if count == known:
            return 0
        for edge in range(known, count):
            target = np.int64(edges[edge, 2])
            if edges[edge, 3] >= 0:
                continue
            if target >= size:
                return 0
            cost, ends = _value_at(units, target, is_wide, form)
            edges[edge, 3] = cost + 1
            if ends:
                edges[edge, 2] = 0
            elif not is_seen[target]:
                is_seen[target] = True
                waiting[waiting_count] = target
                waiting_count += 1
    return count


@njit(cache=True, nogil=True)
def _read_row(
    edges: Edges,
    count: int,
    units: _Units,
    origin: Integer,
    at: Integer,
    length: Integer,
) -> int:
    """Number of edges with those of a row of units added, each to the next but the last."""
    if at + length > len(units) - _PADDING or count + length > len(edges):
        return count
    for left in range(length, 0, -1):
        _add(edges, count, origin, units[at], at + 1, 0 if left > 1 else _UNREAD)
        count += 1
        at += 1
        origin = at
    return count


@njit(cache=True, nogil=True, inline="always")
def _add(
    edges: Edges,
    count: Integer,
    origin: Integer,
    unit: Integer,
    target: Integer,
    value: Integer,
) -> None:
    edges[count, 0] = origin
    edges[count, 1] = unit
    edges[count, 2] = target
    edges[count, 3] = value


@njit(cache=True, nogil=True)
def _read_branch(
    edges: Edges,
    count: int,
    units: _Units,
    origin: Integer,
    at: Integer,
    node: Integer,
    form: _Form,
) -> int:
    """Number of edges with those of a branch added; none are if it is damaged.

    They lie in parts of at most five, to which a binary search leads.
    """
    size = len(units) - _PADDING
    parts = np.empty((64, 2), np.int64)
    length = np.int64(node)
    if node == 0 and at < size:
        length = np.int64(units[at])
        at += 1
    parts[0, 0] = at
    parts[0, 1] = length + 1
    waiting, found = 1, count
    while waiting:
        waiting -= 1
        at = parts[waiting, 0]
        length = parts[waiting, 1]
        while length > 5 and at < size:
            delta, behind = _number(units, at + 2, units[at + 1], form.deltas)
            parts[waiting, 0] = behind + delta
            parts[waiting, 1] = length >> 1
            waiting += 1
            length -= length >> 1
            at = behind
        if found + length > len(edges):
            return count
        for left in range(length, 0, -1):
            if at >= size:
                return count
            unit, lead = np.int64(units[at]), np.int64(units[at + 1])
            at += 1
            target, word = np.int64(at), np.int64(_UNREAD)
            if left > 1:  # the last unit's target follows it
                value, at = _number(
                    units, at + 1, (lead & ~form.final) >> form.shift, form.values
                )
                target = at + value
                if lead & form.final:
                    target, word = np.int64(0), _cut_down(value) + 1
            _add(edges, found, origin, unit, target if target < size else size, word)
            found += 1
    return found


@njit(cache=True, nogil=True)
def _match_node(
    units: _Units, state: Integer, is_wide: bool, form: _Form
) -> tuple[np.int64, np.int64]:
    """The lead of a state's node without its value, and where the node goes on."""
    node, at = np.int64(units[state]), np.int64(state + 1)
    if node < form.value:
        return node, at
    if is_wide:
        _, at = _number(units, at, node >> 6, form.nodes)
        return node & 0x3F, at
    _, at = _number(units, at, node >> 1, form.values)
    return np.int64(units[at]), at + 1


@njit(cache=True, nogil=True)
def _value_at(
    units: _Units, state: Integer, is_wide: bool, form: _Form
) -> tuple[np.int64, bool]:
    """Cost of the word that ends in a state, -1 if none does; whether all end here."""
    lead = np.int64(units[state])
    if lead < form.value:
        return np.int64(-1), False
    if lead & form.final or not is_wide:
        number, ladder = (lead & ~form.final) >> form.shift, form.values
    else:
        number, ladder = lead >> 6, form.nodes
    value, _ = _number(units, state + 1, number, ladder)
    return _cut_down(value), lead & form.final != 0


@njit(cache=True, nogil=True, inline="always")
def _cut_down(cost: np.int64) -> np.int64:
    """A cost that an edge has room for, too high still if it was."""
    return cost if cost <= MAX_COST else np.int64(MAX_COST + 1)


@njit(cache=True, nogil=True)
def _number(
    units: _Units, at: Integer, lead: Integer, ladder: _Ladder
) -> tuple[np.int64, np.int64]:
    """A number, of whose units all but `lead` begin at `at`; and where it ends.

    It is 0 or more, whatever the units are.
    """
    bits = 16 if len(ladder) == 3 else 8
    more = 0
    while lead >= ladder[more, 0] and more < len(ladder) - 1:
        more += 1
    value = np.int64(max(lead - ladder[more, 1], 0))
    for unit in range(more):
        value = value << bits | np.int64(units[at + unit])
    return value, np.int64(at + more)
