"""The estimates of the deduplication stages, against figures worked out by hand."""

import pytest

from tamis.dedup.bill import clusters_bill, lines_bill, substrings_bill


def test_a_billion_documents_as_the_docstring_says() -> None:
    """16 rows of 9 bytes and 0.4 of 50; a quarter byte each and 12 for each touched."""
    costs = clusters_bill(10**9, 14)
    assert costs.work_bytes == 164 * 10**9
    assert costs.memory_bytes == 5_050_000_000
    assert costs.core_hours == pytest.approx(1.11, abs=0.01)


def test_costs_are_linear_and_verification_is_extra() -> None:
    small, large = clusters_bill(10**10, 14), clusters_bill(10**11, 14)
    assert large == pytest.approx([10 * cost for cost in small])
    verified = clusters_bill(10**10, 14, is_verified=True)
    assert verified.work_bytes > 10 * small.work_bytes
    # 4*10^8 with a duplicate: 5 kB of shingles twice, and 200 us, each.
    verified_less = clusters_bill(10**9, 14, is_verified=True)
    assert verified_less.work_bytes == 164 * 10**9 + 4 * 10**12
    assert verified_less.core_hours == pytest.approx(1.11 + 22.2, abs=0.05)
    # 4*10^6 of them fit into the partitions' memory: once.
    few = clusters_bill(10**7, 14, is_verified=True)
    assert few.work_bytes == 164 * 10**7 + 2 * 10**10
    assert verified.memory_bytes == small.memory_bytes


def test_an_index_costs_a_row_for_each_hash_and_a_kilobyte_for_each_signature() -> None:
    """Of 10^9 documents 0.8 are kept; 14 bytes a row, 13 a keeper."""
    without, plain = clusters_bill(10**9, 14), clusters_bill(10**9, 14, has_index=True)
    assert without.index_bytes == 0
    assert plain.index_bytes == (14 * 14 * 10 + 27 * 8) * 10**8
    assert plain.work_bytes == without.work_bytes + plain.index_bytes
    unsigned = clusters_bill(10**9, 14, is_verified=True, has_index=True)
    signed = clusters_bill(
        10**9, 14, is_verified=True, has_index=True, has_signatures=True
    )
    assert unsigned.index_bytes == (14 * 14 + 27) * 8 * 10**8
    assert signed.index_bytes - unsigned.index_bytes == 900 * 8 * 10**8
    assert signed.core_hours > unsigned.core_hours > without.core_hours


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
