"""Give kernels the UTF-8 buffer of an Arrow string column.

    data     (bytes,)          uint8, the documents' UTF-8 end to end
    offsets  (documents + 1,)  int64, where each document starts; the last is its end

A null is an empty document to a kernel: stages restore the null afterwards.
No text is copied; only the offsets are widened to int64.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]
Array = TypeVar("Array", bound=NDArray[Any])


def utf8_buffers(column: Any) -> tuple[Bytes, Offsets]:
    """Data and offsets of a string, large_string, binary or large_binary array.

    The column may be a slice: `offsets[0]` need not be 0. A null has equal start and
    stop, as Arrow's builders write it; if a column has bytes under a null, it is copied
    without them.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # no or several chunks left
            column = pa.concat_arrays(column.chunks)
    is_large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(
        column.type
    )
    width = np.int64 if is_large else np.int32
    _, raw_offsets, raw_data = column.buffers()
    if raw_offsets is None or len(column) == 0:
        return np.empty(0, np.uint8), np.zeros(len(column) + 1, np.int64)
    stop = column.offset + len(column) + 1
    offsets = np.frombuffer(raw_offsets, width)[column.offset : stop].astype(np.int64)
    data = (
        np.empty(0, np.uint8) if raw_data is None else np.frombuffer(raw_data, np.uint8)
    )
    if column.null_count:
        lengths = np.diff(offsets)
        is_null = np.asarray(column.is_null())
        if lengths[is_null].any():
            return utf8_buffers(pa.array(column.to_pylist(), column.type))
    return data, offsets


def joined(texts: Sequence[bytes]) -> tuple[Bytes, Offsets]:
    """Data and offsets of some texts."""
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer(b"".join(texts), np.uint8), offsets


def read_only(data: Array) -> Array:
    """The same memory, read-only as Arrow gives it, so that one kernel is compiled."""
    view = data.view()
    view.setflags(write=False)
    return view
