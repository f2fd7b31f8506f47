"""The input files of each part: one, or many small ones.

A task and its tables cost a tenth of a second in all steps, whatever they hold; thousands of
archives of one page would cost little else. So small files are read together, where a run
has many of them. Which ones depends on their names and sizes alone: a file more or less
changes the group that it falls into and, where that grows too long, the next.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tamis.inputs import InputFile
from tamis.warc.splits import UNKNOWN_SIZE
from tamis.work.commits import fingerprint_of

SMALL_BYTES = 256 << 10
FEWEST_SMALL = 100  # in a run, for which they are grouped
_ENDS = 64  # one of so many names ends a group
_MOST_FILES = 256
_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Unit:
    """The files of one part."""

    files: tuple[InputFile, ...]

    @property
    def name(self) -> str:
        if len(self.files) == 1:
            return self.files[0].name
        return f"small-{fingerprint_of([file.name for file in self.files])}"

    @property
    def is_group(self) -> bool:
        return len(self.files) > 1

    def apart(self) -> "list[Unit]":
        return [Unit((file,)) for file in self.files]


def units_of(
    files: Sequence[InputFile], ranges: Mapping[str, Sequence[tuple[int, int]]]
) -> list[Unit]:
    """Every file once, in the order of the files' names; `ranges` are how each is split."""
    small = [file for file in files if _is_small(file, ranges)]
    if len(small) < FEWEST_SMALL:
        return [Unit((file,)) for file in files]
    own = {file.name for file in small}
    units = [Unit((file,)) for file in files if file.name not in own]
    units += map(Unit, _grouped(small))
    return sorted(units, key=lambda unit: unit.files[0].name)


def _is_small(file: InputFile, ranges: Mapping[str, Sequence[tuple[int, int]]]) -> bool:
    is_known = file.size != UNKNOWN_SIZE
    return is_known and file.size <= SMALL_BYTES and len(ranges[file.name]) == 1


def _grouped(files: Sequence[InputFile]) -> Iterator[tuple[InputFile, ...]]:
    group: list[InputFile] = []
    size = 0
    for file in files:
        group.append(file)
        size += file.size
        is_end = zlib.crc32(file.name.encode()) % _ENDS == 0
        if is_end or len(group) == _MOST_FILES or size >= _MOST_BYTES:
            yield tuple(group)
            group, size = [], 0
    if group:
        yield tuple(group)
