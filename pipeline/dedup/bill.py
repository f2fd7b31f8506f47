"""What deduplication will cost, before it starts.

Figures measured with benchmarks/dedup_scale.py (one Zen 4 core, November 2026): 10^7
documents, 14 bands, four documents in ten with a duplicate. The whole is linear: each
document has one row for each band, one for its text and one for its id.
"""

from typing import NamedTuple

_RUN_BYTES = 9  # of a row in a sorted run: 8 measured, and room for larger ordinals
_ROW_SECONDS = 2.5e-7  # to read, sort, write, merge and chain such a row
_TOUCHED_BYTES = 50  # edges, members, candidates and decisions of one document
_LAYER_BYTES = 18
_SHINGLES_BYTES = 5_000  # of a web page of 5 kB, 600 shingles
_INDEX_ROW_BYTES = (
    14  # (hash, keeper, added); a row for each hash that nobody had before
)
_KEEPER_BYTES = 13
_SKETCH_BYTES = 900
_INDEX_SECONDS = 5e-7  # a row: to join it, and to write what is new of it, twice
_SKETCH_SECONDS = 1.5e-4  # to read a text, find the shingles, write the sketch twice
_VERIFY_SECONDS = 1.5e-4  # to read its text, find the shingles, write and compare them


class Bill(NamedTuple):
    """Disk under work/ and for good, memory of the largest step, hours of one core;
    `index_bytes`: what the index grows by.
    """

    work_bytes: int
    layer_bytes: int
    memory_bytes: int
    core_hours: float
    index_bytes: int = 0


def bill(
    documents: int,
    bands: int,
    *,
    duplicates: float = 0.4,
    is_verified: bool = False,
    has_index: bool = False,
    has_signatures: bool = False,
) -> Bill:
    """Costs for `documents` of which the share `duplicates` has at least one duplicate.

    The memory is that of the components, which one task finds; every other task stays
    below 1 GB. An index is charged as if it knew nothing yet. 10^9 documents with 14 bands: 164 GB of work, 5 GB, 1.1 core hours.
    """
    rows = documents * (bands + 2)
    touched = int(documents * duplicates)
    work = rows * _RUN_BYTES + touched * _TOUCHED_BYTES
    seconds = rows * _ROW_SECONDS
    if is_verified:
        work += touched * _SHINGLES_BYTES
        seconds += touched * _VERIFY_SECONDS
    index = 0
    if has_index:
        kept = documents - touched // 2
        found_by = kept if is_verified else documents
        index = kept * (_INDEX_ROW_BYTES + _KEEPER_BYTES)
        index += found_by * bands * _INDEX_ROW_BYTES
        seconds += rows * _INDEX_SECONDS
        if has_signatures:
            index += kept * _SKETCH_BYTES
            seconds += kept * _SKETCH_SECONDS
        work += index
    return Bill(
        work_bytes=work,
        layer_bytes=documents * _LAYER_BYTES,
        memory_bytes=max(documents // 4 + 12 * touched, 10**9),
        core_hours=seconds / 3600,
        index_bytes=index,
    )
