"""Rows between two steps of mix_corpus, in files in which each way is contiguous.

A piece has one Arrow stream (zstd) for each way, end to end, and after them an index of
numbers (uint64, little-endian): where each stream begins, and where the last one ends
(ways + 1); the xxh3_64 of each stream (ways); the xxh3_64 of all these numbers. To read one way takes two ranges of the file, however many ways it has. With a footer that
lists every column of every way, hundreds of tasks would read all of it for one line.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from tamis.storage import Storage
from tamis.work.commits import File, Outputs
from tamis.work.tasks import give_memory_back

# Rows are held until there are so many bytes of them; sorting takes as much again.
_WAITING_BYTES = 32 << 20
_CHUNK_BYTES = 1 << 20
_NUMBER = np.dtype("<u8")


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
        starts, digests = [0], []
        with target.open("wb") as whole:
            for way, path in enumerate(self._paths):
                digest = xxhash.xxh3_64()
                if way in self._writers:
                    with path.open("rb") as part:
                        while chunk := part.read(_CHUNK_BYTES):
                            digest.update(chunk)
                            whole.write(chunk)
                    path.unlink()
                starts.append(whole.tell())
                digests.append(digest.intdigest())
            index = np.array([*starts, *digests], _NUMBER).tobytes()
            whole.write(index + _digest(index))

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
    """Rows of one way, piece by piece, in the order in which they were added.

    Raises DamagedFile.
    """
    for file in pieces:
        index_bytes = (2 * ways + 2) * _NUMBER.itemsize
        index = storage.read_range(
            file.path, max(0, file.bytes - index_bytes), file.bytes
        )
        if len(index) != index_bytes or _digest(index[:-8]) != index[-8:]:
            raise storage.damaged(
                file.path, "its index is not the one that was written"
            )
        numbers = np.frombuffer(index, _NUMBER)
        start, stop = int(numbers[way]), int(numbers[way + 1])
        stream = storage.read_range(file.path, start, stop) if start < stop else b""
        if xxhash.xxh3_64_intdigest(stream) != int(numbers[ways + 1 + way]):
            raise storage.damaged(file.path, "its rows are not those that were written")
        if stream:
            yield from pa.ipc.open_stream(stream)


def _digest(content: bytes) -> bytes:
    return np.array([xxhash.xxh3_64_intdigest(content)], _NUMBER).tobytes()
