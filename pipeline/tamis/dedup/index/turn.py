"""Whose turn it is to publish into an index: one run at a time, killed or not.

A run reserves the next number before it compares anything (`writer.json` in the index,
the same token in `index-turn.json` of its output folder). During the reservation no
other run can have one, and nothing is merged or removed, so the run reads the same rows
however often it is killed and resumed. When its process ends, only the lock of the
folder ends, which is held for moments. The reservation belongs to the output folder,
and a resumed run uses it again. `tamis index unlock` gives it up; what that run
publishes later is refused.
"""

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.dedup.index.folder import (
    Generation,
    all_generations,
    generations,
    input_hashes,
    locked,
    manifest,
    reading,
)
from tamis.errors import ConfigError, DamagedFile, StorageError
from tamis.storage import Storage
from tamis.work.commits import Commit, fingerprint_of, record_name
from tamis.work.ledger import publish_commit, records_of, remove_records

WRITER = "writer.json"
TICKET = "index-turn.json"


@with_config(extra="forbid")
class Reservation(TypedDict):
    """writer.json: which run writes into the index, its number, and the runs it reads."""

    token: str
    number: int
    reads: list[str]
    output: str
    host: str
    pid: int
    since: str


_RESERVATION = TypeAdapter(Reservation)


class Turn(NamedTuple):
    """The number that a run publishes under; `reads`: the runs whose rows it reads."""

    number: int
    reads: tuple[str, ...]
    is_published: bool


def upcoming(
    index: Storage,
    fingerprint: str,
    settings: dict[str, Any],
    *,
    inputs: NDArray[np.uint64],
) -> Turn:
    """The turn of the run `fingerprint`: its earlier one if it has published already.

    Raises ConfigError if the index has other hashes, or has some of the `inputs`
    (hashes of their names) from another recipe.
    """
    published = generations(index)
    refuse_other_hashes(index, published, settings)
    runs = [entry for generation in published for entry in generation.runs]
    own = [entry.number for entry in runs if entry.fingerprint == fingerprint]
    number = own[0] if own else max((entry.number for entry in runs), default=0) + 1
    if not own:
        known = input_hashes(reading(index, published, number))
        seen = int(np.isin(inputs, known).sum())
        if seen:
            raise ConfigError(
                f"deduplicate.index: {index.shown} has {seen} of the {len(inputs)} input "
                f"files already, as another recipe or list of inputs read them: every "
                f"document would be its own duplicate. Leave them out, or take them out of "
                f"the index (`tamis index remove {index.shown}`, the newest run first)"
            )
    reads = tuple(entry.fingerprint for entry in runs if entry.number < number)
    return Turn(number, reads, bool(own))


def refuse_other_hashes(
    index: Storage, published: Sequence[Generation], settings: dict[str, Any]
) -> None:
    """Raise ConfigError if the index was made with other settings."""
    for generation in published:
        if generation.settings != settings:
            raise ConfigError(
                f"deduplicate.index: {index.shown} was made with "
                f"{_spelled(generation.settings)}, and this recipe has "
                f"{_spelled(settings)}: their hashes do not meet; use another index"
            )


def reserve(
    index: Storage,
    output: Storage,
    fingerprint: str,
    *,
    settings: dict[str, Any],
    inputs: NDArray[np.uint64],
    note: Callable[[str], None],
) -> Turn:
    """`upcoming`, held for this output folder until it publishes.

    A damaged record of a turn is noted, and counts as none. Raises StorageError while
    another folder holds the turn.
    """
    turn = upcoming(index, fingerprint, settings, inputs=inputs)
    if turn.is_published:
        return turn
    with locked(index):
        turn = upcoming(index, fingerprint, settings, inputs=inputs)
        for storage, name in ((index, WRITER), (output, TICKET)):
            _reservation(storage, name, note)
        held, token = holder(index), _token(output)
        if held and token is None and _is_of_folder(held, output):
            token = held["token"]  # the ticket was damaged
        if held and held["token"] != token:
            raise StorageError(_reserved(index, held))
        about: Reservation = {
            "token": token or uuid.uuid4().hex,
            "number": turn.number,
            "reads": list(turn.reads),
            "output": output.shown_path(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        output.write_record(TICKET, about)
        index.write_record(WRITER, about)
    return turn


def publish(index: Storage, output: Storage, generation: Generation) -> None:
    """Publish the generation at once. Raises StorageError if it is not this run's turn."""
    with holding(index, output):
        if not index.create(generation.name, manifest(generation)):
            raise StorageError(f"{index.shown}: {generation.name} is there already")
        _end_turn(index, output)


@contextmanager
def holding(index: Storage, output: Storage) -> Iterator[None]:
    """Lock the index. Raises StorageError if it is not this folder's turn."""
    with locked(index):
        held = holder(index)
        if not held or held["token"] != _token(output):
            raise StorageError(
                f"{index.shown}: the turn of {output.shown} was given up while it ran; "
                f"run it again to compare with what was published since"
            )
        yield


def tidy(index: Storage, output: Storage) -> None:
    """Remove what a run left if it was killed after it published."""
    token = _token(output)
    if token is None:
        return
    with locked(index):
        held = _reservation(index, WRITER)
        if held and held["token"] == token:
            _end_turn(index, output)


def holder(index: Storage) -> Reservation | None:
    """What writer.json says, if that run has not published yet."""
    held = _reservation(index, WRITER)
    if held is None:
        return None
    published = generations(index)
    is_spent = bool(published) and published[-1].last >= held["number"]
    return None if is_spent else held


def refuse_while_held(index: Storage) -> None:
    """Raise StorageError while a run has begun and not published."""
    held = holder(index)
    if held:
        raise StorageError(_reserved(index, held))


def remove_newest(index: Storage) -> Generation:
    """Remove the newest run: the index is as if it had never run."""
    with locked(index):
        refuse_while_held(index)
        published = generations(index)
        if not published:
            raise ConfigError(f"{index.shown}: there is no generation to remove")
        newest = published[-1]
        if newest.first != newest.last:
            raise ConfigError(
                f"{index.shown}: the newest generation holds several runs, "
                f"{newest.first} to {newest.last}, which cannot be separated"
            )
        # What a record lists is found again if the next lines are interrupted.
        files = tuple(own.file for own in newest.files)
        gone = Commit(f"{newest.first:06}", fingerprint_of(newest.name), files)
        publish_commit(index, record_name("removed", gone.key, gone.fingerprint), gone)
        index.remove([WRITER, newest.name])
        sweep(index)
        return newest


def unlock(index: Storage) -> Reservation | None:
    """Give up the reservation and return it."""
    with locked(index):
        held = holder(index)
        index.remove([WRITER])
        return held


def sweep(index: Storage) -> None:
    """Remove what is merged, given up, or left by a killed run.

    Only files go that a manifest or a record of this folder lists, and none behind a link;
    the records go last, so that what is left is listed if this is interrupted.
    """
    named = _named(generations(index))
    manifests = all_generations(index)
    records = dict(records_of(index))
    files = {own.file.path for one in manifests for own in one.files}
    files |= {file.path for commit in records.values() for file in commit.files}
    going = [*sorted(files - named), *sorted({m.name for m in manifests} - named)]
    index.remove(n for n in going if not index.is_behind_link(n))
    remove_records(index, (n for n in records if not index.is_behind_link(n)))
    index.remove(index.unfinished())


def _named(published: Sequence[Generation]) -> set[str]:
    """Manifests, and the files that they list."""
    files = {own.file.path for generation in published for own in generation.files}
    return files | {own.name for own in published}


def _end_turn(index: Storage, output: Storage) -> None:
    index.remove([WRITER])
    output.remove([TICKET])
    sweep(index)


def _token(output: Storage) -> str | None:
    held = _reservation(output, TICKET)
    return held["token"] if held else None


def _reservation(
    storage: Storage, name: str, note: Callable[[str], None] | None = None
) -> Reservation | None:
    """What a file says about a turn; null if there is none, or a damaged one.

    Without it a turn is reserved again. A run that still believes that it has one cannot
    publish: `holding` compares the tokens.
    """
    try:
        return storage.read_record(name, _RESERVATION) if storage.exists(name) else None
    except DamagedFile as error:
        if note is not None:
            note(f"{error.what}: made again")
        return None


def _is_of_folder(held: Reservation, output: Storage) -> bool:
    """Whether this output folder, whose lock we hold, has made the reservation."""
    return held["output"] == output.path() and held["host"] == socket.gethostname()


def _reserved(index: Storage, held: Reservation) -> str:
    return (
        f"{index.shown} is being written by the run in {held['output']} (process "
        f"{held['pid']} on {held['host']}, since {held['since']}): wait for it, or run "
        f"it again where it was stopped; `tamis index unlock {index.shown}` gives it up"
    )


def _spelled(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
