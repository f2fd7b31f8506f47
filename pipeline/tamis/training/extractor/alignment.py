"""Which words of a page are also in its reference text, in the same order.

Words are matched by the heaviest chain of common 3-grams (increasing in both
texts, longer runs preferred), so that a teaser that repeats the headline is not
taken for it. Between two matches the remaining words of both texts are matched by
their longest common subsequence if the gap is small.
"""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel

# A word is a run of letters and digits; a character of a script written without
# spaces is a word by itself.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
)
_WORD: Final = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}]+")

_CANDIDATES: Final = 12  # places of one 3-gram that are tried
_GAP: Final = 300


def words_of(text: str) -> list[str]:
    """Lower-cased words."""
    return _WORD.findall(text.lower())


def matched_shares(blocks: list[str], reference: str) -> NDArray[np.float32]:
    """Share of each block's words that the reference has at the same place, in [0, 1].

    0 for a block without words, or a reference of fewer than three words.
    """
    numbers: dict[str, int] = {}
    gold = _numbered(words_of(reference), numbers)
    words = [_numbered(words_of(block), numbers) for block in blocks]
    lengths = np.array([len(block) for block in words], np.int64)
    page = np.concatenate(words) if words else np.empty(0, np.int64)
    is_matched = _match(page, gold)
    owner = np.repeat(np.arange(len(blocks)), lengths)
    matched = np.bincount(owner, weights=is_matched, minlength=len(blocks))
    return (matched / np.maximum(lengths, 1)).astype(np.float32)


def _numbered(words: list[str], numbers: dict[str, int]) -> NDArray[np.int64]:
    return np.array(
        [numbers.setdefault(word, len(numbers)) for word in words], np.int64
    )


def _match(page: NDArray[np.int64], gold: NDArray[np.int64]) -> NDArray[np.float64]:
    if len(page) < 3 or len(gold) < 3:
        return np.zeros(len(page))
    page_grams, gold_grams = _trigrams(page), _trigrams(gold)
    order = np.argsort(gold_grams, kind="stable")
    is_matched: NDArray[np.float64] = _chain(page, gold, page_grams, gold_grams, order)
    return is_matched


def _trigrams(words: NDArray[np.int64]) -> NDArray[np.int64]:
    # A word's number is far below 2^21.
    return words[:-2] << 42 | words[1:-1] << 21 | words[2:]


@kernel
def _chain(
    page: NDArray[np.int64],
    gold: NDArray[np.int64],
    page_grams: NDArray[np.int64],
    gold_grams: NDArray[np.int64],
    order: NDArray[np.int64],
) -> NDArray[np.float64]:
    sorted_grams = gold_grams[order]
    limit = len(page_grams) * _CANDIDATES
    at_page, at_gold = np.empty(limit, np.int64), np.empty(limit, np.int64)
    value, previous = np.empty(limit), np.empty(limit, np.int64)
    # Fenwick tree over gold places: the best chain that ends before a place.
    best_value = np.zeros(len(gold) + 1)
    best_pair = np.full(len(gold) + 1, -1, np.int64)
    pair_at = np.full(len(gold) + 1, -1, np.int64)  # last pair seen at a gold place
    count, best = 0, -1
    for i in range(len(page_grams)):
        low = np.searchsorted(sorted_grams, page_grams[i], side="left")
        high = np.searchsorted(sorted_grams, page_grams[i], side="right")
        first = count
        for place in range(low, min(high, low + _CANDIDATES)):
            j = order[place]
            at_page[count], at_gold[count] = i, j
            value[count], previous[count] = 1.0, -1
            k = j
            while k > 0:
                if best_pair[k] >= 0 and best_value[k] + 1 > value[count]:
                    value[count], previous[count] = best_value[k] + 1, best_pair[k]
                k -= k & -k
            # A pair that continues a run is worth half a word more.
            before = pair_at[j - 1] if j > 0 else -1
            is_next = before >= 0 and at_page[before] == i - 1
            if is_next and value[before] + 1.5 > value[count]:
                value[count], previous[count] = value[before] + 1.5, before
            count += 1
        for pair in range(first, count):
            j = at_gold[pair]
            pair_at[j] = pair
            k = j + 1
            while k <= len(gold):
                if value[pair] > best_value[k]:
                    best_value[k], best_pair[k] = value[pair], pair
                k += k & -k
            if best < 0 or value[pair] > value[best]:
                best = pair
    is_matched = np.zeros(len(page))
    next_page, next_gold = len(page), len(gold)
    while best >= 0:
        i, j = at_page[best], at_gold[best]
        is_matched[i : i + 3] = 1
        _fill(page, gold, i + 3, next_page, j + 3, next_gold, is_matched)
        next_page, next_gold = i, j
        best = previous[best]
    if next_page < len(page):
        start = max(0, next_page - _GAP // 2)
        _fill(page, gold, start, next_page, 0, next_gold, is_matched)
    return is_matched


@kernel
def _fill(
    page: NDArray[np.int64],
    gold: NDArray[np.int64],
    page_start: int,
    page_stop: int,
    gold_start: int,
    gold_stop: int,
    is_matched: NDArray[np.float64],
) -> None:
    """Longest common subsequence of a gap, if it is small."""
    n, m = page_stop - page_start, gold_stop - gold_start
    if n <= 0 or m <= 0 or n > _GAP or m > _GAP:
        return
    table = np.zeros((n + 1, m + 1), np.int32)
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            if page[page_start + i] == gold[gold_start + j]:
                table[i, j] = table[i + 1, j + 1] + 1
            else:
                table[i, j] = max(table[i + 1, j], table[i, j + 1])
    i = j = 0
    while i < n and j < m:
        if page[page_start + i] == gold[gold_start + j]:
            is_matched[page_start + i] = 1
            i, j = i + 1, j + 1
        elif table[i + 1, j] >= table[i, j + 1]:
            i += 1
        else:
            j += 1
