"""Estimates of what the deduplication stages need, before they start.

`clusters_bill` is for deduplicate, measured with benchmarks/dedup_scale.py (one Zen 4
core, November 2026): 10^7 documents, 14 bands, four documents in ten with a duplicate.
It is linear: each document has a row for each band, for its text and for its id. With
`verify` it is so in two pieces: from 7*10^7 documents up shingles are written twice. Of
40,000 documents of 600 shingles the first writing took 4.6 kB a document with a duplicate.

`lines_bill`, `urls_bill` and `substrings_bill` are for the barriers on texts, measured
on 59,280 documents of 3.9 kB. Disk is linear, and so is the cost of each document. But
each task of the second step opens all files of the first, and there are more of both:
that is quadratic, and half of the hours for lines of 5*10^8 documents, n-grams of 10^7,
substrings of 10^7.
"""

from tamis.stage import Bill

_MEMORY_BYTES = 1 << 30  # of a task of the barriers on texts

_LINE_ROWS, _NGRAM_ROWS = 40, 700  # of a web page
_LINE_ROW_BYTES = 17  # two random 64-bit numbers
_NGRAM_ROW_BYTES = 10  # the second is an ordinal
_LINES_SECONDS, _NGRAMS_SECONDS = 1.4e-4, 2.4e-4
_RUN_ROWS = 1 << 22  # pipeline/tamis/dedup/lines/walk.py
# To read a range of a run, 0.7 to 0.9 ms, and later its result for a run, 0.7 ms.
_PAIR_SECONDS = 1.6e-3


def lines_bill(documents: int, *, with_ngrams: bool) -> Bill:
    """What deduplicate_lines needs.

    10^8 documents: 68 GB and 4.3 core hours; with n-grams 770 GB and 275, of which all
    but 11 are for opening runs. 10^9: 680 GB and 108 core hours.
    """
    rows = [documents * _LINE_ROWS]
    row_bytes, seconds = _LINE_ROWS * _LINE_ROW_BYTES, documents * _LINES_SECONDS
    if with_ngrams:
        rows.append(documents * _NGRAM_ROWS)
        row_bytes += _NGRAM_ROWS * _NGRAM_ROW_BYTES
        seconds += documents * _NGRAMS_SECONDS
    ranges = sum(_power_of_two(own / _RUN_ROWS) for own in rows)
    seconds += _PAIR_SECONDS * ranges * sum(rows) / _RUN_ROWS
    return Bill(
        seconds / 3600, work_bytes=documents * row_bytes, memory_bytes=_MEMORY_BYTES
    )


def _power_of_two(least: float) -> int:
    """The smallest power of two that is at least `least`; 1 for a smaller one."""
    power = 1
    while power < least:
        power *= 2
    return power


_URL_BYTES = 30
_URL_SECONDS = 5e-6


def urls_bill(documents: int) -> Bill:
    """What deduplicate_urls needs. 10^9 documents: 30 GB and 1.4 core hours."""
    hours = documents * _URL_SECONDS / 3600
    return Bill(hours, work_bytes=documents * _URL_BYTES, memory_bytes=_MEMORY_BYTES)


_PAGE_BYTES = 5_000
_TEXT_BYTES = 2_000  # of a web page of 5 kB, compressed
# Memory for each byte of text: 11 for Latin, 13 for Chinese. Texts of one repeated
# symbol take 65, since each of their windows repeats.
_PARTITION_FACTOR = 32
_FLUSH_BYTES, _MAX_PARTITIONS = 1 << 28, 4096  # dedup/substrings/partitions.py
_SUBSTRINGS_SECONDS = 2.2e-4
# To parse and check a row group; 6 to 9 measured, with 33,000 in a file.
_ROW_GROUP_SECONDS = 7e-6


def partition_memory(partition_bytes: int) -> int:
    """Memory of a task of deduplicate_substrings that has the texts of a partition."""
    return max(_PARTITION_FACTOR * partition_bytes, _MEMORY_BYTES)


def substrings_bill(documents: int, partition_bytes: int) -> Bill:
    """What deduplicate_substrings needs.

    10^8 documents in 4,096 partitions: 200 GB and 67 core hours, of which 61 are for
    footers: a file has a row group of every partition for each 256 MB of its texts.
    """
    memory = partition_memory(partition_bytes)
    size = documents * _PAGE_BYTES
    partitions = min(-(-size // partition_bytes), _MAX_PARTITIONS)
    row_groups = partitions * size / _FLUSH_BYTES
    seconds = documents * _SUBSTRINGS_SECONDS
    seconds += partitions * row_groups * _ROW_GROUP_SECONDS
    return Bill(seconds / 3600, work_bytes=documents * _TEXT_BYTES, memory_bytes=memory)


_RUN_BYTES = 9  # of a row in a sorted run: 8 measured, and room for larger ordinals
_ROW_SECONDS = 2.5e-7  # to read, sort, write, merge and chain such a row
_TOUCHED_BYTES = 50  # edges, members, candidates and decisions of one document
_LAYER_BYTES = 18
_SHINGLES_BYTES = 5_000  # of a web page of 5 kB, 600 shingles
_VERIFY_SECONDS = 1.5e-4  # to read its text, find the shingles, write and compare them
# Shingles that 512 partitions hold in memory; more are written twice, as pieces.
_PARTITIONS_BYTES = 512 << 28  # pipeline/tamis/dedup/groups.py
_PIECE_SECONDS = 5e-5
_INDEX_ROW_BYTES = 14  # (hash, keeper, added); a row for each hash new to the index
_KEEPER_BYTES = 13
_INDEX_SECONDS = 5e-7  # a row: to join it, and to write twice what is new
_SKETCH_BYTES = 900
_SKETCH_SECONDS = 1.5e-4  # to read a text, find the shingles, write the sketch twice


def components_bytes(documents: int, touched: int) -> int:
    """Memory of the task that finds the components; `touched` documents have an edge."""
    return max(documents // 4 + 12 * touched, 10**9)


def clusters_bill(
    documents: int,
    bands: int,
    *,
    duplicates: float = 0.4,
    is_verified: bool = False,
    has_index: bool = False,
    has_signatures: bool = False,
) -> Bill:
    """What deduplicate needs if the share `duplicates` has at least one duplicate.

    The memory is for the components, which one task finds; every other task stays below
    1 GB. The index is assumed to be empty, which is the most expensive case. 10^9
    documents with 14 bands: 164 GB of work, 5 GB, 1.1 core hours; verified 4.2 TB and
    23.3 core hours.
    """
    rows = documents * (bands + 2)
    touched = int(documents * duplicates)
    work = rows * _RUN_BYTES + touched * _TOUCHED_BYTES
    seconds = rows * _ROW_SECONDS
    if is_verified:
        shingles = touched * _SHINGLES_BYTES
        work += shingles
        seconds += touched * _VERIFY_SECONDS
        if shingles > _PARTITIONS_BYTES:
            work += shingles
            seconds += touched * _PIECE_SECONDS
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
        memory_bytes=components_bytes(documents, touched),
        core_hours=seconds / 3600,
        index_bytes=index,
    )
