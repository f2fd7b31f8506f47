"""Arguments of every task of a pass, and the pass's functions, built once per worker."""

from dataclasses import dataclass

import pyarrow as pa

from tamis.denials.state import Place
from tamis.stage import Transform
from tamis.work.transforms import Chain, chain_of

# Isolated documents that killed their workers: id, and the stage that drops each.
Crashes = tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class PassWork:
    """What every task of one pass needs. `key` identifies the settings.

    `saved` is the schema of what a task writes: documents, or a layer on a part.
    `signals` are the columns that dropped/ keeps for rows that this pass drops.
    `denied` is the list of what must not enter; null for none. No result depends on it.
    """

    name: str
    key: str
    stages: tuple[Transform, ...]
    saved: pa.Schema
    signals: pa.Schema
    keep_dropped_text: bool
    denied: Place | None = None


_BUILT: dict[str, Chain] = {}


def chain_for(work: PassWork) -> Chain:
    """The pass's transforms with their functions. Models load here."""
    if work.key not in _BUILT:
        _BUILT.clear()  # a worker serves one pass at a time: release the last one's models
        _BUILT[work.key] = chain_of(work.stages)
    return _BUILT[work.key]
