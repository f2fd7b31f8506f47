"""The robots.txt files of a crawl as one table, which workers look hosts up in.

Parquet, sorted by key, written once by `tamis robots`:
    key       uint64   xxh3_64 of the host
    groups    string   JSON: [[[allows, path], ...], ...], in a dictionary: most hosts
                       that refuse an agent refuse it everything
    ai_train  bool     of Content-Signal
Hosts that refuse the agents nothing have no row, so that the table stays small: no row
says that nobody is known to refuse.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pipeline.rights.robots import Robots, Rule, is_refused

_SCHEMA = pa.schema(
    [
        ("key", pa.uint64()),
        ("groups", pa.dictionary(pa.int32(), pa.string())),
        ("ai_train", pa.bool_()),
    ]
)


class Verdict(NamedTuple):
    """Of one page: whether an agent is refused it, and what is said of training."""

    is_refused: bool
    ai_train: bool | None


class RobotsTable:
    """An open table. Raises ValueError where the file is none, OSError where it is not."""

    def __init__(self, path: str) -> None:
        try:
            table = pq.read_table(path).combine_chunks()
        except pa.ArrowInvalid as error:
            raise ValueError(f"not a table of robots.txt: {error}") from error
        if table.schema.names != _SCHEMA.names:
            raise ValueError("not a table of robots.txt: other columns")
        self._keys = table["key"].to_numpy()
        self._groups, self._ai_train = table["groups"], table["ai_train"]

    def verdict(self, host: str, path: str) -> Verdict:
        """What the host's file says of a path with its query."""
        key = np.uint64(_key(host))
        row = int(np.searchsorted(self._keys, key))
        if row == len(self._keys) or self._keys[row] != key:
            return Verdict(False, None)
        groups = _groups_of(self._groups[row].as_py())
        return Verdict(is_refused(groups, path), self._ai_train[row].as_py())


def write(hosts: Mapping[str, Robots], path: Path) -> int:
    """Write the table of the hosts that say something; how many do."""
    rows = sorted(
        (_key(host), json.dumps(robots.groups, ensure_ascii=False), robots.ai_train)
        for host, robots in hosts.items()
        if robots.groups or robots.ai_train is not None
    )
    keys, groups, ai_train = zip(*rows, strict=True) if rows else ((), (), ())
    columns = [
        pa.array(keys, pa.uint64()),
        pa.array(groups, pa.string()).dictionary_encode(),
        pa.array(ai_train, pa.bool_()),
    ]
    pq.write_table(pa.table(columns, schema=_SCHEMA), path, compression="zstd")
    return len(rows)


@lru_cache(maxsize=4096)
def _groups_of(text: str) -> tuple[tuple[Rule, ...], ...]:
    return tuple(
        tuple(Rule(allows, path) for allows, path in group)
        for group in json.loads(text)
    )


def _key(host: str) -> int:
    return xxhash.xxh3_64_intdigest(host.lower().encode("utf-8", "replace"))
