"""Tasks, and the runner of those that are not committed yet (`tamis.work.commits`).

A task that fails for a transient reason is tried again. So is one whose worker died, in a
process of its own and one document at a time. The document at which that process dies too
is tried alone (`tamis.work.trials`), and set apart only if it ends a process that has
nothing else to do. The next run tries it again.
"""

import ctypes
import sys
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import pyarrow as pa

from tamis.addresses import without_secrets_in
from tamis.errors import DamagedFile, InputError, StageError, TamisError
from tamis.interrupts import held, stop_if_asked
from tamis.kernels import KernelsNotCompiled, ensure_kernels
from tamis.remote.failures import AccessRefused
from tamis.storage import Storage
from tamis.storage.fetched import fetched_by
from tamis.tally import Tally
from tamis.work.commits import (
    LOADING,
    STARTED,
    Commit,
    Outputs,
    last_mark,
    mark_name,
    record_name,
)
from tamis.work.executors import TASK_BYTES, Call, Executor, Outcome
from tamis.work.ledger import (
    Gathering,
    compact,
    is_ledger,
    publish_commit,
    records_in,
    records_of,
    remove_records,
)
from tamis.work.processes import Death, in_fresh_process
from tamis.work.pulse import Pulse
from tamis.work.trials import Trial, Verdict, tried_alone
from tamis.work.watch import Watch

MAX_ATTEMPTS = 3
# Others may end a task's worker: its machine, a watch over memory, an operator.
MAX_DEATHS = 12
WHOLE = "all"  # key of what is done once for all parts
STAGE_NOTE = "in stage "  # start of an exception's note that names the stage
_NAMED = 3  # inputs of a task


@dataclass(frozen=True)
class Task:
    """`function(outputs, *arguments)` returns a tally, or nothing; its files are in `outputs`.

    `alone` gives arguments with which `function` has only the document of a mark.
    `isolate` gives the tasks to run instead of one that kills its worker, from that
    mark; none if it cannot be cut further. `together`: the inputs that it reads, if they
    are several; where one cannot be read, `isolate(None)` gives a task for each.
    """

    key: str
    fingerprint: str
    function: Callable[..., Mapping[str, Any] | None]
    arguments: tuple[Any, ...]
    isolate: Callable[[Any], Sequence["Task"]] | None = None
    alone: Callable[[Any], tuple[Any, ...]] | None = None
    gpus: float = 0.0
    together: tuple[str, ...] = ()
    memory: int = TASK_BYTES  # that it may need

    @property
    def shown(self) -> str:
        """The task as messages name it: by its inputs, if they are several."""
        if not self.together:
            return self.key
        more = len(self.together) - _NAMED
        return ", ".join(self.together[:_NAMED]) + (f" and {more} more" * (more > 0))


class Progress(Protocol):
    """Receives each group of tasks as it begins, and each task as it ends.

    `inside`: documents of tasks that run now, and the sum of their shares done.
    """

    def begin(self, group: str, total: int) -> None: ...

    def advance(self, group: str, commit: Commit, *, redone: bool) -> None: ...

    def inside(self, group: str, documents: int, shares: float) -> None: ...

    def note(self, message: str) -> None: ...


class Silent:
    """Shows nothing."""

    def begin(self, group: str, total: int) -> None: ...

    def advance(self, group: str, commit: Commit, *, redone: bool) -> None: ...

    def inside(self, group: str, documents: int, shares: float) -> None: ...

    def note(self, message: str) -> None: ...


class Tasks:
    """Runs tasks that are not committed yet, and remembers which commits were used."""

    def __init__(
        self,
        storage: Storage,
        executor: Executor,
        progress: Progress | None = None,
        *,
        stall_seconds: float = 600.0,
    ) -> None:
        self.storage = storage
        self.stall_seconds = stall_seconds
        self.executor = executor
        self.progress = progress or Silent()
        self.used: set[str] = set()  # names of the commit records that this run uses
        self.executed: dict[str, int] = {}  # group -> tasks that really ran
        self.retried: Counter[str] = Counter()  # group -> attempts after the first
        self.running: Mapping[str, Pulse] = {}  # calls at work, when last looked at
        self._gatherings: dict[str, Gathering] = {}  # by group
        self.unreadable: dict[str, str] = {}  # task key -> why its input was set aside
        # By group and key: keys recur from group to group.
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._deaths: dict[tuple[str, str], list[Death]] = {}
        self._trials: dict[str, Trial] = {}  # those that run, by the name of their call

    def run(self, group: str, tasks: Sequence[Task]) -> list[Commit]:
        """Commits of all tasks, in their order; see `run_each`."""
        each = self.run_each(group, tasks)
        return [commit for task in tasks for commit in each[task.key]]

    def run_each(self, group: str, tasks: Sequence[Task]) -> dict[str, list[Commit]]:
        """Commits by the task's key: one, or those of the tasks that replace it.

        For inputs that are read apart and not together, those by each one's key as well.
        A task whose input cannot be read has none: it is in `unreadable`.
        Raises StageError for a task that fails for another reason, and DamagedFile with
        all damaged files that its tasks met, when the others have ended.
        """
        self.progress.begin(group, len(tasks))
        commits = self.committed(group, tasks)
        for commit in commits.values():
            self.progress.advance(group, commit, redone=False)
        known = {task.key: task for task in tasks}
        queue: deque[Task | Trial] = deque(t for t in tasks if t.key not in commits)
        queue.extend(self.unfinished_pieces(group, commits, known))
        queue.extend(_verdicts(commits.values(), known))
        self._note_interrupted(group, queue)
        damaged: list[DamagedFile] = []
        if queue:
            self._compile_kernels()
            self.executor.start()  # before the block: Ray takes SIGTERM for itself
        with held(), self._watched(group) as watch:
            while queue or self.executor.pending:
                stop_if_asked()
                while queue and self.executor.pending < self.executor.capacity:
                    self._submit(group, queue.popleft())
                outcome = self.executor.wait()
                watch.ended(outcome.call.name, is_good=outcome.died is None)
                trial = self._trials.pop(outcome.call.name, None)
                if trial is not None:
                    queue.extend(self._after(group, trial, outcome, commits, known))
                    continue
                task = known[outcome.call.name]
                if outcome.error is None and outcome.died is None:
                    commits[task.key] = compact(outcome.value)
                    self._gathering(group).add(commits[task.key])
                    self.executed[group] = self.executed.get(group, 0) + 1
                    self.progress.advance(group, outcome.value, redone=True)
                elif isinstance(outcome.error, DamagedFile):
                    damaged.append(outcome.error)
                elif isinstance(outcome.error, AccessRefused):
                    raise outcome.error  # the next file would be refused too
                else:
                    try:
                        queue.extend(self._again(group, task, outcome))
                    except InputError as error:
                        why = str(error)
                        queue.extend(self._set_aside(group, task, why, commits, known))
        self._gathering(group).end()
        if damaged:
            raise _together(damaged)
        return self.by_key(group, tasks, commits)

    def forget(self, names: Collection[str]) -> None:
        """Remove the records that list one of the damaged files: their tasks are done again.

        These files stay, and are replaced when the same content is written again. One that
        no record lists is removed: the end of a run writes it.
        """
        listing: dict[str, set[str]] = {}
        for name, commit in records_of(self.storage):
            own = {file.path for file in commit.files}.intersection(names)
            listing |= {name: own} if own else {}
        ledgers = list(filter(is_ledger, names))
        remove_records(self.storage, [*listing, *ledgers])
        for gathering in self._gatherings.values():
            gathering.forget(listing)
        self.storage.remove(sorted(set(names).difference(ledgers, *listing.values())))

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

    @contextmanager
    def _watched(self, group: str) -> Iterator[Watch]:
        """Show how far running tasks are, and try elsewhere what makes no progress."""
        watch = Watch(self.stall_seconds, self.progress.note)

        def look() -> None:
            running = self.running = self.executor.running()
            documents = sum(pulse.documents for pulse in running.values())
            shares = sum(pulse.share for pulse in running.values())
            self.progress.inside(group, documents, shares)
            self._note_news()
            for name in watch.look(running):
                self.executor.try_elsewhere(name)

        self.executor.watch = look
        try:
            yield watch
            self._note_news()
        finally:
            self.executor.watch = None
            self.running = {}

    def _note_news(self) -> None:
        for line in self.executor.news():
            self.progress.note(line)

    def _submit(self, group: str, task: Task | Trial) -> None:
        if isinstance(task, Trial):
            call = Call(task.name, tried_alone, (self.storage, task), gpus=task.gpus)
            self._trials[task.name] = task
            self.executor.submit(call)
            return
        self._attempts[group, task.key] += 1
        deaths = self._deaths.get((group, task.key), ())
        died = sum(not death.is_lost for death in deaths)
        arguments = (
            self.storage,
            record_name(group, task.key, task.fingerprint),
            Outputs(self.storage, task.key, task.fingerprint, died),
            task.fingerprint,
            task.function,
            task.arguments,
        )
        function: Callable[..., Commit] = execute_and_commit
        if died:
            function = execute_apart
        elif task.isolate and self.executor.kind == "inline":
            function = execute_marked
        self.executor.submit(
            Call(task.key, function, arguments, gpus=task.gpus, memory=task.memory)
        )

    def _compile_kernels(self) -> None:
        """So that no worker of this machine compiles them for itself."""
        if not self.executor.is_local:
            return  # the workers of each node see to it
        group = "compile kernels"

        def say(done: int, of: int) -> None:
            if done == 0:
                self.progress.note("compiling kernels, once per installation ...")
                self.progress.begin(group, of)
            self.progress.inside(group, 0, done)

        try:
            ensure_kernels(say, uses=self.executor.kernels)
        except (KernelsNotCompiled, OSError) as error:
            self.progress.note(f"each worker compiles kernels for itself: {error}")

    def _note_interrupted(self, group: str, waiting: Iterable[Task | Trial]) -> None:
        """Take the marks of a process that ran tasks itself and died for deaths."""
        if self.executor.kind != "inline":
            return
        marks = set(self.storage.names("work/marks"))
        for task in waiting:
            is_left = isinstance(task, Task) and (
                mark_name(task.key, task.fingerprint) in marks
            )
            if is_left and (group, task.key) not in self._deaths:
                death = Death("the run that had it did not end it")
                self._deaths[group, task.key] = [death]

    def _again(
        self, group: str, task: Task, outcome: Outcome
    ) -> Sequence[Task | Trial]:
        """The task to queue after a failure: the same again, or a trial of a document.

        Raises if it cannot be tried again: InputError if it is the input's fault.
        """
        if outcome.died is not None:
            return self._after_death(group, task, outcome.died)
        assert outcome.error is not None
        if isinstance(outcome.error, InputError):
            raise outcome.error
        attempts = self._attempts[group, task.key] - len(
            self._deaths.get((group, task.key), ())
        )
        if _is_transient(outcome.error) and attempts < MAX_ATTEMPTS:
            self.retried[group] += 1
            self.progress.note(f"{task.shown}: tried again: {outcome.error}")
            return [task]
        raise _stage_error(group, task.shown, outcome.error) from outcome.error

    def _after_death(
        self, group: str, task: Task, death: Death
    ) -> Sequence[Task | Trial]:
        deaths = self._deaths.setdefault((group, task.key), [])
        deaths.append(death)
        mark: Any = None
        if task.isolate and sum(not d.is_lost for d in deaths) > 1:
            mark = last_mark(self.storage, task.key, task.fingerprint)
        # The first death tells no cause: its worker may have been ended by others.
        own = sum(death.is_own for death in deaths)
        is_hopeless = len(deaths) >= MAX_ATTEMPTS and own >= MAX_ATTEMPTS - 1
        is_suspect = bool(mark) and "at" not in mark and task.alone is not None
        if len(deaths) >= MAX_DEATHS or (is_hopeless and not is_suspect):
            raise self._given_up(group, task, mark)
        self.retried[group] += 1
        if death.is_told:
            return [task]
        if death.is_lost or not is_suspect:
            what = "it was lost" if death.is_lost else "its worker died"
            self.progress.note(f"{task.shown}: tried again: {what}: {death}")
            return [task]
        place = _spelled(mark)
        self.progress.note(f"{task.shown}: its worker died at {place}: {death}")
        return [_trial(task, mark)]

    def _given_up(self, group: str, task: Task, mark: Any) -> TamisError:
        """The error for a task that dies though no document is to blame: InputError where it
        was reading.
        """
        deaths = self._deaths[group, task.key]
        lost = sum(death.is_lost for death in deaths)
        why = _told(len(deaths) - lost, lost, deaths[-1])
        if mark in (STARTED, LOADING):
            return StageError(
                group,
                task.shown,
                f"{why}; it was loading models: is there memory for them?",
            )
        if mark is not None and "at" in mark:
            return InputError(f"{task.shown}: {why}")
        if 2 * lost > len(deaths):
            why += "; no page does this: look at the machines of the cluster, and at their "
            why += "memory; run again to go on, finished work is kept"
        elif task.isolate is not None or len(deaths) >= MAX_DEATHS:
            why += "; no page does this alone, so look for what ends processes here, as"
            why += " a limit of memory; run again to go on"
        return StageError(group, task.shown, why)

    def _set_aside(
        self,
        group: str,
        task: Task,
        why: str,
        commits: dict[str, Commit],
        known: dict[str, Task],
    ) -> Sequence[Task]:
        """Leave out an input that cannot be read; of several, queue a task for each.

        A record says so, and later runs do not read them together again.
        """
        if not task.together or task.isolate is None:
            self.unreadable[task.key] = why
            self.progress.note(f"set aside: {why}")
            return ()
        inputs = len(task.together)
        self.progress.note(f"{inputs} small inputs are read one by one: {why}")
        pieces, tally = task.isolate(None), {"unreadable": without_secrets_in(why)}
        return self._replace(group, task, tally, pieces, commits, known)

    def _after(
        self,
        group: str,
        trial: Trial,
        outcome: Outcome,
        commits: dict[str, Commit],
        known: dict[str, Task],
    ) -> Sequence[Task | Trial]:
        """What to queue after a trial: the task as before, or the pieces around the page."""
        task = known[trial.key]
        deaths = self._deaths.setdefault((group, task.key), [])
        if outcome.died is not None:
            deaths.append(outcome.died)
            if len(deaths) < MAX_DEATHS:
                return [trial]
            if trial.is_old:
                return ()
            raise self._given_up(group, task, trial.mark)
        verdict = outcome.value if outcome.error is None else Verdict()
        if trial.is_old:
            if not verdict.is_harmless:
                return ()  # what the earlier run found stands
            self.progress.note(f"{trial.name}: {_spelled(trial.mark)} does no harm now")
            record = record_name(group, task.key, task.fingerprint)
            remove_records(self.storage, [record])
            self._gathering(group).forget([record])
            del commits[task.key]
            return [task]
        if verdict.death is None:
            found = verdict.problem or "does no harm"
            self.progress.note(f"{trial.name}: {found}: tried again with the others")
            return [task]
        return self._set_apart(group, task, verdict, commits, known)

    def _set_apart(
        self,
        group: str,
        task: Task,
        verdict: Verdict,
        commits: dict[str, Commit],
        known: dict[str, Task],
    ) -> Sequence[Task]:
        """Commit that others replace the task, with the reason; returns those to run."""
        mark, why = verdict.mark, without_secrets_in(verdict.death)
        pieces = task.isolate(mark) if task.isolate else ()
        if not pieces:
            raise StageError(group, task.shown, f"at {_spelled(mark)}: {why}")
        self.progress.note(
            f"{task.shown}: {_spelled(mark)} ends a process that has nothing else: it is "
            f"left out as worker_crash until a later run finds it harmless: {why}"
        )
        tally = {"mark": mark, "death": why}
        return self._replace(group, task, tally, pieces, commits, known)

    def _replace(
        self,
        group: str,
        task: Task,
        tally: Mapping[str, Any],
        pieces: Sequence[Task],
        commits: dict[str, Commit],
        known: dict[str, Task],
    ) -> Sequence[Task]:
        """Commit that others replace the task; returns those to run."""
        name = record_name(group, task.key, task.fingerprint)
        keys = tuple(piece.key for piece in pieces)
        commit = Commit(task.key, task.fingerprint, (), tally, keys)
        commits[task.key] = compact(publish_commit(self.storage, name, commit))
        self._gathering(group).add(commits[task.key])
        known.update({piece.key: piece for piece in pieces})
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
            pieces: list[Task] = []
            for commit in replaced:
                isolate = known[commit.key].isolate
                pieces += isolate(commit.tally.get("mark")) if isolate else ()
            finished = self.committed(group, pieces)
            commits.update(finished)
            known.update({piece.key: piece for piece in pieces})
            unfinished += [piece for piece in pieces if piece.key not in finished]
            replaced = [done for done in finished.values() if done.replaced_by]
        return unfinished

    def by_key(
        self, group: str, tasks: Sequence[Task], commits: Mapping[str, Commit]
    ) -> dict[str, list[Commit]]:
        """What `run_each` returns, from all commits by key."""
        keys = [task.key for task in tasks]
        for task in tasks:
            if task.together and task.key in commits:
                keys += commits[task.key].replaced_by
        return {key: self.whole(group, key, commits) for key in keys}

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
        names = {record_name(group, task.key, task.fingerprint) for task in tasks}
        found = records_in(self.storage, group, names)
        commits = list(found.commits.values())
        problems: list[str] = []
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
        if len(finished) < len(names):
            # Else what is damaged is of no task here.
            problems = [*(one.what for one in found.damaged), *problems]
        self._note_redone(group, problems)
        self._gathering(group).take(found, finished.values())
        return finished

    def total(self, group: str, commits: Iterable[Commit]) -> Tally:
        """The sum of the tallies of commits that `run_each` gave for the group."""
        return self._gathering(group).total(commits)

    def release(self) -> None:
        """A step has ended: no total of what ran in it is asked for any more."""
        for gathering in self._gatherings.values():
            gathering.release()

    def _gathering(self, group: str) -> Gathering:
        return self._gatherings.setdefault(group, Gathering(self.storage, group))

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
        tally, fetched = fetched_by(partial(function, outputs, *arguments))
    finally:
        give_memory_back()
    commit = Commit(outputs.key, fingerprint, tuple(outputs.files), tally or {})
    return replace(publish_commit(storage, name, commit), fetched=fetched)


def execute_marked(*arguments: Any) -> Commit:
    """As `execute_and_commit`, in the driver itself: its mark tells the next run that
    this task ended it.
    """
    outputs: Outputs = arguments[2]
    outputs.mark(STARTED)
    try:
        return execute_and_commit(*arguments)
    finally:
        outputs.unmark()


def execute_apart(*arguments: Any) -> Commit:
    """As `execute_and_commit`, in a process of its own, whose end tells why it died."""
    commit: Commit = in_fresh_process(execute_and_commit, arguments)
    return commit


def _trial(task: Task, mark: Any, *, is_old: bool = False) -> Trial:
    assert task.alone is not None
    return Trial(
        task.key, task.fingerprint, task.function, task.alone(mark), mark, is_old
    )


def _verdicts(commits: Iterable[Commit], known: Mapping[str, Task]) -> list[Trial]:
    """A trial for each document that an earlier run set apart."""
    return [
        _trial(known[commit.key], commit.tally["mark"], is_old=True)
        for commit in commits
        if commit.replaced_by
        and "mark" in commit.tally
        and known[commit.key].alone is not None
    ]


def _told(died: int, lost: int, last: Death) -> str:
    """How often a task's worker died, and how often it was lost with its machine."""
    parts = [f"its worker died {died} times"] if died else []
    parts += (
        [f"it was lost {lost} times with its machine, or for memory"] if lost else []
    )
    return f"{', and '.join(parts)}, the last time so: {last}"


def _spelled(mark: Mapping[str, Any]) -> str:
    """The document of a mark, as messages name it."""
    place = mark.get("url") or f"row {mark.get('row')}"
    return f"{place} in {mark.get('stage')}"


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
