"""Compare the signs found in a document with what shuffled words would have.

`tamis.text.statistics.word_order` describes the five signs. The rates for prose are
above those of the gold texts of benchmarks/fairness.py and of its sentences in 75
languages on 2026-11-22.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.function_words import GOVERNS, NEVER_FIRST, NEVER_LAST, UNGOVERNED
from tamis.text.hashing import empty_table, place

REPEATS, CLASHES, STRANDS, STARTS, ENDINGS = 0, 1, 2, 3, 4
# Repeats, clashes and strands in prose: this share of those that shuffling gives, plus
# this share of the places where one could be.
_OF_CHANCE = np.array([0.15, 0.05, 0.05])
_OF_PLACES = np.array([0.002, 0.001, 0.005])
# The share of sentences in prose that begin with a small letter, or do not end in a verb.
_IN_PROSE = np.array([0.08, 0.2])
_ENOUGH = 3  # fewest sentences that are judged
_MOST = 3.5  # cap of one sign, e^3.5 = 33: one text in 33 may be unusual
_SUREST = 0.95  # cap of the share of small words, or of words unlike verbs

# Properties of a word.
HAS_LETTER, IS_SMALL, IS_CAPITAL, IS_JUDGED, IS_UNENDED = 1, 2, 4, 8, 16


@kernel
def expected(
    documents: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    roles: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    all_places: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(documents, 5): how many of each sign shuffled words would have in these places."""
    all_chances = np.zeros(all_places.shape)
    most = 1
    for document in range(len(all_places)):
        most = max(most, documents[document + 1] - documents[document])
    table = empty_table(most)
    counts = np.empty(len(table), np.int32)
    slots = np.empty(most, np.int64)
    for document in range(len(all_places)):
        start, stop = documents[document], documents[document + 1]
        places, chances = all_places[document], all_chances[document]
        count = max(1, stop - start)
        mask = 15
        while mask + 1 < 2 * count:
            mask = 2 * mask + 1
        table[: mask + 1] = 0
        for word in range(start, stop):
            at = place(table, mask, hashes[word])
            if table[at] == 0:
                table[at] = hashes[word]
                counts[at] = 0
            counts[at] += 1
            slots[word - start] = at
        # Pairs of words: two equal words; or two different words, of which the first
        # governs and the second cannot be governed.
        twice, governing, ungoverned, both = 0, 0, 0, 0
        first, last = 0, 0
        small, capital, judged, unended = 0, 0, 0, 0
        for word in range(start, stop):
            role, kind, alike = roles[word], kinds[word], counts[slots[word - start]]
            if kind & HAS_LETTER:
                twice += alike - 1
            governing += role & GOVERNS != 0
            ungoverned += role & UNGOVERNED != 0
            if role & GOVERNS and role & UNGOVERNED:
                both += alike
            last += role & NEVER_LAST != 0
            first += role & NEVER_FIRST != 0
            small += kind & IS_SMALL != 0
            capital += kind & IS_CAPITAL != 0
            judged += kind & IS_JUDGED != 0
            unended += kind & IS_UNENDED != 0
        pairs = count * count
        clashing, stranded = governing * ungoverned - both, (last + first) * count
        chances[REPEATS] = places[REPEATS] * twice / pairs
        chances[CLASHES] = places[CLASHES] * clashing / pairs
        chances[STRANDS] = places[STRANDS] * (stranded - last * first) / pairs
        chances[STARTS] = places[STARTS] * small / max(1, small + capital)
        chances[ENDINGS] = places[ENDINGS] * unended / max(1, judged)
    return all_chances


def log_odds(
    places: NDArray[np.float64],
    found: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The log odds of all five signs together for each document, at least 0.

    Rare signs have a Poisson distribution, shares of sentences a Bernoulli one.
    """
    rare, shares = slice(0, 3), slice(3, 5)
    in_prose = _OF_CHANCE * chances[:, rare] + _OF_PLACES * places[:, rare]
    is_telling = chances[:, rare] > in_prose
    ratio = np.divide(
        chances[:, rare], in_prose, out=np.ones_like(in_prose), where=is_telling
    )
    of_rare = found[:, rare] * np.log(ratio) - (chances[:, rare] - in_prose)
    share = chances[:, shares] / np.maximum(1, places[:, shares])
    share = np.clip(share, _IN_PROSE, _SUREST)
    others = places[:, shares] - found[:, shares]
    of_shares = found[:, shares] * np.log(share / _IN_PROSE)
    of_shares += others * np.log((1 - share) / (1 - _IN_PROSE))
    of_shares[places[:, shares] < _ENOUGH] = 0
    said = np.hstack([np.where(is_telling, of_rare, 0), of_shares])
    said = np.minimum(said, _MOST)
    marks = np.maximum(0, said[:, STRANDS] + said[:, ENDINGS])
    core = said[:, REPEATS] + said[:, CLASHES] + said[:, STARTS]
    # The last digits of a logarithm differ between processors.
    odds: NDArray[np.float64] = np.maximum(0, (core + marks).round(4))
    return odds
