"""A text with headings, tables and lists, as Markdown and as a page of HTML."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; color: #222; background: #fff }
h2, h3 { margin-top: 2rem }
div { overflow-x: auto }
table { border-collapse: collapse }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left;
         vertical-align: top }
"""


@dataclass(frozen=True)
class Heading:
    """Level 1 is the title."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Rows:
    """A table with a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Rows


def as_markdown(blocks: Sequence[Block]) -> str:
    return "\n".join(line for block in blocks for line in _markdown(block))


def as_html(blocks: Sequence[Block]) -> str:
    """A page that stands alone: no script, nothing from elsewhere."""
    title = next((b.text for b in blocks if isinstance(b, Heading)), "")
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def cell(text: str) -> str:
    """A text of somebody as one line of Markdown, no markup of HTML or of tables in it."""
    line = " ".join(text.split())
    marks = {"|": "\\|", "<": "&lt;", "[": "\\["}
    return "".join(marks.get(letter, letter) for letter in line)


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of Markdown, a blank line after it."""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(map(cell, row))} |"
    yield ""


def _markdown(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"{'#' * block.level} {cell(block.text)}\n"
    elif isinstance(block, Paragraph):
        yield f"{cell(block.text)}\n"
    else:
        yield from table_lines(block.head, block.rows)


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{escape(block.text)}</p>"
    rows = [_row(block.head, "th"), *(_row(row, "td") for row in block.rows)]
    return f"<div><table>\n{chr(10).join(rows)}\n</table></div>"


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(one)}</{tag}>" for one in cells) + "</tr>"
