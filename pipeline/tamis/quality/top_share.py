"""Keep the top share of each language: filter_quality over the whole run.

    bounds       a part   statistics -> which bound each document breaks
    sum, gather  a part   the column -> the cutoff of each language (tamis/cutoffs/find.py)
    decide       a part   the column -> its layer

No step reads text. The ranking column is read twice, to find the cutoffs and to decide;
a run of more than four million documents is counted once or twice before.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.cutoffs.find import Ranked, find_cutoffs
from tamis.cutoffs.radix_select import Key, is_below_cutoff, places, value_keys
from tamis.documents.parts import Part, Published
from tamis.errors import SchemaError
from tamis.stage import Transform
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.fingerprints import stage_dependencies
from tamis.work.steps import Piece, Steps
from tamis.work.tasks import Tasks
from tamis.work.transforms import Applied, chain_of, through

LAYER = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])

_WORK = "work/share"
LAYERS = "decisions_share"


class Share(NamedTuple):
    """Which share of each language stays, by which column; a share of 1 needs no cutoff.

    A document that breaks one of the bounds of `stage` is dropped before the others are
    ranked.
    """

    stage: Transform
    column: str
    largest_first: bool
    shares: dict[str, float]
    default: float

    def of(self, language: str) -> float:
        return self.shares.get(language, self.default)


def keep_top_share(share: Share, parts: Sequence[Part], tasks: Tasks) -> Published:
    """One layer per part."""
    steps = Steps(share.stage.label, tasks, stage_dependencies(share.stage))
    pieces = [Piece(part.name, (share, part), (part.fingerprint,)) for part in parts]
    bounded = steps.run("bounds", keep_bounds, pieces)
    parts = [
        part.with_layer(commit.files[0], commit.fingerprint)
        for part, commit in zip(parts, bounded, strict=True)
    ]
    cutoffs = find_cutoffs(
        steps,
        "",
        parts,
        rank=partial(_ranked, share),
        rank_of=lambda language, documents: places(share.of(language), documents),
        most_ranked=sum(part.rows for part in parts),
    )
    pieces = [
        Piece(part.name, (share, part, cutoffs), (part.fingerprint,)) for part in parts
    ]
    decided = steps.run("decide", decide, pieces, cutoffs)
    return Published(tuple(commit.files[0] for commit in decided))


def keep_bounds(outputs: Outputs, share: Share, part: Part) -> None:
    """Write the bound that each document breaks, if nothing dropped it before."""
    available = part.columns(outputs.storage)
    names = {"id", "drop_reason", *share.stage.columns_needed(available)}
    table = part.read(outputs.storage, sorted(names))
    reasons = np.full(table.num_rows, None, object)
    is_open = np.asarray(pc.is_null(table["drop_reason"]))
    chain = chain_of([share.stage])
    row = 0
    for batch in table.combine_chunks().to_batches():
        rows = row + np.flatnonzero(is_open[row : row + batch.num_rows])
        row += batch.num_rows
        opened = batch.filter(pc.is_null(batch["drop_reason"]))
        through(chain, opened, partial(_note_reasons, reasons, rows))
    layer = pa.table([table["id"], pa.array(reasons, pa.string())], schema=LAYER)
    with outputs.parquet(_WORK, LAYER) as writer:
        writer.write_table(layer)


def _note_reasons(
    reasons: NDArray[np.object_], rows: NDArray[np.int64], step: Applied
) -> None:
    reasons[rows] = step.after["drop_reason"].to_pylist()


def decide(
    outputs: Outputs, share: Share, part: Part, cutoffs: Mapping[str, Key | None]
) -> None:
    """Write the part's layer: documents that break a bound or are below the cutoff."""
    with outputs.storage.table(part.layers[-1].path) as opened:
        table = opened.read()
    reasons = np.array(table["drop_reason"].to_pylist(), object)
    for language, own in _ranked(share, outputs.storage, part).items():
        below = is_below_cutoff(own.values, own.ids, cutoffs.get(language))
        reasons[own.rows[below]] = f"{share.column}_share"
    layer = pa.table([table["id"], pa.array(reasons, pa.string())], schema=LAYER)
    with outputs.parquet(LAYERS, LAYER, part.name) as writer:
        writer.write_table(layer)


def _ranked(share: Share, storage: Storage, part: Part) -> dict[str, Ranked]:
    """The ranked documents by language, of those that nothing has dropped.

    A document whose value is null or NaN is not ranked, and so not below the cutoff.
    """
    names = {"id", "drop_reason", "language", share.column}
    table = part.read(storage, sorted(names))
    column = table[share.column]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise SchemaError(
            f"filter_quality.share_column: {share.column} is of type {column.type},"
            " not a number"
        )
    numbers = column.cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
    is_ranked = np.asarray(pc.is_null(table["drop_reason"])) & ~np.isnan(numbers)
    ids = table["id"].to_numpy()
    languages = pc.fill_null(table["language"], "").combine_chunks().dictionary_encode()
    codes = languages.indices.to_numpy(zero_copy_only=False)
    found = {}
    for code, language in enumerate(languages.dictionary.to_pylist()):
        if share.of(language) >= 1:
            continue
        rows = np.flatnonzero(is_ranked & (codes == code))
        values = value_keys(numbers[rows], largest_first=share.largest_first)
        weights = np.ones(len(rows), np.int64)
        found[language] = Ranked(rows, values, ids[rows], weights)
    return found
