"""What the text barriers say of themselves, against figures worked out by hand."""

import pytest

from tamis.dedup.bill import lines_bill, substrings_bill


def test_lines_of_a_hundred_million_documents() -> None:
    """4*10^9 rows: 953.7 runs, 1,024 ranges, 1.6 ms each pair; 140 us a document."""
    costs = lines_bill(10**8, with_ngrams=False)
    assert costs.work_bytes == 68 * 10**9
    pairs = 953.7 * 1024 * 1.6e-3
    assert costs.core_hours == pytest.approx((pairs + 14_000) / 3600, rel=1e-3)
    assert costs.core_hours == pytest.approx(4.32, abs=0.01)
    assert lines_bill(10**9, with_ngrams=False).core_hours == pytest.approx(108, abs=1)


def test_ngrams_cost_most_for_the_runs_that_are_opened() -> None:
    """7.4*10^10 rows: 17,643 runs, 1,024 ranges of lines and 32,768 of n-grams."""
    costs = lines_bill(10**8, with_ngrams=True)
    pairs = 17_643 * (1024 + 32_768) * 1.6e-3
    assert costs.core_hours == pytest.approx((pairs + 38_000) / 3600, rel=1e-3)
    assert costs.core_hours == pytest.approx(275, abs=1)


def test_few_documents_cost_what_each_of_them_does() -> None:
    assert lines_bill(0, with_ngrams=True).core_hours == 0
    assert substrings_bill(0, 32 << 20).core_hours == 0
    hours = lines_bill(10_000, with_ngrams=True).core_hours
    assert hours == pytest.approx(3.8 / 3600, rel=1e-2)


def test_substrings_pay_for_each_partition_of_each_file() -> None:
    """In the files a row group of each partition every 2^28 of 5*10^11 bytes."""
    costs = substrings_bill(10**8, 256 << 20)
    assert costs.memory_bytes == 8 << 30
    footers = 1863 * 1862.6 * 1863 * 7e-6  # 256 MiB each: 1,863 partitions will do
    assert costs.core_hours == pytest.approx((footers + 22_000) / 3600, rel=1e-3)
    many = substrings_bill(10**8, 32 << 20)
    assert many.core_hours == pytest.approx(67, abs=1)
