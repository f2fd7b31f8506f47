"""Open an input by its path: a local file directly, a remote one by range.

`https://` and `http://` are read by our own requests, `s3://` and other stores
through fsspec; both with retries, a limit on requests, and one piece ahead.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from stat import S_IFREG, S_ISDIR, S_ISREG
from typing import IO, Any, TypeVar

import fsspec

from tamis.addresses import is_local, without_secrets, without_secrets_in
from tamis.errors import InputError, nearest
from tamis.interrupts import pause
from tamis.remote.ahead import AheadFile
from tamis.remote.failures import NoSuchFile
from tamis.remote.origin import About, Origin
from tamis.remote.pace import Pace, pace_of
from tamis.remote.retries import Patience, persevere
from tamis.remote.store import StoreFile
from tamis.storage import options_for

PATIENCE = Patience()
_MOST_NAMES = 10_000  # of a folder, when a name is looked for that is like another
_LOCAL = ("file", "local")
T = TypeVar("T")


@dataclass(frozen=True)
class Access:
    """How inputs are read.

    options               the recipe's storage_options, by protocol
    requests_per_second   limit of the whole run for one host; None: 4 for
                          CommonCrawl's servers, no limit for others
    tasks                 how many tasks read at once and share that limit
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    requests_per_second: float | None = None
    tasks: int = 1


def is_remote(path: str) -> bool:
    """Whether a server is asked for the path. fsspec opens its own chains (`::`)."""
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
    """A seekable file, which the caller must close.

    `ranges` are the bytes that will be read of a remote file. With `size` the server
    need not be asked for it; if the file has another size, or another ETag than
    `stamp`, reading raises InputError. Raises InputError if the file cannot be opened.
    """
    if not is_remote(path):
        _refuse_pipe(path)
        try:
            opened: IO[bytes] = fsspec.open(
                path, "rb", **options_for(path, access.options)
            ).open()
        except FileNotFoundError:
            raise NoSuchFile(f"{without_secrets(path)}: no such file") from None
        except _failures(path) as error:
            raise _unreadable(path, "cannot be opened: ", error) from None
        return opened
    if size is None:
        size = about_input(path, access).size
    origin = _origin(path, access, size, stamp=stamp)
    planned = [(0, size)] if ranges is None else ranges
    return AheadFile(origin, size, planned, _pace(origin, access), PATIENCE)


def about_input(path: str, access: Access) -> About:
    """Size and stamp of an input. Raises InputError if there is no such file."""
    if not is_remote(path):
        return _about_local(path, access)
    origin = _origin(path, access)
    try:
        return _retried(origin, access, origin.about)
    finally:
        origin.close()


def read_input(path: str, access: Access) -> bytes:
    """All bytes of a file, such as a list. Raises InputError if it cannot be read."""
    if not is_remote(path):
        _about_local(path, access)
        with open_input(path, access) as file:
            try:
                return bytes(file.read())
            except _failures(path) as error:
                raise _unreadable(path, "cannot be read: ", error) from None
    origin = _origin(path, access)
    try:
        return _retried(origin, access, origin.read_all)
    finally:
        origin.close()


def _nearest_file(path: str) -> str:
    """`; did you mean a.warc.gz?`: a file of the same folder on this machine."""
    wanted = Path(path.removeprefix("file://"))
    if not is_local(path) or not wanted.parent.is_dir():
        return ""
    with os.scandir(wanted.parent) as entries:
        names = [entry.name for entry in islice(entries, _MOST_NAMES)]
    return nearest(wanted.name, names)


def _about_local(path: str, access: Access) -> About:
    shown = without_secrets(path)
    try:
        filesystem, stripped = fsspec.core.url_to_fs(
            path, **options_for(path, access.options)
        )
        about = filesystem.info(stripped)
    except PermissionError:
        raise InputError(f"{shown}: no permission to read it") from None
    except FileNotFoundError:
        near = _nearest_file(path)
        raise NoSuchFile(f"{shown}: no such file{near}") from None
    except _failures(path) as error:
        raise _unreadable(path, "", error) from None
    if about["type"] == "directory":
        raise InputError(f"{shown}: a folder; name its files: {shown}/*.warc.gz")
    if about["type"] != "file" or not S_ISREG(about.get("mode", S_IFREG)):
        raise InputError(f"{shown}: no regular file")
    return About(int(about.get("size") or 0), str(about.get("mtime", "")))


def _refuse_pipe(path: str) -> None:
    """Raise InputError for a pipe or a device: opening one waits for a writer."""
    if not is_local(path):
        return
    try:
        mode = Path(path.removeprefix("file://")).stat().st_mode
    except (OSError, ValueError):
        return  # opening it says why
    if not (S_ISREG(mode) or S_ISDIR(mode)):
        raise InputError(f"{without_secrets(path)}: no regular file")


def _origin(
    path: str, access: Access, size: int | None = None, *, stamp: str = ""
) -> Origin:
    # A date is less exact than an ETag, and answers to range requests do not have it.
    from tamis.remote.web import WebFile

    etag = stamp if stamp.startswith('"') else None
    options = options_for(path, access.options)
    if path.startswith(("http://", "https://")):
        return WebFile(path, options, PATIENCE, size, etag)
    try:
        return StoreFile(path, options, PATIENCE, size, etag)
    except (ValueError, ImportError) as error:  # fsspec does not know the protocol
        raise _unreadable(path, "", error) from None


def _failures(path: str) -> tuple[type[Exception], ...]:
    """What opening may raise; libraries behind a chain have no common base class."""
    return (Exception,) if "::" in path else (OSError, ValueError)


def _unreadable(path: str, what: str, error: Exception) -> InputError:
    """The error to raise, not chained: a library's message may hold the address."""
    why = without_secrets_in(error, path)
    return InputError(f"{without_secrets(path)}: {what}{why}")


def _pace(origin: Origin, access: Access) -> Pace:
    return pace_of(origin.host, access.requests_per_second, access.tasks)


def _retried(origin: Origin, access: Access, ask: Callable[[], T]) -> T:
    """The answer to one request, repeated as often as the patience allows."""
    pace = _pace(origin, access)

    def attempt() -> T:
        pace.wait()
        return ask()

    return persevere(attempt, PATIENCE, name=origin.name, sleep=pause)
