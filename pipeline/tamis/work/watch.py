"""Which running calls make no progress, and which should be tried elsewhere.

A call makes progress if it finishes documents or uses CPU time. One that does neither may
be in a stopped process, or wait for a dead file system: it is tried elsewhere. One that
uses CPU time and finishes no document may have a page that never ends, or a long step of a
barrier: it is named, and goes on, as it would burn the same time elsewhere.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tamis.work.pulse import Pulse

_CPU_SECONDS = 0.5  # less than this is the process's own housekeeping
_TIMES_MEDIAN = 5.0
_LEAST_SECONDS = 30.0  # before a call is tried elsewhere, however short the others are
_ENOUGH = 3  # calls that a median needs


@dataclass
class _Seen:
    first: float
    changed: float
    clock: float  # time of day of the last change
    said: float
    pulse: Pulse = field(default_factory=Pulse)
    is_copied: bool = False
    documents: int = 0
    counted: float = 0.0  # when the number of documents changed last
    counted_clock: float = 0.0  # time of day of that
    busy_lines: int = 0  # said since then


class Watch:
    """Looks at the calls of a group of tasks.

    A call without progress for `stall_seconds` is said in `note`, again and again; one
    that works so long without finishing a document, after that time, twice, four times it. A silent one is
    due to be tried elsewhere then, or when it is silent for several times as long as its
    group's calls take.
    """

    def __init__(
        self,
        stall_seconds: float,
        note: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stall = stall_seconds
        self._note = note
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._took: list[float] = []

    def look(self, running: Mapping[str, Pulse]) -> list[str]:
        """The names of the calls that are due to be tried elsewhere, each once."""
        now = self._clock()
        due = []
        for name, pulse in running.items():
            seen = self._seen.setdefault(name, _begun(now, pulse))
            is_new = (seen.pulse.host, seen.pulse.pid) != (pulse.host, pulse.pid)
            if is_new or pulse.documents != seen.documents:
                seen.documents, seen.busy_lines = pulse.documents, 0
                seen.counted, seen.counted_clock = now, time.time()
            if _has_moved(seen.pulse, pulse):
                seen.pulse, seen.clock = pulse, time.time()
                seen.changed = seen.said = now
            self._say(name, seen, now)
            if not seen.is_copied and now - seen.changed >= self._patience():
                seen.is_copied = True
                due.append(name)
        return due

    def ended(self, name: str, *, is_good: bool) -> None:
        """The call is over."""
        seen = self._seen.pop(name, None)
        if seen is not None and is_good:
            self._took.append(self._clock() - seen.first)

    def _patience(self) -> float:
        """Seconds of silence after which a call is tried elsewhere."""
        if len(self._took) < _ENOUGH:
            return self._stall
        usual = max(_TIMES_MEDIAN * statistics.median(self._took), _LEAST_SECONDS)
        return min(self._stall, usual)

    def _say(self, name: str, seen: _Seen, now: float) -> None:
        place = f" on {seen.pulse.host}" if seen.pulse.host else ""
        where = (
            f"in process {seen.pulse.pid}{place}, after {seen.documents:,} documents"
        )
        if now - seen.said >= self._stall:
            seen.said = now
            self._note(
                f"{name}: no progress since {_since(seen.clock, now - seen.changed)}, {where}"
            )
        elif (
            now - seen.changed < self._stall
            and now - seen.counted >= self._stall * 2**seen.busy_lines
        ):
            seen.busy_lines += 1
            self._note(
                f"{name}: at work on one document, or one long step, since "
                f"{_since(seen.counted_clock, now - seen.counted)}, {where}"
            )


def _begun(now: float, pulse: Pulse) -> _Seen:
    clock = time.time()
    return _Seen(
        now,
        now,
        clock,
        now,
        pulse,
        documents=pulse.documents,
        counted=now,
        counted_clock=clock,
    )


def _since(clock: float, seconds: float) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(clock))
    return f"{since} ({seconds / 60:.1f} minutes)"


def _has_moved(before: Pulse, after: Pulse) -> bool:
    return (
        (before.host, before.pid) != (after.host, after.pid)
        or after.documents != before.documents
        or after.cpu - before.cpu > _CPU_SECONDS
    )
