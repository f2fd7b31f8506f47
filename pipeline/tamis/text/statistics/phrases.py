"""Find C4's forbidden phrases in a document, ignoring ASCII case.

    has_lorem_ipsum        C4 drops the document
    has_curly_bracket      C4 drops the document: { is code, not prose
    javascript_line_count  lines with "javascript", which C4 removes
    policy_line_count      lines with one of POLICIES, which C4 removes

Raffel et al. 2020, section 2.2; the policy phrases are those of C4's published code.
They are English, so they say nothing about text in another language.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.statistics.columns import PHRASES as COLUMNS

POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_PHRASES = tuple(
    phrase.encode("ascii") for phrase in ("lorem ipsum", "javascript", *POLICIES)
)
_BYTES = np.frombuffer(b"".join(_PHRASES), np.uint8)
_STARTS = np.cumsum([0, *map(len, _PHRASES)])
_LOREM_IPSUM, _JAVASCRIPT = 0, 1

_LINE_FEED, _CURLY_BRACKET = 0x0A, 0x7B
_TO_LOWER = np.arange(256, dtype=np.uint8)
_TO_LOWER[ord("A") : ord("Z") + 1] += 32
# Which pairs of bytes begin a phrase: nearly all of a text is skipped by this test.
_BEGINS = np.zeros((256, 256), np.bool_)
for _phrase in _PHRASES:
    for _first in (_phrase[0], _phrase[0] - 32):
        for _second in (_phrase[1], _phrase[1] - 32):
            _BEGINS[_first, _second] = True


@kernel
def phrase_counts(
    data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(documents, len(COLUMNS)) counts of lines, 0 or 1 for the first two columns."""
    counts = np.zeros((len(offsets) - 1, len(COLUMNS)), np.int64)
    for document in range(len(counts)):
        row = counts[document]
        has_javascript, has_policy = False, False
        stop = offsets[document + 1]
        for byte in range(offsets[document], stop):
            if data[byte] == _LINE_FEED:
                row[2] += has_javascript
                row[3] += has_policy
                has_javascript, has_policy = False, False
            elif data[byte] == _CURLY_BRACKET:
                row[1] = 1
            elif byte + 1 < stop and _BEGINS[data[byte], data[byte + 1]]:
                phrase = _phrase_at(data, byte, stop)
                if phrase == _LOREM_IPSUM:
                    row[0] = 1
                has_javascript |= phrase == _JAVASCRIPT
                has_policy |= phrase > _JAVASCRIPT
        row[2] += has_javascript
        row[3] += has_policy
    return counts


@kernel
def _phrase_at(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Number of the phrase that begins at `start`, or -1."""
    for phrase in range(len(_STARTS) - 1):
        first = _STARTS[phrase]
        length = _STARTS[phrase + 1] - first
        if start + length > stop:
            continue
        step = 0
        while step < length and _TO_LOWER[data[start + step]] == _BYTES[first + step]:
            step += 1
        if step == length:
            return phrase
    return -1
