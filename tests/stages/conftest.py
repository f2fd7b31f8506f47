"""What tests of several stages share."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.documents import Part, Published
from pipeline.executors import InlineExecutor
from pipeline.schema import TIMESTAMP
from pipeline.stage import StageConfig, function_of
from pipeline.storage import Storage
from pipeline.tasks import Outputs, Silent, Tasks, fingerprint
from pipeline.text.cuts import CUTS

FastTextFile = Callable[..., str]
Document = dict[str, Any]

SAVED = pa.schema(
    [
        ("id", pa.uint64()),
        ("url", pa.string()),
        ("host", pa.string()),
        ("domain", pa.string()),
        ("fetched_at", TIMESTAMP),
        ("text", pa.string()),
        ("text_chars", pa.int32()),
    ]
)
_DECIDED = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])


class Listening(Silent):
    """Keeps what a barrier says before it starts."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@dataclass
class Barrier:
    """Runs a barrier over documents, and gives them back as a later pass reads them."""

    folder: Path
    result: Published = field(default_factory=lambda: Published(()))
    notes: list[str] = field(default_factory=list)

    def __call__(
        self,
        config: StageConfig,
        parts: Mapping[str, Sequence[Document]],
        *,
        splits: int = 1,
        dropped: Sequence[int] = (),
    ) -> dict[int, Document]:
        """By id, each with the columns of its layer. `dropped` are ids that are out."""
        storage = Storage(str(self.folder))
        saved = [
            _saved(storage, name, rows, splits, dropped) for name, rows in parts.items()
        ]
        watching = Listening()
        tasks = Tasks(storage, InlineExecutor(), watching)
        self.result = function_of(config)(config, saved, tasks)
        self.notes = watching.notes
        found = {}
        for part, layer in zip(saved, self.result.layers, strict=True):
            schema = pq.read_schema(storage.path(layer.path))
            names = [*SAVED.names, *(n for n in schema.names if n != CUTS)]
            table = part.with_layer(layer, "x").read(
                storage, list(dict.fromkeys(names))
            )
            found.update({row["id"]: row for row in table.to_pylist()})
        return found

    def bytes_of_layers(self) -> list[bytes]:
        return [(self.folder / layer.path).read_bytes() for layer in self.result.layers]


def _saved(
    storage: Storage,
    name: str,
    rows: Sequence[Document],
    splits: int,
    dropped: Sequence[int],
) -> Part:
    """The documents of one input in so many files, with one layer of decisions."""
    defaults = {
        "host": "h.example",
        "domain": "example",
        "fetched_at": datetime(2024, 1, 1),
    }
    filled = [
        {**defaults, "text": "", "text_chars": len(row.get("text") or ""), **row}
        for row in rows
    ]
    table = pa.Table.from_pylist(filled, SAVED)
    outputs = Outputs(storage, name)
    bounds = np.linspace(0, len(rows), splits + 1).astype(int).tolist()
    for number, (start, stop) in enumerate(pairwise(bounds)):
        with outputs.parquet("extracted", SAVED, f"{name}-{number}") as writer:
            writer.write_table(table.slice(start, stop - start))
    files = tuple(outputs.files)
    reasons = ["too_short" if row["id"] in dropped else None for row in rows]
    decided = pa.table([table["id"], pa.array(reasons, pa.string())], schema=_DECIDED)
    with outputs.parquet("decisions", _DECIDED, name) as writer:
        writer.write_table(decided)
    print_ = fingerprint([file.path for file in files])
    return Part(name, print_, files, (outputs.files[-1],))


@pytest.fixture
def barrier(tmp_path: Path) -> Barrier:
    return Barrier(tmp_path / "out")


@pytest.fixture
def fasttext_file(tmp_path: Path) -> FastTextFile:
    """`fasttext_file("__label__a", "__label__b", good=2.0, bad=-2.0)`: a .bin file.

    A vector has one number. That of a line is the mean of its words', its end counting
    as one of 0; the first label's logit is that number, the second's its negative, any
    further one's 0.
    """

    def store(*labels: str, **words: float) -> str:
        vectors = {"</s>": 0.0, **words}
        entries = [(word, 0) for word in vectors] + [(label, 1) for label in labels]
        rows = [1.0, -1.0, *[0.0] * len(labels)][: len(labels)]
        content = struct.pack("<ii", 793712314, 12)  # magic number, version
        # dim, ws, epoch, minCount, neg, wordNgrams, loss (softmax), model (supervised),
        # bucket, minn, maxn, lrUpdateRate, t
        content += struct.pack("<12id", 1, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100, 1e-4)
        content += struct.pack("<3i", len(entries), len(vectors), len(labels))
        content += struct.pack("<qq", 100, -1)  # tokens; nothing pruned
        for word, kind in entries:
            content += word.encode() + b"\0" + struct.pack("<qb", 1, kind)
        for values in (list(vectors.values()), rows):
            content += struct.pack("<?qq", False, len(values), 1)
            content += struct.pack(f"<{len(values)}f", *values)
        path = tmp_path / "model.bin"
        path.write_bytes(content)
        return str(path)

    return store
