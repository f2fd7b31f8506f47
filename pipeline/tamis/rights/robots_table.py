"""The robots.txt files of a crawl as one table, in which workers look up hosts.

An Arrow file, sorted by key, written once by `tamis robots` (`robots_runs`):
    key       uint64        xxh3_64 of the host
    groups    large_string  JSON: [[[allows, path], ...], ...], "" for none
    ai_train  bool          of Content-Signal
A host that refuses the agents nothing has no row: without a row, no refusal is known.
Behind the Arrow file is its digest (16 bytes, xxh3_128), which is verified when the table
is opened. A whole crawl's table has gigabytes. It is mapped into memory: all workers of a
machine share its pages.
"""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from tamis.rights.robots import Rule, is_refused

SCHEMA = pa.schema(
    [("key", pa.uint64()), ("groups", pa.large_string()), ("ai_train", pa.bool_())]
)


_CHUNK_BYTES = 8 << 20


class Verdict(NamedTuple):
    """For one page: whether an agent is refused, and what is said about training."""

    is_refused: bool
    ai_train: bool | None


class RobotsTable:
    """An open table. Raises ValueError if the file is none, OSError if missing."""

    def __init__(self, path: str) -> None:
        try:
            file = pa.ipc.open_file(_verified(path))
        except pa.ArrowInvalid as error:
            raise ValueError(f"not a table that tamis robots wrote: {error}") from error
        if not file.schema.equals(SCHEMA):
            raise ValueError("not a table that tamis robots wrote: other columns")
        # Of each batch, only the places of its columns and its first key are read now.
        self._batches = [
            file.get_batch(number) for number in range(file.num_record_batches)
        ]
        self._keys = [batch["key"].to_numpy() for batch in self._batches]
        self._firsts = np.array([keys[0] for keys in self._keys], np.uint64)

    def verdict(self, host: str, path: str) -> Verdict:
        """What the host's file says about a path with its query."""
        key = np.uint64(key_of(host))
        number = int(np.searchsorted(self._firsts, key, "right")) - 1
        if number < 0:
            return Verdict(False, None)
        row = int(np.searchsorted(self._keys[number], key))
        if row == len(self._keys[number]) or self._keys[number][row] != key:
            return Verdict(False, None)
        own = self._batches[number]
        groups = _groups_of(own["groups"][row].as_py())
        return Verdict(is_refused(groups, path), own["ai_train"][row].as_py())


def seal(path: Path) -> None:
    """Append the digest of a finished Arrow file to it, and write it to the disk."""
    digest = xxhash.xxh3_128()
    with path.open("r+b") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())


def _verified(path: str) -> Any:
    """The Arrow file in `path`, mapped. Raises ValueError if it is not as it was written."""
    whole = pa.memory_map(path).read_buffer()
    size = len(whole) - xxhash.xxh3_128().digest_size
    own = whole.slice(0, max(0, size))
    if size < 0 or xxhash.xxh3_128(own).digest() != whole.slice(size).to_pybytes():
        raise ValueError(
            "not a table that tamis robots wrote, or damaged: make it again with "
            "`tamis robots`"
        )
    return pa.BufferReader(own)


def key_of(host: str) -> int:
    """The key of a host; case does not count."""
    return xxhash.xxh3_64_intdigest(host.lower().encode("utf-8", "replace"))


@lru_cache(maxsize=4096)
def _groups_of(text: str) -> tuple[tuple[Rule, ...], ...]:
    return tuple(
        tuple(Rule(allows, path) for allows, path in group)
        for group in (json.loads(text) if text else ())
    )
