"""Training texts: reading Parquet and JSON Lines files, and drawing from them.

Of a folder, all files in and below it are read; of a run's output folder, its mix, or
without a mix the documents that it saved last. Parquet needs the columns `text` and
`language` (or `lang`); JSON Lines (.jsonl, also .gz) an object with these keys on each
line. `domain`, `host` or `url` says which site a text is from.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from tamis.errors import ConfigError
from tamis.language.codes import known_language
from tamis.storage.parquet import VERIFYING
from tamis.urls.normalise import address

_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz")
_OF_A_RUN = ("mix", "documents", "extracted")
_LANGUAGE = ("language", "lang")
_SITE = ("domain", "host", "url")
_HOST = ("host", "url", "domain")


class Text(NamedTuple):
    """A document: its text, language (ISO 639-3) and site.

    `site` is the registered domain, `host` the host; "" if unknown.
    """

    text: str
    language: str
    site: str
    host: str


def corpus_files(path: Path) -> list[Path]:
    """The files of a corpus, sorted. Raises ConfigError if there is none."""
    if path.is_file():
        return [path]
    folders = (path / name for name in _OF_A_RUN)
    folder = next((folder for folder in folders if folder.is_dir()), path)
    found = sorted(file for file in folder.rglob("*") if file.name.endswith(_SUFFIXES))
    if not found:
        raise ConfigError(f"{path}: no {', '.join(_SUFFIXES)} file in it")
    return found


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of one file. Raises ConfigError if it cannot be read."""
    try:
        if file.name.endswith(".parquet"):
            yield from _parquet_rows(file)
            return
        with _opened(file) as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line) if line.strip() else {}
                if not isinstance(row, dict):
                    raise ConfigError(f"{file}:{number}: not an object")
                if row:
                    yield {key: _encodable(value) for key, value in row.items()}
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error


def texts_of(files: Iterable[Path]) -> Iterator[Text]:
    """The documents of some files; those without text or a known language are left out."""
    for file in files:
        for row in rows_of(file):
            language = language_of(row)
            text = row.get("text")
            if language and isinstance(text, str) and text.strip():
                yield Text(text, language, _place_of(row, _SITE), _place_of(row, _HOST))


def language_of(row: dict[str, Any]) -> str | None:
    """ISO 639-3 code of a row; None if it names no language."""
    named = next((row[key] for key in _LANGUAGE if row.get(key)), None)
    return known_language(named) if isinstance(named, str) else None


def drawn(texts: Iterable[Text], most: int) -> list[Text]:
    """At most `most` documents of each language, those with the smallest hashes.

    Each document occurs once. The result does not depend on the order of the files;
    memory is that of two draws.
    """
    chosen: dict[str, dict[int, Text]] = {}
    for text in texts:
        own = chosen.setdefault(text.language, {})
        own[xxhash.xxh3_64_intdigest(text.text.encode("utf-8", "replace"))] = text
        if len(own) >= 2 * most:
            chosen[text.language] = {key: own[key] for key in sorted(own)[:most]}
    return [own[key] for _, own in sorted(chosen.items()) for key in sorted(own)[:most]]


def digests(files: Sequence[Path]) -> dict[str, str]:
    """sha256 of each file, by its path as given."""
    found = {}
    for file in files:
        with file.open("rb") as content:
            found[str(file)] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def _place_of(row: dict[str, Any], keys: Sequence[str]) -> str:
    """Value of the first of `keys` in the row, a URL's host for `url`; "" if none."""
    values = ((key, row.get(key)) for key in keys)
    for key, value in values:
        if isinstance(value, str) and value:
            host = address(value).host
            return value if key != "url" else host if "." in host else ""
    return ""


def _encodable(value: Any) -> Any:
    """A text without lone surrogates, such as half of a cut emoji (`\\ud83d`)."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def _opened(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8")
    return file.open(encoding="utf-8")


def _parquet_rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(file, **VERIFYING) as parquet:
            wanted = {"text", "label", "source", "fold", *_LANGUAGE, *_SITE}
            columns = [name for name in parquet.schema_arrow.names if name in wanted]
            for batch in parquet.iter_batches(batch_size=1024, columns=columns):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
