"""Try one document alone in a fresh process: does it end it?

A worker may die because of others: a machine that is taken back, a watch over memory, an
operator. So a document is guilty only if a process that has nothing else to do dies at it
by its own doing, or, if it dies of a signal that others may have sent, every time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tamis.storage import Storage
from tamis.work.commits import Rehearsal, fingerprint_of, last_mark
from tamis.work.processes import Death, ProcessDied, in_fresh_process

_ATTEMPTS = 3
_MOST_SECONDS = 1800.0  # a page that takes longer is slow, and kills nobody


@dataclass(frozen=True)
class Trial:
    """`function(outputs, *arguments)` has only the document of `mark`.

    `is_old`: an earlier run found it guilty.
    """

    key: str
    fingerprint: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    mark: Any
    is_old: bool
    gpus: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.key} alone"


@dataclass(frozen=True)
class Verdict:
    """How the document ended its process, and at which mark; or that it did not.

    Neither is known where the trial failed for another reason, `problem`.
    """

    death: Death | None = None
    mark: Any = None
    is_harmless: bool = False
    problem: str = ""


def tried_alone(storage: Storage, trial: Trial) -> Verdict:
    """The verdict on a document. Runs in a worker, and the trial in a child of it."""
    own = fingerprint_of(trial.fingerprint, "alone")
    outputs = Rehearsal(storage, trial.key, own, deaths=1)
    found = Verdict()
    try:
        for _ in range(_ATTEMPTS):
            found = _once(outputs, trial)
            if found.is_harmless or (found.death and found.death.is_own):
                break
    finally:
        outputs.unmark()
    return found


def _once(outputs: Rehearsal, trial: Trial) -> Verdict:
    outputs.unmark()
    try:
        in_fresh_process(
            trial.function, (outputs, *trial.arguments), timeout_seconds=_MOST_SECONDS
        )
    except ProcessDied as error:
        mark = last_mark(outputs.storage, outputs.key, outputs.fingerprint)
        if mark is not None and mark.get("id") == trial.mark["id"]:
            return Verdict(error.death, mark)
        return Verdict(problem=str(error))
    except Exception as error:  # the task itself will meet it: this is about deaths
        return Verdict(problem=f"{type(error).__name__}: {error}")
    return Verdict(is_harmless=True)
