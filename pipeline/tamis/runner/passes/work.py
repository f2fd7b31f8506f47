"""What every task of a pass needs, and the pass's functions, built once per worker."""

from dataclasses import dataclass

import pyarrow as pa

from tamis.stage import Transform
from tamis.work.transforms import Chain, chain_of

# Documents that killed their workers, set apart: id, and the stage at which each drops.
Crashes = tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class PassWork:
    """What every task of one pass needs to know. `key` names the settings.

    `saved` is the schema of what a task writes: documents, or a layer on a part.
    `signals` are the columns that dropped/ keeps of what this pass drops.
    """

    name: str
    key: str
    stages: tuple[Transform, ...]
    saved: pa.Schema
    signals: pa.Schema
    keep_dropped_text: bool


_BUILT: dict[str, Chain] = {}


def chain_for(work: PassWork) -> Chain:
    """The pass's transforms with their functions. Models load here."""
    if work.key not in _BUILT:
        _BUILT.clear()  # a worker serves one pass at a time; let its models go
        _BUILT[work.key] = chain_of(work.stages)
    return _BUILT[work.key]
