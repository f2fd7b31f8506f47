"""Drop documents that somebody asked to be left out, before they are mixed.

Reads  host, url
Writes drop_reason  denied

A run adds this stage in front of `mix_corpus` by itself where its folder, or its corpus, has
a denial list (`tamis forget`).
"""

from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from tamis.stage import BatchFunction, Transform, drop


class Deny(Transform):
    """The folder of the list, and which list it was."""

    not_fingerprinted: ClassVar[tuple[str, ...]] = ("folder", "storage_options")

    folder: str
    tag: str = ""
    storage_options: dict[str, Any] = Field(default_factory=dict)

    def columns_read(self) -> tuple[str, ...]:
        return ("host", "url")

    def build(self) -> BatchFunction:
        """Open the list; return a transform that fills `drop_reason`."""
        from tamis.denials.matching import DENIED
        from tamis.denials.state import opened
        from tamis.storage import Storage

        denied = opened(Storage(self.folder, self.storage_options))

        def deny(batch: pa.RecordBatch) -> pa.RecordBatch:
            is_denied = denied.rows(batch)
            reasons = [DENIED if one else None for one in is_denied.tolist()]
            return drop(batch, pa.array(reasons, pa.string()))

        return deny
