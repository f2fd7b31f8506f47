"""The HTML tags that the tokenizer knows: a small id and properties, as bits, of each.

A tag's name is hashed (FNV-1a, ASCII lower case) and looked up in an
open-addressing table, so that the tokenizer never makes a string. Any name that
is not listed (custom elements among them) is OTHER, an inline element.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel

# Properties.
BLOCK: Final = 1 << 0  # starts and ends a block of text
VOID: Final = 1 << 1  # has no content and no end tag
RAW: Final = 1 << 2  # content is not markup and not shown
CLOSES_P: Final = 1 << 3  # an open paragraph ends before it
BARRIER: Final = 1 << 4  # end tags inside do not close elements outside
TABLE_PART: Final = 1 << 5
LIST_BOUND: Final = 1 << 6  # the search for an open li, dt or dd ends here
HEADING: Final = 1 << 7
SILENT: Final = 1 << 8  # its subtree is not shown by a browser
BREAKOUT: Final = 1 << 9  # ends svg and math, which cannot contain it
IGNORED: Final = 1 << 10  # neither start nor end tag does anything
FOREIGN: Final = 1 << 11  # svg and math

_P = BLOCK | CLOSES_P | BREAKOUT | LIST_BOUND
_PARTS = BLOCK | TABLE_PART

_PROPERTIES: Final[dict[str, int]] = {
    "": 0,
    "html": BLOCK | LIST_BOUND,
    "body": BLOCK | LIST_BOUND | BREAKOUT,
    "head": IGNORED,
    "main": _P,
    "article": _P,
    "section": _P,
    "aside": _P,
    "nav": _P,
    "header": _P,
    "footer": _P,
    "div": BLOCK | CLOSES_P | BREAKOUT,
    "p": BLOCK | CLOSES_P | BREAKOUT,
    "h1": _P | HEADING,
    "h2": _P | HEADING,
    "h3": _P | HEADING,
    "h4": _P | HEADING,
    "h5": _P | HEADING,
    "h6": _P | HEADING,
    "ul": _P,
    "ol": _P,
    "menu": _P,
    "dir": _P,
    "li": BLOCK | CLOSES_P | BREAKOUT | LIST_BOUND,
    "dl": _P,
    "dt": BLOCK | CLOSES_P | BREAKOUT | LIST_BOUND,
    "dd": BLOCK | CLOSES_P | BREAKOUT | LIST_BOUND,
    "table": _P | TABLE_PART | BARRIER,
    "thead": _PARTS | LIST_BOUND,
    "tbody": _PARTS | LIST_BOUND,
    "tfoot": _PARTS | LIST_BOUND,
    "tr": _PARTS | LIST_BOUND,
    "td": _PARTS | BARRIER | LIST_BOUND,
    "th": _PARTS | BARRIER | LIST_BOUND,
    "caption": _PARTS | BARRIER | LIST_BOUND,
    "colgroup": IGNORED,
    "col": IGNORED,
    "blockquote": _P,
    "pre": _P,
    "listing": _P,
    "figure": _P,
    "figcaption": _P,
    "address": BLOCK | CLOSES_P,
    "center": _P,
    "details": _P,
    "summary": _P,
    "dialog": _P,
    "fieldset": _P,
    "legend": BLOCK,
    "form": _P,
    "hgroup": _P,
    "search": _P,
    "hr": _P | VOID,
    "button": BLOCK | LIST_BOUND,
    "a": 0,
    "span": BREAKOUT,
    "b": BREAKOUT,
    "strong": BREAKOUT,
    "i": BREAKOUT,
    "em": BREAKOUT,
    "u": BREAKOUT,
    "s": BREAKOUT,
    "code": BREAKOUT,
    "small": BREAKOUT,
    "sub": BREAKOUT,
    "sup": BREAKOUT,
    "font": 0,
    "time": 0,
    "label": 0,
    "br": VOID | BREAKOUT,
    "wbr": VOID,
    "img": VOID | BREAKOUT,
    "input": VOID,
    "meta": VOID | BREAKOUT,
    "link": VOID,
    "base": VOID,
    "area": VOID,
    "embed": VOID | BREAKOUT,
    "param": VOID,
    "source": VOID,
    "track": VOID,
    "keygen": VOID,
    "select": SILENT,
    "datalist": SILENT,
    "option": SILENT,
    "optgroup": SILENT,
    "template": SILENT | BARRIER,
    "svg": SILENT | FOREIGN,
    "math": FOREIGN,
    "annotation": SILENT,
    "foreignobject": BARRIER,
    "video": SILENT,
    "audio": SILENT,
    "canvas": SILENT,
    "object": BARRIER | LIST_BOUND,
    "marquee": BLOCK | BARRIER | LIST_BOUND,
    "applet": BARRIER | LIST_BOUND,
    "noscript": BLOCK,
    "script": RAW,
    "style": RAW,
    "xmp": RAW,
    "iframe": RAW,
    "noembed": RAW,
    "noframes": RAW,
    "textarea": RAW,
    "title": RAW,
    "frameset": BLOCK,
    "frame": VOID,
    "q": 0,
    "ruby": BREAKOUT,
    "rt": 0,
    "rp": 0,
    "del": SILENT,
}

NAMES: Final[tuple[str, ...]] = tuple(_PROPERTIES)
PROPERTIES: Final[NDArray[np.uint32]] = np.array(
    list(_PROPERTIES.values()), dtype=np.uint32
)
COUNT: Final[int] = len(NAMES)

(OTHER, HTML, BODY, DIV, P, H1, H6, UL, OL, LI, DT, DD) = map(
    NAMES.index,
    ("", "html", "body", "div", "p", "h1", "h6", "ul", "ol", "li", "dt", "dd"),
)
(TABLE, THEAD, TBODY, TFOOT, TR, TD, TH, CAPTION) = map(
    NAMES.index,
    ("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption"),
)
(BLOCKQUOTE, PRE, BUTTON, A, BR, OPTION, OPTGROUP, NOSCRIPT, TITLE) = map(
    NAMES.index,
    (
        "blockquote",
        "pre",
        "button",
        "a",
        "br",
        "option",
        "optgroup",
        "noscript",
        "title",
    ),
)
(TEMPLATE, FOREIGN_OBJECT, SCRIPT, IMG, SPAN, CODE, SUP, SUB) = map(
    NAMES.index,
    ("template", "foreignobject", "script", "img", "span", "code", "sup", "sub"),
)
DL: Final[int] = NAMES.index("dl")
(MATH, ANNOTATION, Q, RUBY, RT, RP) = map(
    NAMES.index, ("math", "annotation", "q", "ruby", "rt", "rp")
)
FIRST_PART: Final[int] = NAMES.index("q")  # from here on tags of `meaning`

FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
FNV_PRIME: Final = np.uint64(0x100000001B3)
_SLOTS: Final = 512
_SLASH, _GREATER = 47, 62


def fnv1a(name: bytes) -> int:
    """64-bit FNV-1a hash, the same that the kernels compute."""
    value = int(FNV_OFFSET)
    for byte in name:
        value = (value ^ byte) * int(FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return value


def open_addressing(
    keys: list[int], slots: int
) -> tuple[NDArray[np.uint64], list[int]]:
    """Slot of each 64-bit key in a table of a power of two; 0 marks a free slot."""
    table = np.zeros(slots, np.uint64)
    places: list[int] = []
    for key in keys:
        place = key & (slots - 1)
        while table[place] not in (0, key):
            place = (place + 1) & (slots - 1)
        table[place] = key
        places.append(place)
    return table, places


_HASHES, _places = open_addressing([fnv1a(name.encode()) for name in NAMES[1:]], _SLOTS)
_IDS = np.zeros(_SLOTS, np.uint8)
_IDS[_places] = np.arange(1, COUNT)


@kernel
def tag_name(
    data: NDArray[np.uint8], position: int, stop: int
) -> tuple[np.uint64, int]:
    """Hash of the lower-cased tag name at `position`, and where it ends."""
    value = FNV_OFFSET
    while position < stop:
        byte = data[np.uint64(position)]
        if byte <= 32 or byte in (_SLASH, _GREATER):
            break
        if 65 <= byte <= 90:
            byte = np.uint8(byte | 32)
        value = (value ^ np.uint64(byte)) * FNV_PRIME
        position += 1
    return value, position


@kernel
def tag_of_hash(value: np.uint64) -> int:
    """Id of the tag whose lower-cased name has this FNV-1a hash, or OTHER."""
    slot = value & np.uint64(_SLOTS - 1)
    for _ in range(_SLOTS):
        if _HASHES[slot] == value:
            return int(_IDS[slot])
        if _HASHES[slot] == 0:
            return 0
        slot = (slot + np.uint64(1)) & np.uint64(_SLOTS - 1)
    return 0
