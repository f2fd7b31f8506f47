"""Retries: how many, and after which pause.

The pause before attempt n is drawn uniformly from [0, min(cap, base * 2^n)], "full
jitter" (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), and
is never shorter than the server asks for. After an attempt that received some bytes the
count starts again.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tamis.errors import InputError
from tamis.remote.failures import Transient

T = TypeVar("T")

_made = 0  # retries of this process


def retries_made() -> int:
    """How often a request was made again in this process."""
    return _made


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we tolerate a failing server. All times are seconds."""

    attempts: int = 8  # in a row that bring nothing
    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    longest_wait_seconds: float = 300.0  # that a server may ask for
    connect_seconds: float = 20.0
    read_seconds: float = 60.0
    # Slower than this over `read_seconds` counts as stalled.
    min_bytes_per_second: float = 1000.0
    progress_bytes: int = 1 << 16


def persevere(
    attempt: Callable[[], T],
    patience: Patience,
    *,
    name: str,
    sleep: Callable[[float], object],
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """The result of `attempt`, which is repeated while it raises Transient.

    `progress` returns how many bytes have arrived. Raises InputError with the file and
    the last error when no attempts are left.
    """
    failures, reached = 0, progress()
    while True:
        try:
            return attempt()
        except Transient as error:
            if progress() - reached >= patience.progress_bytes:
                failures, reached = 0, progress()
            failures += 1
            if failures >= patience.attempts:
                raise InputError(
                    f"{name}: given up after {failures} attempts: {error}"
                ) from error
            global _made  # a count of the process, as a clock is
            _made += 1
            sleep(pause(failures, error.wait_seconds, patience))


def pause(failures: int, asked_seconds: float, patience: Patience) -> float:
    """Seconds to wait after this number of failures in a row."""
    longest = min(patience.cap_seconds, patience.base_seconds * 2 ** (failures - 1))
    drawn = random.uniform(0, longest)
    return max(drawn, min(asked_seconds, patience.longest_wait_seconds))


def retry_after(value: str | None, now: float) -> float:
    """Seconds of a Retry-After field, a number or a date; 0 for anything else.

    `now` is seconds since the epoch (RFC 9110, section 10.2.3).
    """
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
