"""Every error this package raises on purpose.

TamisError
├── ConfigError        stages.yaml or the command line says something that cannot be run
├── InputError         an input is missing, forbidden or not an archive; names it
│   ├── AccessRefused  a server refuses us altogether (tamis.remote.failures)
│   └── NoSuchFile     there is none, perhaps not yet (tamis.remote.failures)
├── SchemaError        a table does not have the columns a stage needs
├── StorageError       a file cannot be read, written or claimed; names it
│   ├── InUse          another process has the folder
│   └── DamagedFile    a file of a folder of ours is not as it was written; names it
├── StageError         a stage failed on one task; names both
└── ExecutorLost       what runs the tasks has ended under the run

A document the pipeline decides not to keep is data, not an error: it gets a
value in the `drop_reason` column and is published under dropped/.
"""

import difflib
from collections.abc import Collection
from typing import Any


class TamisError(Exception):
    """Base class: `except TamisError` catches what the user can act on."""


class ConfigError(TamisError):
    """stages.yaml or the command line says something that cannot be run."""


class InputError(TamisError):
    """An input cannot be read. The run continues without it and names it at its end."""


class SchemaError(TamisError):
    """A table does not have the columns, or the types, a stage needs."""


class StorageError(TamisError):
    """A file cannot be read, written, or is claimed by another run.

    `is_transient`: a retry may succeed, as after a broken connection.
    """

    is_transient = False


class InUse(StorageError):
    """Another process has the folder; the message says which."""


class DamagedFile(StorageError):
    """Files below `root` are not as they were written: all `names`, why the first is not.

    A run makes them again if the folder is its own (`tamis.runner.run`).
    """

    def __init__(
        self, root: str, names: tuple[str, ...], why: str, advice: str
    ) -> None:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        self.what = f"{root}/{names[0]}{more} is damaged: {why}"
        super().__init__(f"{self.what}; {advice}")
        self.root = root
        self.names = names
        self.why = why
        self.advice = advice

    def __reduce__(self) -> tuple[type["DamagedFile"], tuple[Any, ...]]:
        # As in StageError: Ray pickles every failure.
        return type(self), (self.root, self.names, self.why, self.advice)


class ExecutorLost(TamisError):
    """What runs the tasks has ended under the run; finished tasks are kept."""


class StageError(TamisError):
    """A stage failed on one task. The original exception is `__cause__`."""

    def __init__(self, stage: str, task: str, cause: str) -> None:
        super().__init__(f"stage {stage!r} failed on {task!r}: {cause}")
        self.stage = stage
        self.task = task
        self.cause = cause

    def __reduce__(self) -> tuple[type["StageError"], tuple[str, str, str]]:
        # Exceptions pickle by replaying `args`, which holds our one message
        # rather than the constructor's arguments. Ray pickles every failure.
        return type(self), (self.stage, self.task, self.cause)


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean bands?`, or "" if no known name is similar."""
    found = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
