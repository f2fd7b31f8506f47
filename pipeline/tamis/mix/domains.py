"""Sum the tokens of each domain in its language, for `max_share_per_domain`.

A crawl has 10^8 pairs of language and domain, far more than one process should hold.
The sums of a group of parts are merged and distributed by a hash of the pair. The task
that has all sums of one range of hashes keeps the largest of each language. That is
enough: at most 1 / share domains can be over the cap.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from tamis.mix.kernels.weights import domain_cap
from tamis.mix.pieces import piece, rows_of_way
from tamis.storage import Storage
from tamis.work.commits import File, Outputs

WORK = "work/domains"

_MAX_WAYS = 256
_MERGED_ROWS = 1 << 20  # pairs that one task merges: some 100 MB
_SUMS = pa.schema(
    [("language", pa.string()), ("domain", pa.string()), ("tokens", pa.int64())]
)


def write_domains(outputs: Outputs, counted: pa.Table) -> None:
    """Write tokens by language and domain; documents without a domain are left out."""
    with outputs.parquet(WORK, _SUMS) as writer:
        writer.write_table(_summed(counted.select(_SUMS.names).drop_null()))


def groups_of(files: Sequence[File]) -> list[list[File]]:
    """Groups of files, in their order, each with a bounded number of rows."""
    groups: list[list[File]] = []
    rows = 0
    for file in files:
        if not groups or rows + file.rows > _MERGED_ROWS:
            groups.append([])
            rows = 0
        groups[-1].append(file)
        rows += file.rows
    return groups


def ways_for(files: Sequence[File]) -> int:
    """Number of ranges of hashes for the pairs of all files."""
    rows = sum(file.rows for file in files)
    return min(max(1, -(-rows // _MERGED_ROWS)), _MAX_WAYS)


def merge_domains(outputs: Outputs, files: Sequence[File], ways: int) -> None:
    """Write the sums of some parts, distributed by the pair's hash."""
    table = _summed(pa.concat_tables(list(_tables(outputs.storage, files))))
    with piece(outputs, WORK, _SUMS, ways) as merged:
        merged.add(table, _hashes(table) % ways)


def heaviest_domains(
    outputs: Outputs, pieces: Sequence[File], way: int, ways: int, count: int
) -> None:
    """Write the `count` largest domains of each language in one way."""
    rows = pa.Table.from_batches(rows_of_way(outputs.storage, pieces, way, ways), _SUMS)
    with outputs.parquet(WORK, _SUMS) as writer:
        writer.write_table(_largest(_summed(rows), count))


class CapsTally(TypedDict):
    """{language: {domain: tokens that may stay}}."""

    caps: dict[str, dict[str, int]]


def find_caps(
    outputs: Outputs,
    files: Sequence[File],
    totals: Mapping[str, int],
    max_share: float,
    count: int,
) -> CapsTally:
    """{language: {domain: tokens that may stay}} of domains over the cap."""
    kept = _SUMS.empty_table()
    for table in _tables(outputs.storage, files):
        kept = _largest(pa.concat_tables([kept, table]), count)
    names = np.asarray(kept["language"])
    caps: dict[str, dict[str, int]] = {}
    for language in sorted(set(names)):
        rows = kept.filter(pa.array(names == language))
        tokens = np.asarray(rows["tokens"]).astype(np.float64)
        cap = domain_cap(tokens, max_share, float(totals[language]))
        caps[language] = {
            domain: int(cap)
            for domain, count in zip(rows["domain"].to_pylist(), tokens, strict=True)
            if count > cap
        }
    return {"caps": caps}


def _tables(storage: Storage, files: Sequence[File]) -> Iterator[pa.Table]:
    for file in files:
        with storage.table(file.path) as opened:
            yield opened.read()


def _summed(table: pa.Table) -> pa.Table:
    groups = table.group_by(["language", "domain"], use_threads=False)
    sums = groups.aggregate([("tokens", "sum")])
    return sums.rename_columns({"tokens_sum": "tokens"}).select(_SUMS.names)


def _hashes(table: pa.Table) -> NDArray[np.int64]:
    """A hash of 31 bits of each pair."""
    hashes = np.empty(table.num_rows, np.int64)
    first = 0
    for batch in table.to_batches(1 << 16):
        pairs = zip(*(batch[name].to_pylist() for name in _SUMS.names[:2]), strict=True)
        for row, (language, domain) in enumerate(pairs, first):
            hashes[row] = xxhash.xxh32_intdigest(f"{language} {domain}".encode()) >> 1
        first += batch.num_rows
    return hashes


def _largest(table: pa.Table, count: int) -> pa.Table:
    """The `count` domains of each language with the most tokens, ties by name."""
    table = table.sort_by(
        [("language", "ascending"), ("tokens", "descending"), ("domain", "ascending")]
    )
    codes = np.asarray(table["language"].combine_chunks().dictionary_encode().indices)
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    rank = np.arange(len(codes)) - np.repeat(starts, np.diff(starts, append=len(codes)))
    return table.filter(pa.array(rank < count))
