"""Keep the words of a batch in a column, so that later stages need not find them again.

    _words  struct  text   string  the text whose words they are: no copy, the same buffer
                    words  list of {start, end, length}, int32, from the text's first byte

Rows may be filtered, sliced and taken: each row has its own words. A stage that changes
`text` need not know about the column: if the text differs, its words are found again.
To compare two texts costs a hundredth of finding their words. A null text has no words.
The column is in no stage's schema, so no file has it.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Offsets, utf8_buffers
from tamis.text.columns import WORDS
from tamis.text.words import Words, segment

_PLACES = ("start", "end", "length")


def with_words(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Words]:
    """The batch with the column, appended if it has none, and its words.

    Their places are in the data of `utf8_buffers(batch["text"])`.
    """
    words = _read(batch)
    if words is not None:
        return batch, words
    words = segment(*utf8_buffers(batch["text"]))
    batch = batch.drop_columns([WORDS] if WORDS in batch.schema.names else [])
    return batch.append_column(WORDS, _column(batch["text"], words)), words


def words_of(batch: pa.RecordBatch) -> Words:
    """The words of a batch, if the batch itself is not needed after that."""
    words = _read(batch)
    return segment(*utf8_buffers(batch["text"])) if words is None else words


def _column(text: pa.Array, words: Words) -> pa.StructArray:
    _, offsets = utf8_buffers(text)
    places = [pa.array(values) for values in (*_within(words, offsets), words.lengths)]
    bounds = pa.array(words.documents.astype(np.int32))
    listed = pa.ListArray.from_arrays(
        bounds, pa.StructArray.from_arrays(places, _PLACES)
    )
    return pa.StructArray.from_arrays([text, listed], ["text", "words"])


def _read(batch: pa.RecordBatch) -> Words | None:
    """The words in the column; None if there is none, or it is for another text."""
    text = batch["text"]
    if WORDS not in batch.schema.names:
        return None
    column = batch[WORDS]
    if not column.field("text").equals(text):
        return None
    _, offsets = utf8_buffers(text)
    listed = column.field("words")
    starts, ends, lengths = (listed.values.field(name).to_numpy() for name in _PLACES)
    return _absolute(listed.offsets.to_numpy(), starts, ends, lengths, offsets)


@kernel
def _within(
    words: Words, offsets: Offsets
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Starts and ends, counted from the first byte of each word's document."""
    starts = np.empty(len(words.starts), np.int32)
    ends = np.empty(len(words.starts), np.int32)
    for document in range(len(offsets) - 1):
        first = offsets[document]
        for word in range(words.documents[document], words.documents[document + 1]):
            starts[word] = words.starts[word] - first
            ends[word] = words.ends[word] - first
    return starts, ends


@kernel
def _absolute(
    bounds: NDArray[np.int32],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    lengths: NDArray[np.int32],
    offsets: Offsets,
) -> Words:
    """Words with places in the data, from places counted from each document's start."""
    first, count = bounds[0], bounds[-1] - bounds[0]
    found = Words(
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int32),
        np.empty(len(bounds), np.int64),
    )
    found.documents[0] = 0
    for document in range(len(bounds) - 1):
        found.documents[document + 1] = bounds[document + 1] - first
        for word in range(found.documents[document], found.documents[document + 1]):
            found.starts[word] = starts[first + word] + offsets[document]
            found.ends[word] = ends[first + word] + offsets[document]
            found.lengths[word] = lengths[first + word]
    return found
