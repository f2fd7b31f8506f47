"""The words of a text column, found once for the stages that ask for them in turn.

measure_text, score_toxicity and score_quality read the same column one after the other,
and where scripts have no spaces its words cost more than what is then done with them.
The last column asked about is remembered by where its bytes lie; it is held until the
next one is asked about, so that they cannot be another's.
"""

from typing import Any, NamedTuple

from pipeline.text.buffers import Bytes, Offsets, utf8_buffers
from pipeline.text.words import Words, segment

Place = tuple[Any, ...]


class Text(NamedTuple):
    """A column as kernels read it. `column` is held for its bytes' sake."""

    column: Any
    data: Bytes
    offsets: Offsets
    words: Words


_last: tuple[Place, Text] | None = None


def text_of(column: Any) -> Text:
    """Buffers and words of a string array; as if nothing had been remembered."""
    global _last
    place = _place(column)
    remembered = _last  # read once: another thread may replace it
    if remembered is not None and remembered[0] == place:
        return remembered[1]
    data, offsets = utf8_buffers(column)
    found = Text(column, data, offsets, segment(data, offsets))
    _last = place, found
    return found


def _place(column: Any) -> Place:
    """Where an array's bytes lie. Arrow never writes to them, so this tells it apart."""
    buffers = [
        None if buffer is None else (buffer.address, buffer.size)
        for buffer in column.buffers()
    ]
    return (column.type, column.offset, len(column), *buffers)
