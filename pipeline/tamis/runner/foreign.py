"""Open files that foreign code reads in a process of its own, before any task does."""

from collections.abc import Sequence

from tamis.errors import ConfigError
from tamis.stage import Stage
from tamis.work.fingerprints import refuse_irregular
from tamis.work.processes import ProcessDied, in_fresh_process

_MOST_SECONDS = 900.0


def refuse_damaged_files(stages: Sequence[Stage]) -> None:
    """Raise ConfigError for a file that ends the process that opens it, or that is wrong.

    A damaged one would take every worker with it.
    """
    for stage in stages:
        files = stage.foreign_files()
        if not files:
            continue
        for path in stage.files():
            refuse_irregular(path)
        where = f"{stage.label}: {', '.join(files)}"
        try:
            in_fresh_process(_try, (stage,), timeout_seconds=_MOST_SECONDS)
        except ProcessDied as error:
            raise ConfigError(
                f"{where}: the library that reads it does not survive it, so it is "
                f"damaged or of another kind: {error}"
            ) from error
        except TimeoutError as error:
            raise ConfigError(f"{where}: cannot be opened: {error}") from error


def _try(stage: Stage) -> None:
    stage.try_files()
