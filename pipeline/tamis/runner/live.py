"""How far a run is, in a small file of its output folder, `status.json`.

Whoever runs writes it every ten seconds, and a last time at its end; `tamis status` reads
it on any machine. It is news, never a record: no run reads it, and a run goes on where it
cannot be written.
"""

import copy
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.addresses import without_secrets_in
from tamis.errors import DamagedFile, StorageError, TamisError
from tamis.interrupts import pause
from tamis.storage import Storage
from tamis.storage.fetched import outside_tasks
from tamis.tally import add
from tamis.work.commits import Commit
from tamis.work.executors import Executor
from tamis.work.tasks import Progress, Tasks

# Not state.json: Hugging Face takes a folder with one for what its save_to_disk wrote.
STATE = "status.json"
BEAT_SECONDS = 10.0
_MISSED = 2.5  # so many beats without a word, and nobody runs any more
_MOST_BYTES = 1 << 20
_MOST_CHARS = 500

Phase = Literal["running", "complete", "incomplete", "stopped", "failed"]
# The file may come from elsewhere: no number is so large that it cannot be shown.
Count = Annotated[int, Field(ge=0, le=10**18)]
Number = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]
Word = Annotated[str, Field(max_length=_MOST_CHARS)]


@with_config(extra="forbid")
class StepState(TypedDict):
    """A set of tasks: `done` of `total`, with the shares of those that run.

    known    of the done ones, those that an earlier run had finished
    pages    read by this run
    seconds  since it began; at its end, what it took
    """

    name: Word
    total: Count
    done: Number
    known: Count
    pages: Count
    seconds: Number


@with_config(extra="forbid")
class LossState(TypedDict):
    """What this run has lost so far, and what was done twice for that."""

    records: Count
    bytes: Count
    inputs: Count
    requests: Count
    tasks: dict[Word, Count]


@with_config(extra="forbid")
class RunState(TypedDict):
    """status.json.

    run      differs from run to run; `beat` grows with every word of one
    written  seconds since 1970, by the clock of the machine that runs
    why      of a run that failed
    running  tasks at work, and `machines` they are on
    to_come  steps that have not begun
    """

    run: Word
    beat: Count
    phase: Phase
    why: Word
    written: Number
    seconds: Number
    executor: Word
    workers: Count
    running: Count
    machines: Count
    steps: Annotated[list[StepState], Field(max_length=1000)]
    to_come: Annotated[list[Word], Field(max_length=1000)]
    lost: LossState


_STATE = TypeAdapter(RunState)


class _Step:
    """The tasks of a group, as they end."""

    def __init__(self) -> None:
        self.total = self.done = self.known = self.pages = 0
        self.inside_pages, self.shares = 0, 0.0
        self.begun = time.monotonic()
        self.seconds: float | None = None  # null until it is over

    def begin(self, total: int) -> None:
        self.total, self.done, self.known = total, 0, 0
        self.shares, self.inside_pages = 0.0, 0
        if self.seconds is not None:  # the same step again
            self.begun, self.seconds = time.monotonic() - self.seconds, None

    def shown(self, name: str) -> StepState:
        seconds = self.seconds
        return {
            "name": name,
            "total": self.total,
            "done": round(min(self.done + self.shares, max(self.total, self.done)), 2),
            "known": self.known,
            "pages": self.pages + self.inside_pages,
            "seconds": round(time.monotonic() - self.begun, 1)
            if seconds is None
            else seconds,
        }


class Live:
    """A `Progress` that hands everything on, and says every ten seconds how far the run is.

    `told` is called with each state, and with the counts of the tasks that have ended.
    `before`: bytes that this process had received outside tasks when the run began.
    """

    def __init__(
        self,
        inner: Progress,
        storage: Storage,
        executor: Executor,
        planned: Sequence[str],
        told: Callable[[RunState, Mapping[str, Any]], None] | None = None,
        *,
        before: int = 0,
    ) -> None:
        self.tasks: Tasks | None = None
        self._inner, self._storage, self._told = inner, storage, told
        self._executor = executor
        self._planned = list(planned)
        self._steps: dict[str, _Step] = {}
        self._counts: dict[str, Any] = {}
        self._fetched: Counter[str] = Counter()  # by step
        self._before = before
        self._lock = threading.Lock()  # of what two threads count and show
        self._writing, self._is_over = threading.Lock(), False
        self._run, self._beat, self._begun = uuid.uuid4().hex, 0, time.monotonic()

    def begin(self, group: str, total: int) -> None:
        with self._lock:
            self._end_steps()
            self._steps.setdefault(group, _Step()).begin(total)
        self._inner.begin(group, total)

    def advance(self, group: str, commit: Commit, *, redone: bool) -> None:
        with self._lock:
            step = self._steps[group]
            step.done += 1
            step.known += not redone
            if redone:
                self._fetched[group] += commit.fetched
                tally = commit.tally
                stages, source = tally.get("stages", {}), tally.get("source", {})
                own = {name: source[name] for name in _COUNTED if name in source}
                add(self._counts, {"source": own, "stages": stages})
                step.pages += next((one["documents_in"] for one in stages.values()), 0)
        self._inner.advance(group, commit, redone=redone)

    def fetched(self) -> dict[str, int]:
        """Bytes that this run has received so far, by step, and as `driver` by itself."""
        with self._lock:
            steps = {name: size for name, size in self._fetched.items() if size}
        own = outside_tasks() - self._before
        return dict(sorted(steps.items())) | ({"driver": own} if own else {})

    def inside(self, group: str, documents: int, shares: float) -> None:
        with self._lock:
            step = self._steps[group]
            step.inside_pages, step.shares = documents, shares
        self._inner.inside(group, documents, shares)

    def note(self, message: str) -> None:
        self._inner.note(message)

    @contextmanager
    def beating(self) -> Iterator["Live"]:
        """Say how far the run is until the block ends, and why it failed if it raises."""
        is_over = threading.Event()

        def beat() -> None:
            while not is_over.wait(BEAT_SECONDS):
                self.say("running")

        thread = threading.Thread(target=beat, daemon=True)
        self.say("running")
        thread.start()
        phase: Phase = "failed"
        why = ""
        try:
            yield self
        except KeyboardInterrupt:
            phase = "stopped"
            raise
        except TamisError as error:
            why = str(error)
            raise
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
            raise
        finally:
            is_over.set()
            thread.join()
            self.say(phase, why)  # if nobody has said how it ended

    def say(self, phase: Phase, why: str = "") -> None:
        """Write the state. What cannot be written is no reason to stop a run."""
        with self._writing:
            if self._is_over:  # a late beat
                return
            self._is_over = phase != "running"
            self._beat += 1
            state = self.state(phase, why)
            with suppress(StorageError, OSError):
                self._storage.write_record(STATE, state)
            if self._told is not None:
                with self._lock:
                    counts = copy.deepcopy(self._counts)
                self._told(state, {**counts, "fetched": self.fetched()})

    def state(self, phase: Phase, why: str = "") -> RunState:
        """What is known now."""
        with self._lock:
            if phase != "running":
                self._end_steps()
            steps = [step.shown(name) for name, step in self._steps.items()]
            source = self._counts.get("source", {})
            lost = {k: int(source.get(k, 0)) for k in _LOST}
        tasks = self.tasks
        pulses = list(tasks.running.values()) if tasks and phase == "running" else []
        return {
            "run": self._run,
            "beat": self._beat,
            "phase": phase,
            "why": _one_line(why),
            "written": round(time.time(), 3),
            "seconds": round(time.monotonic() - self._begun, 1),
            "executor": self._executor.kind,
            "workers": self._executor.workers,
            "running": len(pulses),
            "machines": len({pulse.host for pulse in pulses}),
            "steps": steps,
            "to_come": _to_come(self._planned, [step["name"] for step in steps]),
            "lost": {
                "records": lost["records_lost"],
                "bytes": lost["bytes_lost"],
                "inputs": len(tasks.unreadable) if tasks else 0,
                "requests": lost["retries"],
                "tasks": dict(tasks.retried) if tasks else {},
            },
        }

    def _end_steps(self) -> None:
        for step in self._steps.values():
            if step.seconds is None:
                step.seconds = round(time.monotonic() - step.begun, 1)
                step.inside_pages, step.shares = 0, 0.0


_LOST = ("records_lost", "bytes_lost", "retries")
_COUNTED = ("records", "admitted", *_LOST)


@dataclass(frozen=True)
class Status:
    """A state, and whether its run is still heard of.

    seconds_ago   since it was written, by the clock here; null if it has just changed
    """

    state: RunState
    is_heard: bool
    seconds_ago: float | None

    @property
    def phase(self) -> str:
        """`silent` for a run that has not ended and is heard of no more."""
        phase = self.state["phase"]
        return phase if phase != "running" or self.is_heard else "silent"


def read_state(storage: Storage) -> RunState:
    """status.json. Raises StorageError, in one line, if there is none that can be read."""
    if storage.size(STATE) is None:
        raise StorageError(f"{storage.shown}: no state of a run: no {STATE} is here")
    try:
        return storage.read_record(STATE, _STATE, most_bytes=_MOST_BYTES)
    except DamagedFile as error:
        raise StorageError(
            f"{storage.shown}: no state of a run: {STATE}: {error.why}; a run writes it anew"
        ) from error


def status_of(
    storage: Storage,
    *,
    sleep: Callable[[float], object] = pause,
    clock: Callable[[], float] = time.time,
) -> Status:
    """The state of a folder's last run, and whether it is still at work.

    Two machines' clocks may differ. So a state that looks old is watched for some beats
    before its run is taken for dead. Raises StorageError where there is no state.
    """
    state = read_state(storage)
    age = clock() - state["written"]
    if state["phase"] != "running" or -1 <= age <= _MISSED * BEAT_SECONDS:
        return Status(state, state["phase"] == "running", max(age, 0.0))
    for _ in range(int(_MISSED * BEAT_SECONDS)):
        sleep(1.0)
        later = read_state(storage)
        if (later["run"], later["beat"]) != (state["run"], state["beat"]):
            return Status(later, later["phase"] == "running", None)
    return Status(state, False, max(clock() - state["written"], 0.0))


def rate_of(step: StepState) -> float:
    """Pages a second since the step began."""
    return step["pages"] / max(step["seconds"], 1e-3)


def seconds_left(step: StepState) -> float | None:
    """Until the step's end at its rate so far; null while nothing of it is done.

    What earlier runs had finished took none of its time.
    """
    own = step["done"] - step["known"]
    if own <= 0:
        return None
    return step["seconds"] / own * max(step["total"] - step["done"], 0.0)


def _to_come(planned: Sequence[str], begun: Sequence[str]) -> list[str]:
    """The steps below the last one that has begun; those of a barrier begin with its name."""
    for index in range(len(planned) - 1, -1, -1):
        name = planned[index]
        if any(one == name or one.startswith(f"{name}-") for one in begun):
            return list(planned[index + 1 :])
    return list(planned)


def _one_line(text: str) -> str:
    return " ".join(without_secrets_in(text).split())[:_MOST_CHARS]
