"""Rows between two steps of mix_corpus, in files in which each way is contiguous.

A piece has one Arrow stream (zstd) for each way, end to end, and after them ways + 1
numbers (int64, little-endian): where each stream begins, and where the last one ends. To
read one way takes two ranges of the file, however many ways it has. With a footer that
lists every column of every way, hundreds of tasks would read all of it for one line.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.storage import Storage
from tamis.work.commits import File, Outputs
from tamis.work.tasks import give_memory_back

# Rows are held until there are so many bytes of them; sorting takes as much again.
_WAITING_BYTES = 32 << 20
_NUMBER = np.dtype("<i8")


class Piece:
    """A piece being written; each way has a file of its own until the end."""

    def __init__(self, stem: Path, schema: pa.Schema, ways: int) -> None:
        self._paths = [stem.with_name(f"{stem.name}-{way}") for way in range(ways)]
        self._schema = schema
        self._writers: dict[int, Any] = {}
        self._waiting: list[pa.Table] = []
        self._ways: list[NDArray[np.int64]] = []
        self._bytes = 0

    def add(self, rows: pa.Table, ways: NDArray[np.int64]) -> None:
        """Add rows, and the number of the way of each."""
        self._waiting.append(rows)
        self._ways.append(ways)
        self._bytes += rows.nbytes
        if self._bytes >= _WAITING_BYTES:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        ways = np.concatenate(self._ways)
        rows = pa.concat_tables(self._waiting)
        self._waiting, self._ways, self._bytes = [], [], 0
        rows = rows.combine_chunks()
        order = np.argsort(ways, kind="stable")
        starts = np.flatnonzero(np.diff(ways[order], prepend=-1))
        for some in np.split(order, starts[1:]):
            if len(some):
                self._writer(int(ways[some[0]])).write_table(rows.take(pa.array(some)))
        del rows
        give_memory_back()

    def _writer(self, way: int) -> Any:
        if way not in self._writers:
            options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
            path = str(self._paths[way])
            self._writers[way] = pa.ipc.new_stream(path, self._schema, options=options)
        return self._writers[way]

    def finish(self, target: Path) -> None:
        """Write all ways to one file."""
        self._write()
        self._close()
        starts = [0]
        with target.open("wb") as whole:
            for way, path in enumerate(self._paths):
                if way in self._writers:
                    with path.open("rb") as part:
                        shutil.copyfileobj(part, whole, 1 << 20)
                    path.unlink()
                starts.append(whole.tell())
            whole.write(np.array(starts, _NUMBER).tobytes())

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def discard(self) -> None:
        """Remove all temporary files, also after an error."""
        self._close()
        for path in self._paths:
            path.unlink(missing_ok=True)


@contextmanager
def piece(
    outputs: Outputs, dataset: str, schema: pa.Schema, ways: int
) -> Iterator[Piece]:
    """A piece to fill, published when the block ends without an error."""
    with ExitStack() as stack:
        target = Path(stack.enter_context(outputs.binary(dataset, ".piece")))
        open_piece = Piece(target, schema, ways)
        stack.callback(open_piece.discard)
        yield open_piece
        open_piece.finish(target)


def rows_of_way(
    storage: Storage, pieces: Sequence[File], way: int, ways: int
) -> Iterator[pa.RecordBatch]:
    """Rows of one way, piece by piece, in the order in which they were added."""
    for file in pieces:
        index_bytes = (ways + 1) * _NUMBER.itemsize
        index = storage.read_range(file.path, file.bytes - index_bytes, file.bytes)
        starts = np.frombuffer(index, _NUMBER)
        start, stop = int(starts[way]), int(starts[way + 1])
        if start < stop:
            yield from pa.ipc.open_stream(storage.read_range(file.path, start, stop))
