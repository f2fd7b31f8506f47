"""A run as a job of a Ray cluster: what travels, how it is called, and how it is followed.

The recipe travels in a folder, with every path absolute. The code is what the cluster has
installed, or a wheel that travels unpacked beside the recipe and comes first there.
"""

import os
import shlex
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import yaml

from tamis.addresses import without_secrets
from tamis.errors import ConfigError, StorageError
from tamis.interrupts import pause
from tamis.recipe.load import Recipe, document_of, load_recipe
from tamis.recipe.places import beside, local_paths
from tamis.runner.live import RunState, read_state
from tamis.storage import Storage
from tamis.work.commits import fingerprint_of
from tamis.work.fingerprints import file_sha256
from tamis.work.ray_jobs import Job, Jobs, Phase
from tamis.work.tasks import Progress

_RECIPE = "recipe.yaml"
_MOST_BYTES = 256 << 20  # of an unpacked wheel
_LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Submission:
    """A recipe that is ready to travel. `document` has no relative path."""

    recipe: Recipe
    document: dict[str, Any]
    wheel: Path | None
    fingerprint: str


def submission_of(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    shared: Sequence[str] = (),
    wheel: Path | None = None,
) -> Submission:
    """A recipe for a cluster that sees the folders `shared` as this machine does.

    Raises ConfigError for a recipe that cannot be run, and for files that the cluster
    does not see.
    """
    recipe = load_recipe(path, overrides)
    if recipe.executor.kind == "inline":
        raise ConfigError(
            f"{path}: executor.kind is inline, which uses one core of the head; leave it out"
        )
    document = beside(document_of(path, overrides), Path.cwd())
    seen = [Path(folder).absolute() for folder in shared]
    unseen = [
        f"  {place}: {local}"
        for place, local in local_paths(document)
        if not _is_below(local, seen)
    ]
    if unseen:
        raise ConfigError(
            "\n".join(
                [
                    f"{path} names files of this machine, which a cluster does not see: use "
                    f"s3:// or https://, or say --shared FOLDER for one that all its nodes "
                    f"have under the same path:",
                    *unseen,
                ]
            )
        )
    code = file_sha256(str(wheel)) if wheel else version("tamis")
    return Submission(recipe, document, wheel, fingerprint_of(document, code))


def submit(jobs: Jobs, submission: Submission) -> tuple[Job, bool]:
    """The job that runs the recipe, and whether it is a new one."""
    with tempfile.TemporaryDirectory(prefix="tamis-job-") as folder:
        text = yaml.safe_dump(submission.document, sort_keys=False, allow_unicode=True)
        Path(folder, _RECIPE).write_text(text, "utf-8")
        if submission.wheel is not None:
            _unpack(submission.wheel, Path(folder))
        command = shlex.join(
            [
                *("python", "-m", "tamis", "run", _RECIPE),
                *("--set", "executor.kind=ray", "--set", "executor.address=auto"),
            ]
        )
        about = {"output": without_secrets(submission.recipe.output)}
        return jobs.submit(submission.fingerprint, command, Path(folder), about)


class Shown(Progress, Protocol):
    """Progress that is told when a step has ended."""

    def over(self, group: str, pages: int) -> None: ...


def follow(
    jobs: Jobs,
    job: Job,
    storage: Storage,
    progress: Shown,
    *,
    before: str | None,
    sleep: Callable[[float], object] = pause,
) -> Phase:
    """Show a job's progress until it ends, from what its run says in the output folder.

    `before` is the last run that was there before the job: what that one says is old.
    """
    shown: dict[str, int] = {}
    over: set[str] = set()
    is_said = False
    while True:
        phase = jobs.phase(job)
        try:
            state = read_state(storage)
            if state["run"] != before:
                _show(state, progress, shown, over)
        except StorageError as error:
            if not is_said and "no state of a run" not in str(error):
                progress.note(f"the progress cannot be shown from here: {error}")
                is_said = True
        if phase not in ("PENDING", "RUNNING"):
            return phase
        sleep(_LOOK_SECONDS)


def last_run(storage: Storage) -> str | None:
    """Which run has the state of the folder; null if there is none."""
    with suppress(StorageError):
        return read_state(storage)["run"]
    return None


def _show(
    state: RunState, progress: Shown, shown: dict[str, int], over: set[str]
) -> None:
    """Show what has changed. `shown` has the tasks of each step, `over` those that ended."""
    for step in state["steps"]:
        name, total = step["name"], step["total"]
        if not total or name in over:
            continue
        if shown.get(name) != total:
            shown[name] = total
            progress.begin(name, total)
        progress.inside(name, step["pages"], step["done"])
        if step["done"] >= total and step is not state["steps"][-1]:
            over.add(name)
            progress.over(name, step["pages"])


def _is_below(path: str, folders: Sequence[Path]) -> bool:
    # Not resolved: a link may lead elsewhere there. But `..` leaves a folder everywhere.
    place = Path(os.path.normpath(path.removeprefix("file://")))
    return any(place.is_relative_to(folder) for folder in folders)


def _unpack(wheel: Path, folder: Path) -> None:
    """Lay the wheel's packages beside the recipe. Raises ConfigError for no wheel of ours."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            size = sum(entry.file_size for entry in archive.infolist())
            if "tamis/__init__.py" not in names or size > _MOST_BYTES:
                raise ConfigError(f"--wheel {wheel}: it is no wheel of tamis")
            archive.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"--wheel {wheel}: {error}") from error
