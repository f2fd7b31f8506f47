"""Labels of a page's blocks: wanted or not, a user's comment or not, how certain.

Gold: the share of the block's words that the gold text has at the same place.
Silver: the texts of trafilatura and resiliparse. What trafilatura keeps is wanted,
because resiliparse usually keeps too much. But a block that only one of them keeps has
less than a third of the weight: trafilatura often loses the beginning of an article. A
block known to be a comment has its full weight.
Comments: text that trafilatura gives with comments but not without, and that is not in
gold.
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.kernel import texts_of_blocks
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace
from tamis.training.extractor.alignment import matched_shares
from tamis.training.extractor.pages import Page
from tamis.training.extractor.teachers import TEACHERS

_DOUBT: Final = 0.3  # weight of a block that only one teacher keeps
_MIN_SILVER_WORDS: Final = 20  # a page is not used if the teacher keeps fewer words


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels per block; all arrays have one entry per block of the page."""

    words: NDArray[np.int32]
    content: NDArray[np.float32]  # share that is wanted
    comment: NDArray[np.float32]
    weight: NDArray[np.float32]
    is_gold: bool


def label(page: Page, workspace: Workspace, taught: dict[str, str]) -> Labels | None:
    """Labels of a page's blocks; None if there is nothing to learn from."""
    blocks, words = block_texts(page.html, workspace)
    if not words.sum():
        return None
    shares = {name: matched_shares(blocks, taught.get(name, "")) for name in TEACHERS}
    ours = shares["trafilatura"] >= 0.5
    theirs = shares["resiliparse"] >= 0.5 if "resiliparse" in taught else ours
    comment = (shares["trafilatura_comments"] >= 0.5) & ~ours
    if page.gold is not None:
        gold = matched_shares(blocks, page.gold)
        comment &= gold < 0.5
        ones = np.ones(len(words), np.float32)
        return Labels(words, gold, comment.astype(np.float32), ones, True)
    if words[ours].sum() < _MIN_SILVER_WORDS:
        return None
    is_doubtful = (ours != theirs) & ~comment
    return Labels(
        words,
        np.where(ours & ~theirs, shares["trafilatura"], ours).astype(np.float32),
        comment.astype(np.float32),
        np.where(is_doubtful, _DOUBT, 1.0).astype(np.float32),
        False,
    )


def block_texts(
    html: NDArray[np.uint8], workspace: Workspace
) -> tuple[list[str], NDArray[np.int32]]:
    """Text and number of words of each block."""
    tokenize(html, workspace)
    data, offsets = texts_of_blocks(html, workspace)
    raw = data.tobytes()
    ends = offsets.tolist()
    words = workspace[0]["blocks"]["words"][: len(ends) - 1].copy()
    texts = [
        raw[start:stop].decode("utf-8", "replace")
        for start, stop in itertools.pairwise(ends)
    ]
    return texts, words
