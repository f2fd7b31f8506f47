"""Inputs by their path: local files as they are, remote ones by range.

`https://` and `http://` are read by our own requests, `s3://` and other stores
through fsspec; both with retries, a limit on requests, and one piece ahead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, TypeVar

import fsspec

from tamis.errors import InputError
from tamis.interrupts import pause
from tamis.remote.ahead import AheadFile
from tamis.remote.origin import About, Origin
from tamis.remote.pace import Pace, pace_of
from tamis.remote.retries import Patience, persevere
from tamis.remote.store import StoreFile
from tamis.remote.web import WebFile
from tamis.storage import options_for

PATIENCE = Patience()
_LOCAL = ("file", "local")
T = TypeVar("T")


@dataclass(frozen=True)
class Access:
    """How inputs are read.

    options               the recipe's storage_options, by protocol
    requests_per_second   to one host by the whole run; None: 4 to CommonCrawl's
                          servers, no limit elsewhere
    tasks                 how many read at once and share that limit
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    requests_per_second: float | None = None
    tasks: int = 1


def is_remote(path: str) -> bool:
    """Whether reading it means asking a server. fsspec's chains (`::`) are left to it."""
    protocol, separator, _ = path.partition("://")
    return bool(separator) and "::" not in path and protocol not in _LOCAL


def open_input(
    path: str,
    access: Access,
    *,
    size: int | None = None,
    stamp: str = "",
    ranges: Sequence[tuple[int, int]] | None = None,
) -> IO[bytes] | AheadFile:
    """A seekable file, to be closed. `ranges` are what will be read of a remote one.

    Raises InputError where it cannot be opened. `size` spares asking for it; a
    remote file that turns out to have another one, or another ETag than `stamp`, is an
    InputError at reading.
    """
    if not is_remote(path):
        try:
            opened: IO[bytes] = fsspec.open(
                path, "rb", **options_for(path, access.options)
            ).open()
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be opened: {error}") from error
        return opened
    if size is None:
        size = about_input(path, access).size
    origin = _origin(path, access, size, stamp)
    planned = [(0, size)] if ranges is None else ranges
    return AheadFile(origin, size, planned, _pace(origin, access), PATIENCE)


def about_input(path: str, access: Access) -> About:
    """Size and stamp. Raises InputError where there is no such file."""
    if not is_remote(path):
        return _about_local(path, access)
    origin = _origin(path, access)
    try:
        return _one(origin, access, origin.about)
    finally:
        origin.close()


def read_input(path: str, access: Access) -> bytes:
    """A whole file, for lists and such. Raises InputError where it cannot be read."""
    if not is_remote(path):
        with open_input(path, access) as file:
            try:
                return bytes(file.read())
            except OSError as error:
                raise InputError(f"{path}: cannot be read: {error}") from error
    origin = _origin(path, access)
    try:
        return _one(origin, access, origin.read_all)
    finally:
        origin.close()


def _about_local(path: str, access: Access) -> About:
    try:
        filesystem, stripped = fsspec.core.url_to_fs(
            path, **options_for(path, access.options)
        )
        about = filesystem.info(stripped)
    except PermissionError:
        raise InputError(f"{path}: no permission to read it") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: {error}") from error
    if about["type"] == "directory":
        raise InputError(f"{path}: a folder; name its files: {path}/*.warc.gz")
    return About(int(about.get("size") or 0), str(about.get("mtime", "")))


def _origin(
    path: str, access: Access, size: int | None = None, stamp: str = ""
) -> Origin:
    # A date is not as fine as an ETag, nor what a part is answered with.
    etag = stamp if stamp.startswith('"') else None
    options = options_for(path, access.options)
    if path.startswith(("http://", "https://")):
        return WebFile(path, options, PATIENCE, size, etag)
    try:
        return StoreFile(path, options, PATIENCE, size, etag)
    except (ValueError, ImportError) as error:  # a protocol that fsspec has not
        raise InputError(f"{path}: {error}") from error


def _pace(origin: Origin, access: Access) -> Pace:
    return pace_of(origin.host, access.requests_per_second, access.tasks)


def _one(origin: Origin, access: Access, ask: Callable[[], T]) -> T:
    """The answer to one request, asked for as often as patience lasts."""
    pace = _pace(origin, access)

    def attempt() -> T:
        pace.wait()
        return ask()

    return persevere(attempt, PATIENCE, name=origin.name, sleep=pause)
