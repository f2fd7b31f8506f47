"""Learn what words in class and id say: log-odds that their elements hold wanted text.

For a page and a word, the wanted share of the text in the word's elements is compared
with the page's own share, in log-odds. Pages of a site are averaged; sites are averaged
with five imaginary ones of log-odds 0, so that a word known from a few sites stays near
0.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.layout import DICTIONARY_SLOTS
from tamis.html.blocks.read.tags import fnv1a
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace
from tamis.training.extractor.labels import Labels
from tamis.training.extractor.pages import Page

_MIN_SITES: Final = 5
_DOUBTING_SITES: Final = 5
_MOST: Final = 3.0  # limit of one page's log-odds
_MAX_WORDS: Final = DICTIONARY_SLOTS // 2 - 512  # the kinds' words need the rest
_WORD: Final = re.compile(rb"[A-Z]?[a-z\x80-\xff]+|[A-Z]+")

LogOdds = dict[int, float]  # log-odds on one page, by the word's hash


def page_log_odds(page: Page, labels: Labels, workspace: Workspace) -> LogOdds:
    """Log-odds of each word on one page; empty for a page of few words."""
    words = np.concatenate([[0], np.cumsum(labels.words, dtype=np.int64)])
    wanted = np.concatenate([[0.0], np.cumsum(labels.words * labels.content)])
    total = words[-1]
    if total < 20:
        return {}
    names, start, stop = _named_elements(page.html, workspace)
    held, good = words[stop] - words[start], wanted[stop] - wanted[start]
    is_part = (held > 0) & (held < 0.95 * total)  # not those that hold the whole page
    base = (wanted[-1] + 1) / (total + 2)
    unique, inverse = np.unique(names[is_part], return_inverse=True)
    held = np.bincount(inverse, held[is_part], len(unique))
    good = np.bincount(inverse, good[is_part], len(unique))
    share = np.clip((good + 2 * base) / (held + 2), 1e-6, 1 - 1e-6)
    odds = np.log(share / (1 - share)) - 0.5 * np.log(base / (1 - base))
    bounded = np.clip(odds, -_MOST, _MOST)
    return dict(zip(unique.tolist(), bounded.tolist(), strict=True))


def log_odds(pages: Iterable[tuple[str, LogOdds]]) -> LogOdds:
    """Log-odds by word hash, from (site, a page's); only words of 5 sites or more."""
    by_word: defaultdict[int, defaultdict[str, list[float]]]
    by_word = defaultdict(lambda: defaultdict(list))
    for site, page in pages:
        for word, odds in page.items():
            by_word[word][site].append(odds)
    learnt = {
        word: sum(sum(odds) / len(odds) for odds in sites.values())
        / (len(sites) + _DOUBTING_SITES)
        for word, sites in by_word.items()
        if len(sites) >= _MIN_SITES
    }
    strongest = sorted(learnt, key=lambda word: (-abs(learnt[word]), word))
    return {word: round(learnt[word], 3) for word in strongest[:_MAX_WORDS]}


def spelled(learnt: LogOdds, pages: Iterable[Page]) -> dict[str, float]:
    """Log-odds by the words themselves, found in the pages' bytes; sorted by word."""
    found: dict[int, str] = {}
    seen: set[bytes] = set()
    for page in pages:
        for word in set(_WORD.findall(page.html.tobytes())) - seen:
            seen.add(word)
            lowered = word.lower()
            number = fnv1a(lowered)
            if number in learnt:
                found[number] = lowered.decode("utf-8", "replace")
    return {
        word: learnt[number]
        for word, number in sorted((word, number) for number, word in found.items())
    }


def _named_elements(
    html: NDArray[np.uint8], workspace: Workspace
) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
    """Each name of each element that holds blocks, with the range of its blocks."""
    tokenize(html, workspace)
    page = workspace[0]
    elements = page["elements"][: int(page["state"][0]["elements"])]
    elements = elements[elements["block_stop"] > elements["block_start"]]
    of_name = np.repeat(elements, elements["name_stop"] - elements["name_start"])
    # An element's names are consecutive: the first one's place, then one more each.
    is_first = np.ones(len(of_name), bool)
    is_first[1:] = of_name["name_start"][1:] != of_name["name_start"][:-1]
    firsts = np.maximum.accumulate(np.where(is_first, np.arange(len(of_name)), 0))
    places = of_name["name_start"] + np.arange(len(of_name)) - firsts
    return page["names"][places], of_name["block_start"], of_name["block_stop"]
