"""From what the recipe calls `input` to files with a name, a size and a stamp.

    samples/*.warc.gz              a glob, on a disk or in a store (s3://...)
    a/b.warc.gz, https://h/b.gz    one file
    list.paths.gz, list.paths      one path a line; relative to https://data.commoncrawl.org/
                                   unless they exist beside the list
    cc://CC-MAIN-2024-51?limit=9   that crawl's own list; kind=warc|wet, segments=...

Files are told apart by their base name, of which every document's id is made: two
inputs with the same one are refused. The order is that of the names, whatever the
order in which they were given.
"""

import gzip
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fsspec

from pipeline.errors import ConfigError, InputError
from pipeline.storage import options_for

COMMON_CRAWL = "https://data.commoncrawl.org/"
_LIST_SUFFIXES = (".paths", ".paths.gz")


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
    options = options or {}
    paths = [path for pattern in patterns for path in _expand(pattern, options)]
    with ThreadPoolExecutor(16) as pool:
        files = list(pool.map(lambda path: _stat(path, options), paths))
    files.sort(key=lambda file: file.name)
    for first, second in pairwise(files):
        if first.name == second.name:
            raise ConfigError(
                f"input: {first.path} and {second.path} have the same file name, of "
                f"which ids are made: leave one out, or rename it"
            )
    return files


def _expand(pattern: str, options: Mapping[str, Any]) -> Iterable[str]:
    if pattern.startswith("cc://"):
        return _crawl_paths(pattern, options)
    if pattern.endswith(_LIST_SUFFIXES):
        return _listed(pattern, options)
    if not any(character in pattern for character in "*?["):
        return [pattern]
    if pattern.startswith(("http://", "https://")):
        raise ConfigError(f"input: {pattern}: a web server lists no files; name them")
    filesystem, stripped = fsspec.core.url_to_fs(
        pattern, **options_for(pattern, options)
    )
    try:
        found = filesystem.glob(stripped)
    except OSError as error:
        raise InputError(f"input: cannot list {pattern}: {error}") from error
    if not found:
        raise ConfigError(f"input: no file matches {pattern}")
    scheme = pattern.partition("://")[0] + "://" if "://" in pattern else ""
    return [path if not scheme else f"{scheme}{path}" for path in found]


def _crawl_paths(pattern: str, options: Mapping[str, Any]) -> list[str]:
    """`cc://CC-MAIN-2024-51?segments=0-2&limit=100&kind=warc|wet`."""
    address = urlsplit(pattern)
    query = {key: values[-1] for key, values in parse_qs(address.query).items()}
    unknown = set(query) - {"limit", "kind", "segments"}
    kind = query.get("kind", "warc")
    if unknown or kind not in ("warc", "wet", "robotstxt"):
        raise ConfigError(
            f"input: {pattern}: known are limit=N, kind=warc|wet|robotstxt, segments=I-J"
        )
    listing = f"{COMMON_CRAWL}crawl-data/{address.netloc}/{kind}.paths.gz"
    paths = list(_listed(listing, options))
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


def _listed(listing: str, options: Mapping[str, Any]) -> Iterable[str]:
    try:
        filesystem, path = fsspec.core.url_to_fs(
            listing, **options_for(listing, options)
        )
        content = filesystem.cat_file(path)
        if listing.endswith(".gz"):
            content = gzip.decompress(content)
        lines = content.decode("utf-8").split()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"input: cannot read the list {listing}: {error}") from error
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


def _stat(path: str, options: Mapping[str, Any]) -> InputFile:
    name = posixpath.basename(urlsplit(path).path if "://" in path else path)
    try:
        filesystem, stripped = fsspec.core.url_to_fs(path, **options_for(path, options))
        about = filesystem.info(stripped)
    except PermissionError:
        return InputFile(path, name, problem=f"{path}: no permission to read it")
    except FileNotFoundError:
        return InputFile(path, name, problem=f"{path}: no such file")
    except OSError as error:
        return InputFile(path, name, problem=f"{path}: {error}")
    if about["type"] == "directory":
        return InputFile(
            path, name, problem=f"{path}: a folder; name its files: {path}/*.warc.gz"
        )
    stamp = about.get("ETag") or about.get("LastModified") or about.get("mtime", "")
    return InputFile(path, name, int(about.get("size") or 0), str(stamp))
