"""Find the archive of a document again: `warc_path` does not say on which disk it is.

run.json says where each input was when the run read it, without secrets. Archives that
have moved since are looked for below a `root`. Where an address needed a secret, the
recipe's own address is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

from tamis.addresses import is_local, without_secrets, without_secrets_in
from tamis.errors import InputError
from tamis.inputs import InputFile, in_home, input_file, name_at, shown_places
from tamis.remote.opening import Access, about_input, open_input
from tamis.warc.names import without_stamp


class Wanted(TypedDict):
    """The record of a document in its archive, as `tamis.warc.fetch` takes it."""

    offset: int
    length: int
    path: str
    size: int
    id: int | None
    name: str


@dataclass(frozen=True)
class Places:
    """Where the inputs of a run are.

    summary    run.json; null where there is none: then a `warc_path` is the place
    root       a folder, or an address of one, where the archives are now
    addresses  inputs as a recipe spells them
    """

    summary: Mapping[str, Any] | None = None
    root: str | None = None
    addresses: Sequence[str] = ()

    def name_of(self, warc_path: str) -> str | None:
        """The name of the input that has these documents; null if it is of no run."""
        found = self._input(warc_path)
        return None if found is None else str(found["name"])

    def place_of(self, warc_path: str) -> str:
        """The path or address to open. Raises InputError if nothing says where it is."""
        found = self._input(warc_path)
        if self.summary is not None and found is None and self.root is None:
            shown = without_secrets(warc_path)
            raise InputError(
                f"{shown}: not an input of this run; name its folder: --root"
            )
        place = warc_path if found is None else str(found["path"])
        if self.root is not None:
            return _below(self.root, place)
        own = shown_places(
            [InputFile(one, "") for one in self.addresses if "://" in one]
        )
        return next((path for path, shown in own.items() if shown == place), place)

    @contextmanager
    def opened(
        self, row: Mapping[str, Any], access: Access
    ) -> Iterator[tuple[Any, Wanted]]:
        """The archive of a row's document, open, and which of its records is wanted.

        If the archive is remote, the bytes of the record alone are read. Raises InputError.
        """
        path, offset, length = row["warc_path"], row["warc_offset"], row["warc_length"]
        place = self.place_of(path)
        try:
            about = about_input(place, access)
            name = ""
            if row.get("id") is not None:
                name = self.name_of(path) or name_at(place, access, about)
            ranges = [(offset, min(offset + length, about.size))]
            with open_input(place, access, size=about.size, ranges=ranges) as file:
                yield (
                    file,
                    Wanted(
                        offset=offset,
                        length=length,
                        path=path,
                        size=about.size,
                        id=row.get("id"),
                        name=name,
                    ),
                )
        except OSError as error:
            why = without_secrets_in(error, place)
            shown = without_secrets(place)
            raise InputError(f"{shown}: cannot be read: {why}") from None

    def _input(self, warc_path: str) -> Mapping[str, Any] | None:
        inputs = (self.summary or {}).get("inputs", ())
        return next((one for one in inputs if one["warc_path"] == warc_path), None)


def _below(root: str, place: str) -> str:
    """`place` in another folder: on a disk by as much of its path as is there.

    Raises InputError if no file of that name is there.
    """
    path = place.rpartition("::")[2].partition("://")[2] or place
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    if not is_local(root):
        return f"{root.rstrip('/')}/{parts[-1]}"
    folder = in_home(root.removeprefix("file://")).absolute()
    name, stamp = without_stamp(parts[-1])
    for first in range(len(parts)):
        found = folder.joinpath(*parts[first:-1], name)
        if found.is_file() and stamp in ("", _stamp_of(found)):
            return str(found)
    # Of two days' data.warc.gz the one with that content.
    for found in sorted(folder.rglob(name)) if stamp else ():
        if found.is_file() and stamp == _stamp_of(found):
            return str(found)
    raise InputError(f"{folder}: {name} is not in this folder")


def _stamp_of(path: Path) -> str:
    return input_file(str(path), Access()).stamp
