"""Documents written as the sources that generators read: Markdown, reStructuredText, AsciiDoc.

Text has no character that these languages read as a mark, other than `$...$` and `[^n]`.
"""

import re
from collections.abc import Callable
from typing import Any

from content import Block, Document

_FORMULA = re.compile(r"\$([^$]+)\$")
_NOTE = re.compile(r"\[\^(\d+)\]")


def markdown(document: Document, *, title: bool = True, notes: bool = True) -> str:
    """Markdown with tables, notes and definitions; TeX between dollar signs.

    Items are indented by four columns: Python-Markdown needs them, CommonMark takes them.
    """
    parts = [f"# {document.title}"] if title else []
    parts.append(document.standfirst)
    parts += [_markdown_block(block) for block in document.blocks]
    text = "\n\n".join(parts)
    if not notes:
        return _NOTE.sub("", text) + "\n"
    written = [f"[^{n}]: {note}" for n, note in enumerate(document.notes, 1)]
    return "\n\n".join([text, *written]) + "\n"


def _markdown_block(block: Block) -> str:
    kind = block[0]
    if kind == "heading":
        return f"{'#' * block[1]} {block[2]}"
    if kind == "list":
        return "\n".join(_markdown_items(block, ""))
    if kind == "table":
        rows = [block[1], ["---"] * len(block[1]), *block[2]]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)
    if kind == "code":
        return f"```{block[1]}\n{block[2]}\n```"
    if kind == "formula":
        return f"$$\n{block[1]}\n$$"
    if kind == "quote":
        lines = [*block[1], "", *(f"-   {item}" for item in block[2])]
        return "\n".join(f"> {line}".rstrip() for line in lines)
    if kind == "definitions":
        return "\n\n".join(f"{term}\n:   {text}" for term, text in block[1])
    return str(block[1])


def _markdown_items(block: Block, indent: str) -> list[str]:
    lines = []
    for number, (text, nested) in enumerate(block[3], block[2]):
        mark = f"{number}.".ljust(4) if block[1] else "-   "
        lines.append(f"{indent}{mark}{text}")
        if nested:
            lines += _markdown_items(nested, indent + "    ")
    return lines


def restructured(document: Document) -> str:
    """reStructuredText; tables as `list-table`, which takes empty and long cells."""
    parts = [_rst_heading(document.title, 1), _rst_text(document.standfirst)]
    parts += [_rst_block(block) for block in document.blocks]
    parts += [
        f".. [#n{number}] {note}" for number, note in enumerate(document.notes, 1)
    ]
    return "\n\n".join(parts) + "\n"


def _rst_heading(text: str, level: int) -> str:
    # A letter may be two columns wide, or none, and an underline may be too long.
    return f"{text}\n{'=-~'[level - 1] * (3 * len(text))}"


def _rst_text(text: str) -> str:
    text = _FORMULA.sub(r":math:`\1`", text)
    return _NOTE.sub(r"\\ [#n\1]_", text)


def _rst_block(block: Block) -> str:
    kind = block[0]
    if kind == "heading":
        return _rst_heading(block[2], block[1])
    if kind == "list":
        return "\n".join(_rst_items(block, ""))
    if kind == "table":
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for row in (block[1], *block[2]):
            marks = ["   * -", *["     -"] * (len(row) - 1)]
            lines += [
                f"{mark} {cell}".rstrip() for mark, cell in zip(marks, row, strict=True)
            ]
        return "\n".join(lines)
    if kind == "code":
        return f".. code-block:: {block[1]}\n\n" + _indented(block[2])
    if kind == "formula":
        return f".. math::\n\n   {block[1]}"
    if kind == "quote":
        return "..\n\n" + _indented("\n\n".join([*block[1], *_dashed(block[2])]))
    if kind == "definitions":
        return "\n\n".join(f"{term}\n   {text}" for term, text in block[1])
    return _rst_text(block[1])


def _dashed(items: tuple[str, ...]) -> list[str]:
    return ["\n".join(f"- {item}" for item in items)]


def _indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip(" ") for line in text.splitlines())


def _rst_items(block: Block, indent: str) -> list[str]:
    lines: list[str] = []
    for number, (text, nested) in enumerate(block[3], block[2]):
        mark = f"{number}. " if block[1] else "- "
        lines.append(f"{indent}{mark}{text}")
        if nested:
            lines += ["", *_rst_items(nested, indent + " " * len(mark)), ""]
    return lines


def asciidoc(document: Document) -> str:
    """AsciiDoc, with TeX for MathJax."""
    notes = document.notes

    def text_of(text: str) -> str:
        text = _FORMULA.sub(r"latexmath:[\1]", text)
        return _NOTE.sub(lambda found: f"footnote:[{notes[int(found[1]) - 1]}]", text)

    parts = [f"= {document.title}\n:stem: latexmath", document.standfirst]
    parts += [_asciidoc_block(block, text_of) for block in document.blocks]
    return "\n\n".join(parts) + "\n"


def _asciidoc_block(block: Block, text_of: Callable[[str], str]) -> str:
    kind = block[0]
    if kind == "heading":
        return f"{'=' * block[1]} {block[2]}"
    if kind == "list":
        # A comment keeps two lists in a row apart.
        return "//\n\n" + "\n".join(_asciidoc_items(block, 1, ""))
    if kind == "table":
        rows = ["\n".join(f"|{cell}" for cell in row) for row in (block[1], *block[2])]
        body = "\n\n".join(rows)
        return f'[%header,cols="{len(block[1])}*"]\n|===\n{body}\n|==='
    if kind == "code":
        return f"[source,{block[1]}]\n----\n{block[2]}\n----"
    if kind == "formula":
        return f"[stem]\n++++\n{block[1]}\n++++"
    if kind == "quote":
        lines = [*block[1], "", *(f"* {item}" for item in block[2])]
        return "____\n" + "\n".join(lines) + "\n____"
    if kind == "definitions":
        return "\n".join(f"{term}:: {text}" for term, text in block[1])
    return text_of(block[1])


def _asciidoc_items(block: Block, depth: int, above: str) -> list[str]:
    # Marks say the depth: each level of a nesting has another.
    mark = (".*"[not block[1]]) * depth
    lines: list[str] = []
    if block[1] and block[2] != 1:
        lines.append(f"[start={block[2]}]")
    for text, nested in block[3]:
        lines.append(f"{mark} {text}")
        if nested:
            lines += _asciidoc_items(nested, depth + 1, mark)
    return lines


def without_notes(document: Document) -> Document:
    """The document for generators that have no notes."""
    blocks = tuple(
        (block[0], _NOTE.sub("", block[1])) if block[0] == "paragraph" else block
        for block in document.blocks
    )
    return document._replace(blocks=blocks, notes=())


def gold(document: Document) -> dict[str, Any]:
    """What the page says, as JSON: its texts and its blocks."""
    return document._asdict()
