"""The robots.txt files of a crawl as one table, in which workers look up hosts.

An Arrow file, sorted by key, written once by `tamis robots` (`robots_runs`):
    key       uint64        xxh3_64 of the host
    groups    large_string  JSON: [[[allows, path], ...], ...], "" for none
    signals   large_string  JSON: [[[path, ai_train], ...], ...], "" for none
    rsl       bool          names a licence of RSL
Its metadata say for which `agents` it is, and the dates, `from` and `to`, on which the
hosts were asked. A host that refuses nothing, and says nothing about training, has no row:
without a row, no refusal is known.
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

from tamis.rights.robots import Robots, Rule, Signal, Verdict, verdict_of

SCHEMA = pa.schema(
    [
        ("key", pa.uint64()),
        ("groups", pa.large_string()),
        ("signals", pa.large_string()),
        ("rsl", pa.bool_()),
    ]
)

_CHUNK_BYTES = 8 << 20
_NOTHING = verdict_of(Robots(), "/")


class Asked(NamedTuple):
    """Whom a table is about, and from when to when hosts were asked: `2026-10-03`.

    The dates are empty if no host was asked.
    """

    agents: tuple[str, ...]
    first: str
    last: str


class RobotsTable:
    """An open table. Raises ValueError if the file is none, OSError if missing."""

    def __init__(self, path: str) -> None:
        try:
            file = pa.ipc.open_file(_verified(path))
        except pa.ArrowInvalid as error:
            raise ValueError(f"not a table that tamis robots wrote: {error}") from error
        if not file.schema.equals(SCHEMA):
            raise ValueError(
                "not a table that this version's tamis robots wrote: make it again"
            )
        # Of each batch, only the places of its columns and its first key are read now.
        self._batches = [
            file.get_batch(number) for number in range(file.num_record_batches)
        ]
        self._keys = [batch["key"].to_numpy() for batch in self._batches]
        self._firsts = np.array([keys[0] for keys in self._keys], np.uint64)

        about = file.schema.metadata or {}
        stated = [about.get(name, b"").decode() for name in (b"agents", b"from", b"to")]
        self.asked = Asked(tuple(stated[0].split()), stated[1], stated[2])

    def stated(self) -> str:
        """What it knows, for people: whom it is about, and from when it is."""
        agents, first, last = self.asked
        days = f"{first} to {last}" if first else "no day"
        return f"robots.txt of {days}, for {', '.join(agents)}"

    def verdict(self, host: str, path: str) -> Verdict:
        """What the host's file says about a path with its query."""
        key = np.uint64(key_of(host))
        number = int(np.searchsorted(self._firsts, key, "right")) - 1
        if number < 0:
            return _NOTHING
        row = int(np.searchsorted(self._keys[number], key))
        if row == len(self._keys[number]) or self._keys[number][row] != key:
            return _NOTHING
        own = self._batches[number]
        groups, signals = own["groups"][row].as_py(), own["signals"][row].as_py()
        return verdict_of(_robots(groups, signals, own["rsl"][row].as_py()), path)


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
def _robots(groups: str, signals: str, rsl: bool) -> Robots:
    return Robots(
        tuple(
            tuple(Rule(allows, path) for allows, path in group)
            for group in (json.loads(groups) if groups else ())
        ),
        tuple(
            tuple(Signal(path, ai_train) for path, ai_train in group)
            for group in (json.loads(signals) if signals else ())
        ),
        rsl,
    )
