"""Which rows of a table are denied: by document id, host or address.

id           uint64  always
host, url    string  where the table has them; null where a row was forgotten already
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.denials.requests import Request, page_of
from tamis.urls.normalise import address

Mask = NDArray[np.bool_]

DENIED = "denied"  # the reason
# What is left of a row that was forgotten, beside its hashes, by which copies of its text
# are known: all of these are uint64, and nothing else is.
LEFT = ("id", "host")


class Denied:
    """Requests, ready to be looked up; `ids` are those of documents that they met."""

    def __init__(self, requests: Sequence[Request], ids: NDArray[np.uint64]) -> None:
        own = {kind: set[str]() for kind in ("domain", "host", "url", "prefix", "id")}
        for request in requests:
            own[request["kind"]].add(request["value"])
        numbers = np.array([int(value) for value in own["id"]], np.uint64)
        self.ids = np.unique(np.concatenate([ids, numbers]))
        self._domains, self._hosts = own["domain"], own["host"]
        self._urls, self._prefixes = own["url"], tuple(sorted(own["prefix"]))
        self._hosts_of_urls = {
            value.partition("/")[0].partition("?")[0]
            for value in (*own["url"], *own["prefix"])
        }

    def by_id(self, ids: Any) -> Mask:
        """Whether each id is that of a denied document; `ids` are uint64."""
        values = np.asarray(ids).astype(np.uint64)
        if not len(self.ids):
            return np.zeros(len(values), bool)
        places = np.minimum(np.searchsorted(self.ids, values), len(self.ids) - 1)
        found: Mask = self.ids[places] == values
        return found

    def rows(self, table: Any) -> Mask:
        """Whether each row of a batch or a table is denied."""
        found = self.by_id(table["id"])
        if {"host", "url"} <= set(table.schema.names):
            found = found | self._by_address(table["host"], table["url"])
        return found

    def covers(self, url: str) -> bool:
        """Whether an address is denied, or its host."""
        return self._is_host_denied(address(url).host) or self.covers_page(url)

    def covers_page(self, url: str) -> bool:
        """Whether an address is denied itself, by `url` or `prefix`."""
        host, page = page_of(url)
        return host in self._hosts_of_urls and self._is_page_denied(page)

    def _by_address(self, hosts: Any, urls: Any) -> Mask:
        if isinstance(hosts, pa.ChunkedArray):
            hosts, urls = hosts.combine_chunks(), urls.combine_chunks()
        coded = pc.dictionary_encode(hosts)
        names = [address(name).host for name in coded.dictionary.to_pylist()]
        # One more, for rows without a host.
        is_denied = np.array([*map(self._is_host_denied, names), False])
        is_suspect = np.array([*(n in self._hosts_of_urls for n in names), False])
        codes = np.asarray(pc.fill_null(coded.indices, len(names)))
        found: Mask = is_denied[codes]
        for row in np.flatnonzero(is_suspect[codes] & ~found).tolist():
            _, page = page_of(urls[row].as_py() or "")
            found[row] = self._is_page_denied(page)
        return found

    def _is_host_denied(self, host: str) -> bool:
        labels = host.split(".")
        return host in self._hosts or any(
            ".".join(labels[first:]) in self._domains for first in range(len(labels))
        )

    def _is_page_denied(self, page: str) -> bool:
        # The page of a folder is below the folder's prefix.
        return page in self._urls or f"{page}/".startswith(self._prefixes)


def emptied(table: Any, is_denied: Mask, left: Sequence[str] = LEFT) -> Any:
    """The table with null in all columns of denied rows, but `left` and hashes."""
    gone = pa.array(is_denied)
    for number, field in enumerate(table.schema):
        if field.name in left or field.type == pa.uint64():
            continue
        nothing = pa.scalar(None, field.type)
        values = pc.if_else(gone, nothing, table.column(number))
        table = table.set_column(number, field, values)
    return table
