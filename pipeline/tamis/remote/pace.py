"""How often this process may send a request to a host.

The limit holds for the whole run: every task gets the same share, the limit divided by
the number of tasks that read at once. This needs no coordination, and sends too few
requests rather than too many.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# What CommonCrawl tolerates; its own advice is few requests, from one address.
COMMON_CRAWL_HOSTS = frozenset({"data.commoncrawl.org", "index.commoncrawl.org"})
_COMMON_CRAWL_PER_SECOND = 4.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Interval between requests to one host; 0 means no limit."""

    host: str
    interval_seconds: float

    def wait(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Wait until the next request may be sent."""
        if self.interval_seconds > 0:
            sleep(_reserve(self.host, self.interval_seconds))


def pace_of(host: str, requests_per_second: float | None, tasks: int) -> Pace:
    """A task's share of the limit; without one, only CommonCrawl's servers have one."""
    if requests_per_second is None:
        if host not in COMMON_CRAWL_HOSTS:
            return Pace(host, 0.0)
        requests_per_second = _COMMON_CRAWL_PER_SECOND
    return Pace(host, max(1, tasks) / requests_per_second)


_next_slot: dict[str, float] = {}
_lock = threading.Lock()


def _reserve(host: str, interval: float) -> float:
    """Reserve the next free slot; returns the seconds until then."""
    with _lock:
        now = time.monotonic()
        # Tasks that begin at the same time must not send requests at the same time.
        slot = _next_slot.get(host) or now + random.uniform(0, interval)
        slot = max(slot, now)
        _next_slot[host] = slot + interval
        return slot - now
