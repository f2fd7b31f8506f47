"""What kind of page this is: article, forum, product, listing and so on, and how surely.

Logistic regression over two kinds of evidence, all of the markup and none of the text's words:

    signs   words in class, id, role and itemprop; and marks: og:type ("og:product"), the types
            in ld+json ("@product"), the generator ("by:discourse"). Each counts once a page
    steps   numbers of the page (NUMBERS), each asked whether it is above a threshold

The score is the type's probability by the regression.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.judge.features import NAMES, PAGE_NAMES
from tamis.html.blocks.layout import ZERO, Page
from tamis.html.blocks.read import tags
from tamis.html.blocks.read.meaning import attribute
from tamis.html.blocks.read.tags import FNV_OFFSET, FNV_PRIME, fnv1a, open_addressing
from tamis.html.blocks.simd import first_of, lowered_at

_BLOCK_NUMBERS: Final = (
    "elements",
    "blocks",
    "stop_share",
    "words_per_block",
    "longest_block",
    "short_block_share",
    "linked_block_share",
    "digit_block_share",
    "groups",
    "largest_group",
    "largest_group_share",
    "largest_group_word_share",
    "peer_share",
    "largest_peers",
)
_ADDRESS_NUMBERS: Final = (
    "path_segments",  # of the address that the page calls its own; -1 without one
    "last_segment_bytes",
    "last_segment_hyphens",
    "path_digits",
)
_COUNTED_TAGS: Final = ("pre", "code", "form", "button", "article", "time", "tr")
NUMBERS: Final[tuple[str, ...]] = (
    *PAGE_NAMES,
    *_BLOCK_NUMBERS,
    *_ADDRESS_NUMBERS,
    *(f"{tag}_elements" for tag in _COUNTED_TAGS),
)
SIGN_SLOTS: Final = 2_048
MAX_MARKS: Final = 64  # of a page

_PEERS: Final = NAMES.index("peers")
_FIRST_OF_PAGE: Final = NAMES.index(PAGE_NAMES[0])
_FIRST_ADDRESS: Final = NUMBERS.index("path_segments")
_FIRST_TAG: Final = NUMBERS.index("pre_elements")
_NUMBER_OF_TAG = np.full(256, -1, np.int64)
for _place, _tag in enumerate(_COUNTED_TAGS):
    _NUMBER_OF_TAG[tags.NAMES.index(_tag)] = _FIRST_TAG + _place

# Marks further behind are not looked for: that would take as long as all else here.
_HEAD_BYTES: Final = 64 << 10
_HEAD_TAGS: Final = 2_000
_MARK_BYTES: Final = 40
_LESS, _GREATER, _AT = map(np.uint8, (60, 62, 64))  # not literals: see layout.ZERO
_SLASH, _HYPHEN, _QUERY, _FRAGMENT = 47, 45, 63, 35


def _packed(name: bytes) -> np.uint64:
    """A lower-case name of at most 8 bytes, as `lowered_at` returns it."""
    return np.uint64(int.from_bytes(name, "little"))


_META, _LINK, _BODY, _TYPE = map(_packed, (b"meta", b"link", b"body", b"type"))
_PROPERTY, _NAME, _CONTENT, _REL, _HREF = map(
    _packed, (b"property", b"name", b"content", b"rel", b"href")
)
_GENERATOR, _OG_TYPE, _OG_URL, _CANONICAL = (
    np.uint64(fnv1a(value))
    for value in (b"generator", b"og:type", b"og:url", b"canonical")
)
# A mark is hashed with what it is in front: "@product", "og:product", "by:discourse".
_OF_DATA, _OF_OG, _OF_GENERATOR = (
    np.uint64(fnv1a(prefix)) for prefix in (b"@", b"og:", b"by:")
)


class TypeModel(NamedTuple):
    """The regression, as the kernel reads it. T is the number of types."""

    keys: NDArray[np.uint64]  # (SIGN_SLOTS,) hashes of signs, 0 where free
    places: NDArray[np.int32]  # (SIGN_SLOTS,) rows of `signs`
    signs: NDArray[np.float64]  # (signs, T)
    numbers: NDArray[np.int32]  # (steps,) places in NUMBERS
    thresholds: NDArray[np.float32]  # (steps,)
    steps: NDArray[np.float64]  # (steps, T), added if the number is above the threshold
    bias: NDArray[np.float64]  # (T,)


class PageTypes(NamedTuple):
    """The names of the types, and the regression."""

    names: tuple[str, ...]
    model: TypeModel


def page_types_of(stored: dict[str, Any]) -> PageTypes:
    """The model from its section of weights.json.

        types   names
        bias    a number a type
        signs   {sign: a number a type}
        steps   [[name of the number, threshold, a number a type], ...]

    Raises ValueError or one of the errors that `load_weights` catches if it is malformed.
    """
    names = tuple(map(str, stored["types"]))
    words = list(stored["signs"])
    if not 2 <= len(names) <= 64 or 2 * len(words) > SIGN_SLOTS:
        raise ValueError(f"page_type: {len(names)} types, {len(words)} signs")
    keys, slots = open_addressing([fnv1a(word.encode()) for word in words], SIGN_SLOTS)
    places = np.zeros(SIGN_SLOTS, np.int32)
    places[slots] = np.arange(len(words))
    steps = stored["steps"]
    model = TypeModel(
        keys,
        places,
        _rows([stored["signs"][word] for word in words], len(names)),
        np.array([NUMBERS.index(name) for name, _, _ in steps], np.int32),
        np.array([threshold for _, threshold, _ in steps], np.float32),
        _rows([weights for _, _, weights in steps], len(names)),
        _rows([stored["bias"]], len(names))[0],
    )
    return PageTypes(names, model)


def _rows(rows: list[list[float]], types: int) -> NDArray[np.float64]:
    """A row of weights each; ValueError if one is not finite or has another length."""
    table = np.array(rows, np.float64).reshape(len(rows), types)
    if not np.isfinite(table).all():
        raise ValueError("page_type holds a number that is not finite")
    return table


@kernel
def likeliest_type(
    data: NDArray[np.uint8], workspace: NDArray[np.void], model: TypeModel
) -> tuple[int, float]:
    """The type's number and its probability; the page must be described."""
    page = workspace[0]
    row = np.zeros(len(NUMBERS), np.float32)
    marks = np.zeros(MAX_MARKS, np.uint64)
    count = _collect(data, page, row, marks)
    scores = model.bias.copy()
    # Of 2,500 names on a page some hundred are signs: first what is there, then its weights.
    keys, is_seen = model.keys, np.zeros(SIGN_SLOTS, np.bool_)
    for index in range(page.state[0].names):
        is_seen[_slot_of(keys, page.names[index])] = True
    for index in range(count):
        is_seen[_slot_of(keys, marks[index])] = True
    for slot in range(SIGN_SLOTS):
        if is_seen[slot] and keys[slot] != 0:
            for kind in range(len(scores)):
                scores[kind] += model.signs[model.places[slot], kind]
    for step in range(len(model.numbers)):
        if row[model.numbers[step]] > model.thresholds[step]:
            for kind in range(len(scores)):
                scores[kind] += model.steps[step, kind]
    best = 0
    for kind in range(len(scores)):
        if scores[kind] > scores[best]:
            best = kind
    total = 0.0
    for kind in range(len(scores)):
        total += math.exp(scores[kind] - scores[best])
    return best, 1.0 / total


@kernel
def evidence(
    data: NDArray[np.uint8], workspace: NDArray[np.void]
) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
    """The numbers and the marks of a described page, for training."""
    row = np.zeros(len(NUMBERS), np.float32)
    marks = np.zeros(MAX_MARKS, np.uint64)
    count = _collect(data, workspace[0], row, marks)
    return row, marks[:count]


@kernel(forceinline=True)
def _slot_of(keys: NDArray[np.uint64], sign: np.uint64) -> np.uint64:
    """The slot of a sign, or the free one where it would be."""
    slot = sign & np.uint64(SIGN_SLOTS - 1)
    while keys[slot] != 0 and keys[slot] != sign:
        slot = (slot + np.uint64(1)) & np.uint64(SIGN_SLOTS - 1)
    return slot


@kernel
def _collect(
    data: NDArray[np.uint8],
    page: Page,
    row: NDArray[np.float32],
    marks: NDArray[np.uint64],
) -> int:
    """Fill the row of NUMBERS and the marks; returns how many marks there are."""
    _count_blocks(page, row)
    for index in range(page.state[0].elements):
        number = _NUMBER_OF_TAG[page.elements[index].tag]
        if number >= 0:
            row[number] += 1
    row[_FIRST_ADDRESS] = -1
    count = _read_head(data, row, marks)
    return int(_read_data_types(data, marks, count))


@kernel
def _count_blocks(page: Page, row: NDArray[np.float32]) -> None:
    """Fill the page's own features and _BLOCK_NUMBERS."""
    blocks, elements = page.state[0].blocks + ZERO, page.state[0].elements + ZERO
    at = len(PAGE_NAMES)
    row[at] = elements
    row[at + 1] = blocks
    if blocks == 0:
        return
    for number in range(at):
        row[number] = page.features[0, _FIRST_OF_PAGE + number]
    words = stops = longest = short = linked = digits = groups = ZERO
    largest = largest_words = ZERO
    most_peers = np.float32(0)
    for index in range(blocks):
        block = page.blocks[index]
        words += block.words
        stops += block.terminals
        longest = max(longest, block.words + ZERO)
        short += block.words <= 5
        linked += 2 * block.linked_words > block.words
        digits += block.digits > 0
        group = page.groups[page.group_of[index]]
        groups += group.first == index
        largest = max(largest, group.blocks + ZERO)
        largest_words = max(largest_words, group.words + ZERO)
        most_peers = max(most_peers, page.features[index, _PEERS])
    peers = ZERO
    for index in range(elements):
        peers += page.own_peers[index] >= 0
    row[at + 2] = stops / max(words, 1)
    row[at + 3] = words / blocks
    row[at + 4] = longest
    row[at + 5] = short / blocks
    row[at + 6] = linked / blocks
    row[at + 7] = digits / blocks
    row[at + 8] = groups
    row[at + 9] = largest
    row[at + 10] = largest / blocks
    row[at + 11] = largest_words / max(words, 1)
    row[at + 12] = peers / max(elements, 1)
    row[at + 13] = most_peers


@kernel
def _read_head(
    data: NDArray[np.uint8], row: NDArray[np.float32], marks: NDArray[np.uint64]
) -> int:
    """Marks of <meta>, and the numbers of the page's address; returns the marks' count."""
    count, position = ZERO, ZERO
    stop = min(len(data), _HEAD_BYTES)
    for _ in range(_HEAD_TAGS):
        position = first_of(data, position, stop, _LESS) + 1
        if position + 5 >= stop:
            break
        name = lowered_at(data, position, position + 4)
        position += 4
        if name == _BODY:
            break
        if name != _META and name != _LINK:
            continue
        end = first_of(data, position, stop, _GREATER)
        if name == _LINK:
            first, last = attribute(data, position, end, _REL)
            if _hash(data, first, last, FNV_OFFSET) == _CANONICAL:
                first, last = attribute(data, position, end, _HREF)
                _read_address(data, first, last, row)
            continue
        first, last = attribute(data, position, end, _PROPERTY)
        if first >= last:
            first, last = attribute(data, position, end, _NAME)
        said = _hash(data, first, last, FNV_OFFSET)
        if said != _OG_TYPE and said != _GENERATOR and said != _OG_URL:
            continue
        first, last = attribute(data, position, end, _CONTENT)
        if said == _OG_URL:
            if row[_FIRST_ADDRESS] < 0:
                _read_address(data, first, last, row)
        elif first < last and count < MAX_MARKS:
            prefix = _OF_OG if said == _OG_TYPE else _OF_GENERATOR
            marks[count] = _hash(data, first, last, prefix)
            count += 1
    return int(count)


@kernel
def _read_data_types(
    data: NDArray[np.uint8], marks: NDArray[np.uint64], count: int
) -> int:
    """Add the types that ld+json names (`"@type": "Product"`); returns the new count."""
    position, stop = ZERO, min(len(data), _HEAD_BYTES)
    while count < MAX_MARKS:
        position = first_of(data, position, stop, _AT) + 1
        if position + 4 >= stop:
            break
        if lowered_at(data, position, position + 4) != _TYPE:
            continue
        position += 4
        if 97 <= data[position] | 32 <= 122:  # @types
            continue
        first, limit = position, min(position + 16, stop)
        while first < limit and not 97 <= data[first] | 32 <= 122:
            first += 1
        last = first
        while last < stop and 97 <= data[last] | 32 <= 122:
            last += 1
        if first < last:
            marks[count] = _hash(data, first, last, _OF_DATA)
            count += 1
    return count


@kernel
def _hash(
    data: NDArray[np.uint8], first: int, last: int, value: np.uint64
) -> np.uint64:
    """FNV-1a of the first word in lower case, at most _MARK_BYTES of it, from `value` on."""
    while first < last and data[first] <= 32:
        first += 1
    for position in range(first, min(last, first + _MARK_BYTES)):
        byte = data[position]
        if byte <= 32:
            break
        if 65 <= byte <= 90:
            byte = np.uint8(byte | 32)
        value = (value ^ np.uint64(byte)) * FNV_PRIME
    return value


@kernel
def _read_address(
    data: NDArray[np.uint8], first: int, last: int, row: NDArray[np.float32]
) -> None:
    """Fill _ADDRESS_NUMBERS from an address, with or without a host."""
    slashes = ZERO
    path = first
    while path < last and slashes < 3:
        if data[path] == _SLASH:
            if path == first:  # no host
                break
            slashes += 1
        path += 1
    segments = digits = length = hyphens = ZERO
    last_length = last_hyphens = ZERO
    for position in range(path, last + 1):
        byte = data[position] if position < last else np.uint8(_SLASH)
        if byte in (_QUERY, _FRAGMENT):
            byte = np.uint8(_SLASH)
        if byte == _SLASH:
            if length > 0:
                segments += 1
                last_length, last_hyphens = length, hyphens
            length = hyphens = ZERO
            if position < last and data[position] != _SLASH:
                break
            continue
        length += 1
        hyphens += byte == _HYPHEN
        digits += 48 <= byte <= 57
    row[_FIRST_ADDRESS] = segments
    row[_FIRST_ADDRESS + 1] = last_length
    row[_FIRST_ADDRESS + 2] = last_hyphens
    row[_FIRST_ADDRESS + 3] = digits
