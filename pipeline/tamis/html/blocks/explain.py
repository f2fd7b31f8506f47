"""Why a page's blocks were kept or left: probabilities, and the features that decided.

A tree's answer is split along its path: every step from a node to its child moves
the log-odds by the difference of their means. The feature of the node gets this
difference as its credit (Saabas 2014, "Interpreting random forests"). Credits are
summed over the trees, and the three largest are shown.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.html.blocks.judge.weights import Trees, Weights, load_weights
from tamis.html.blocks.kernel import decide, describe, plain_text, texts_of_blocks
from tamis.html.blocks.layout import COMMENT, CONTENT
from tamis.html.blocks.read import tags
from tamis.html.blocks.shells import SHORT_WORDS, state_of
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace, new_workspace

REASONS: Final = 3
FROM_DATA: Final = "The text is from a script's data (from_state): these are its blocks"

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1b1b1b; --soft: #5c5c5c; --page: #fff;
        --kept: #e3f4e7; --kept-edge: #2b8a3e; --left: #f4f4f4; --left-edge: #c4c4c4;
        --comment: #fff1da; --comment-edge: #d9480f; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8e8; --soft: #a3a3a3; --page: #161616; --kept: #15321d;
          --kept-edge: #51cf66; --left: #222; --left-edge: #555; --comment: #3a2a10;
          --comment-edge: #ffa94d; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1.5rem auto;
       padding: 0 1rem; color: var(--text); background: var(--page); }
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
div { padding: .35rem .75rem; margin: .3rem 0; border-left: 5px solid; }
.kept { background: var(--kept); border-color: var(--kept-edge); }
.left { background: var(--left); border-color: var(--left-edge); }
.left p { color: var(--soft); }
.comment { background: var(--comment); border-color: var(--comment-edge); }
p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
small { display: block; font: 12px/1.5 ui-monospace, monospace; color: var(--soft);
        overflow-wrap: anywhere; }
"""
# The page shows text of strangers. The policy stops scripts if escaping ever fails.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Reason:
    """One feature: its value, and by how much it moved the log-odds."""

    feature: str
    value: float
    credit: float


@dataclass(frozen=True)
class Block:
    """One block of a page and what was decided about it."""

    text: str
    tag: str
    content: float  # probabilities
    comment: float
    is_kept: bool
    reasons: tuple[Reason, ...]  # the largest credit first
    is_from_data: bool = False  # the text is from a script's data, not from the markup


def explain(
    html: str,
    *,
    keeps_comments: bool = False,
    keeps_title: bool = True,
    reason_count: int = REASONS,
    model: Path = SHIPPED,
) -> list[Block]:
    """The blocks of the page's markup, or of its data if the engine reads that.

    Slow: for a person, not for a batch. Raises InputError if `model` holds no weights.
    """
    weights: Weights = load_weights(model)
    workspace = new_workspace(weights)
    data = np.frombuffer(html.encode("utf-8", "replace"), np.uint8)
    words = _read(data, workspace, keeps_comments, keeps_title)
    if words < SHORT_WORDS:  # as the engine does it: `engine._extracted`
        state = state_of(data, words, plain_text(data, workspace).tobytes())
        words = 0 if state.is_only_consent else words
        if state.html is not None:
            drawn = np.frombuffer(state.html, np.uint8)
            if _read(drawn, workspace, True, keeps_title) > words:
                return _blocks(
                    drawn, workspace, weights, reason_count, is_from_data=True
                )
            _read(data, workspace, keeps_comments, keeps_title)
        if state.is_only_consent:
            workspace[0]["is_kept"][:] = 0
    return _blocks(data, workspace, weights, reason_count, is_from_data=False)


def _read(
    data: NDArray[np.uint8],
    workspace: Workspace,
    keeps_comments: bool,
    keeps_title: bool,
) -> int:
    """Decide on every block; returns the number of words kept."""
    tokenize(data, workspace)
    describe(workspace)
    return int(decide(workspace, keeps_comments, True, keeps_title)[0])


def _blocks(
    data: NDArray[np.uint8],
    workspace: Workspace,
    weights: Weights,
    reason_count: int,
    *,
    is_from_data: bool,
) -> list[Block]:
    """The blocks of the page that `_read` read last."""
    text, offsets = texts_of_blocks(data, workspace)
    page, raw, ends = workspace[0], text.tobytes(), offsets.tolist()
    blocks = []
    for index in range(len(ends) - 1):
        container = page["blocks"][index]["container"]
        blocks.append(
            Block(
                raw[ends[index] : ends[index + 1]].decode("utf-8", "replace"),
                tags.NAMES[page["elements"][container]["tag"]],
                float(page["probabilities"][CONTENT, index]),
                float(page["probabilities"][COMMENT, index]),
                bool(page["is_kept"][index]),
                reasons(weights.content, page["features"][index])[:reason_count],
                is_from_data,
            )
        )
    return blocks


def reasons(trees: Trees, features: NDArray[np.float32]) -> tuple[Reason, ...]:
    """The features that moved one block's log-odds, the largest credit first."""
    credits: dict[int, float] = {}
    for root in trees.roots.tolist():
        node = root
        while (feature := int(trees.nodes["feature"][node])) >= 0:
            is_left = features[feature] <= trees.nodes["threshold"][node]
            child = node + 1 if is_left else int(trees.nodes["right"][node])
            step = float(trees.nodes["value"][child] - trees.nodes["value"][node])
            credits[feature] = credits.get(feature, 0.0) + step
            node = child
    largest = sorted(credits, key=lambda feature: (-abs(credits[feature]), feature))
    return tuple(
        Reason(NAMES[feature], float(features[feature]), credits[feature])
        for feature in largest
    )


def as_text(blocks: list[Block], width: int = 100) -> str:
    """Text for a terminal: a line per block, and its reasons below it."""
    lines = [FROM_DATA] if _is_from_data(blocks) else []
    for block in blocks:
        mark = "+" if block.is_kept else "-"
        shown = " ".join(block.text.split())[:width]
        lines.append(f"{mark} {_numbers(block)}  <{block.tag}> {shown}")
        lines.append(f"      {_because(block)}")
    return "\n".join(lines)


def as_html(blocks: list[Block], title: str) -> str:
    """A self-contained page; a block's colour says whether it was kept."""
    rows = [
        f'<div class="{_kind(block)}"><p dir="auto">{escape(block.text)}</p>'
        f"<small>{_kind(block)} · content {block.content:.2f} · comment "
        f"{block.comment:.2f} · &lt;{block.tag}&gt; · {escape(_because(block))}</small>"
        "</div>"
        for block in blocks
    ]
    kept = sum(block.is_kept for block in blocks)
    note = f" {escape(FROM_DATA)}." if _is_from_data(blocks) else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{kept} of {len(blocks)} blocks kept. Below each: "
        "how likely it is content, and a reader's comment; its element; and the features "
        f"that decided, with how far each moved the log-odds.{note}</p>\n"
        + "\n".join(rows)
        + "</body></html>\n"
    )


def _is_from_data(blocks: list[Block]) -> bool:
    return any(block.is_from_data for block in blocks)


def _kind(block: Block) -> str:
    if block.is_kept:
        return "kept"
    return "comment" if block.comment > 0.5 else "left"


def _numbers(block: Block) -> str:
    return f"{block.content:.2f} {block.comment:.2f}"


def _because(block: Block) -> str:
    return ", ".join(
        f"{r.feature}={r.value:.4g} ({r.credit:+.2f})" for r in block.reasons
    )
