"""How often this process may ask a host for something.

The limit holds for the whole run: every task takes its share, the limit divided by
the number of tasks that read at once. That needs no service of its own, and errs on
the side of asking less.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# What CommonCrawl puts up with; its own advice is few requests and one address.
COMMON_CRAWL_HOSTS = frozenset({"data.commoncrawl.org", "index.commoncrawl.org"})
_COMMON_CRAWL_PER_SECOND = 4.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Requests to one host are `interval_seconds` apart; 0 is no limit."""

    host: str
    interval_seconds: float

    def wait(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Return when the next request may go out."""
        if self.interval_seconds > 0:
            sleep(_reserve(self.host, self.interval_seconds))


def pace_of(host: str, requests_per_second: float | None, tasks: int) -> Pace:
    """A task's share. Without a limit given, only CommonCrawl's servers have one."""
    if requests_per_second is None:
        if host not in COMMON_CRAWL_HOSTS:
            return Pace(host, 0.0)
        requests_per_second = _COMMON_CRAWL_PER_SECOND
    return Pace(host, max(1, tasks) / requests_per_second)


_next_slot: dict[str, float] = {}
_lock = threading.Lock()


def _reserve(host: str, interval: float) -> float:
    """Seconds until the next free slot, which is taken."""
    with _lock:
        now = time.monotonic()
        # Tasks that begin together shall not ask together.
        slot = _next_slot.get(host) or now + random.uniform(0, interval)
        slot = max(slot, now)
        _next_slot[host] = slot + interval
        return slot - now
