"""What a worker does with a task of a pass: stages in a row, batch by batch.

A batch goes through all stages before the next one is read, so that a task's
memory is that of a few batches. Rows that a stage drops leave the batch at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tamis.errors import SchemaError, TamisError
from tamis.stage import StageConfig, Transform, build_transform
from tamis.work.tasks import STAGE_NOTE


@dataclass(frozen=True)
class PassWork:
    """What every task of one pass needs to know. `key` names the settings."""

    name: str
    key: str
    stages: tuple[StageConfig, ...]
    saved: pa.Schema | None
    signals: pa.Schema
    keep_dropped_text: bool


# Documents that killed their workers, set apart: id, and the stage at which each drops.
Crashes = tuple[tuple[int, str], ...]


def _applied(
    config: StageConfig, transform: Transform, batch: pa.RecordBatch
) -> pa.RecordBatch:
    """`transform(batch)`; what it raises says in which stage."""
    try:
        return transform(batch)
    except Exception as error:
        error.add_note(f"{STAGE_NOTE}{config.label}")
        raise


def columns_read(stages: Sequence[StageConfig], available: set[str]) -> set[str]:
    """As they stand in the documents: under the stage's prefix where it has one."""
    names: set[str] = set()
    for config in stages:
        prefix = f"{config.prefix}_" if config.prefix else ""
        for name in config.columns_read():
            names.add(prefix + name if prefix + name in available else name)
    return names


_BUILT: dict[str, list[Transform]] = {}


def transforms_of(work: PassWork) -> list[Transform]:
    """The pass's transforms, built once per worker: models load here."""
    if work.key not in _BUILT:
        _BUILT.clear()  # a worker serves one pass at a time; let its models go
        built = []
        for config in work.stages:
            try:
                built.append(build_transform(config))
            except TamisError:
                raise
            except OSError as error:
                raise SchemaError(f"stage {config.label}: {error}") from error
        _BUILT[work.key] = built
    return _BUILT[work.key]
