"""`tamis lookup`: how much of a domain, a host or a page is in the mixes of a corpus.

It reads the columns `host`, and `url` where a page is asked for: 10^6 documents take a
tenth of a second.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.corpus.state import CORPUS, read_latest
from tamis.denials.matching import Denied
from tamis.denials.requests import Request
from tamis.denials.state import opened
from tamis.errors import ConfigError
from tamis.publishing.folders import Folder, folders_of
from tamis.report.reading import MANIFEST, mix_shards
from tamis.storage import Storage, Table
from tamis.urls.normalise import address, names_host, unicode_host

_COLUMNS = ("id", "host", "url", "crawl", "language", "epoch", "tokens")
_READ_ROWS = 1 << 17
_SHOWN = 5


@dataclass
class Present:
    """What a mix has. `pages`: some of the ids, with their addresses as they are there."""

    folder: str
    is_latest: bool
    documents: int = 0
    rows: int = 0
    tokens: int = 0
    crawls: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    pages: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class LookedUp:
    """The answer. `is_denied`: somebody asked that it be left out, and it is."""

    asked: str
    is_denied: bool
    mixes: list[Present] = field(default_factory=list)


def look_up(storage: Storage, asked: str) -> LookedUp:
    """All of a domain (`example.org`) or a page (`https://example.org/a`) in the mixes.

    A name without a path is that of a domain: hosts below it count. Raises ConfigError for
    what is neither, and where there is no mix.
    """
    own = address(asked)
    if not names_host(own):
        raise ConfigError(f"{asked}: is no domain such as example.org, and no address")
    if own.path or "://" in asked:
        request = Request(kind="url", value=own.host + own.path, date="", reason="")
    else:
        request = Request(kind="domain", value=own.host, date="", reason="")
    wanted = Denied([request], np.empty(0, np.uint64))
    # A host is in punycode or not, as its pages were linked.
    ends = {own.host, unicode_host(own.host)}
    latest = read_latest(storage) if storage.exists(CORPUS) else None
    found = LookedUp(asked, opened(storage).covers(asked))
    for folder in folders_of(storage):
        if folder.is_thinned or not folder.storage.exists(MANIFEST):
            continue
        is_latest = latest is None or folder.name.endswith(f"/{latest['release']}")
        found.mixes.append(_present(folder, wanted, ends, is_latest=is_latest))
    if not found.mixes:
        raise ConfigError(f"{storage.shown}: there is no mix to look into")
    return found


def _present(
    folder: Folder, wanted: Denied, ends: Collection[str], *, is_latest: bool
) -> Present:
    found = Present(folder.name, is_latest)
    for path in mix_shards(folder.storage):
        with folder.storage.table(path) as table:
            for groups in _groups(table):
                hosts = table.read(["host"], groups)["host"]
                # Pages are compared only where a host fits.
                for group in _met(table, groups, hosts, ends):
                    rows = table.read(_COLUMNS, [group])
                    _add(found, rows.filter(pa.array(wanted.rows(rows))))
    return found


def _met(
    table: Table, groups: Sequence[int], hosts: pa.ChunkedArray, ends: Collection[str]
) -> list[int]:
    """The row groups in which a host ends so: 10^6 of them take a tenth of a second."""
    fits = np.zeros(len(hosts), bool)
    for end in ends:
        fits |= np.asarray(pc.fill_null(pc.ends_with(hosts, end), False))
    rows = [table.metadata.row_group(number).num_rows for number in groups]
    met = np.unique(np.searchsorted(np.cumsum(rows), np.flatnonzero(fits), "right"))
    return [groups[number] for number in met.tolist()]


def _groups(table: Table) -> Iterator[list[int]]:
    """Row groups that are read at once."""
    rows = [table.metadata.row_group(n).num_rows for n in range(table.num_row_groups)]
    waiting: list[int] = []
    for number in range(table.num_row_groups):
        waiting.append(number)
        if sum(rows[one] for one in waiting) >= _READ_ROWS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _add(found: Present, rows: pa.Table) -> None:
    once = rows.filter(pc.equal(rows["epoch"], 0))
    found.documents += once.num_rows
    found.rows += rows.num_rows
    found.tokens += pc.sum(rows["tokens"]).as_py() or 0
    found.crawls.update(once["crawl"].to_pylist())
    found.languages.update(once["language"].to_pylist())
    for row in once.slice(0, _SHOWN - len(found.pages)).to_pylist():
        found.pages.append((row["id"], row["url"] or ""))
