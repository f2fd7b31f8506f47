"""Resolve the recipe's `input` to files with a name, a size and a stamp.

    samples/*.warc.gz              a glob, on a disk or in a store (s3://...)
    a/b.warc.gz, https://h/b.gz    one file
    list.paths.gz, list.paths      one path a line, beside the list or, below crawl-data/,
                                   of https://data.commoncrawl.org/; # begins a comment
    cc://CC-MAIN-2024-51?limit=9   that crawl's own list; kind=warc|wet|..., segments=I-J,
                                   server=ADDRESS of a mirror

A file is identified by its name (`tamis.warc.names`), from which the ids of its documents
are made. What is named twice is read once. Files are sorted by name, in whatever order they
were given.

The server or disk is asked for the size of each file and for its first and last MiB, whose
digest is its content stamp. Of CommonCrawl the files below crawl-data/ need no stamp: they never change. Those
that an earlier run knew are not asked again, and if there are more than a thousand new
ones, none is asked, since 90,000 requests, four a second, would take six hours. The task
that reads such a file asks for its size then.
"""

import gzip
import hashlib
import io
import posixpath
import re
import sys
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from stat import S_ISREG
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import fsspec

from tamis.addresses import is_local, without_secrets, without_secrets_in
from tamis.errors import ConfigError, InputError
from tamis.remote.failures import AccessRefused
from tamis.remote.opening import Access, about_input, open_input, read_input
from tamis.remote.origin import About
from tamis.sizes import spelled
from tamis.storage import filesystem_of, options_for
from tamis.warc.names import (
    STAMPED_BYTES,
    archive_name,
    base_name,
    content_stamp,
    published_name,
)
from tamis.warc.splits import UNKNOWN_SIZE

COMMON_CRAWL = "https://data.commoncrawl.org/"
# Only such paths of a list are asked of CommonCrawl; others are beside the list.
_CRAWL_FOLDERS = (
    *("crawl-data/", "cc-index/", "contrib/", "projects/"),
    *("crawl-001/", "crawl-002/", "parse-output/"),  # of 2008 to 2012
)
_MOST_LIST_BYTES = 256 << 20  # unpacked; a crawl's list of archives has 13 MiB
_LIST_SUFFIXES = (".paths", ".paths.gz")
_FORMS = {
    "limit": r"[1-9][0-9]{0,8}",
    "segments": r"[0-9]{1,6}(-[0-9]{1,6})?",
    "server": r"(https?|s3)://[^?#]+",
}
_CRAWLS = re.compile(r"CC-MAIN-[0-9]{4}(?:-[0-9]{2,4})?|CC-NEWS/[0-9]{4}/[0-9]{2}")
_KINDS = ("warc", "wet", "robotstxt", "cc-index", "cc-index-table")


# Of CommonCrawl's files: about four minutes of requests at its rate.
_MOST_ASKED = 1000
_BYTES_OF_UNKNOWN = 1 << 30  # about the size of CommonCrawl's archives


@dataclass(frozen=True)
class InputFile:
    """A file to read; `problem` says why it cannot be.

    name    its identity; of CommonCrawl's files, and of one with a problem, without stamp
    size    bytes; UNKNOWN_SIZE if the server was not asked
    stamp   of its content; empty for what CommonCrawl's server has, which never changes
    etag    the server's, by which a change while it is read is noticed; empty for a disk
    seen    what the disk says of the file, which changes with every write, without its
            path; empty where it may not change, and for remote files
    about   what else its source has to know to read it; empty for a file alone
    """

    path: str
    name: str
    size: int = 0
    stamp: str = ""
    etag: str = ""
    problem: str | None = None
    seen: str = ""
    about: str = ""

    @property
    def about_bytes(self) -> int:
        """Its size, or an estimate if it is not known."""
        return _BYTES_OF_UNKNOWN if self.size == UNKNOWN_SIZE else self.size


_ASKED_AT_ONCE = 16
_LOOK_SECONDS = 0.5
_SILENT_SECONDS = 30.0  # until a path without an answer is named, and between two lines


def _to_stderr(line: str) -> None:
    print(f"tamis: {line}", file=sys.stderr)


T = TypeVar("T")
Known = Mapping[str, tuple[int, str]]
Stamped = Mapping[str, str]
_SETTLED_NS = 60_000_000_000


def shown_places(files: Sequence[InputFile]) -> dict[str, str]:
    """Where each file is, by its path, without secrets; no two files have one place.

    Of two addresses that differ only in what is left out each has a digest at its end.
    """
    shown = {file.path: without_secrets(file.path) for file in files}
    count = Counter(shown.values())
    return {
        path: place if count[place] == 1 else f"{place}~{_digest(path)}"
        for path, place in shown.items()
    }


def warc_paths(files: Sequence[InputFile]) -> dict[str, str]:
    """`warc_path` of the documents of each file, by its path.

    The name of a local file, so that its folder is in no published file; a remote
    file's address without secrets.
    """
    places = shown_places(files)
    return {
        file.path: file.name if is_local(file.path) else places[file.path]
        for file in files
    }


def resolve(
    patterns: Sequence[str],
    options: Mapping[str, Any] | None = None,
    *,
    requests_per_second: float | None = None,
    known: Known | None = None,
    stamped: Stamped | None = None,
    are_all_asked: bool = False,
    note: Callable[[str], None] | None = None,
) -> list[InputFile]:
    """Every file that the patterns name, once, sorted by name.

    `known`: size and ETag by name, as an earlier run found them; `stamped`: the stamps of
    local files by what the disk said of them (`InputFile.seen`). A path of which server or
    disk does not answer is named in `note`, or on stderr.

    Raises ConfigError for a glob that matches nothing and for two files that have one
    name and other content. A file that is not there comes back with its `problem`.
    """
    access = Access(options or {}, requests_per_second)
    listed = _answers(patterns, lambda one: list(expand(one, access)), note)
    paths = list(dict.fromkeys(path for some in listed for path in some))
    unknown = [path for path in paths if not _known(path, known or {})]
    are_asked = are_all_asked or sum(map(_is_published, unknown)) <= _MOST_ASKED

    def file_of(path: str) -> InputFile:
        if not are_asked and _is_published(path) and not _known(path, known or {}):
            return InputFile(path, archive_name(path, ""), UNKNOWN_SIZE)
        return _known(path, known or {}) or input_file(path, access, stamped)

    files = _answers(paths, file_of, note)
    return _once(sorted(files, key=lambda file: (file.name, file.path)))


def _answers(
    paths: Sequence[str], ask: Callable[[str], T], note: Callable[[str], None] | None
) -> list[T]:
    """What `ask` returns for each path, in their order; raises what it raises.

    A mount that is gone may keep a call for ever. So the calls are in threads that the
    end of the process does not wait for, and those that take long are named.
    """
    todo = deque(enumerate(paths))
    answers: SimpleQueue[tuple[int, T | None, BaseException | None]] = SimpleQueue()
    begun: dict[int, float] = {}

    def work() -> None:
        while True:
            try:
                number, path = todo.popleft()
            except IndexError:
                return
            begun[number] = time.monotonic()
            try:
                answers.put((number, ask(path), None))
            except BaseException as error:
                answers.put((number, None, error))

    for _ in range(min(_ASKED_AT_ONCE, len(paths))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[int, Any] = {}
    said = time.monotonic()
    try:
        for number in range(len(paths)):
            while number not in found:
                with suppress(Empty):
                    at, value, error = answers.get(timeout=_LOOK_SECONDS)
                    found[at] = (value, error)
                if time.monotonic() - said >= _SILENT_SECONDS:
                    said = time.monotonic()
                    silent = [n for n in sorted(begun.copy()) if n not in found]
                    about = [(paths[n], said - begun[n]) for n in silent]
                    _note_silent(about, note or _to_stderr)
            if found[number][1] is not None:
                raise found[number][1]
    finally:
        todo.clear()
    return [found[number][0] for number in range(len(paths))]


def _note_silent(
    silent: Sequence[tuple[str, float]], note: Callable[[str], None]
) -> None:
    long = [(path, since) for path, since in silent if since >= _SILENT_SECONDS]
    if long:
        path, since = long[0]
        more = f" (and about {len(long) - 1} more)" if len(long) > 1 else ""
        note(f"input: no answer for {since:.0f} s about {without_secrets(path)}{more}")


def input_file(path: str, access: Access, stamped: Stamped | None = None) -> InputFile:
    """The file of a path, as its server or disk describes it.

    `stamped`: the stamps of local files of which the disk said so (`InputFile.seen`).
    """
    size, seen = _seen(path)
    stamp = (stamped or {}).get(seen, "") if seen else ""
    if stamp:
        return InputFile(path, archive_name(path, stamp), size, stamp, seen=seen)
    try:
        about = about_input(path, access)
        stamp = "" if _is_published(path) else _stamp(path, access, about)
    except AccessRefused:
        raise
    except InputError as error:
        name = published_name(path) or base_name(path)
        return InputFile(path, name, problem=str(error))
    etag = about.stamp if about.stamp.startswith('"') else ""
    name = archive_name(path, stamp)
    return InputFile(path, name, about.size, stamp, etag, seen=seen)


def _seen(path: str) -> tuple[int, str]:
    """The bytes of a local file; and a digest of its path, its inode, size and times.

    That is "" if the next write may leave it alike. A write changes the time of change,
    and nobody can set it back (but on mounts that have none, as sshfs's); two within one
    tick of the clock have the same. So a file that has changed within a minute, by a clock
    that may be a server's, is read again next time (as git does with its index).
    """
    if not is_local(path) or "::" in path:
        return 0, ""
    try:
        about = Path(path.removeprefix("file://")).stat()
    except (OSError, ValueError):
        return 0, ""
    changed = about.st_ctime_ns
    if not S_ISREG(about.st_mode) or abs(time.time_ns() - changed) < _SETTLED_NS:
        return 0, ""
    size = about.st_size
    where = f"{_digest(path)}-{about.st_dev}-{about.st_ino}"
    return size, f"{where}-{size}-{about.st_mtime_ns}-{changed}"


def name_at(path: str, access: Access, about: About) -> str:
    """The name of an archive; its first and last MiB are read only if they are needed.

    Raises InputError if they cannot be.
    """
    return published_name(path) or archive_name(path, _stamp(path, access, about))


def _stamp(path: str, access: Access, about: About) -> str:
    """The content stamp of a file. Raises InputError if it cannot be read."""
    last = max(STAMPED_BYTES, about.size - STAMPED_BYTES)
    ranges = [(0, min(STAMPED_BYTES, about.size)), (last, about.size)]
    ranges = [(start, stop) for start, stop in ranges if start < stop]
    ends = [b"", b""]
    try:
        with open_input(
            path, access, size=about.size, stamp=about.stamp, ranges=ranges
        ) as file:
            for number, (start, stop) in enumerate(ranges):
                file.seek(start)
                ends[number] = _exactly(file, stop - start)
    except OSError as error:
        raise InputError(f"{without_secrets(path)}: cannot be read: {error}") from error
    return content_stamp(about.size, *ends)


def _exactly(file: Any, count: int) -> bytes:
    """`count` bytes, or those up to the end of a file that has become shorter."""
    content = bytearray()
    while part := file.read(count - len(content)):
        content += part
    return bytes(content)


def _once(files: Sequence[InputFile]) -> list[InputFile]:
    """The files without repeats: one name and one content are one file.

    Raises ConfigError for one name with two contents.
    """
    found: list[InputFile] = []
    for file in files:
        before = found[-1] if found else None
        if before is None or before.name != file.name or before.problem or file.problem:
            found.append(file)
            continue
        sizes = {before.size, file.size} - {UNKNOWN_SIZE}
        stamps = {before.stamp, file.stamp} - {""}
        if len(sizes) > 1 or len(stamps) > 1:
            raise ConfigError(
                f"input: {without_secrets(before.path)} and "
                f"{without_secrets(file.path)} have the name {file.name}, which is "
                f"CommonCrawl's for one archive, and other content: leave one out"
            )
    return found


def expand(pattern: str, access: Access) -> Iterable[str]:
    """The paths of one entry of `input`, in the order of their list.

    Raises ConfigError for a glob that matches nothing.
    """
    if pattern.startswith("cc://"):
        return _crawl_paths(pattern, access)
    if "://" not in pattern:
        pattern = str(in_home(pattern))
    if _file_of(pattern).endswith(_LIST_SUFFIXES):
        check_protocol(pattern)
        return _listed(pattern, access)
    if "://" not in pattern and _is_file(pattern):
        return [str(Path(pattern).absolute())]  # whatever characters its name has
    if not any(character in pattern for character in "*?["):
        check_protocol(pattern)
        return [pattern if "://" in pattern else str(Path(pattern).absolute())]
    if pattern.startswith(("http://", "https://")):
        # In an address a question mark is not a pattern.
        if "?" in pattern and "*" not in pattern and "[" not in pattern:
            return [pattern]
        raise ConfigError(
            f"input: {without_secrets(pattern)}: a web server lists no files; name them"
        )
    check_protocol(pattern)
    filesystem, stripped = filesystem_of(pattern, options_for(pattern, access.options))
    try:
        found = filesystem.glob(stripped)
    except OSError as error:
        why = without_secrets_in(error, pattern)
        shown = without_secrets(pattern)
        raise InputError(f"input: cannot list {shown}: {why}") from None
    if not found:
        raise ConfigError(f"input: no file matches {without_secrets(pattern)}")
    scheme = pattern.partition("://")[0] + "://" if "://" in pattern else ""
    return [path if not scheme else f"{scheme}{path}" for path in found]


def in_home(path: str) -> Path:
    """The path with `~` and `~name` replaced. Raises ConfigError if nobody has that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = path.partition("/")[0]
        raise ConfigError(
            f"{path}: {user} is no home folder of anybody here: write the path in full, "
            f"or ./{path} for a file of that name"
        ) from None


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long
        return False


def check_protocol(path: str) -> None:
    """Raise ConfigError for a protocol that cannot be read here."""
    protocol, separator, _ = path.partition("://")
    if not separator or "::" in path:
        return
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        raise ConfigError(
            f"input: {without_secrets(path)}: no such protocol as {protocol}://; known "
            f"are https://, s3://, cc:// and those of fsspec"
        ) from None
    except ImportError as error:
        why = without_secrets_in(error, path)
        raise ConfigError(f"input: {without_secrets(path)}: {why}") from None


def _crawl_paths(pattern: str, access: Access) -> list[str]:
    """`cc://CC-MAIN-2024-51?segments=0-2&limit=100&kind=warc|wet`, `cc://CC-NEWS/2021/09`."""
    address = urlsplit(pattern)
    crawl = address.netloc + address.path.rstrip("/")
    if not _CRAWLS.fullmatch(crawl) or address.fragment:
        raise ConfigError(
            f"input: {without_secrets(pattern)}: {crawl!r} is no crawl: write "
            f"cc://CC-MAIN-2024-51, or cc://CC-NEWS/2021/09 for a month of news"
        )
    query = {key: values[-1] for key, values in parse_qs(address.query).items()}
    unknown = set(query) - {"kind", *_FORMS}
    kind = query.get("kind", "warc")
    is_known = not unknown and kind in _KINDS
    for key, form in _FORMS.items():
        is_known = is_known and (
            key not in query or re.fullmatch(form, query[key]) is not None
        )
    if not is_known:
        raise ConfigError(
            f"input: {without_secrets(pattern)}: known are limit=N, "
            f"kind={'|'.join(_KINDS)}, segments=I-J, server=ADDRESS"
        )
    server = query.get("server", COMMON_CRAWL).rstrip("/") + "/"
    listing = f"{server}crawl-data/{crawl}/{kind}.paths.gz"
    paths = list(_listed(listing, access, server))
    if "segments" in query:
        paths = _of_segments(paths, query["segments"])
    return paths[: int(query["limit"])] if "limit" in query else paths


def _of_segments(paths: list[str], wanted: str) -> list[str]:
    """Paths of the crawl's segments number I to J, counted from 0 in name order.

    Raises ConfigError if the crawl has none of these numbers.
    """
    segments = sorted({_segment(path) for path in paths})
    first, _, last = wanted.partition("-")
    chosen = set(segments[int(first) : int(last or first) + 1])
    if not chosen:
        raise ConfigError(
            f"input: segments={wanted}: the crawl has 0-{len(segments) - 1}"
        )
    return [path for path in paths if _segment(path) in chosen]


def _segment(path: str) -> str:
    return path.partition("/segments/")[2].partition("/")[0]


def _listed(listing: str, access: Access, server: str = "") -> Iterable[str]:
    """The paths of a list; those below crawl-data/ are on `server`, CommonCrawl's own."""
    try:
        content = read_input(listing, access)
        if _file_of(listing).endswith(".gz"):
            with gzip.open(io.BytesIO(content)) as unpacked:
                content = unpacked.read(_MOST_LIST_BYTES + 1)
        if len(content) > _MOST_LIST_BYTES:
            raise InputError(
                f"{without_secrets(listing)}: over {spelled(_MOST_LIST_BYTES)}"
            )
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except AccessRefused:
        raise
    except InputError as error:
        raise InputError(f"input: cannot read the list {error}") from error
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(
            f"input: cannot read the list {without_secrets(listing)}: {error}"
        ) from error
    folder = posixpath.dirname(_file_of(listing))
    named = [line for line in lines if line and not line.startswith("#")]
    if "://" in listing:
        _check_named(named, listing)
    return [_absolute(line, folder, server) for line in named]


def _check_named(lines: Sequence[str], listing: str) -> None:
    """Raise InputError if a list from elsewhere names what is not there, but here."""
    own = _scheme(listing)
    for line in lines:
        if line.startswith("/") or ("://" in line and _scheme(line) != own):
            raise InputError(
                f"input: the list {without_secrets(listing)} names "
                f"{without_secrets(line)!r}: a list may name only files of its own "
                f"protocol; copy the list here to read it"
            )


def _scheme(path: str) -> str:
    return "https" if path.startswith("http://") else path.partition("://")[0]


def _file_of(path: str) -> str:
    """An address without its query, which may be a signature; other paths unchanged."""
    is_address = path.startswith(("http://", "https://"))
    return path.partition("?")[0] if is_address else path


def _absolute(line: str, folder: str, server: str = "") -> str:
    if "://" in line or line.startswith("/"):
        return line
    beside = posixpath.join(folder, line)
    is_here = "://" not in folder
    if is_here and Path(beside).exists():
        return str(Path(beside).absolute())
    if line.startswith(_CRAWL_FOLDERS):
        at_s3 = folder.startswith("s3://commoncrawl")
        own = "s3://commoncrawl/" if at_s3 else COMMON_CRAWL
        return f"{server or own}{line}"
    return str(Path(beside).absolute()) if is_here else beside


def _is_published(path: str) -> bool:
    """Whether CommonCrawl's server has it, where it never changes, and its path names it."""
    is_at_home = path.startswith((COMMON_CRAWL, "s3://commoncrawl/"))
    return is_at_home and published_name(path) is not None


def _known(path: str, known: Known) -> InputFile | None:
    """What an earlier run found for a file that never changes; null for other files."""
    if not _is_published(path):
        return None
    name = archive_name(path, "")
    size, etag = known.get(name, (0, ""))
    return InputFile(path, name, size, etag=etag) if name in known else None


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
