"""The denial list of a corpus, or of an output folder: denied.json and its ids.

It is no part of a fingerprint: a request redoes no extraction. Passes look it up where
documents enter and where text is read again, and `deny` in front of every mix.

    denied.json                     the requests, in the order in which they came
    forgotten/ids-HASH.parquet      the documents that they met, uint64, sorted
    forgotten.jsonl                 what was done, a line for each `tamis forget`
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.denials.matching import Denied
from tamis.denials.requests import Request
from tamis.errors import StorageError
from tamis.storage import Storage
from tamis.storage.parquet import parquet_writer
from tamis.storage.records import sealed

FORMAT = 1
DENIED_LIST, LOG, FOLDER = "denied.json", "forgotten.jsonl", "forgotten"
_IDS = pa.schema([("id", pa.uint64())])


@with_config(extra="forbid")
class DenialList(TypedDict):
    """denied.json. `ids`: the file of the documents; "" if the requests met none."""

    format: int
    requests: list[Request]
    ids: str


_LIST = TypeAdapter(DenialList)


class Place(NamedTuple):
    """Where a list is, and which one it was: what a worker needs to open it."""

    root: str
    options: tuple[tuple[str, str], ...]
    tag: str


def read_list(storage: Storage) -> DenialList:
    """The list of a folder; an empty one if it has none. Raises StorageError."""
    if not storage.exists(DENIED_LIST):
        return DenialList(format=FORMAT, requests=[], ids="")
    found: DenialList = storage.read_record(DENIED_LIST, _LIST)
    if found["format"] != FORMAT:
        raise StorageError(
            f"{storage.shown_path(DENIED_LIST)}: is a list of format {found['format']}, "
            f"and this version reads format {FORMAT}"
        )
    return found


def read_ids(storage: Storage, found: DenialList) -> NDArray[np.uint64]:
    """The ids of the documents that the requests met, sorted."""
    if not found["ids"]:
        return np.empty(0, np.uint64)
    with storage.table(found["ids"]) as opened:
        return np.asarray(opened.read(["id"])["id"]).astype(np.uint64)


def write_list(
    storage: Storage, requests: Sequence[Request], ids: NDArray[np.uint64]
) -> None:
    """Replace the list; it is published when its ids are there."""
    before = read_list(storage)
    name = ""
    if len(ids):
        with (
            storage.writer(FOLDER, "ids", ".parquet") as written,
            parquet_writer(str(written.temporary), _IDS) as writer,
        ):
            writer.write_table(pa.table({"id": pa.array(ids, pa.uint64())}))
        name = written.name
    content = DenialList(format=FORMAT, requests=list(requests), ids=name)
    storage.write(DENIED_LIST, sealed(content, indent=1))
    if before["ids"] not in ("", name):
        storage.remove([before["ids"]])


def opened(storage: Storage) -> Denied:
    """The list of a folder, ready to be looked up."""
    found = read_list(storage)
    return Denied(found["requests"], read_ids(storage, found))


def place_of_list(
    root: str, storage_options: Mapping[str, Any] | None = None
) -> Place | None:
    """Where the list of a folder is; null if it has none."""
    storage = Storage(root, storage_options)
    if not storage.exists(DENIED_LIST):
        return None
    options = {name: json.dumps(value) for name, value in storage.options.items()}
    tag = storage.tag(DENIED_LIST) or ""
    return Place(storage.root, tuple(sorted(options.items())), tag)


@lru_cache(maxsize=2)
def denied_at(place: Place) -> Denied:
    """The list at a place, opened once per worker."""
    storage = Storage(place.root)
    storage.options = {name: json.loads(value) for name, value in place.options}
    return opened(storage)
