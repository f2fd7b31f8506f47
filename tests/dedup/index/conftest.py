"""Crawls that share an index, at the level of the barrier, and what the rule says of them."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.documents.parts import Part
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.work.commits import Outputs, fingerprint_of
from tamis.work.executors import Call, InlineExecutor
from tamis.work.tasks import Tasks

Row = dict[str, Any]

DOCUMENTS = pa.schema(
    [
        ("id", pa.uint64()),
        ("text_chars", pa.int64()),
        ("fetched_at", TIMESTAMP),
        ("crawl", pa.string()),
        ("language", pa.string()),
        ("text", pa.string()),
        ("text_hash", pa.uint64()),
        ("band_00", pa.uint64()),
        ("band_01", pa.uint64()),
        ("reason", pa.string()),
    ]
)
LAYER = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])


class Killed(BaseException):
    """Stands for the death of the process, which nothing of ours catches."""


class Travelling(InlineExecutor):
    """Takes calls apart and puts them together, as they are sent to a worker."""

    def submit(self, call: Call) -> None:
        super().submit(pickle.loads(pickle.dumps(call)))


class Crawls:
    """Crawl after crawl, each with an output folder of its own, into one index."""

    def __init__(self, folder: Path, root: str = "", options: Any = None) -> None:
        self.folder = folder
        self.root = root or str(folder)
        self.options = options or {}
        self.index = Storage(f"{self.root}/index", self.options)
        self.sign = Sign(bands=2, rows=4)

    def parts(
        self, storage: Storage, name: str, rows: Sequence[Row], schema: pa.Schema
    ) -> list[Part]:
        """Two input files."""
        half = len(rows) // 2
        return [
            self.part(storage, f"{name}-{number}", own, schema)
            for number, own in enumerate([rows[:half], rows[half:]])
        ]

    def part(
        self, storage: Storage, name: str, rows: Sequence[Row], schema: pa.Schema
    ) -> Part:
        outputs = Outputs(storage, name)
        table = pa.Table.from_pylist(list(rows), schema)
        with outputs.parquet("documents", schema) as writer:
            writer.write_table(table)
        layer = pa.table([table["id"], table["reason"]], schema=LAYER)
        with outputs.parquet("decisions", LAYER, name) as writer:
            writer.write_table(layer)
        documents, decisions = outputs.files
        fingerprint = fingerprint_of([documents.path, decisions.path])
        return Part(name, fingerprint, (documents,), (decisions,))

    def run(
        self,
        name: str,
        rows: Sequence[Row],
        *,
        output: str = "",
        schema: pa.Schema = DOCUMENTS,
        **settings: Any,
    ) -> list[Row]:
        """All that a run does: the layers' rows, in order."""
        storage = Storage(f"{self.root}/{output or name}", self.options)
        config = Deduplicate(
            **{"verify": None, **settings},
            index=self.index.root,
            storage_options=self.options,
        )
        parts = self.parts(storage, name, rows, schema)
        with storage.lock():
            tasks = Tasks(storage, Travelling())
            begun = config.begin(parts, tasks, [self.sign, config], is_dry=False)
            result = config.run(parts, tasks, begun)
            config.conclude(parts, tasks, begun)
        found: list[Row] = []
        for layer in result.layers:
            with storage.open(layer.path) as source:
                found += pq.ParquetFile(source).read().to_pylist()
        return found


@pytest.fixture
def crawls(tmp_path: Path) -> Crawls:
    return Crawls(tmp_path)


@pytest.fixture
def killed() -> Any:
    """`with killed(7):` the process dies before its eighth write, with `killed.error`."""
    return KilledAt()


class KilledAt:
    error = Killed

    def __call__(self, write: int) -> Any:
        return killed_at(write)


@contextmanager
def killed_at(write: int) -> Iterator[None]:
    """The process dies before the so-many-eth write of anything, or after the last."""
    left = write

    def counted(method: Any) -> Any:
        def wrapped(self: Storage, *arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return method(self, *arguments, **named)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "create", "remove", "_rename"):
            patch.setattr(Storage, name, counted(getattr(Storage, name)))
        yield
