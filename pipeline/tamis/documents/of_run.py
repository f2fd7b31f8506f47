"""Which files hold the documents of a finished run: tables.json, written at its end."""

from dataclasses import dataclass

from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.documents.parts import Part
from tamis.errors import ConfigError, StorageError
from tamis.storage import Storage
from tamis.storage.parquet import first_name
from tamis.work.commits import Count, File, fingerprint_of

TABLES = "tables.json"


@with_config(extra="forbid")
class _Tables(TypedDict):
    """What tables.json has of an input, or of some small ones, whose names it has.

    `rows` and `bytes` are those of the files in `saved`.
    """

    dropped: str
    saved: tuple[str, ...]
    rows: tuple[Count, ...]
    bytes: tuple[Count, ...]
    layers: tuple[tuple[str | None, str], ...]
    duplicates: str | None
    inputs: tuple[str, ...]


@with_config(extra="forbid")
class _Inputs(TypedDict):
    """tables.json."""

    inputs: dict[str, _Tables]


_TABLES = TypeAdapter(_Inputs)


@dataclass(frozen=True)
class InputTables:
    """The tables of one input file, or of some small `inputs`, by name.

    `saved` holds its documents with signals; `duplicates` is null where nothing was
    deduplicated. `layers` have the stage that made each, null where its rows name the
    stage.
    """

    name: str
    dropped: str
    saved: tuple[str, ...]
    duplicates: str | None
    rows: tuple[int, ...] = ()
    bytes: tuple[int, ...] = ()
    layers: tuple[tuple[str | None, str], ...] = ()
    inputs: tuple[str, ...] = ()

    def part(self, before: str | None = None) -> Part:
        """The saved documents, with the layers above the one of the stage `before`.

        Raises ConfigError if no layer is of that stage.
        """
        labels = [label for label, _ in self.layers]
        if before is not None and before not in labels:
            known = ", ".join(label for label in labels if label) or "none"
            raise ConfigError(f"no layer of a stage {before!r}; there are {known}")
        stop = len(labels) if before is None else labels.index(before)
        saved = zip(self.saved, self.rows, self.bytes, strict=True)
        files = tuple(File(_folder(path), path, n, size) for path, n, size in saved)
        paths = [path for _, path in self.layers[:stop]]
        layers = tuple(File(_folder(path), path, sum(self.rows), 0) for path in paths)
        names = map(first_name, [*self.saved, *paths])
        return Part(self.name, fingerprint_of(list(names)), files, layers)


def inputs_of(storage: Storage) -> list[InputTables]:
    """Every input of the run that has tables, in the order of the names."""
    tables: dict[str, _Tables] = {}
    if storage.exists(TABLES):
        tables = storage.read_record(TABLES, _TABLES)["inputs"]
    for name, of in tables.items():
        if "/" in name or name in ("", ".", ".."):
            raise StorageError(
                f"{storage.shown_path(TABLES)}: {name!r} is no input's name"
            )
        if not len(of["saved"]) == len(of["rows"]) == len(of["bytes"]):
            raise storage.damaged(TABLES, f"it does not say how long {name!r} is")
    return [InputTables(name=name, **of) for name, of in sorted(tables.items())]


def _folder(path: str) -> str:
    return path.partition("/")[0]
