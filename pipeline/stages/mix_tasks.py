"""What workers do for mix_corpus: count, scatter into buckets, gather into shards.

A row's place in the mix is its shuffle key, a hash of (seed, id, epoch). Scatter
writes rows into buckets by the key's top bits, gather sorts one bucket: the order
is that of all keys, and no task holds more than a few buckets' worth of text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.documents import Part
from pipeline.errors import ConfigError
from pipeline.mix.order import shuffle_key
from pipeline.mix.tokens import estimated_tokens
from pipeline.mix.weights import copies
from pipeline.schema import PROVENANCE
from pipeline.storage import Storage
from pipeline.tasks import File, Outputs

_BATCH_ROWS = 4096
_ROW_GROUP_ROWS = 8192
_TOKENIZED_AT_ONCE = 256
# Epochs that no mix reaches: what is drawn with them is independent of the order.
_SAMPLE_EPOCH, _DOMAIN_EPOCH = 2**62, 2**62 + 1

# What a shard holds. Columns that the recipe does not write are null.
MIX = pa.schema(
    [
        *PROVENANCE,
        ("text", pa.string()),
        ("title", pa.string()),
        ("language", pa.string()),
        ("script", pa.string()),
        ("language_score", pa.float32()),
        ("text_chars", pa.int64()),
        ("tokens", pa.int64()),
        ("cluster_size", pa.uint32()),
        ("epoch", pa.int32()),
    ]
)
_KEY = "shuffle_key"
_BUCKETED = MIX.append(pa.field(_KEY, pa.uint64()))
_LAYER = pa.schema(
    [("id", pa.uint64()), ("drop_reason", pa.string()), ("copies", pa.int32())]
)


@dataclass(frozen=True)
class Draw:
    """What was decided from the counts, the same for every task."""

    seed: int
    epochs: dict[str, float]
    caps: dict[str, dict[str, float]]
    buckets: int
    rows_per_shard: int
    tokenizer: str | None
    buffer_bytes: int


def count_part(
    outputs: Outputs, part: Part, tokenizer: str | None, with_domains: bool
) -> dict[str, Any]:
    """Documents, characters and tokens by language of what is still in; by domain too."""
    columns = ["language", "domain", "text_chars", "drop_reason"]
    table = part.read(outputs.storage, columns)
    is_open = pc.is_null(table["drop_reason"])
    tokens = _tokens(outputs.storage, part, is_open, tokenizer)
    table = table.append_column("tokens", pa.array(tokens)).filter(is_open)
    table = table.set_column(0, "language", pc.fill_null(table["language"], "unknown"))
    groups = table.group_by("language").aggregate(
        [([], "count_all"), ("text_chars", "sum"), ("tokens", "sum")]
    )
    if with_domains:
        domains = table.group_by(["language", "domain"]).aggregate([("tokens", "sum")])
        domains = domains.rename_columns({"tokens_sum": "tokens"}).select(
            ["language", "domain", "tokens"]
        )
        with outputs.parquet("work/domains", domains.schema) as writer:
            writer.write_table(domains)
    return {
        "languages": {
            row["language"]: {
                "documents": row["count_all"],
                "characters": row["text_chars_sum"],
                "tokens": row["tokens_sum"],
            }
            for row in groups.to_pylist()
        }
    }


def scatter_parts(
    outputs: Outputs, draw: Draw, parts: Sequence[Part]
) -> dict[str, Any]:
    """Write the rows of some parts into buckets, and each part's layer."""
    languages: dict[str, dict[str, int]] = {}
    places: dict[str, list[int]] = {}
    with outputs.parquet("work/buckets", _BUCKETED) as writer:
        bucketed = _Buckets(writer, draw, places)
        for part in parts:
            times, reasons = _drawn(outputs.storage, part, draw)
            layer = pa.table(
                {
                    "id": part.read(outputs.storage, ["id"])["id"],
                    "drop_reason": reasons,
                    "copies": pa.array(times, pa.int32()),
                },
                schema=_LAYER,
            )
            with outputs.parquet("mixed", _LAYER, stem=part.name) as layer_writer:
                layer_writer.write_table(layer)
            for rows in _mixed_rows(outputs.storage, part, draw, times):
                _add_counts(languages, rows)
                bucketed.add(rows)
        bucketed.flush()
    return {"languages": languages, "buckets": places}


def gather_bucket(
    outputs: Outputs,
    draw: Draw,
    bucket: int,
    pieces: Sequence[File],
    row_groups: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """Sort one bucket by key and write its shards."""
    tables = [_BUCKETED.empty_table()]
    for piece, numbers in zip(pieces, row_groups, strict=True):
        if numbers:
            with outputs.storage.open(piece.path) as opened:
                tables.append(pq.ParquetFile(opened).read_row_groups(list(numbers)))
    table = pa.concat_tables(tables)
    order = pc.sort_indices(
        table,
        sort_keys=[(_KEY, "ascending"), ("id", "ascending"), ("epoch", "ascending")],
    )
    for number, first in enumerate(range(0, len(order), draw.rows_per_shard)):
        rows = table.take(order.slice(first, draw.rows_per_shard)).select(MIX.names)
        stem = f"shard-{bucket:05d}-{number:03d}"
        with outputs.parquet("mix", MIX, stem=stem) as writer:
            writer.write_table(rows.combine_chunks(), row_group_size=_ROW_GROUP_ROWS)
    return {}


class _Buckets:
    """Rows waiting to be written, each row group one bucket's."""

    def __init__(
        self, writer: pq.ParquetWriter, draw: Draw, places: dict[str, list[int]]
    ) -> None:
        self._writer = writer
        self._draw = draw
        self._places = places
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._row_groups = 0

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= self._draw.buffer_bytes:
            self.flush()

    def flush(self) -> None:
        """Write what waits, bucket by bucket; remember which row group is whose."""
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting, self._bytes = [], 0
        bits = int(self._draw.buckets).bit_length() - 1
        keys = np.asarray(table[_KEY])
        bucket_of = keys >> np.uint64(64 - bits) if bits else np.zeros_like(keys)
        order = np.argsort(bucket_of, kind="stable")
        bounds = np.searchsorted(bucket_of[order], np.arange(self._draw.buckets + 1))
        table = table.take(pa.array(order))
        for bucket, (start, stop) in enumerate(pairwise(bounds)):
            if start == stop:
                continue
            rows = table.slice(start, stop - start)
            self._writer.write_table(rows, row_group_size=rows.num_rows)
            self._places.setdefault(str(bucket), []).append(self._row_groups)
            self._row_groups += 1


def _drawn(
    storage: Storage, part: Part, draw: Draw
) -> tuple[NDArray[np.int64], pa.Array]:
    """How often each document is taken, and why not at all; null for the others."""
    table = part.read(storage, ["id", "language", "domain", "drop_reason"])
    is_open = np.asarray(pc.is_null(table["drop_reason"]))
    ids = np.asarray(table["id"]).astype(np.uint64)
    languages = pc.fill_null(table["language"], "unknown").to_pylist()
    epochs = np.array([draw.epochs.get(name, 0.0) for name in languages])
    times = copies(epochs, shuffle_key(draw.seed, ids, _SAMPLE_EPOCH))
    is_over = _over_domain_cap(draw, ids, languages, table["domain"].to_pylist())
    times[is_over | ~is_open] = 0
    reasons = np.full(len(times), None, dtype=object)
    reasons[is_open & (times == 0)] = "not_sampled"
    reasons[is_open & is_over] = "domain_share"
    return times, pa.array(reasons, pa.string())


def _over_domain_cap(
    draw: Draw,
    ids: NDArray[np.uint64],
    languages: Sequence[str],
    domains: Sequence[str | None],
) -> NDArray[np.bool_]:
    """Documents beyond what their domain may bring, drawn by a hash of their id."""
    if not draw.caps:
        return np.zeros(len(ids), np.bool_)
    stay = np.array(
        [
            draw.caps.get(language, {}).get(domain or "", 1.0)
            for language, domain in zip(languages, domains, strict=True)
        ]
    )
    is_over: NDArray[np.bool_] = (
        copies(stay, shuffle_key(draw.seed, ids, _DOMAIN_EPOCH)) == 0
    )
    return is_over


def _mixed_rows(
    storage: Storage, part: Part, draw: Draw, times: NDArray[np.int64]
) -> Iterator[pa.Table]:
    """Batches of rows as the mix will hold them, each as often as it is taken."""
    sizes = _cluster_sizes(storage, part)
    first = 0
    for batch in _batches(storage, part, MIX.names):
        repeats = times[first : first + batch.num_rows]
        taken = np.repeat(np.arange(batch.num_rows), repeats)
        starts = np.cumsum(repeats) - repeats
        epoch = np.arange(len(taken)) - np.repeat(starts, repeats)
        rows = batch.take(pa.array(taken))
        added = {
            "tokens": pa.array(_counted(rows, draw.tokenizer), pa.int64()),
            "epoch": pa.array(epoch, pa.int32()),
            "cluster_size": sizes.slice(first, batch.num_rows).take(pa.array(taken)),
        }
        ids = np.asarray(rows["id"]).astype(np.uint64)
        keys = shuffle_key(draw.seed, ids, epoch.astype(np.uint64))
        added[_KEY] = pa.array(keys, pa.uint64())
        columns = [
            added[field.name]
            if field.name in added
            else rows[field.name]
            if field.name in rows.schema.names
            else pa.nulls(rows.num_rows, field.type)
            for field in _BUCKETED
        ]
        yield pa.table(columns, schema=_BUCKETED)
        first += batch.num_rows


def _batches(
    storage: Storage, part: Part, names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The saved documents of a part, in order, a few at a time."""
    for file in part.files:
        with storage.open(file.path) as opened:
            parquet = pq.ParquetFile(opened)
            present = [name for name in names if name in parquet.schema_arrow.names]
            yield from parquet.iter_batches(_BATCH_ROWS, columns=present)


def _cluster_sizes(storage: Storage, part: Part) -> pa.Array:
    if "cluster_size" not in part.columns(storage):
        return pa.nulls(part.rows, pa.uint32())
    return part.read(storage, ["cluster_size"])["cluster_size"].combine_chunks()


def _tokens(
    storage: Storage, part: Part, is_open: Any, tokenizer: str | None
) -> NDArray[np.int64]:
    """Tokens of each document of a part; 0 for dropped ones, whose text nobody reads."""
    if tokenizer is None:
        table = part.read(storage, ["text_chars", "language"])
        return _counted(table, None)
    mask = np.asarray(is_open, dtype=bool)
    tokens = np.zeros(part.rows, np.int64)
    first = 0
    for batch in _batches(storage, part, ["text"]):
        rows = mask[first : first + batch.num_rows]
        counted = _counted(batch.filter(pa.array(rows)), tokenizer)
        tokens[first : first + batch.num_rows][rows] = counted
        first += batch.num_rows
    return tokens


def _counted(rows: Any, tokenizer: str | None) -> NDArray[np.int64]:
    """Tokens of each row: counted where there is a tokenizer, else estimated."""
    if tokenizer is None:
        characters = np.asarray(rows["text_chars"]).astype(np.int64)
        return estimated_tokens(
            characters, pc.fill_null(rows["language"], "unknown").to_pylist()
        )
    encoder = _encoder(tokenizer)
    texts = rows["text"].to_pylist()
    counts = [
        len(encoding.ids)
        for start in range(0, len(texts), _TOKENIZED_AT_ONCE)
        for encoding in encoder.encode_batch_fast(
            texts[start : start + _TOKENIZED_AT_ONCE], add_special_tokens=False
        )
    ]
    return np.array(counts, np.int64)


@lru_cache(maxsize=1)
def _encoder(path: str) -> Any:
    from tokenizers import Tokenizer  # only recipes that name one pay for it

    try:
        return Tokenizer.from_file(path)
    except Exception as error:  # the library raises the bare class
        raise ConfigError(f"mix_corpus.tokenizer: {path}: {error}") from error


def _add_counts(languages: dict[str, dict[str, int]], rows: pa.Table) -> None:
    """Documents (each once), rows, characters and tokens by language."""
    table = pa.table(
        {
            "language": pc.fill_null(rows["language"], "unknown"),
            "is_first": pc.equal(rows["epoch"], 0).cast(pa.int64()),
            "text_chars": rows["text_chars"],
            "tokens": rows["tokens"],
        }
    )
    groups = table.group_by("language").aggregate(
        [
            ("is_first", "sum"),
            ([], "count_all"),
            ("text_chars", "sum"),
            ("tokens", "sum"),
        ]
    )
    for row in groups.to_pylist():
        sums: Mapping[str, int] = {
            "documents": row["is_first_sum"],
            "rows": row["count_all"],
            "characters": row["text_chars_sum"],
            "tokens": row["tokens_sum"],
        }
        total = languages.setdefault(row["language"], dict.fromkeys(sums, 0))
        for name, value in sums.items():
            total[name] += value
