"""The kernels that Python calls for each page, one after the other on one workspace.

    tokenize   bytes -> elements, blocks, spans    (tamis.html.blocks.tokenizer)
    describe   -> features
    decide     -> probabilities, is_kept
    plain_text, markdown_text, title_text, texts_of_blocks   -> UTF-8

These are several kernels, not one that calls them all: a kernel's machine code holds
that of all kernels it calls. One for everything took a third longer to compile, and
every caller paid for kinds of text that it does not want. A call costs 0.5 µs.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.judge.decide import keep_content, predict, settle_comments
from tamis.html.blocks.judge.features import describe_blocks
from tamis.html.blocks.judge.paths import follow_paths
from tamis.html.blocks.judge.peers import find_peers, forget_peers
from tamis.html.blocks.judge.regions import find_regions, forget_groups
from tamis.html.blocks.judge.wholes import keep_title, keep_wholes, leave_copies
from tamis.html.blocks.layout import COMMENT, CONTENT, NO, ZERO
from tamis.html.blocks.workspace import Workspace
from tamis.html.blocks.write.markdown import find_owners, write_markdown
from tamis.html.blocks.write.nesting import nodes_of
from tamis.html.blocks.write.plain import write_plain
from tamis.html.blocks.write.runs import bytes_needed, write_block, write_line
from tamis.html.blocks.write.tables import find_tables

Utf8 = NDArray[np.uint8]


@kernel
def describe(workspace: Workspace) -> None:
    """Fill the features of the tokenized page."""
    page = workspace[0]
    follow_paths(page)
    find_regions(page)
    find_peers(page)
    describe_blocks(page)
    forget_groups(page)
    forget_peers(page)


@kernel
def decide(
    workspace: Workspace, keeps_comments: bool, judges_all: bool, keeps_title: bool
) -> tuple[int, int]:
    """Fill probabilities and `is_kept`; returns the words kept and the page's flags.

    `keeps_title`: the page's own heading is kept, whatever the trees say of it.

    Whether a block is a comment is asked only of those for which it matters, unless
    `judges_all`.
    """
    page = workspace[0]
    predict(page, CONTENT + ZERO, NO)
    keep_content(page)
    keep_wholes(page)
    predict(page, COMMENT + ZERO, not keeps_comments and not judges_all)
    words = settle_comments(page, keeps_comments)
    words -= leave_copies(page)
    if keeps_title:
        keep_title(page)
    return words, int(page.state[0].flags)


@kernel
def plain_text(data: Utf8, workspace: Workspace) -> Utf8:
    """The kept blocks as plain text, one per line."""
    page = workspace[0]
    out = np.empty(bytes_needed(page, 0, page.state[0].blocks), np.uint8)
    return out[: write_plain(data, page, out, ZERO)]


@kernel
def markdown_text(data: Utf8, workspace: Workspace) -> Utf8:
    """The kept blocks as Markdown."""
    page = workspace[0]
    nodes = nodes_of(page)
    find_tables(page, nodes)
    find_owners(page, nodes)
    return write_markdown(data, page, nodes)


@kernel
def title_text(data: Utf8, workspace: Workspace) -> Utf8:
    """<title> on one line; empty if there is none."""
    page = workspace[0]
    start, stop = page.state[0].title_start, page.state[0].title_stop
    out = np.empty(3 * (stop - start) + 16, np.uint8)  # as in bytes_needed
    return out[: write_line(data, start, stop, page, out)]


@kernel
def texts_of_blocks(data: Utf8, workspace: Workspace) -> tuple[Utf8, NDArray[np.int64]]:
    """Text of all blocks, kept or not, joined; and where each begins (blocks + 1)."""
    page = workspace[0]
    count = page.state[0].blocks + ZERO
    out = np.empty(bytes_needed(page, 0, count), np.uint8)
    offsets = np.zeros(count + 1, np.int64)
    for block in range(count):
        offsets[block + 1] = write_block(data, page, block, out, offsets[block], NO)
    return out[: offsets[count]], offsets
