"""Write the layers of deduplicate_lines: which lines to remove, by the counts."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.groups import Group, as_numpy, read_ascending
from tamis.dedup.lines.walk import NGRAMS, UNITS, Chunk, Settings, walk
from tamis.documents.parts import Part
from tamis.storage import Storage
from tamis.text.buffers import utf8_buffers
from tamis.text.columns import CUTS, CUTS_TYPE
from tamis.work.commits import Counts, File, Outputs

LINES = "lines"
REASON = "only_repeated_lines"

Hashes = NDArray[np.uint64]
Found = Mapping[str, tuple[Hashes, Hashes]]
"""By kind: the hashes over the limit, ascending, and the smallest value of each."""


def columns_of(settings: Settings) -> pa.Schema:
    """The columns of the layer except the drop reason and the cuts."""
    counts = [("repeated_lines", pa.int32())]
    counts += [("overlapping_lines", pa.int32())] if settings.ngram else []
    return pa.schema([("text_chars", pa.int32()), *counts, ("cut_chars", pa.int32())])


def cut(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    first_run: int,
    files: Mapping[str, Sequence[File]],
) -> Counts:
    """Write one layer for each part of the group, whose runs begin with `first_run`."""
    schema = pa.schema(
        [
            ("id", pa.uint64()),
            ("drop_reason", pa.string()),
            (CUTS, CUTS_TYPE),
            *columns_of(settings),
        ]
    )
    tally: dict[str, int] = {}
    known = -1
    found: Found = {}
    chunks = _by_part(outputs.storage, settings, group)
    for part, own in chunks:
        with outputs.parquet(LINES, schema, part.name) as writer:
            for run, chunk in own:
                if run != known:
                    known = run
                    found = _over(outputs.storage, first_run + run, files)
                table = _layer(chunk, settings, found, schema=schema)
                _count(tally, table)
                writer.write_table(table)
    return tally


def _by_part(
    storage: Storage, settings: Settings, group: Group
) -> Iterator[tuple[Part, Iterator[tuple[int, Chunk]]]]:
    """Every part of the group with its chunks; a part without rows has none."""
    steps = walk(storage, settings, group)
    waiting = next(steps, None)

    def chunks(part: Part) -> Iterator[tuple[int, Chunk]]:
        nonlocal waiting
        while waiting is not None and waiting[1] is part:
            run, _, chunk = waiting
            yield run, chunk
            waiting = next(steps, None)

    for part in group.parts:
        yield part, chunks(part)


def _over(
    storage: Storage, run: int, files: Mapping[str, Sequence[File]]
) -> dict[str, tuple[Hashes, Hashes]]:
    """The hashes of a run over the limit; ranges come in order, so all ascend."""
    found = {}
    for kind, own in files.items():
        hashes, firsts = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
        for file in own:
            table = read_ascending(storage, file, "run", low=run, high=run)
            table = table.filter(pc.equal(table["run"], pa.scalar(run, pa.uint32())))
            hashes.append(as_numpy(table["hash"]))
            firsts.append(as_numpy(table["first"]))
        found[kind] = np.concatenate(hashes), np.concatenate(firsts)
    return found


def _layer(
    chunk: Chunk, settings: Settings, found: Found, *, schema: pa.Schema
) -> pa.Table:
    """The rows of a chunk; for documents dropped before, all but id is null."""
    from tamis.dedup.kernels.units import removal
    from tamis.text.cuts import cut_texts

    _, offsets = utf8_buffers(chunk.texts)
    is_repeated, _ = _are_known(chunk.hashes[UNITS], *found[UNITS])
    is_overlapping = np.zeros(len(is_repeated), bool)
    if settings.ngram:
        is_overlapping = ~is_repeated & _overlap(chunk, found, settings.min_ratio)
    is_cut = is_repeated | is_overlapping
    positions, bounds = removal(offsets, chunk.units, is_cut)
    cuts = pa.ListArray.from_arrays(bounds.astype(np.int32), positions)
    shorter = pc.utf8_length(cut_texts(chunk.texts, cuts))
    before = pc.utf8_length(chunk.texts)
    owners, count = chunk.owners[UNITS], len(chunk.ordinals)
    is_less = np.bincount(owners[is_cut], minlength=count) > 0
    # Units too short to be compared do not save a document.
    is_left = ~is_cut & (chunk.hashes[UNITS] != 0)
    left = np.bincount(owners[is_left], minlength=count)
    reasons = pa.array(np.full(count, REASON), mask=~(is_less & (left == 0)))
    columns = {
        "drop_reason": reasons,
        CUTS: cuts,
        "text_chars": shorter,
        "repeated_lines": np.bincount(owners[is_repeated], minlength=count),
        "overlapping_lines": np.bincount(owners[is_overlapping], minlength=count),
        "cut_chars": pc.subtract(before, shorter),
    }
    places = np.full(len(chunk.is_kept), -1, np.int64)
    places[chunk.is_kept] = np.arange(count)
    rows = pa.array(places, mask=~chunk.is_kept)
    spread = {
        name: pa.array(columns[name]).cast(schema.field(name).type).take(rows)
        for name in schema.names
        if name != "id"
    }
    return pa.table({"id": chunk.table["id"], **spread}, schema=schema)


def _overlap(chunk: Chunk, found: Found, min_ratio: float) -> NDArray[np.bool_]:
    """Which units have more than that share of their n-grams in an earlier document."""
    is_known, firsts = _are_known(chunk.hashes[NGRAMS], *found[NGRAMS])
    is_seen = is_known & (firsts < chunk.values[NGRAMS])
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(is_seen)])
    seen = np.diff(before[chunk.bounds])
    ngrams = np.diff(chunk.bounds)
    is_over: NDArray[np.bool_] = seen > min_ratio * ngrams
    return is_over


def _are_known(
    hashes: Hashes, known: Hashes, firsts: Hashes
) -> tuple[NDArray[np.bool_], Hashes]:
    """Which of the hashes are known, and the smallest value of each known one."""
    from tamis.dedup.kernels.lookup import places_among

    places = places_among(hashes, known)
    is_known: NDArray[np.bool_] = places >= 0
    if not is_known.any():
        return is_known, np.zeros(len(hashes), np.uint64)
    return is_known, firsts[places]


def _count(tally: dict[str, int], table: pa.Table) -> None:
    """Add what the layer removes, and from how many documents."""
    more = {"documents_cut": pc.sum(pc.greater(table["cut_chars"], 0)).as_py() or 0}
    for name in ("repeated_lines", "overlapping_lines", "cut_chars"):
        if name in table.column_names:
            more[name] = pc.sum(table[name]).as_py() or 0
    for name, value in more.items():
        tally[name] = tally.get(name, 0) + value
