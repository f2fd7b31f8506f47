"""Compute every statistic of a batch of documents, by name.

Documents are the buffers of `tamis.text.buffers`, with the words of `tamis.text.words`.
The modules that count a column say what it means and which rule of which paper uses it:
`vocabulary`, `word_order`, `lines`, `sentences`, `ngrams` and `phrases`.

The statistics differ from datatrove 0.10.1, the reference implementation: words do not
include punctuation; lines and paragraphs are compared without the white space around
them, and words without case; blank lines count neither as a line nor as a line end; a
line may end in closing quotes or brackets after its full stop; there are more bullets
than • and -; an n-gram that occurs once is not repeated.
`tamis.text.statistics.datatrove` counts as datatrove does.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.function_words import FunctionWords
from tamis.text.statistics import (
    lines,
    ngrams,
    phrases,
    sentences,
    vocabulary,
)
from tamis.text.statistics import word_order as order
from tamis.text.statistics.columns import COLUMNS
from tamis.text.unicode import code_points
from tamis.text.utf8 import code_point_counts
from tamis.text.words import Words


def measure(
    data: Bytes,
    offsets: Offsets,
    words: Words,
    *,
    function_words: FunctionWords,
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """One array per name of COLUMNS, in that order, one value per document.

    Columns of function words are `vocabulary.NO_LIST` if the document's language has no
    list; every other value is a number, 0 for an empty document.
    """
    data, tables = read_only(data), code_points()
    word_counts = np.diff(words.documents)
    hashes, roles, of_words = vocabulary.vocabulary(data, words, tables, function_words)
    of_order = order.order_statistics(
        data, offsets, words, hashes, roles, tables, function_words
    )
    chars = code_point_counts(data, offsets)
    of_lines = lines.line_statistics(data, offsets, chars, word_counts, tables)
    of_sentences = sentences.sentence_statistics(data, offsets, tables)
    of_ngrams = ngrams.ngram_ratios(hashes, words, chars)
    of_phrases = phrases.phrase_counts(data, offsets)
    columns = [
        word_counts,
        *of_words.T,
        *of_order.T,
        *of_lines.T,
        *of_sentences.T,
        *of_ngrams.T,
        *of_phrases.T,
    ]
    return dict(zip(COLUMNS, columns, strict=True))
