"""Resolve the recipe's `input` to files with a name, a size and a stamp.

    samples/*.warc.gz              a glob, on a disk or in a store (s3://...)
    a/b.warc.gz, https://h/b.gz    one file
    list.paths.gz, list.paths      one path a line, beside the list or, below crawl-data/,
                                   of https://data.commoncrawl.org/; # begins a comment
    cc://CC-MAIN-2024-51?limit=9   that crawl's own list; kind=warc|wet|..., segments=I-J

A file is identified by its base name, from which the ids of its documents are made: two
inputs with the same base name are refused. Files are sorted by name, in whatever order
they were given.

The server or disk is asked for size and stamp of each file. CommonCrawl's files never
change: those that an earlier run knew are not asked again, and if there are more than a
thousand new ones, none is asked, since 90,000 requests, four a second, would take six
hours. The task that reads such a file asks for its size then.
"""

import gzip
import hashlib
import io
import posixpath
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fsspec

from tamis.addresses import is_local, without_secrets, without_secrets_in
from tamis.errors import ConfigError, InputError
from tamis.remote.failures import AccessRefused
from tamis.remote.opening import Access, about_input, read_input
from tamis.sizes import spelled
from tamis.storage import options_for
from tamis.warc.splits import UNKNOWN_SIZE

COMMON_CRAWL = "https://data.commoncrawl.org/"
# Only such paths of a list are asked of CommonCrawl; others are beside the list.
_CRAWL_FOLDERS = (
    *("crawl-data/", "cc-index/", "contrib/", "projects/"),
    *("crawl-001/", "crawl-002/", "parse-output/"),  # of 2008 to 2012
)
_MOST_LIST_BYTES = 256 << 20  # unpacked; a crawl's list of archives has 13 MiB
_LIST_SUFFIXES = (".paths", ".paths.gz")
_NUMBERS = {"limit": r"[1-9][0-9]{0,8}", "segments": r"[0-9]{1,6}(-[0-9]{1,6})?"}
_KINDS = ("warc", "wet", "robotstxt", "cc-index", "cc-index-table")


# Of CommonCrawl's files: about four minutes of requests at its rate.
_MOST_ASKED = 1000
_BYTES_OF_UNKNOWN = 1 << 30  # about the size of CommonCrawl's archives


@dataclass(frozen=True)
class InputFile:
    """`stamp` is the store's ETag or the disk's mtime; `problem` says why it cannot be read.

    `size` is UNKNOWN_SIZE and the stamp empty if the server was not asked.
    """

    path: str
    name: str
    size: int = 0
    stamp: str = ""
    problem: str | None = None

    @property
    def about_bytes(self) -> int:
        """Its size, or an estimate if it is not known."""
        return _BYTES_OF_UNKNOWN if self.size == UNKNOWN_SIZE else self.size


Known = Mapping[str, tuple[int, str]]


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
    are_all_asked: bool = False,
) -> list[InputFile]:
    """Every file that the patterns name, sorted by name.

    `known`: size and stamp by name, as an earlier run found them.

    Raises ConfigError for a glob that matches nothing and for two files of one
    name. A file that is not there comes back with its `problem`.
    """
    access = Access(options or {}, requests_per_second)
    paths = [path for pattern in patterns for path in expand(pattern, access)]
    unknown = [path for path in paths if not _known(path, known or {})]
    are_asked = are_all_asked or sum(map(_is_published, unknown)) <= _MOST_ASKED

    def file_of(path: str) -> InputFile:
        if not are_asked and _is_published(path) and not _known(path, known or {}):
            return InputFile(path, _name_of(path), UNKNOWN_SIZE)
        return _known(path, known or {}) or _stat(path, access)

    with ThreadPoolExecutor(16) as pool:
        files = list(pool.map(file_of, paths))
    files.sort(key=lambda file: file.name)
    for first, second in pairwise(files):
        if first.name == second.name:
            raise ConfigError(
                f"input: {without_secrets(first.path)} and "
                f"{without_secrets(second.path)} have the same file name, of which ids "
                f"are made: leave one out, or rename it"
            )
    return files


def expand(pattern: str, access: Access) -> Iterable[str]:
    """The paths of one entry of `input`, in the order of their list.

    Raises ConfigError for a glob that matches nothing.
    """
    if pattern.startswith("cc://"):
        return _crawl_paths(pattern, access)
    if "://" not in pattern:
        pattern = str(Path(pattern).expanduser())
    if _file_of(pattern).endswith(_LIST_SUFFIXES):
        check_protocol(pattern)
        return _listed(pattern, access)
    if "://" not in pattern and Path(pattern).is_file():
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
    filesystem, stripped = fsspec.core.url_to_fs(
        pattern, **options_for(pattern, access.options)
    )
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
    """`cc://CC-MAIN-2024-51?segments=0-2&limit=100&kind=warc|wet`."""
    address = urlsplit(pattern)
    query = {key: values[-1] for key, values in parse_qs(address.query).items()}
    unknown = set(query) - {"limit", "kind", "segments"}
    kind = query.get("kind", "warc")
    is_known = not unknown and kind in _KINDS
    for key, form in _NUMBERS.items():
        is_known = is_known and re.fullmatch(form, query.get(key, "1")) is not None
    if not is_known:
        raise ConfigError(
            f"input: {without_secrets(pattern)}: known are limit=N, kind={'|'.join(_KINDS)}, segments=I-J"
        )
    listing = f"{COMMON_CRAWL}crawl-data/{address.netloc}/{kind}.paths.gz"
    paths = list(_listed(listing, access))
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


def _listed(listing: str, access: Access) -> Iterable[str]:
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
    return [_absolute(line, folder) for line in named]


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


def _absolute(line: str, folder: str) -> str:
    if "://" in line or line.startswith("/"):
        return line
    beside = posixpath.join(folder, line)
    is_here = "://" not in folder
    if is_here and Path(beside).exists():
        return str(Path(beside).absolute())
    if line.startswith(_CRAWL_FOLDERS):
        at_s3 = folder.startswith("s3://commoncrawl")
        return f"{'s3://commoncrawl/' if at_s3 else COMMON_CRAWL}{line}"
    return str(Path(beside).absolute()) if is_here else beside


def _is_published(path: str) -> bool:
    """Whether it is one of CommonCrawl's files, which never change."""
    return path.startswith((COMMON_CRAWL, "s3://commoncrawl/"))


def _known(path: str, known: Known) -> InputFile | None:
    """What an earlier run found for a file that never changes; null for other files."""
    name = _name_of(path)
    if name not in known or not _is_published(path):
        return None
    return InputFile(path, name, *known[name])


def _name_of(path: str) -> str:
    if "://" not in path:
        return posixpath.basename(path)
    # `a.gz;token=1` is called a.gz: names stand in published files.
    shown = urlsplit(without_secrets(path)).path or urlsplit(path).path
    return posixpath.basename(shown)


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _stat(path: str, access: Access) -> InputFile:
    name = _name_of(path)
    try:
        about = about_input(path, access)
    except AccessRefused:
        raise
    except InputError as error:
        return InputFile(path, name, problem=str(error))
    return InputFile(path, name, about.size, about.stamp)
