import pytest

from pipeline.dedup.bill import bill


def test_a_billion_documents_as_the_docstring_says() -> None:
    """16 rows of 9 bytes and 0.4 of 50; a quarter byte each and 12 for each touched."""
    costs = bill(10**9, 14)
    assert costs.work_bytes == 164 * 10**9
    assert costs.memory_bytes == 5_050_000_000
    assert costs.core_hours == pytest.approx(1.11, abs=0.01)


def test_costs_are_linear_and_verification_is_extra() -> None:
    small, large = bill(10**10, 14), bill(10**11, 14)
    assert large == pytest.approx([10 * cost for cost in small])
    verified = bill(10**10, 14, is_verified=True)
    assert verified.work_bytes > 10 * small.work_bytes
    assert verified.memory_bytes == small.memory_bytes
