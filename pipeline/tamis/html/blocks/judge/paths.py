"""What each element inherits: log-odds of names, and nearest ancestors of each kind.

One pass over the elements in document order; parents come before children.
`nearest[e, kind]` is the depth of the nearest element, e itself included, whose tag or
names are of that kind: first the tags of TAG_KINDS, then the dictionary's kinds.
"""

from typing import Final

import numpy as np

from tamis.compiled import kernel
from tamis.html.blocks.judge.dictionary import KIND_NAMES
from tamis.html.blocks.layout import DICTIONARY_SLOTS, KINDS, Page
from tamis.html.blocks.read import tags

TAG_KINDS: Final[tuple[tuple[str, ...], ...]] = (
    ("main",),
    ("aside",),
    ("footer",),
    ("form", "fieldset", "label"),
    ("li", "dd", "dt"),
    ("figure", "figcaption"),
)
TAG_KIND_NAMES: Final = tuple(names[0] for names in TAG_KINDS)
ALL_KINDS: Final[tuple[str, ...]] = (
    *(f"{name}_tag" for name in TAG_KIND_NAMES),
    *(f"{name}_name" for name in KIND_NAMES),
)
assert len(ALL_KINDS) <= KINDS

_FIRST_NAME_KIND: Final = len(TAG_KINDS)
_NAME_KINDS: Final = len(KIND_NAMES)
_COMMENT: Final = 1 << KIND_NAMES.index("comment")
_KIND_OF_TAG = np.full(256, -1, np.int16)
for _kind, _names in enumerate(TAG_KINDS):
    for _name in _names:
        _KIND_OF_TAG[tags.NAMES.index(_name)] = _kind


@kernel(inline="always")
def follow_paths(page: Page) -> None:
    """Fill `paths` and `nearest` of every element."""
    for index in range(page.state[0].elements):
        element = page.elements[index]
        path = page.paths[index]
        own, kinds, is_known = _names_of(page, element.name_start, element.name_stop)
        path.own = own
        path.score = 0
        parent = element.parent
        if parent < 0:
            path.sum = path.nearest_own = own
            path.wider = -1
            for kind in range(KINDS):
                page.nearest[index, kind] = -1
        else:
            above = page.paths[parent]
            path.sum = own + np.float32(0.7) * above.sum
            path.nearest_own = own if is_known else above.nearest_own
            holder = page.elements[parent]
            if (
                holder.block_start == element.block_start
                and holder.block_stop == element.block_stop
            ):
                path.wider = above.wider
            else:
                path.wider = parent
            for kind in range(KINDS):
                page.nearest[index, kind] = page.nearest[parent, kind]
        tag_kind = _KIND_OF_TAG[element.tag]
        if tag_kind >= 0:
            page.nearest[index, tag_kind] = element.depth
        if kinds & _COMMENT and _is_nearly_all(page, index):
            kinds ^= _COMMENT  # of `comments-open` at <body> nothing follows
        if kinds:
            for kind in range(_NAME_KINDS):
                if kinds >> kind & 1:
                    page.nearest[index, _FIRST_NAME_KIND + kind] = element.depth


@kernel
def _is_nearly_all(page: Page, index: int) -> bool:
    """Whether nearly all blocks of the page are in this element."""
    element = page.elements[index]
    own = element.block_stop - element.block_start
    return bool(10 * own >= 9 * page.state[0].blocks)


@kernel(inline="always")
def _names_of(page: Page, start: int, stop: int) -> tuple[np.float32, int, bool]:
    """Sum of the log-odds, union of the kinds, and whether any name is known."""
    total, kinds, is_known = np.float32(0), 0, False
    for index in range(start, stop):
        name = page.names[index]
        slot = name & np.uint64(DICTIONARY_SLOTS - 1)
        while page.dictionary_keys[slot] != 0:
            if page.dictionary_keys[slot] == name:
                total += page.dictionary_scores[slot]
                kinds |= int(page.dictionary_kinds[slot])
                is_known = True
                break
            slot = (slot + np.uint64(1)) & np.uint64(DICTIONARY_SLOTS - 1)
    return total, kinds, is_known
