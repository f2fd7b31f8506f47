"""What the barriers on lines, URLs and substrings will need, before they start.

Measured on 59,280 documents of 3.9 kB (one Zen 4 core, November 2026). All is linear.
"""

from typing import NamedTuple

from pipeline.sizes import spelled

_MEMORY_BYTES = 1 << 30
_LINE_ROWS, _NGRAM_ROWS = 40, 700  # of a web page
_LINE_ROW_BYTES = 17  # two random 64-bit numbers
_NGRAM_ROW_BYTES = 10  # the second is an ordinal
_URL_BYTES = 30
_TEXT_BYTES = 2_000  # of a web page of 5 kB, compressed
# Bytes a byte of text: 11 for Latin, 13 for Chinese. Texts of nothing but one symbol
# take 65: every window of theirs repeats.
_PARTITION_FACTOR = 32
_LINES_SECONDS, _NGRAMS_SECONDS = 1.4e-4, 2.4e-4
_URL_SECONDS = 5e-6
_SUBSTRINGS_SECONDS = 2.2e-4


class TextBill(NamedTuple):
    """Disk under work/ while it runs, memory of the largest task, hours of one core."""

    work_bytes: int
    memory_bytes: int
    core_hours: float

    def stated(self) -> str:
        return (
            f"about {spelled(self.work_bytes)} under work/, {self.core_hours:.1f} core "
            f"hours, under {spelled(self.memory_bytes)} of memory in any task"
        )


def lines_bill(documents: int, *, with_ngrams: bool) -> TextBill:
    """10^9 documents: 680 GB and 39 core hours; with n-grams 7.7 TB and 106."""
    row_bytes, seconds = _LINE_ROWS * _LINE_ROW_BYTES, _LINES_SECONDS
    if with_ngrams:
        row_bytes += _NGRAM_ROWS * _NGRAM_ROW_BYTES
        seconds += _NGRAMS_SECONDS
    return TextBill(documents * row_bytes, _MEMORY_BYTES, documents * seconds / 3600)


def urls_bill(documents: int) -> TextBill:
    """10^9 documents: 30 GB and 1.4 core hours."""
    hours = documents * _URL_SECONDS / 3600
    return TextBill(documents * _URL_BYTES, _MEMORY_BYTES, hours)


def substrings_bill(documents: int, partition_bytes: int) -> TextBill:
    """10^8 documents: 200 GB and 6.1 core hours."""
    memory = max(_PARTITION_FACTOR * partition_bytes, _MEMORY_BYTES)
    hours = documents * _SUBSTRINGS_SECONDS / 3600
    return TextBill(documents * _TEXT_BYTES, memory, hours)
