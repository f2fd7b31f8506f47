"""Pauses between attempts, by numbers worked out from their formula."""

import pytest

from tamis.errors import InputError
from tamis.remote import pace, retries
from tamis.remote.failures import Transient
from tamis.remote.pace import pace_of
from tamis.remote.retries import Patience, pause, persevere, retry_after


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (30, 60)]
)
def test_pauses_are_drawn_from_a_range_that_doubles(
    failures: int, longest: float
) -> None:
    drawn = [pause(failures, 0, Patience()) for _ in range(400)]
    assert min(drawn) >= 0
    assert max(drawn) <= longest
    # The mean of 400 even draws is within 10 % of the middle (7 standard errors).
    assert sum(drawn) / 400 == pytest.approx(longest / 2, rel=0.2)


def test_what_the_server_asks_is_the_least_within_reason() -> None:
    assert pause(1, 7, Patience()) == 7
    assert pause(1, 86_400, Patience()) == 300


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        ("soon", 0),
        ("-5", 0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float) -> None:
    assert retry_after(value, now=10.0) == seconds


def test_attempts_that_bring_nothing_are_counted() -> None:
    slept: list[float] = []

    def attempt() -> None:
        raise Transient("no")

    with pytest.raises(InputError, match=r"^a\.gz: given up after 3 attempts: no$"):
        persevere(attempt, Patience(attempts=3), name="a.gz", sleep=slept.append)
    assert len(slept) == 2


def test_a_task_takes_its_share_of_the_limit(monkeypatch) -> None:
    monkeypatch.setattr(pace, "_next_slot", {})
    monkeypatch.setattr(pace.time, "monotonic", lambda: 100.0)
    slept: list[float] = []
    share = pace_of("h", 5.0, tasks=10)
    for _ in range(3):
        share.wait(slept.append)
    assert 0 <= slept[0] <= 2
    assert [after - slept[0] for after in slept] == pytest.approx([0, 2, 4])


def test_only_common_crawl_has_a_limit_by_default() -> None:
    assert pace_of("example.org", None, 100).interval_seconds == 0
    assert pace_of("data.commoncrawl.org", None, 100).interval_seconds == 25
    assert retries.Patience().attempts > 1
