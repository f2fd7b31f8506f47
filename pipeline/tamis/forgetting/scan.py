"""`tamis forget --verify`: read every file, and say where anything denied is left."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape

import numpy as np
import pyarrow as pa

from tamis.corpus.state import RELEASES, RUNS
from tamis.denials.matching import Denied
from tamis.denials.state import DENIED_LIST, FOLDER, LOG, opened, read_list
from tamis.errors import TamisError
from tamis.forgetting.tables import words_left
from tamis.storage import Storage

_READERS = 4
_BATCH_ROWS = 1 << 14
_MOST_TEXT = 1 << 30
# Text files in which addresses of pages may stand.
_WORDS = (".json", ".jsonl", ".html", ".md", ".gz")
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_OWN = (DENIED_LIST, LOG, FOLDER)


@dataclass
class Scanned:
    """What was read, and a line for everything that is left."""

    files: int = 0
    requests: int = 0
    left: list[str] = field(default_factory=list)


def scan(storage: Storage) -> Scanned:
    """Read every file of a run, a release or a corpus for what its list denies."""
    denied = opened(storage)
    requests = read_list(storage)["requests"]
    has_pages = any(own["kind"] in ("url", "prefix") for own in requests)
    found = Scanned(requests=len(requests))
    names = [n for n in storage.names("") if not n.startswith(_OWN)]
    with ThreadPoolExecutor(_READERS) as pool:
        for left in pool.map(
            lambda n: list(_left(storage, n, denied, has_pages=has_pages)), names
        ):
            found.files += 1
            found.left += left
    return found


def _left(
    storage: Storage, name: str, denied: Denied, *, has_pages: bool
) -> Iterator[str]:
    try:
        if name.endswith(".parquet"):
            yield from _left_in_table(storage, name, denied)
        elif name.endswith(_WORDS) and has_pages:
            yield from _left_in_text(storage, name, denied)
    except TamisError as error:
        yield f"{name}: cannot be read: {error}"


def _left_in_table(storage: Storage, name: str, denied: Denied) -> Iterator[str]:
    dataset = _dataset(name)
    with storage.table(name) as table:
        if "id" not in table.schema.names:
            return
        for batch in table.iter_batches(_BATCH_ROWS):
            is_denied = denied.rows(batch)
            if not is_denied.any():
                continue
            rows = pa.Table.from_batches([batch])
            columns = words_left(rows, is_denied, dataset)
            if columns:
                ids = np.asarray(batch["id"])[is_denied][:3].tolist()
                yield (
                    f"{name}: {', '.join(columns[:5])} of denied documents, as "
                    f"{', '.join(map(str, ids))}"
                )
                return


def _left_in_text(storage: Storage, name: str, denied: Denied) -> Iterator[str]:
    content = storage.read(name, most_bytes=_MOST_TEXT)
    if name.endswith(".gz"):
        with suppress(OSError, EOFError, zlib.error):
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(_MOST_TEXT)
    text = unescape(content.decode("utf-8", "replace").replace("\\/", "/"))
    for address in dict.fromkeys(_ADDRESS.findall(text)):
        if denied.covers_page(address):
            yield f"{name}: the address {address}"


def _dataset(name: str) -> str:
    """The kind of a table: its folder, or that within its run or release."""
    parts = name.split("/")
    return parts[2] if parts[0] in (RUNS, RELEASES) and len(parts) > 3 else parts[0]
