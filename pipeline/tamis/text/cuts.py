"""Cut spans out of texts.

A barrier that shortens texts does not write them again: its layer has, row for row, a
list of byte positions in the UTF-8 of the original text,

    [start, stop, start, stop, ...]    ascending, no two spans touching

and readers of the text remove the spans. An empty list or null cuts nothing.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only, utf8_buffers


def cut_texts(texts: Any, cuts: Any) -> pa.Array:
    """`texts` without the spans of `cuts`, both arrays of the same length."""
    data, offsets = utf8_buffers(texts)
    positions, bounds = list_buffers(cuts)
    shorter, starts = _without(read_only(data), offsets, positions, bounds)
    is_null = np.asarray(texts.is_null())
    validity = pa.array(~is_null).buffers()[1] if is_null.any() else None
    is_large = pa.types.is_large_string(texts.type)
    buffers = [
        validity,
        pa.py_buffer(starts if is_large else starts.astype(np.int32)),
        pa.py_buffer(shorter),
    ]
    return pa.Array.from_buffers(texts.type, len(texts), buffers)


def list_buffers(lists: Any) -> tuple[NDArray[np.int32], Offsets]:
    """Values of a list array end to end, and where each list starts; null is empty."""
    lengths = lists.value_lengths().fill_null(0).to_numpy().astype(np.int64)
    values = np.ascontiguousarray(lists.flatten().to_numpy()).astype(np.int32)
    return values, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


@kernel
def _without(
    data: Bytes, offsets: Offsets, positions: NDArray[np.int32], bounds: Offsets
) -> tuple[Bytes, Offsets]:
    """The bytes that no span covers, and where each text starts in them."""
    kept = np.empty(offsets[-1] - offsets[0], np.uint8)
    starts = np.zeros(len(offsets), np.int64)
    length = 0
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1]
        here = first
        for place in range(bounds[text], bounds[text + 1] + 2, 2):
            is_rest = place >= bounds[text + 1]
            # A position after the end would read into the next text.
            stop = last if is_rest else min(first + positions[place], last)
            for byte in range(here, stop):
                kept[length] = data[byte]
                length += 1
            if is_rest:
                break
            here = max(here, first + positions[place + 1])
        starts[text + 1] = length
    return kept[:length], starts
