"""From what the recipe calls `input` to files with a name, a size and a stamp.

    samples/*.warc.gz              a glob, on a disk or in a store (s3://...)
    a/b.warc.gz, https://h/b.gz    one file
    list.paths.gz, list.paths      one path a line; relative to https://data.commoncrawl.org/
                                   unless they exist beside the list
    cc://CC-MAIN-2024-51?limit=9   that crawl's own list; kind=warc|wet|..., segments=I-J

Files are told apart by their base name, of which every document's id is made: two
inputs with the same one are refused. The order is that of the names, whatever the
order in which they were given.
"""

import gzip
import posixpath
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fsspec

from pipeline.errors import ConfigError, InputError
from pipeline.remote.failures import AccessRefused, without_secrets
from pipeline.remote.opening import Access, about_input, read_input
from pipeline.storage import options_for

COMMON_CRAWL = "https://data.commoncrawl.org/"
_LIST_SUFFIXES = (".paths", ".paths.gz")
_KINDS = ("warc", "wet", "robotstxt", "cc-index", "cc-index-table")


@dataclass(frozen=True)
class InputFile:
    """`stamp` is the store's ETag or the disk's mtime; `problem` says why it cannot be read."""

    path: str
    name: str
    size: int = 0
    stamp: str = ""
    problem: str | None = None


def resolve(
    patterns: Sequence[str], options: Mapping[str, Any] | None = None
) -> list[InputFile]:
    """Every file that the patterns name, sorted by name.

    Raises ConfigError for a glob that matches nothing and for two files of one
    name. A file that is not there comes back with its `problem`.
    """
    access = Access(options or {})
    paths = [path for pattern in patterns for path in expand(pattern, access)]
    with ThreadPoolExecutor(16) as pool:
        files = list(pool.map(lambda path: _stat(path, access), paths))
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
    """The paths that one entry of `input` stands for, in the order of their list.

    Raises ConfigError for a glob that matches nothing.
    """
    if pattern.startswith("cc://"):
        return _crawl_paths(pattern, access)
    if pattern.endswith(_LIST_SUFFIXES):
        return _listed(pattern, access)
    if not any(character in pattern for character in "*?["):
        return [pattern]
    if pattern.startswith(("http://", "https://")):
        # A question mark is no pattern in an address.
        if "?" in pattern and "*" not in pattern and "[" not in pattern:
            return [pattern]
        raise ConfigError(
            f"input: {without_secrets(pattern)}: a web server lists no files; name them"
        )
    filesystem, stripped = fsspec.core.url_to_fs(
        pattern, **options_for(pattern, access.options)
    )
    try:
        found = filesystem.glob(stripped)
    except OSError as error:
        raise InputError(f"input: cannot list {pattern}: {error}") from error
    if not found:
        raise ConfigError(f"input: no file matches {pattern}")
    scheme = pattern.partition("://")[0] + "://" if "://" in pattern else ""
    return [path if not scheme else f"{scheme}{path}" for path in found]


def _crawl_paths(pattern: str, access: Access) -> list[str]:
    """`cc://CC-MAIN-2024-51?segments=0-2&limit=100&kind=warc|wet`."""
    address = urlsplit(pattern)
    query = {key: values[-1] for key, values in parse_qs(address.query).items()}
    unknown = set(query) - {"limit", "kind", "segments"}
    kind = query.get("kind", "warc")
    if unknown or kind not in _KINDS:
        raise ConfigError(
            f"input: {pattern}: known are limit=N, kind={'|'.join(_KINDS)}, segments=I-J"
        )
    listing = f"{COMMON_CRAWL}crawl-data/{address.netloc}/{kind}.paths.gz"
    paths = list(_listed(listing, access))
    if "segments" in query:
        paths = _of_segments(paths, query["segments"])
    return paths[: int(query["limit"])] if "limit" in query else paths


def _of_segments(paths: list[str], wanted: str) -> list[str]:
    """Paths of the crawl's segments number I to J, counted from 0 in name order."""
    segments = sorted({_segment(path) for path in paths})
    first, _, last = wanted.partition("-")
    chosen = set(segments[int(first) : int(last or first) + 1])
    return [path for path in paths if _segment(path) in chosen]


def _segment(path: str) -> str:
    return path.partition("/segments/")[2].partition("/")[0]


def _listed(listing: str, access: Access) -> Iterable[str]:
    try:
        content = read_input(listing, access)
        if listing.endswith(".gz"):
            content = gzip.decompress(content)
        lines = content.decode("utf-8").split()
    except AccessRefused:
        raise
    except InputError as error:
        raise InputError(f"input: cannot read the list {error}") from error
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(
            f"input: cannot read the list {without_secrets(listing)}: {error}"
        ) from error
    folder = posixpath.dirname(listing)
    return [_absolute(line, folder) for line in lines]


def _absolute(line: str, folder: str) -> str:
    if "://" in line or line.startswith("/"):
        return line
    beside = posixpath.join(folder, line)
    if "://" not in folder and Path(beside).exists():
        return beside
    if folder.startswith("s3://commoncrawl"):
        return f"s3://commoncrawl/{line}"
    return COMMON_CRAWL + line


def _stat(path: str, access: Access) -> InputFile:
    name = posixpath.basename(urlsplit(path).path if "://" in path else path)
    try:
        about = about_input(path, access)
    except AccessRefused:
        raise
    except InputError as error:
        return InputFile(path, name, problem=str(error))
    return InputFile(path, name, about.size, about.stamp)
