"""Tasks, and the runner of those that are not committed yet (`tamis.work.commits`).

A task that fails for a transient reason is tried again; one that kills its worker three
times is cut up until the document that does it is isolated.
"""

import ctypes
import sys
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import pyarrow as pa

from tamis.addresses import without_secrets_in
from tamis.errors import DamagedFile, InputError, StageError, TamisError
from tamis.interrupts import held, stop_if_asked
from tamis.remote.failures import AccessRefused
from tamis.storage import Storage
from tamis.work.commits import (
    LOADING,
    Commit,
    Outputs,
    known_commit,
    last_mark,
    packed,
    publish_commit,
    record_name,
)
from tamis.work.executors import Call, Executor, Outcome

MAX_ATTEMPTS = 3
STAGE_NOTE = "in stage "  # start of an exception's note that names the stage


@dataclass(frozen=True)
class Task:
    """`function(outputs, *arguments)` returns a tally, or nothing; its files are in `outputs`.

    `isolate` gives the tasks to run instead of one that kills its worker, from the
    last mark that it left; none if it cannot be cut further.
    """

    key: str
    fingerprint: str
    function: Callable[..., Mapping[str, Any] | None]
    arguments: tuple[Any, ...]
    isolate: Callable[[Any], Sequence["Task"]] | None = None
    gpus: float = 0.0


class Progress(Protocol):
    """Receives each group of tasks as it begins, and each task as it ends."""

    def begin(self, group: str, total: int) -> None: ...

    def advance(self, group: str, commit: Commit, *, redone: bool) -> None: ...

    def note(self, message: str) -> None: ...


class Silent:
    """Shows nothing."""

    def begin(self, group: str, total: int) -> None: ...

    def advance(self, group: str, commit: Commit, *, redone: bool) -> None: ...

    def note(self, message: str) -> None: ...


class Tasks:
    """Runs tasks that are not committed yet, and remembers which commits were used."""

    def __init__(
        self, storage: Storage, executor: Executor, progress: Progress | None = None
    ) -> None:
        self.storage = storage
        self.executor = executor
        self.progress = progress or Silent()
        self.used: set[str] = set()  # names of the commit records that this run uses
        self.executed: dict[str, int] = {}  # group -> tasks that really ran
        self.retried: Counter[str] = Counter()  # group -> attempts after the first
        self.unreadable: dict[str, str] = {}  # task key -> why its input was set aside
        # By group and key: keys recur from group to group.
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._deaths: Counter[tuple[str, str]] = Counter()

    def run(self, group: str, tasks: Sequence[Task]) -> list[Commit]:
        """Commits of all tasks, in their order; see `run_each`."""
        each = self.run_each(group, tasks)
        return [commit for task in tasks for commit in each[task.key]]

    def run_each(self, group: str, tasks: Sequence[Task]) -> dict[str, list[Commit]]:
        """Commits by the task's key: one, or those of the tasks that replace it.

        A task whose input cannot be read has none: it is in `unreadable`.
        Raises StageError for a task that fails for another reason, and DamagedFile with
        all damaged files that its tasks met, when the others have ended.
        """
        self.progress.begin(group, len(tasks))
        commits = self.committed(group, tasks)
        for commit in commits.values():
            self.progress.advance(group, commit, redone=False)
        known = {task.key: task for task in tasks}
        queue = deque(task for task in tasks if task.key not in commits)
        queue.extend(self.unfinished_pieces(group, commits, known))
        damaged: list[DamagedFile] = []
        with held():
            while queue or self.executor.pending:
                stop_if_asked()
                while queue and self.executor.pending < self.executor.capacity:
                    self._submit(group, queue.popleft())
                outcome = self.executor.wait()
                task = known[outcome.call.name]
                if outcome.error is None and outcome.died is None:
                    commits[task.key] = packed(outcome.value)
                    self.executed[group] = self.executed.get(group, 0) + 1
                    self.progress.advance(group, outcome.value, redone=True)
                elif isinstance(outcome.error, DamagedFile):
                    damaged.append(outcome.error)
                elif isinstance(outcome.error, AccessRefused):
                    raise outcome.error  # the next file would be refused too
                elif isinstance(outcome.error, InputError):
                    self.unreadable[task.key] = str(outcome.error)
                    self.progress.note(f"set aside: {outcome.error}")
                else:
                    for retry in self._again(group, task, outcome, commits):
                        known[retry.key] = retry
                        queue.append(retry)
        if damaged:
            raise _together(damaged)
        return {task.key: self.whole(group, task.key, commits) for task in tasks}

    def forget(self, names: Collection[str]) -> None:
        """Remove the records that list one of the damaged files: their tasks are done again.

        These files stay, and are replaced when the same content is written again. One that
        no record lists is removed: the end of a run writes it.
        """
        every = self.storage.names("commits")
        every = [name for name in every if name.endswith(".json")]
        with ThreadPoolExecutor(16) as pool:
            commits = pool.map(partial(known_commit, self.storage), every)
            listing: dict[str, set[str]] = {}
            for name, commit in zip(every, commits, strict=True):
                if isinstance(commit, Commit):
                    own = {file.path for file in commit.files}.intersection(names)
                    listing |= {name: own} if own else {}
        self.storage.remove(listing)
        self.storage.remove(sorted(set(names).difference(*listing.values())))

    def recall(self, group: str, key: str, fingerprint: str) -> Commit | None:
        """The commit of finished work, if all of its files exist."""
        task = Task(key, fingerprint, dict, ())
        commit = self.committed(group, [task]).get(key)
        if commit:
            self.used.add(record_name(group, key, fingerprint))
        return commit

    def record(self, group: str, commit: Commit) -> Commit:
        """Commit something that the driver itself has made."""
        name = record_name(group, commit.key, commit.fingerprint)
        self.used.add(name)
        return publish_commit(self.storage, name, commit)

    def _submit(self, group: str, task: Task) -> None:
        self._attempts[group, task.key] += 1
        arguments = (
            self.storage,
            record_name(group, task.key, task.fingerprint),
            Outputs(
                self.storage,
                task.key,
                task.fingerprint,
                self._deaths[group, task.key],
            ),
            task.fingerprint,
            task.function,
            task.arguments,
        )
        self.executor.submit(
            Call(task.key, execute_and_commit, arguments, gpus=task.gpus)
        )

    def _again(
        self, group: str, task: Task, outcome: Outcome, commits: dict[str, Commit]
    ) -> Sequence[Task]:
        """The tasks to queue after a failure: the task again, or its replacements.

        Raises if it cannot be tried again or replaced.
        """
        attempt = self._attempts[group, task.key]
        if outcome.died:
            self._deaths[group, task.key] += 1
        may_recover = outcome.error is None or _is_transient(outcome.error)
        if may_recover and attempt < MAX_ATTEMPTS:
            self.retried[group] += 1
            cause = outcome.error or f"its worker died: {outcome.died}"
            self.progress.note(f"{task.key}: tried again: {cause}")
            return [task]
        if outcome.error is not None:
            raise _stage_error(group, task.key, outcome.error) from outcome.error
        mark = last_mark(self.storage, task.key, task.fingerprint)
        if mark == LOADING:
            why = (
                f"its worker died {attempt} times ({outcome.died}) as it loaded models"
            )
            raise StageError(group, task.key, f"{why}: is there memory for them?")
        pieces = task.isolate(mark) if task.isolate else ()
        if task.isolate and not pieces:
            self.unreadable[task.key] = f"{task.key}: its worker died {attempt} times"
            self.progress.note(f"set aside: {self.unreadable[task.key]}")
            return ()
        if not pieces:
            raise StageError(
                group, task.key, f"its worker died {attempt} times ({outcome.died})"
            )
        self.progress.note(f"{task.key}: its worker died {attempt} times at {mark}")
        name = record_name(group, task.key, task.fingerprint)
        keys = tuple(piece.key for piece in pieces)
        commit = Commit(task.key, task.fingerprint, (), {"mark": mark}, keys)
        commits[task.key] = publish_commit(self.storage, name, commit)
        finished = self.committed(group, pieces)
        commits.update(finished)
        return [piece for piece in pieces if piece.key not in finished]

    def unfinished_pieces(
        self, group: str, commits: dict[str, Commit], known: dict[str, Task]
    ) -> list[Task]:
        """Unfinished tasks with which an earlier run replaced another one."""
        unfinished: list[Task] = []
        replaced = [commit for commit in commits.values() if commit.replaced_by]
        while replaced:
            commit = replaced.pop()
            isolate = known[commit.key].isolate
            pieces = isolate(commit.tally["mark"]) if isolate else ()
            finished = self.committed(group, pieces)
            commits.update(finished)
            known.update({piece.key: piece for piece in pieces})
            unfinished += [piece for piece in pieces if piece.key not in finished]
            replaced += [done for done in finished.values() if done.replaced_by]
        return unfinished

    def whole(
        self, group: str, key: str, commits: Mapping[str, Commit]
    ) -> list[Commit]:
        """All commits of a task, with replacements followed to their end.

        None if one of its pieces is missing: a part must not be taken for the whole.
        """
        found: list[Commit] = []
        waiting = [key]
        while waiting:
            here = waiting.pop()
            commit = commits.get(here)
            if commit is None:
                self.unreadable.setdefault(key, self.unreadable.get(here, here))
                return []
            self.used.add(record_name(group, commit.key, commit.fingerprint))
            if not commit.replaced_by:
                found.append(commit)
            waiting.extend(reversed(commit.replaced_by))
        return found

    def committed(self, group: str, tasks: Sequence[Task]) -> dict[str, Commit]:
        """Commits of the finished tasks whose files all exist."""
        names = {
            record_name(group, task.key, task.fingerprint): task.key for task in tasks
        }
        present = [
            name for name in self.storage.names(f"commits/{group}") if name in names
        ]
        with ThreadPoolExecutor(16) as pool:
            records = pool.map(partial(known_commit, self.storage), present)
            found = [r if isinstance(r, DamagedFile) else packed(r) for r in records]
        commits = [one for one in found if isinstance(one, Commit)]
        problems = [one.what for one in found if isinstance(one, DamagedFile)]
        folders = {file.dataset for commit in commits for file in commit.files}
        sizes: dict[str, int] = {}
        for folder in sorted(folders):
            sizes |= self.storage.sizes(folder)
        finished = {}
        for commit in commits:
            different = [f for f in commit.files if sizes.get(f.path) != f.bytes]
            if not different:
                finished[commit.key] = commit
            problems += [
                f"{self.storage.path(file.path)} has {sizes[file.path]} bytes, and not "
                f"{file.bytes}"
                for file in different
                if file.path in sizes
            ]
        self._note_redone(group, problems)
        return finished

    def _note_redone(self, group: str, problems: Sequence[str]) -> None:
        """Say in one line why tasks are done again; nothing if their files are gone."""
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self.progress.note(f"{group}: {problems[0]}{more}: done again")


def execute_and_commit(
    storage: Storage,
    name: str,
    outputs: Outputs,
    fingerprint: str,
    function: Callable[..., Mapping[str, Any] | None],
    arguments: tuple[Any, ...],
) -> Commit:
    """Run a task in a worker: write its files, then its record `name`."""
    try:
        tally = function(outputs, *arguments)
    finally:
        give_memory_back()
    commit = Commit(outputs.key, fingerprint, tuple(outputs.files), tally or {})
    return publish_commit(storage, name, commit)


def _together(damaged: Sequence[DamagedFile]) -> DamagedFile:
    """One error for all damaged files of the first one's folder."""
    first = damaged[0]
    names = [n for error in damaged if error.root == first.root for n in error.names]
    return DamagedFile(first.root, tuple(dict.fromkeys(names)), first.why, first.advice)


def give_memory_back() -> None:
    """Return free memory to the system; else the needs of consecutive tasks add up."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # some C libraries lack it
            ctypes.CDLL(None).malloc_trim(0)


def _is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed: a network or a disk may recover, others do not."""
    return isinstance(error, OSError) or getattr(error, "is_transient", False)


def _stage_error(group: str, key: str, error: BaseException) -> TamisError:
    """Our own errors unchanged; any other as a StageError that names the stage."""
    if isinstance(error, TamisError):
        return error
    notes = getattr(error, "__notes__", [])
    stages = [note for note in notes if note.startswith(STAGE_NOTE)]
    stage = stages[0].removeprefix(STAGE_NOTE) if stages else group
    return StageError(
        stage, key, f"{type(error).__name__}: {without_secrets_in(error)}"
    )
