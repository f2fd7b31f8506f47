"""The arrays that hold a page, and their caps.

    elements  one row per element, in document order; row 0 is a root
    blocks    one row per block of text: the text between two block boundaries
    spans     where a block's text is in the page's bytes (tags are between spans)
    names     64-bit hashes of the words in class, id, role and itemprop

The blocks of an element's subtree are consecutive: block_start <= b < block_stop.
Workspace arrays are allocated once per batch at full size; the operating system
gives memory only to the rows that a page touches.
"""

from typing import Any, Final

import numpy as np

# At a cap reading ends: the page keeps what was read until then, and gets one of
# the flags CUT_AT_....
# The largest of 3,087 real pages has 9,409 elements, 6,218 blocks, 8,922 spans and
# 39,056 names.
MAX_ELEMENTS: Final = 40_000
MAX_BLOCKS: Final = 8_000
MAX_SPANS: Final = 80_000
MAX_NAMES: Final = 160_000
MAX_DEPTH: Final = 256  # text of deeper elements belongs to the ancestor at this depth
# How many open elements all tags of a page together may look at to find the one that
# they close; after that, each tag looks at the innermost one only. Without this limit
# an artificial page took a second.
MAX_LOOKS: Final = 4_000_000
MAX_TITLE: Final = 2_000  # characters, as with the guarded engines
MAX_NAMES_OF_ELEMENT: Final = 24
MAX_TITLE_WORDS: Final = 48
TITLE_BITS: Final = 1024

# Arguments of kernels. numba compiles a function again for each literal and each width
# of integer it is called with: these are not literals, and x + ZERO is 64 bits wide.
ZERO: Final[Any] = np.int64(0)
NONE: Final[Any] = np.int64(-1)
NO: Final[Any] = np.bool_(False)
YES: Final[Any] = np.bool_(True)

# Flags of an element; those in INHERITED hold for its whole subtree.
HIDDEN: Final = 1 << 0
SILENT: Final = 1 << 1
DIALOG: Final = 1 << 2
IN_NOSCRIPT: Final = 1 << 3
IN_PRE: Final = 1 << 4
IN_BUTTON: Final = 1 << 5
BRACKETED: Final = 1 << 6  # a bracket is due at its end
REVERSED: Final = 1 << 7  # a list that counts down
INHERITED: Final = HIDDEN | SILENT | DIALOG | IN_NOSCRIPT | IN_PRE | IN_BUTTON

# Flags of a span.
LINKED: Final = 1
BREAK: Final = 2
LITERAL: Final = 4  # `start` is a character that the page does not have
FORMULA: Final = 8  # TeX, or MathML
DISPLAYED: Final = 16  # on a line of its own; of text: it is TeX between marks
RAISED: Final = 32  # <sup>
LOWERED: Final = 64  # <sub>
IN_CODE: Final = 128  # <code>, also within a sentence
MATHML: Final = 256  # a formula that TeX has to be made of

# Flags of a page, as `extract` returns them.
FLATTENED: Final = 1 << 0  # nested deeper than MAX_DEPTH, or over MAX_LOOKS
FROM_STATE: Final = 1 << 1  # text taken from a script's data: the page is a shell
CUT_AT_ELEMENTS: Final = 1 << 2  # reading ended at this cap; so for the next three
CUT_AT_BLOCKS: Final = 1 << 3
CUT_AT_SPANS: Final = 1 << 4
CUT_AT_NAMES: Final = 1 << 5

ELEMENT = np.dtype(
    [
        ("tag", np.uint8),
        ("flags", np.uint32),
        ("parent", np.int32),
        ("depth", np.int32),
        ("block_start", np.int32),
        ("block_stop", np.int32),
        ("name_start", np.int32),
        ("name_stop", np.int32),
        ("signature", np.uint64),
    ],
    align=True,
)

BLOCK = np.dtype(
    [
        ("element", np.int32),  # the innermost element where its text begins
        ("container", np.int32),  # the innermost element that bounds blocks
        ("span_start", np.int32),
        ("span_stop", np.int32),
        ("flags", np.uint32),  # of `element`
        ("words", np.int32),  # runs of letters and digits; one per ideograph
        ("linked_words", np.int32),
        ("digits", np.int32),
        ("terminals", np.int32),  # . ! ? and the same signs of other scripts
        ("commas", np.int32),  # , ; : and the same signs of other scripts
        ("title_words", np.int32),  # words that are in <title> too
        ("hash", np.uint64),  # of the words: equal for repeated blocks
    ],
    align=True,
)

SPAN = np.dtype(
    [("start", np.int64), ("stop", np.int64), ("flags", np.uint16)], align=True
)

STATE = np.dtype(
    [
        ("elements", np.int32),
        ("blocks", np.int32),  # finished blocks; also the index of the open one
        ("spans", np.int32),
        ("names", np.int32),
        ("depth", np.int32),  # of the stack of open elements
        ("excess", np.int32),  # open elements beyond MAX_DEPTH
        ("looks", np.int64),  # see MAX_LOOKS
        ("link", np.int32),  # the open <a>, or -1
        ("foreign", np.int32),  # the open svg or math, or -1
        ("after_formula", np.int32),  # spans when a formula had been read, or -1
        ("is_displayed", np.bool_),
        ("has_rp", np.uint8),  # the open <ruby> has brackets of its own
        ("has_text", np.uint8),
        ("in_word", np.uint8),
        ("pending_breaks", np.int32),
        ("word_value", np.uint64),  # of the open word; see words.py
        ("word_piece", np.uint64),
        ("word_length", np.int64),
        ("title_words", np.int32),
        ("title_start", np.int64),
        ("title_stop", np.int64),
        ("flags", np.uint32),
    ],
    align=True,
)


REFERENCE_SLOTS: Final = 8192
DICTIONARY_SLOTS: Final = 16_384
GROUP_SLOTS: Final = 16_384
# There are at most as many groups as blocks, and at most twice as many peers; see
# peers.py.
assert GROUP_SLOTS > 2 * MAX_BLOCKS
KINDS: Final = 24
FEATURES: Final = 80

# What an element's own names and its ancestors' say of it; see paths.py.
PATH = np.dtype(
    [
        ("own", np.float32),  # sum of its names' log-odds
        ("sum", np.float32),  # of `own` and the ancestors', times 0.7 at each step
        ("nearest_own", np.float32),  # own of the nearest element with known names
        ("wider", np.int32),  # nearest ancestor that holds more blocks, or -1
        ("score", np.float32),  # how much text is in it; see regions.py
    ],
    align=True,
)

# Blocks of the same markup pattern: tag and first name are the same, and those of
# parent and grandparent too.
GROUP = np.dtype(
    [
        ("key", np.uint64),
        ("blocks", np.int32),
        ("words", np.int32),
        ("linked_words", np.int32),
        ("terminals", np.int32),
        ("first", np.int32),  # its first block
        # The other fields count words outside of links.
        ("longest", np.int32),  # words of its longest block
        ("in_run", np.int32),
        ("in_best", np.int32),
    ],
    align=True,
)

# Children of one parent with the same markup pattern and two blocks or more each; see
# peers.py.
PEERS = np.dtype(
    [
        ("key", np.uint64),
        ("elements", np.int32),
        ("words", np.int32),
        ("in_run", np.int32),  # words in the best run
        ("first", np.int32),  # their first block
    ],
    align=True,
)

# Where the text of a page is, found without a model; see regions.py.
REGIONS = np.dtype(
    [
        ("run_start", np.int32),  # best run of blocks
        ("run_stop", np.int32),
        ("best_element", np.int32),
        ("best_score", np.float32),
        ("main_heading", np.int32),  # block of the heading most like <title>, or -1
        ("headings", np.int32),
        ("paragraph_words", np.int32),
        ("item_words", np.int32),
        ("heading_words", np.int32),
        ("comment_words", np.int32),
        ("repeated_words", np.int32),
        ("digits", np.int32),
    ],
    align=True,
)

MAX_QUESTIONS: Final = 12_288
MAX_TREES: Final = 256
LEAVES: Final = 32  # of a tree: the bits of a question's mask
MODELS: Final = 2
CONTENT: Final = 0
COMMENT: Final = 1
CHUNK: Final = 64  # blocks that the trees judge at once

# An inner node of a tree, in the form that `decide` needs; see forest.py.
QUESTION = np.dtype(
    [
        ("feature", np.uint32),
        ("threshold", np.float32),  # yes if the feature is above it
        ("left_after_yes", np.uint32),  # bits of the leaves that yes does not rule out
    ],
    align=True,
)

# Everything a page needs, in one record: kernels pass on a single pointer. With a tuple
# of arrays they would count references at every call.
PAGE = np.dtype(
    [
        # What the trees read comes first, so that vectors do not cross cache lines.
        ("columns", np.float32, (FEATURES, CHUNK)),  # features of a chunk, transposed
        ("open_leaves", np.uint32, (CHUNK,)),
        ("scores", np.float64, (CHUNK,)),
        ("state", STATE, (1,)),
        ("open_tags", np.int32, (256,)),  # how many of each tag are on the stack
        ("stack", np.int32, (MAX_DEPTH + 2,)),  # open elements, the root first
        ("title_words", np.uint64, (MAX_TITLE_WORDS,)),
        ("title_bits", np.uint8, (TITLE_BITS,)),  # index: the low bits of the hashes
        ("dictionary_keys", np.uint64, (DICTIONARY_SLOTS,)),
        ("dictionary_scores", np.float32, (DICTIONARY_SLOTS,)),
        ("dictionary_kinds", np.uint32, (DICTIONARY_SLOTS,)),
        ("questions", QUESTION, (MODELS, MAX_QUESTIONS)),
        ("first_question", np.int32, (MODELS, MAX_TREES + 1)),  # of each tree
        ("leaves", np.float32, (MODELS, MAX_TREES, LEAVES)),
        ("trees", np.int32, (MODELS,)),
        ("biases", np.float64, (MODELS,)),
        ("reference_keys", np.uint64, (REFERENCE_SLOTS,)),
        ("reference_first", np.uint32, (REFERENCE_SLOTS,)),
        ("reference_second", np.uint32, (REFERENCE_SLOTS,)),
        ("elements", ELEMENT, (MAX_ELEMENTS,)),
        ("blocks", BLOCK, (MAX_BLOCKS,)),
        ("spans", SPAN, (MAX_SPANS,)),
        ("names", np.uint64, (MAX_NAMES,)),
        # `start` of an ol, `value` of an li, or -1; of no other element.
        ("numbers", np.int32, (MAX_ELEMENTS,)),
        ("paths", PATH, (MAX_ELEMENTS,)),
        ("nearest", np.int16, (MAX_ELEMENTS, KINDS)),  # depth of the nearest, or -1
        ("words_before", np.int32, (MAX_BLOCKS + 1,)),  # prefix sums over blocks
        ("linked_before", np.int32, (MAX_BLOCKS + 1,)),
        ("stops_before", np.int32, (MAX_BLOCKS + 1,)),  # terminals and commas
        ("long_before", np.int32, (MAX_BLOCKS + 1,)),  # words of long plain blocks
        ("judged", np.int32, (MAX_BLOCKS,)),  # blocks that the trees are asked about
        ("group_of", np.int32, (MAX_BLOCKS,)),
        ("copy_of", np.int32, (MAX_BLOCKS,)),
        ("next_heading", np.int32, (MAX_BLOCKS,)),
        ("groups", GROUP, (GROUP_SLOTS,)),
        ("copies", GROUP, (GROUP_SLOTS,)),
        ("own_peers", np.int32, (MAX_ELEMENTS,)),  # slot in `peers`, or -1
        ("peers_of", np.int32, (MAX_ELEMENTS,)),  # nearest ancestor's slot, or -1
        ("peers", PEERS, (GROUP_SLOTS,)),
        ("regions", REGIONS, (1,)),
        ("features", np.float32, (MAX_BLOCKS, FEATURES)),
        ("probabilities", np.float32, (MODELS, MAX_BLOCKS)),
        ("is_kept", np.uint8, (MAX_BLOCKS,)),
    ],
    align=True,
)

# One row of PAGE: in kernels its fields are attributes.
Page = Any
