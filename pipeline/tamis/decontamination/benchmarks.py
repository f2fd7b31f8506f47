"""Benchmark files: what an instance is, and its words.

    {"text": ...}                                  one instance, whole
    {"question": ..., "answer": ..., "passage": ...,
     "eval_key": ..., "split": ..., "eval_instance_index": ...}     as decon's references

JSON Lines, plain or gzipped. An instance without `eval_key` belongs to the benchmark that its
file is called.
"""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.decontamination.overlap import Index, index_of
from tamis.errors import ConfigError

_PARTS = ("passage", "question", "answer", "text")
_MOST_BYTES = 1 << 30
_MOST_INSTANCES = 10_000_000


class Instance(NamedTuple):
    """One question of a benchmark. `number` is its index there, or its line."""

    benchmark: str
    number: int
    text: str


class Opened(NamedTuple):
    """Benchmark and number of each instance, and the index of all."""

    benchmarks: NDArray[np.object_]
    numbers: NDArray[np.int64]
    index: Index  # type: ignore[assignment]  # hides tuple.index, unused


def instances_of(paths: Sequence[str]) -> list[Instance]:
    """All instances of the files, in their order. Raises ConfigError, with file and line."""
    found = [one for path in paths for one in _of_file(Path(path))]
    if not found:
        raise ConfigError("decontaminate.benchmarks: no instance in any of the files")
    if len(found) > _MOST_INSTANCES:
        raise ConfigError(
            f"decontaminate.benchmarks: {len(found):,} instances, over {_MOST_INSTANCES:,}"
        )
    return found


def _of_file(path: Path) -> Iterator[Instance]:
    name = path.name.partition(".")[0]
    for number, line in enumerate(_lines(path)):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}:{number + 1}: is no JSON: {error}") from error
        texts = [row.get(part) for part in _PARTS] if isinstance(row, dict) else []
        text = "\n".join(one for one in texts if isinstance(one, str) and one)
        if not text:
            raise ConfigError(
                f"{path}:{number + 1}: there is neither `text` nor `question`, `answer` or "
                f"`passage`"
            )
        key, index = row.get("eval_key"), row.get("eval_instance_index")
        is_index = isinstance(index, int) and 0 <= index < 1 << 31
        yield Instance(
            key if isinstance(key, str) and key else name,
            index if is_index else number,
            text.encode("utf-8", "replace").decode(),
        )


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else path.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{path}: has more than {_MOST_BYTES >> 30} GiB")
    try:
        return content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8: {error}") from error


@lru_cache(maxsize=2)
def opened(paths: tuple[str, ...], ngram: int) -> Opened:
    """The instances of the files with their index; once per worker."""
    found = instances_of(paths)
    return Opened(
        np.array([one.benchmark for one in found], object),
        np.array([one.number for one in found], np.int64),
        index_of([one.text for one in found], ngram),
    )


def counts_of(paths: Sequence[str]) -> dict[str, int]:
    """The number of instances of each benchmark, in the order of the files."""
    return dict(Counter(one.benchmark for one in instances_of(paths)))
