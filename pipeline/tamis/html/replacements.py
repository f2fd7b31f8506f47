"""Count the replacement characters that decoding, or the publisher, left in texts."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, utf8_buffers


def replacement_characters(texts: pa.Array) -> pa.Array:
    """Number of U+FFFD in each text, int32; null for a null text."""
    counts = _replacement_characters(*utf8_buffers(texts))
    return pa.array(counts, mask=np.asarray(texts.is_null()))


@kernel
def _replacement_characters(data: Bytes, offsets: Offsets) -> NDArray[np.int32]:
    """Number of EF BF BD in each text; in valid UTF-8 these bytes mean nothing else."""
    counts = np.zeros(len(offsets) - 1, np.int32)
    for text in range(len(counts)):
        first = data[offsets[text] : offsets[text + 1]]
        # Three shifted views, not three indices: the compiler then counts 32 at a time.
        second, third = first[1:], first[2:]
        count = 0
        for place in range(len(third)):
            count += (
                (first[place] == 0xEF)
                & (second[place] == 0xBF)
                & (third[place] == 0xBD)
            )
        counts[text] = count
    return counts
