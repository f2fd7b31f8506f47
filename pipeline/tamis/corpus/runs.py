"""A crawl's run, as its folder and its stages tell of it."""

from collections.abc import Sequence
from typing import Any

from tamis.corpus.state import RUNS, generation_at
from tamis.stage import Stage
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.read_warc import ReadWarc
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.tally import SUMMARY, RunSummary
from tamis.work.commits import fingerprint_of
from tamis.work.fingerprints import stage_dependencies


def generations_of(summary: RunSummary) -> set[int]:
    """The generations of a corpus' index against which a run was made: one, or none."""
    indexes = (
        settings.get("index")
        for entry in summary["recipe"]["stages"]
        for name, settings in entry.items()
        if name == "deduplicate"
    )
    found = (generation_at(index) for index in indexes if index)
    return {one for one in found if one is not None}


def has_ended(summary: RunSummary, generation: int) -> bool:
    """Whether a run came to its end against this generation of the index."""
    return summary["complete"] and generation in generations_of(summary)


def summary_of(name: str, storage: Storage) -> RunSummary | None:
    """run.json of a run; null for one that never came to its end."""
    folder = storage.below(f"{RUNS}/{name}")
    if not folder.exists("run.json"):
        return None
    found: RunSummary = folder.read_record("run.json", SUMMARY)
    return found


def recipe_hash(stages: Sequence[Stage]) -> str:
    """What the documents of a run depend on, besides its archives and their crawl."""
    own = [
        stage.model_copy(update={"crawl": None})
        if isinstance(stage, ReadWarc)
        else stage
        for stage in stages
    ]
    return fingerprint_of([stage_dependencies(s) for s in own if s.kind != "save"])


def comparable(stages: Sequence[Stage]) -> dict[str, Any]:
    """The settings by which duplicates of different runs are told."""
    found: dict[str, Any] = {}
    for stage in stages:
        if isinstance(stage, Sign):
            bands, rows = stage.banding()
            found |= {"sign": [stage.version, bands, rows, stage.ngram, stage.engine]}
        if isinstance(stage, Deduplicate):
            found |= {"scope": stage.scope, "exact": stage.exact}
    return found
