"""Arrow tables as HTML, for a notebook."""

from html import escape
from typing import Any

import pyarrow as pa

_MOST_ROWS = 100
_MOST_CHARACTERS = 200


def table_html(table: pa.Table) -> str:
    """The first 100 rows, values cut at 200 characters; how many rows there are below."""
    shown = table.slice(0, _MOST_ROWS)
    head = "".join(f"<th>{escape(name)}</th>" for name in table.column_names)
    rows = [
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>"
        for row in shown.to_pylist()
    ]
    left = table.num_rows - shown.num_rows
    more = f"<p>and {left:,} rows more</p>" if left else ""
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{more}"
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]} ... ({len(text):,})"
    return escape(text)
