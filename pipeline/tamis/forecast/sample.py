"""Some splits of the input, and what each gives: run through the recipe's passes for real.

Splits are drawn at random from strata: all splits, input behind input in random order, cut
into runs of the same length. So the sample is spread over the inputs, and one that is
large has a part of its size. The draw depends on the seed and on the inputs alone.

The documents of a split go through every pass; barriers are left out, as they see all
documents. Nothing stays but the numbers and the hashes of the texts.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import with_config
from typing_extensions import TypedDict

from tamis.documents.parts import Part, SavedRows
from tamis.inputs import InputFile
from tamis.mix.count import count_part
from tamis.runner.passes.chain import run_file, run_split
from tamis.runner.passes.layers import run_layer
from tamis.runner.passes.work import PassWork
from tamis.stage import Source
from tamis.storage import Storage
from tamis.tally import Tally, add
from tamis.warc.splits import Split, plan_splits
from tamis.work.commits import File, Outputs, Rehearsal

_MOST_SPLIT_BYTES = 16 << 20
_FEWEST_SPLIT_BYTES = 64 << 10
_OF_STRATUM = 4  # splits drawn of each
_PER_SAMPLE = 8  # splits there should be for each that is drawn
HASHES = "hashes"
_WARM: set[bool] = set()  # whether this process has run a split

Kind = Literal["source", "table", "column", "own"]


@dataclass(frozen=True)
class Place:
    """A split: rows of a file that begin in [start, stop)."""

    file: InputFile
    start: int
    stop: int

    @property
    def bytes(self) -> int:
        return self.stop - self.start


@with_config(extra="forbid")
class Result(TypedDict):
    """What a split gave, and the stratum of which it was drawn.

    records, admitted  of the source
    stages             {label: [documents in, documents out, seconds of a core]}
    languages          {code: {"documents", "characters", "tokens"}} of what every pass keeps
    saved              bytes of the saves and of rows of dropped/
    memory             most that the worker held, in bytes
    """

    bytes: int
    stratum: int
    records: int
    admitted: int
    stages: dict[str, tuple[int, int, float]]
    languages: dict[str, dict[str, int]]
    saved: int
    memory: int


def all_splits(files: Sequence[InputFile], source: Source, wanted: int) -> list[Place]:
    """Every split of the input, small enough that `wanted` of them are a sample."""
    total = sum(file.about_bytes for file in files)
    size = total // max(1, wanted * _PER_SAMPLE)
    size = min(_MOST_SPLIT_BYTES, max(_FEWEST_SPLIT_BYTES, size))
    found = []
    for file in files:
        own = size if source.can_split(file.path) else None
        ranges = plan_splits(file.size, own)
        found += [Place(file, start, stop) for start, stop in ranges]
    return found


def strata_of(splits: Sequence[Place], wanted: int, seed: int) -> list[list[Place]]:
    """The splits cut into strata of the same size, of each of which some are drawn."""
    draw = random.Random(seed)
    names = sorted({place.file.name for place in splits})
    draw.shuffle(names)
    rank = {name: number for number, name in enumerate(names)}
    ordered = sorted(splits, key=lambda place: (rank[place.file.name], place.start))
    count = max(1, min(wanted, len(splits)) // _OF_STRATUM)
    ends = [number * len(ordered) // count for number in range(count + 1)]
    return [ordered[start:stop] for start, stop in pairwise(ends)]


def drawn(
    strata: Sequence[Sequence[Place]], wanted: int, seed: int
) -> list[tuple[int, Place]]:
    """A random sample of about so many splits, each with the number of its stratum."""
    draw = random.Random(f"{seed} draw")
    found = []
    for number, stratum in enumerate(strata):
        stop, start = (number + 1) * wanted, number * wanted
        own = stop // len(strata) - start // len(strata)
        for place in draw.sample(stratum, min(len(stratum), max(2, own))):
            found.append((number, place))
    return found


def run_sample(
    outputs: Outputs,
    passes: Sequence[tuple[Kind, PassWork]],
    source: Source,
    split: Split,
    tokenizer: str | None,
    hashes: Sequence[str],
    stratum: int = 0,
) -> dict[str, Any]:
    """Take a split through all passes, and count; its hashes are published."""
    if not _WARM:  # models and kernels load once, and are no cost of a split
        _WARM.add(True)
        run_sample(
            Rehearsal(outputs.storage, outputs.key),
            passes,
            source,
            split,
            tokenizer,
            (),
        )
    tally: Tally = {}
    saved = 0
    clock, core = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(folder)
        part: Part | None = None
        for kind, work in passes:
            own = Outputs(storage, "split")
            if kind == "source":
                found = run_split(own, work, source, [split])
                found.pop("split", None)  # a place, and no count
                add(tally, found)
                part = _part(work, own)
            elif kind == "table":
                assert part is not None
                layers = tuple((None, layer) for layer in part.layers)
                rows = SavedRows(part.files[0], 0, part.rows, layers)
                add(tally, run_file(own, work, rows))
                part = _part(work, own)
            else:
                assert part is not None
                add(tally, run_layer(own, work, part))
                part = part.with_layer(own.files[0], work.key)
            saved += sum(file.bytes for file in own.files)
        assert part is not None
        # Stages are timed by the clock, which others of this machine stop.
        busy = (time.process_time() - core) / max(time.perf_counter() - clock, 1e-9)
        counted = count_part(Outputs(storage, "split"), part, tokenizer, {}, False)
        _publish_hashes(outputs, storage, part, hashes)
    read = tally["source"]
    result = Result(
        bytes=split.stop - split.start,
        stratum=stratum,
        records=read["records"],
        admitted=read["admitted"],
        stages={
            label: (
                about["documents_in"],
                about["documents_out"],
                round(about.get("seconds", 0.0) * min(1.0, busy), 6),
            )
            for label, about in tally.get("stages", {}).items()
        },
        languages=counted["languages"],
        saved=saved,
        memory=_memory(),
    )
    return {"sample": result}


def _part(work: PassWork, outputs: Outputs) -> Part:
    files = tuple(file for file in outputs.files if file.dataset == work.name)
    return Part("split", work.key, files)


def _publish_hashes(
    outputs: Outputs, storage: Storage, part: Part, names: Sequence[str]
) -> File | None:
    """The hashes of the documents that every pass keeps, if the recipe signs them."""
    present = [name for name in names if name in part.columns(storage)]
    if not present:
        return None
    table = part.read(storage, [*present, "drop_reason"])
    kept = table.filter(pc.is_null(table["drop_reason"])).select(present)
    schema = pa.schema([(name, pa.uint64()) for name in present])
    with outputs.parquet(HASHES, schema) as writer:
        writer.write_table(kept.cast(schema))
    return outputs.files[-1]


def _memory() -> int:
    """The most memory that this process has held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10
