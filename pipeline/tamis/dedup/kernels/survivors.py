"""Which documents of each component stay, if its documents are in order of preference.

    components  (documents,)  uint64  ascending
    texts       (documents,)  uint64  hash of the whole text, 0 where there is none
    survivors   (documents,)  int64   row of the document that is kept for this one;
                                      its own row for a document that stays

Within a component the preferred documents come first.
"""

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]


def first_of_each(components: Hashes) -> Rows:
    """Survivors if each component keeps only its first document."""
    is_first = np.ones(len(components), np.bool_)
    is_first[1:] = components[1:] != components[:-1]
    rows = np.arange(len(components))
    return np.maximum.accumulate(np.where(is_first, rows, 0))


def first_copies(components: Hashes, texts: Hashes) -> Rows:
    """Row of the first document of the component with the same text.

    A document without text is no copy.
    """
    rows = np.arange(len(components))
    order = np.lexsort((rows, texts, components))
    is_copy = np.zeros(len(components), np.bool_)
    same_text = texts[order][1:] == texts[order][:-1]
    same_component = components[order][1:] == components[order][:-1]
    is_copy[1:] = same_text & same_component & (texts[order][1:] != 0)
    place = np.maximum.accumulate(np.where(is_copy, 0, rows))
    firsts = np.empty(len(components), np.int64)
    firsts[order] = order[place]
    return firsts


def cluster_sizes(survivors: Rows) -> NDArray[np.uint32]:
    """Number of documents with the same survivor as each document, itself included."""
    return np.bincount(survivors, minlength=len(survivors))[survivors].astype(np.uint32)
