"""The output folder: on a disk or in an object store, read and written alike.

A file appears under its final name complete or not at all (rename on a disk, one
PUT in a store), and its name holds a hash of its content: the same bytes written
twice are one file, and no writer can damage another's. Only commit records
(`tamis.work.tasks`) say what is finished.
"""

import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import fsspec
import pyarrow.parquet as pq
import xxhash
from pydantic import TypeAdapter

from tamis.addresses import without_secrets, without_secrets_in
from tamis.errors import ConfigError, DamagedFile, StorageError
from tamis.storage.failures import (
    NO_LINKS,
    NO_LINKS_ADVICE,
    explained,
    is_failed_condition,
    is_foreign,
)
from tamis.storage.lock import OTHER_RUN, WAIT, ObjectLock, file_lock
from tamis.storage.opened import Kept, Key
from tamis.storage.parquet import Table, Torn, footer_digest, is_named_by_content
from tamis.storage.records import MOST_BYTES, Unreadable, sealed, unsealed
from tamis.storage.s3 import watch

T = TypeVar("T")

_TABLES: Kept[Table] = Kept(32 << 20)
_FOOTERS: Kept[pq.FileMetaData] = Kept(16 << 20)

REMAKE = "delete it and `tamis run` makes it again"
_CHUNK_BYTES = 8 << 20
_REMOVED_TOGETHER = 1000
_TEMPORARY = re.compile(r"work/tmp/[0-9a-f]{32}")
# A missing file is told by the caller; for a write it is the bucket that is missing.
_READING = ("read", "list", "look at", "remove")


def options_for(path: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe's `storage_options` for a path: those under its protocol's name.

    {"s3": {"endpoint_url": ...}} gives those for `s3://...`, and none for a disk.
    """
    protocol = path.partition("://")[0] if "://" in path else "file"
    protocol = {"http": "https", "s3a": "s3"}.get(protocol, protocol)
    return dict(options.get(protocol, {}))


def filesystem_of(path: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system of a path, and the path without its protocol. `options` are those
    of the protocol. Raises ValueError or ImportError for one that is not known.
    """
    filesystem, stripped = fsspec.core.url_to_fs(path, **options)
    watch(filesystem)
    return filesystem, stripped


# The files that make a run's results the results of the folder.
SWITCHES = (
    *("mix/_manifest.json", "tables.json", "run.json", "report.html"),
    *("corpus.json", "latest.json"),
)


class Storage:
    """One folder and everything below it; names are relative and use `/`.

    `if_damaged`: what to do about a file that is not as it was written.
    """

    def __init__(
        self,
        root: str,
        options: Mapping[str, Any] | None = None,
        *,
        if_damaged: str = REMAKE,
    ) -> None:
        # Workers of a cluster have another current folder than the driver.
        place = root if "://" in root else str(Path(root).absolute())
        self.root = place.rstrip("/") or "/"
        self.options = options_for(root, options or {})
        self._if_damaged = if_damaged
        self._filesystem: Any = None
        self._lock: ObjectLock | None = None
        self._tags: dict[str, str | None] = {}  # of SWITCHES, as this run knows them

    def below(self, folder: str) -> "Storage":
        """A folder of this one as a storage of its own."""
        found = Storage(f"{self.root}/{folder}", if_damaged=self._if_damaged)
        found.options = self.options
        return found

    def __getstate__(self) -> dict[str, Any]:
        # Open connections are not sent to a worker: it opens its own.
        return {**self.__dict__, "_filesystem": None, "_lock": None}

    @property
    def filesystem(self) -> Any:
        if self._filesystem is None:
            try:
                self._filesystem, _ = filesystem_of(self.root, self.options)
            except (ValueError, ImportError) as error:
                protocol = self.root.partition("://")[0]
                raise ConfigError(
                    f"nothing here can write to {protocol}://: "
                    f"{without_secrets_in(error, self.root)}"
                ) from None
        return self._filesystem

    @property
    def is_local(self) -> bool:
        return "file" in _protocols(self.filesystem)

    def path(self, name: str = "") -> str:
        """The full path of `name` for the file system."""
        if name.startswith("/") or ".." in name.split("/"):
            # Names are read from records and tables, which may come from elsewhere.
            raise StorageError(
                f"{self.shown}: {name!r} is not the name of a file in it"
            )
        stripped: str = self.filesystem._strip_protocol(self.root)
        return f"{stripped}/{name}" if name else stripped

    @property
    def shown(self) -> str:
        """The folder as messages name it, without secrets."""
        return without_secrets(self.root)

    def shown_path(self, name: str = "") -> str:
        """`path(name)` as messages name it, without secrets."""
        path = self.path(name)
        if "://" not in self.root:
            return path
        protocol = self.root.partition("://")[0]
        full = without_secrets(f"{protocol}://{path.removeprefix(f'{protocol}://')}")
        return full.partition("://")[2] or full

    def open(self, name: str) -> IO[bytes]:
        """The file, for reading. Raises StorageError if there is none."""
        try:
            with self._errors("read", name):
                opened: IO[bytes] = self.filesystem.open(self.path(name), "rb")
                return opened
        except FileNotFoundError as error:
            raise explained(error, "read", self.shown_path(name)) from error

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop) of a file, by one request."""
        try:
            with self._errors("read", name):
                content: bytes = self.filesystem.cat_file(
                    self.path(name), start=start, end=stop
                )
                return content
        except FileNotFoundError as error:
            raise explained(error, "read", self.shown_path(name)) from error

    @contextmanager
    def table(self, name: str, *, pre_buffer: bool = True) -> Iterator[Table]:
        """A Parquet file, verified as it is read. Raises DamagedFile."""
        key = self._key(name)
        table = None if key is None else self._kept(name, key)
        if table is not None:
            with self._as_damaged(name):
                yield table
        else:
            footer = None if key is None else _FOOTERS.take(key)
            with self.open(name) as source, self._as_damaged(name):
                table = Table(source, name, metadata=footer, pre_buffer=pre_buffer)
                if key is not None and not table.bytes_held:
                    _FOOTERS.put(key, table.metadata, table.memory)
                yield table
        if key is not None and table.bytes_held:
            _TABLES.put(key, table, table.memory)

    def _kept(self, name: str, key: Key) -> Table | None:
        """The small table that is kept open under a key, if its file is still there."""
        table = _TABLES.take(key)
        if table is None or self.is_local:  # the key has what the disk says of the file
            return table
        # A request, where reading it takes two.
        self.filesystem.invalidate_cache(self.path(name))
        return table if self.size(name) == table.bytes_held else None

    def _key(self, name: str) -> Key | None:
        """Under what an open table is kept; null if it may change or does not exist."""
        if not is_named_by_content(name):
            return None
        path = self.path(name)
        if not self.is_local:
            return self.root, path
        try:
            about = Path(path).stat()
        except OSError:
            return None
        return self.root, path, about.st_size, about.st_mtime_ns, about.st_ino

    @contextmanager
    def _as_damaged(self, name: str) -> Iterator[None]:
        try:
            yield
        except Torn as error:
            raise self.damaged(name, str(error)) from error

    def read_record(
        self,
        name: str,
        kind: TypeAdapter[T],
        *,
        most_bytes: int = MOST_BYTES,
    ) -> T:
        """What `write_record` wrote. Raises StorageError if there is none, DamagedFile
        if it is anything else.
        """
        try:
            return unsealed(self.read(name, most_bytes=most_bytes), kind)
        except Unreadable as error:
            raise self.damaged(name, str(error)) from error

    def read(self, name: str, *, most_bytes: int = MOST_BYTES) -> bytes:
        """A whole file. Raises StorageError if there is none, DamagedFile if it has more
        than `most_bytes`.
        """
        content = self._content(name, most_bytes + 1)
        if len(content) > most_bytes:
            raise self.damaged(name, f"it has more than {most_bytes} bytes")
        return content

    def _content(self, name: str, most_bytes: int) -> bytes:
        """The first bytes of a file, by one request: it may be replaced meanwhile."""
        if self.is_local:
            with self.open(name) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                # Python makes room for all that is asked for: a GiB for each record.
                return file.read(min(size, most_bytes))
        path = self.path(name)
        self.filesystem.invalidate_cache(path)
        try:
            with self._errors("read", name):
                if self.filesystem.info(path)["size"] >= most_bytes:
                    return bytes(most_bytes)  # too long, whatever is in it
                content: bytes = self.filesystem.cat_file(path)
                return content
        except FileNotFoundError as error:
            raise explained(error, "read", self.shown_path(name)) from error

    def write_record(self, name: str, record: Any, *, indent: int | None = 1) -> None:
        """Write an object as JSON that `read_record` can verify."""
        self.write(name, sealed(record, indent=indent))

    def damaged(self, name: str, why: str) -> DamagedFile:
        """The error for a file that is not as it was written."""
        return DamagedFile(self.root, (name,), why, self._if_damaged)

    def exists(self, name: str) -> bool:
        with self._errors("read", name):
            return bool(self.filesystem.exists(self.path(name)))

    def size(self, name: str) -> int | None:
        """The bytes of a file; null if there is none."""
        try:
            with self._errors("look at", name):
                return int(self.filesystem.info(self.path(name))["size"])
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        """All files below `folder`, sorted; none if it does not exist."""
        return sorted(self.sizes(folder))

    def sizes(self, folder: str) -> dict[str, int]:
        """The bytes of all files below `folder`, by name."""
        base = self.path(folder)
        if self.is_local:
            with self._errors("list", folder):
                return _sizes_below(base, folder)
        self.filesystem.invalidate_cache(base)
        start = len(self.path()) + 1
        try:
            with self._errors("list", folder):
                found = self.filesystem.find(base, detail=True)
        except FileNotFoundError:
            return {}
        return {path[start:]: about["size"] for path, about in found.items()}

    def is_behind_link(self, name: str) -> bool:
        """Whether a symbolic link leads from this folder to that of the file."""
        folder = Path(name).parent
        return self.is_local and any(
            Path(self.path(str(above))).is_symlink()
            for above in (folder, *folder.parents)
            if above != Path()
        )

    def unfinished(self) -> list[str]:
        """Files that writers of this folder left half-written."""
        return [
            name
            for name in self.names("work/tmp")
            if _TEMPORARY.fullmatch(name) and not self.is_behind_link(name)
        ]

    def write(self, name: str, content: bytes) -> None:
        """Write `content` under `name`, atomically replacing an earlier file."""
        with self._errors("write", name):
            if self.is_local:
                temporary = self._temporary()
                _write_synced(temporary, content)
                self._rename(temporary, name)
            else:
                self.filesystem.pipe_file(self.path(name), content)

    def create(self, name: str, content: bytes) -> bool:
        """Write `content` under `name` unless it exists; returns whether we did."""
        with self._errors("write", name):
            if self.is_local:
                return self._create_file(Path(self.path(name)), content)
            return self._create_object(name, content)

    def _create_file(self, final: Path, content: bytes) -> bool:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._temporary()
        try:
            _write_synced(temporary, content)
            os.link(temporary, final)
        except FileExistsError:
            return False
        except OSError as error:
            # Only an error of os.link names two files.
            if error.filename2 is None or error.errno not in NO_LINKS:
                raise
            raise StorageError(f"cannot write {final}: {NO_LINKS_ADVICE}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _create_object(self, name: str, content: bytes) -> bool:
        try:
            self.filesystem.pipe_file(self.path(name), content, mode="create")
        except FileExistsError:
            return False
        except OSError as error:  # S3 answers 412 where the object exists
            if self.exists(name):
                return False
            raise error
        return True

    def tag(self, name: str) -> str | None:
        """What changes with every write of a file: the store's ETag, else a hash of the
        content; null if there is no such file.
        """
        path = self.path(name)
        self.filesystem.invalidate_cache(path)
        try:
            with self._errors("read", name):
                about = self.filesystem.info(path)
                if about.get("ETag"):
                    return str(about["ETag"])
                return xxhash.xxh3_64_hexdigest(self.filesystem.cat_file(path))
        except FileNotFoundError:
            return None

    def replace(self, name: str, content: bytes, tag: str | None) -> str | None:
        """Write a file if it still has this tag (null: if there is none); its new tag.

        Null if it was not written. S3 checks the tag itself; for other stores we look
        at it right before we write.
        """
        with self._errors("write", name):
            if "s3" in _protocols(self.filesystem):
                return self._put_if(name, content, tag)
        if self.tag(name) != tag:
            return None
        self.write(name, content)
        return self.tag(name)

    def _put_if(self, name: str, content: bytes, tag: str | None) -> str | None:
        path = self.path(name)
        bucket, key, _ = self.filesystem.split_path(path)
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            answer = self.filesystem.call_s3(
                "put_object", Bucket=bucket, Key=key, Body=content, **condition
            )
        except Exception as error:
            if is_failed_condition(error):
                return None
            raise
        self.filesystem.invalidate_cache(path)
        return str(answer["ETag"])

    def publish(self, name: str, content: bytes) -> None:
        """Write one of `SWITCHES`, by which a run publishes, while it holds the lock.

        In a store it is written if nobody else has written it since. Raises
        StorageError if another run has taken over the folder.
        """
        if self._lock is None:
            self.write(name, content)
            return
        while True:
            self.check_lock()
            tag = self.replace(name, content, self._tags.get(name))
            if tag is not None:
                self._tags[name] = tag
                return
            # Somebody wrote it: whoever lost the lock stops here, its owner goes on.
            self.check_lock()
            self._tags[name] = self.tag(name)

    @contextmanager
    def writer(self, folder: str, stem: str, suffix: str) -> Iterator["Written"]:
        """A local file to fill, which is published under its content's hash.

        After the block the object has its name, `folder/stem-hash.suffix`, and its
        size. The name of a Parquet file also has a digest of its footer
        (`tamis.storage.parquet`). A block that raises publishes nothing.
        """
        written = Written(self._temporary())
        with self._errors("write", folder):
            try:
                yield written
                digest, footer, written.bytes = _digest(written.temporary, suffix)
                written.name = f"{folder}/{stem}-{digest}{footer}{suffix}"
                if self.is_local:
                    self._rename(written.temporary, written.name)
                else:
                    self.filesystem.put_file(
                        str(written.temporary), self.path(written.name)
                    )
            finally:
                written.temporary.unlink(missing_ok=True)

    def remove(self, names: Iterable[str]) -> None:
        """Delete files; a missing one is no error."""
        left = list(dict.fromkeys(names))
        if not self.is_local:
            left = self._remove_together(left)
        for name in left:
            with suppress(FileNotFoundError), self._errors("remove", name):
                self.filesystem.rm_file(self.path(name))

    def _remove_together(self, names: list[str]) -> list[str]:
        """Delete a thousand per request if the store can; returns the names left."""
        left: list[str] = []
        for first in range(0, len(names), _REMOVED_TOGETHER):
            some = names[first : first + _REMOVED_TOGETHER]
            try:
                with self._errors("remove", some[0]):
                    self.filesystem.rm([self.path(name) for name in some])
            except FileNotFoundError:
                left += some
        return left

    def free_bytes(self) -> int | None:
        """Free bytes on a disk; None for a store, which does not state them."""
        if not self.is_local:
            return None
        folder = Path(self.path())
        while not folder.exists():
            folder = folder.parent
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize

    def _temporary(self) -> Path:
        """A new name for a file that is not published yet."""
        if not self.is_local:
            return Path(tempfile.gettempdir()) / f"tamis-{uuid.uuid4().hex}"
        folder = Path(self.path("work/tmp"))
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _rename(self, temporary: Path, name: str) -> None:
        final = Path(self.path(name))
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(final)

    @contextmanager
    def _errors(self, verb: str, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if verb in _READING and isinstance(error, FileNotFoundError):
                raise
            if not is_foreign(error):
                raise
            raise explained(error, verb, self.shown_path(name)) from error

    @contextmanager
    def lock(
        self,
        other: str = OTHER_RUN,
        advice: str = WAIT,
        *,
        note: Callable[[str], None] = lambda message: None,
    ) -> Iterator[None]:
        """Lock the folder for one run. Raises StorageError while another has it.

        `other` and `advice` are for the error: who has it, and what to do then. `note`
        is told if a lock of somebody else has to be watched.
        """
        if self.is_local:
            with file_lock(Path(self.path()), self.shown, other, advice):
                yield
            return
        lock = ObjectLock(self, other, advice, note=note)
        try:
            with lock.held():
                self._lock = lock
                self._tags = {name: self.tag(name) for name in SWITCHES}
                yield
        finally:
            self._lock = None

    def check_lock(self) -> None:
        """Raise StorageError if another run has taken over the lock."""
        if self._lock is not None and not self._lock.is_owner():
            raise StorageError(
                f"{self.shown}: another run has taken over this folder, because this one "
                f"did not renew its lock for minutes; it publishes and removes nothing: "
                f"wait until the other one has ended, and run again"
            )


class Written:
    """A file being written: fill `temporary`; `name` and `bytes` are set on success."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.name = ""
        self.bytes = 0


def _sizes_below(base: str, name: str) -> dict[str, int]:
    """The bytes of all files below a local folder, by name; links are followed."""
    found: dict[str, int] = {}
    try:
        entries = list(os.scandir(base))
    except (FileNotFoundError, NotADirectoryError):
        return found
    for entry in entries:
        own = f"{name}/{entry.name}" if name else entry.name
        with suppress(FileNotFoundError):  # gone since, or a link to nothing
            if entry.is_dir():
                found |= _sizes_below(entry.path, own)
            else:
                found[own] = entry.stat().st_size
    return found


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _digest(path: Path, suffix: str) -> tuple[str, str, int]:
    """Hash of the content (16 hex digits), of a Parquet footer (8, else none), and the
    size; the file is synced to disk.
    """
    content_hash = xxhash.xxh3_64()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        while chunk := file.read(_CHUNK_BYTES):
            content_hash.update(chunk)
        size = file.tell()
        footer = footer_digest(file) if suffix == ".parquet" else ""
        return content_hash.hexdigest(), footer, size
