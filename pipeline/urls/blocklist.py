"""Millions of listed addresses as one sorted array, shared by all workers of a host.

A prepared file is written once and memory-mapped: 10 bytes an entry, 46 MB for UT1's 4.6
million, which every process shares.

    a line of JSON, filled up with spaces to a multiple of 64 bytes
    hashes      (entries,)  uint64, sorted, no value twice
    categories  (entries,)  uint16, place in the header's `categories`

An address that several lists name belongs to the first of them.
"""

import json
import os
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from xxhash import xxh3_128

from pipeline.errors import StorageError
from pipeline.urls.keys import host_keys, url_keys, within_key
from pipeline.urls.normalise import address, hosts
from pipeline.urls.sources import Source, keys_of

# Part of a prepared file's name. Raised when keys or layout change.
_FORMAT = 1
_ALIGNMENT = 64
_CHUNK_BYTES = 1 << 20


class Blocklist:
    """A prepared file, open for look-ups."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                line = file.readline()
            header = json.loads(line)
            entries = int(header["entries"])
            self.categories = tuple(map(str, header["categories"]))
            mapped = np.memmap(path, np.uint8, "r", len(line), (entries * 10,))
        except (OSError, ValueError, KeyError) as error:
            raise StorageError(f"prepared list {path} is damaged: {error}") from error
        # Plain arrays over the map: a memmap's own type costs microseconds an index.
        plain = np.asarray(mapped)
        self._hashes = plain[: entries * 8].view(np.uint64)
        self._categories = plain[entries * 8 :].view(np.uint16)

    def __len__(self) -> int:
        return len(self._hashes)

    def categories_of(self, urls: Any) -> list[str | None]:
        """Category of each URL of an Arrow column; None where nothing lists it.

        The nearest entry names it: a host before its parents, hosts before pages.
        """
        encoded = pc.dictionary_encode(hosts(urls))
        names = encoded.dictionary.to_pylist()
        of_host = self._first([host_keys(host) for host in names])
        is_near = self._places([within_key(host) for host in names]) >= 0
        # One more, which rows without a URL (-1) find at the end.
        of_host.append(None)
        is_near = np.append(is_near, False)
        places = np.asarray(pc.fill_null(encoded.indices, -1))
        found = [of_host[place] for place in places.tolist()]
        rows = [x for x in np.flatnonzero(is_near[places]).tolist() if found[x] is None]
        pages = urls.take(pa.array(rows, pa.int64())).to_pylist()
        of_page = self._first([list(url_keys(address(page))) for page in pages])
        for row, category in zip(rows, of_page, strict=True):
            found[row] = category
        return found

    def _first(self, groups: list[list[int]]) -> list[str | None]:
        """For each group of keys the category of the first that is listed."""
        places = self._places([key for group in groups for key in group])
        ends = np.cumsum([len(group) for group in groups])
        names: list[str | None] = [None] * len(groups)
        # Backwards, so that the first hit of a group is the last to be written.
        hits = np.flatnonzero(places >= 0)[::-1]
        of_group = np.searchsorted(ends, hits, side="right")
        for place, group in zip(places[hits].tolist(), of_group.tolist(), strict=True):
            names[group] = self.categories[self._categories[place]]
        return names

    def _places(self, keys: list[int]) -> NDArray[np.int64]:
        """Place of each key among the entries; -1 for one that is not there."""
        wanted = np.array(keys, np.uint64)
        places = np.full(len(wanted), -1, np.int64)
        if not len(self._hashes):
            return places
        # In order, neighbours meet the same pages of the map: ten times as fast.
        order = np.argsort(wanted)
        wanted = wanted[order]
        near = np.searchsorted(self._hashes, wanted)
        near[near == len(self._hashes)] = 0
        places[order] = np.where(self._hashes[near] == wanted, near, -1)
        return places


def prepare(lists: Iterable[Source], folder: Path) -> Path:
    """Path of the prepared file of `lists` in `folder`, written unless it is there.

    Its name holds a hash of the lists' categories and bytes. Workers that prepare at
    once write files of their own and rename them over each other: all are alike.
    """
    lists = list(lists)
    path = folder / f"{_digest(lists)}.urls"
    if path.is_file():
        return path
    hashes, categories, names = _entries(lists)
    header = json.dumps({"entries": len(hashes), "categories": names}).encode()
    padding = -(len(header) + 1) % _ALIGNMENT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not by `tempfile`, whose files no other user of a shared cache could read.
        partial = folder / f"{uuid4().hex}.partial"
        try:
            with partial.open("xb") as file:
                file.write(header + b" " * padding + b"\n")
                file.write(hashes.tobytes())
                file.write(categories.tobytes())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"list cannot be prepared in {folder}: {error}") from error
    return path


def default_folder() -> Path:
    """Where prepared files are kept: $TAMIS_CACHE, else the user's cache folder."""
    named = os.environ.get("TAMIS_CACHE")
    if named:
        return Path(named) / "urls"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tamis" / "urls"


def _entries(
    lists: list[Source],
) -> tuple[NDArray[np.uint64], NDArray[np.uint16], list[str]]:
    """Sorted keys of all lists, the category of each, and the categories' names."""
    names = list(dict.fromkeys(source.category for source in lists))
    keys, categories = array("Q"), [np.empty(0, np.uint16)]
    for source in lists:
        before = len(keys)
        keys.extend(keys_of(source))
        place = names.index(source.category)
        categories.append(np.full(len(keys) - before, place, np.uint16))
    # `unique` sorts stably: of equal keys it returns the place of the first.
    hashes, firsts = np.unique(np.frombuffer(keys, np.uint64), return_index=True)
    return hashes, np.concatenate(categories)[firsts], names


def _digest(lists: list[Source]) -> str:
    # A name, not a seal: sha256 would take half the time that opening may take.
    digest = xxh3_128(f"{_FORMAT}".encode())
    for source in lists:
        digest.update(f"\0{source.category}\0{source.path.suffix == '.gz'}\0".encode())
        try:
            with source.path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise StorageError(f"list {source.path} cannot be read: {error}") from error
    return digest.hexdigest()
