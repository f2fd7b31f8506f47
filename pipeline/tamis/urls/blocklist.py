"""Millions of listed addresses as one sorted array, shared by all workers of a host.

A prepared file is written once, memory-mapped and shared by all processes: 11 bytes an
entry, 51 MB for UT1's 4.6 million.

    a line of JSON with the digest of what follows, padded with spaces to a multiple of 64 bytes
    hashes      (entries,)  uint64, sorted, no value twice
    starts      (starts,)   uint32, index of the hashes: see `tamis.urls.keys`
    categories  (entries,)  uint16, place in the header's `categories`

An address in several lists belongs to the first of them.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from xxhash import xxh3_128_hexdigest

from tamis.cache import cache_folder, temporary_folder
from tamis.errors import StorageError
from tamis.text.buffers import utf8_buffers
from tamis.urls.normalise import address
from tamis.urls.sources import Source, digest_of, entries_of

_ALIGNMENT = 64
_MOST_HEADER_BYTES = 1 << 20


class _Header(BaseModel):
    """The first line; `digest` is the xxh3_128 of all bytes behind it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    entries: NonNegativeInt
    starts: NonNegativeInt
    categories: tuple[str, ...]
    digest: str


class Blocklist:
    """An open prepared file. Raises StorageError if it is not as it was written."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                line = file.readline(_MOST_HEADER_BYTES)
                whole = os.fstat(file.fileno()).st_size
            header = _Header.model_validate_json(line)
            entries, starts = header.entries, header.starts
            self.categories = header.categories
            size = entries * 10 + starts * 4
            if whole != len(line) + size:
                raise ValueError(f"it has {whole} bytes, not {len(line) + size}")
            mapped = np.memmap(path, np.uint8, "r", len(line), (size,))
            if xxh3_128_hexdigest(mapped.data) != header.digest:
                raise ValueError("its content does not have its digest")
            # Plain arrays on the map: indexing a memmap takes microseconds longer.
            self._hashes, self._starts, self._categories = (
                part.view(kind)
                for part, kind in zip(
                    np.split(np.asarray(mapped), [entries * 8, size - entries * 2]),
                    (np.uint64, np.uint32, np.uint16),
                    strict=True,
                )
            )
            if not _is_index(self._starts, entries):
                raise ValueError("its index is not valid")
        except (OSError, ValueError) as error:
            said = str(error).splitlines()[0]
            raise StorageError(f"prepared list {path} is damaged: {said}") from error

    def __len__(self) -> int:
        return len(self._hashes)

    def codes_of(self, urls: Any) -> NDArray[np.int64]:
        """Place in `categories` of each URL of an Arrow column; -1 if no list has it.

        The nearest entry counts: a host before its parents, hosts before pages.
        """
        from tamis.urls.keys import UNKNOWN, places_of
        from tamis.urls.spans import ODD, plain_spans, spelled

        data, offsets = utf8_buffers(urls)
        spans = plain_spans(data, offsets)
        places = places_of(data, spans, self._hashes, starts=self._starts)
        odd = np.flatnonzero((spans[:, 0] == ODD) | (places == UNKNOWN))
        if len(odd):
            others = urls.take(pa.array(odd)).to_pylist()
            data, spans = spelled(address(url) for url in others)
            places[odd] = places_of(data, spans, self._hashes, starts=self._starts)
        codes = np.full(len(places), -1, np.int64)
        is_listed = places >= 0
        codes[is_listed] = self._categories[places[is_listed]]
        return codes

    def categories_of(self, urls: Any) -> list[str | None]:
        """Category of each URL; None if no list has it."""
        names = np.array([*self.categories, None], object)
        found: list[str | None] = names[self.codes_of(urls)].tolist()
        return found


def prepare(lists: Iterable[Source], folder: Path) -> Path:
    """Path of the prepared file of `lists` in `folder`, which is written if missing.

    Its name holds a hash of the lists' categories and bytes. Workers that prepare at
    the same time write files of their own and rename them: all have the same content.
    """
    lists = list(lists)
    name = f"{digest_of(lists)}.urls"
    path = folder / name
    try:
        if not path.is_file():
            _write(lists, path)
    except (OSError, StorageError) as error:
        # A home folder that is not there, full or another user's is no obstacle.
        try:
            other = temporary_folder() / "urls"
        except OSError:
            raise error from None
        if other == folder:
            raise
        path = other / name
        if not path.is_file():
            print(f"tamis: {error}; kept in {other}", file=sys.stderr)
            _write(lists, path)
    return path


def prepared(lists: Iterable[Source], folder: Path) -> Blocklist:
    """`prepare`, opened; a damaged file is prepared again, with a line on stderr."""
    lists = list(lists)
    path = prepare(lists, folder)
    try:
        return Blocklist(path)
    except StorageError as error:
        print(f"tamis: {error}; prepared again", file=sys.stderr)
    _write(lists, path)
    return Blocklist(path)


def _write(lists: list[Source], path: Path) -> None:
    """Write the prepared file of `lists`; it appears complete, replacing another one."""
    from tamis.urls.keys import starts_of

    folder = path.parent
    hashes, categories, names = _entries(lists)
    starts = starts_of(hashes)
    tables = hashes.tobytes() + starts.tobytes() + categories.tobytes()
    about = {"entries": len(hashes), "starts": len(starts), "categories": names}
    header = json.dumps({**about, "digest": xxh3_128_hexdigest(tables)}).encode()
    padding = -(len(header) + 1) % _ALIGNMENT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not by `tempfile`, whose files no other user of a shared cache could read.
        partial = folder / f"{uuid4().hex}.partial"
        try:
            with partial.open("xb") as file:
                file.write(header + b" " * padding + b"\n")
                file.write(tables)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"list cannot be prepared in {folder}: {error}") from error


def default_folder() -> Path:
    """The folder of prepared files."""
    return cache_folder() / "urls"


def _entries(
    lists: list[Source],
) -> tuple[NDArray[np.uint64], NDArray[np.uint16], list[str]]:
    """Sorted keys of all lists, the category of each key, and the categories' names."""
    names = list(dict.fromkeys(source.category for source in lists))
    keys, categories = [np.empty(0, np.uint64)], [np.empty(0, np.uint16)]
    for source, own in entries_of(lists):
        keys.append(own.keys)
        place = names.index(source.category)
        categories.append(np.full(len(keys[-1]), place, np.uint16))
    # `unique` sorts stably: of equal keys it returns the place of the first.
    hashes, firsts = np.unique(np.concatenate(keys), return_index=True)
    return hashes, np.concatenate(categories)[firsts], names


def _is_index(starts: NDArray[np.uint32], entries: int) -> bool:
    """Whether look-ups stay inside the file: 2^n + 1 places in ascending order."""
    count = len(starts) - 1
    if count < 2 or count & (count - 1):
        return False
    return bool(starts[-1] == entries and (starts[1:] >= starts[:-1]).all())
