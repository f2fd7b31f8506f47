"""Show documents on a terminal, and the differences of two documents side by side.

Texts and addresses are not trusted: nothing in them is taken for markup or for a
control sequence of the terminal. In a file or a pipe there are no frames and no
colours; marks replace the colours.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tamis.pii.urls import masked_url
from tamis.report.members import Member, Members

if TYPE_CHECKING:
    from tamis.text.differences import Difference

TEXT_SHOWN = 1000
_PLACES_SHOWN = 8
_SIDE_SHOWN = 300
_HIDDEN = ("id", "warc_path", "warc_offset", "warc_length", "crawl")

# Control characters, and those that change the direction of text.
_ORDERS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def visible(text: str) -> str:
    """`text` with U+FFFD for control characters; line feeds and tabs stay."""
    return _ORDERS.sub("\ufffd", text)


def show_document(
    console: Console, row: Mapping[str, Any], verdict: str, *, text: str
) -> None:
    """Print a row of mix/ or dropped/ with its numbers and the beginning of its text."""
    place = f"{row['warc_path']} {row['warc_offset']} {row['warc_length']}"
    numbers = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
        if isinstance(value, int | float) and name not in _HIDDEN
    ]
    about = [
        Text(visible(masked_url(str(row["url"]))), style="bold"),
        Text(f"id {row['id']}  {row.get('language')}", style="dim"),
        Text(visible(place), style="dim"),
        Text("  ".join(numbers), style="dim"),
        Text(),
        _beginning(text),
    ]
    _framed(console, Text(verdict), about)


def show_cluster(
    console: Console, members: Members, similarities: Mapping[int, float]
) -> None:
    """Print the kept document of a cluster, then each other one with its differences.

    `similarities`: Jaccard similarity of each other one to the kept one, by id.
    """
    from tamis.text.differences import differences

    count = f"{members.size:,} documents"
    console.print(Text(f"cluster {members.cluster}: {count}", style="bold"))
    others = list(members.others)
    if members.kept is None and not others:
        console.print("none of them is among the documents of this run")
        return
    first = members.kept or others.pop(0)
    verdict = "kept" if members.kept else f"{first.reason}; the kept one is elsewhere"
    _framed(console, Text(verdict), [*_about(first), Text(), _beginning(first.text)])
    for other in others:
        title = f"{other.reason}, similarity {similarities[other.id]:.2f}"
        _framed(console, Text(title), _about(other))
        _show_differences(console, differences(first.text, other.text))
    hidden = members.size - 1 - len(others)
    if hidden > 0:
        console.print(f"and {hidden:,} more: --limit shows them", highlight=False)


def _about(member: Member) -> list[Text]:
    return [
        Text(visible(member.url), style="bold"),
        Text(visible(f"id {member.id}  {member.language}"), style="dim"),
        Text(visible(member.place), style="dim"),
    ]


def _beginning(text: str) -> Text:
    rest = f" ... ({len(text):,} characters)" if len(text) > TEXT_SHOWN else ""
    return Text(visible(text[:TEXT_SHOWN]) + rest)


def _show_differences(console: Console, found: "Sequence[Difference]") -> None:
    if not found:
        console.print("the same words", highlight=False)
    elif console.is_terminal:
        table = Table(expand=True, show_lines=True)
        table.add_column("kept", ratio=1, overflow="fold")
        table.add_column("this one", ratio=1, overflow="fold")
        for place in found[:_PLACES_SHOWN]:
            table.add_row(
                _side(place, place.left, "bold red"),
                _side(place, place.right, "bold green"),
            )
        console.print(table)
    else:
        for place in found[:_PLACES_SHOWN]:
            left, right = _on_one_line(place.left), _on_one_line(place.right)
            marked = (f"[-{left}-]" if left else "") + (
                f"{{+{right}+}}" if right else ""
            )
            before, after = _on_one_line(place.before), _on_one_line(place.after)
            _plain(console, f"  {before}{marked}{after}")
    more = len(found) - _PLACES_SHOWN
    if more > 0:
        console.print(f"and {more:,} more places", highlight=False)


def _side(place: "Difference", own: str, style: str) -> Text:
    return Text.assemble(
        (_on_one_line(place.before), "dim"),
        (_on_one_line(own), style),
        (_on_one_line(place.after), "dim"),
    )


def _on_one_line(text: str) -> str:
    shown = visible(text[:_SIDE_SHOWN])
    if len(text) > _SIDE_SHOWN:
        shown += f" ... ({len(text):,} characters)"
    return re.sub(r"\s*\n\s*", " ¶ ", shown)


def _framed(console: Console, title: Text, lines: Sequence[Text]) -> None:
    if console.is_terminal:
        body = Text("\n").join(lines)
        console.print(Panel(body, title=title, title_align="left"))
        return
    _plain(console, f"== {title.plain}")
    for line in lines:
        _plain(console, line.plain)


def _plain(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
