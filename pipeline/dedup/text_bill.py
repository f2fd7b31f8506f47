"""What the barriers on lines, URLs and substrings will need, before they start."""

from typing import NamedTuple

from pipeline.sizes import spelled

_MEMORY_BYTES = 1 << 30
_LINE_ROWS, _NGRAM_ROWS = 40, 700  # of a web page
_RUN_ROW_BYTES = 17  # two random 64-bit numbers
_NGRAM_ROW_BYTES = 10  # the second is an ordinal
_URL_BYTES = 30
_TEXT_BYTES = 2_000  # of a web page of 5 kB, compressed
_PARTITION_FACTOR = 16


class TextBill(NamedTuple):
    """Disk under work/ while it runs, and memory of the largest task."""

    work_bytes: int
    memory_bytes: int

    def stated(self) -> str:
        return (
            f"about {spelled(self.work_bytes)} under work/, "
            f"under {spelled(self.memory_bytes)} of memory in any task"
        )


def lines_bill(documents: int, *, with_ngrams: bool) -> TextBill:
    """10^9 documents: 680 GB of lines, 7 TB more of n-grams."""
    row_bytes = _LINE_ROWS * _RUN_ROW_BYTES
    if with_ngrams:
        row_bytes += _NGRAM_ROWS * _NGRAM_ROW_BYTES
    return TextBill(documents * row_bytes, _MEMORY_BYTES)


def urls_bill(documents: int) -> TextBill:
    """10^9 documents: 30 GB."""
    return TextBill(documents * _URL_BYTES, _MEMORY_BYTES)


def substrings_bill(documents: int, partition_bytes: int) -> TextBill:
    """10^8 documents: 200 GB."""
    memory = max(_PARTITION_FACTOR * partition_bytes, _MEMORY_BYTES)
    return TextBill(documents * _TEXT_BYTES, memory)
