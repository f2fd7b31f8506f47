import pytest

from tamis.dedup.bill import clusters_bill


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
