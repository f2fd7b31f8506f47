"""Fingerprints: hashes of everything that the output of a stage depends on."""

import hashlib
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypedDict

from tamis.errors import ConfigError
from tamis.stage import Stage, over_strings
from tamis.stage_source import digests_of
from tamis.work.commits import fingerprint_of
from tamis.work.imported import imported_digests

_CHUNK_BYTES = 8 << 20


class Dependencies(TypedDict):
    """What the output of one stage depends on, as JSON values.

    settings  without paths: they are where files are, not what they say
    others   what the stage names as such (`Stage.depends_on`)
    files    sha256 of each file that its settings name
    sources  sha256 of the files that define the stage and its bases, then `module
             sha256` of the user's own modules that these import; none for the
             package's own stages, which have a version
    """

    stage: str
    version: int
    settings: dict[str, Any]
    libraries: dict[str, str]
    others: list[str]
    files: list[str]
    sources: list[str]


def stage_dependencies(stage: Stage) -> Dependencies:
    """Settings, version, libraries, files and sources of a stage."""
    return {
        "stage": stage.label,
        "version": stage.version,
        "settings": _without_paths(
            stage.model_dump(
                mode="json", exclude={"storage_options", *stage.not_fingerprinted}
            ),
            stage.path_settings,
        ),
        "libraries": {name: library_version(name) for name in stage.libraries()},
        "others": list(stage.depends_on()),
        "files": [file_sha256(path) for path in stage.files()],
        "sources": [*digests_of(type(stage)), *imported_digests(type(stage))],
    }


def _without_paths(settings: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The settings, without the places of files: the same files may lie elsewhere."""
    for name in paths:
        if name in settings:
            settings[name] = over_strings(settings[name], lambda path: "")
    return settings


def pass_fingerprint(stages: Sequence[Stage], *more: Any) -> str:
    """Fingerprint of a pass: of its stages in order, and of `more` dependencies."""
    return fingerprint_of([stage_dependencies(stage) for stage in stages], *more)


@lru_cache(maxsize=256)
def library_version(distribution: str) -> str:
    """The installed version; `absent` for an optional library that is not installed.

    `python` is the interpreter, major and minor version: some stages depend on its
    Unicode tables.
    """
    if distribution == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"


def icu_version() -> str:
    """The version of ICU inside icu4py, whose dictionaries cut unspaced scripts."""
    from icu4py import _version

    return str(_version.icu_version)


def file_sha256(path: str) -> str:
    """Hex digest of a file that the recipe names. Raises ConfigError if it is missing."""
    try:
        refuse_irregular(path)
        status = Path(path).stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ConfigError(f"the recipe names {path}: {error.strerror}") from error


def refuse_irregular(path: str) -> None:
    """Raise ConfigError for a pipe, a socket or a device: reading it may never end."""
    place = Path(path)
    if place.exists() and not (place.is_file() or place.is_dir()):
        raise ConfigError(
            f"the recipe names {path}: it is a pipe or a device, and is read several "
            f"times: write its content to a file"
        )


@lru_cache(maxsize=256)
def _digest(path: str, size: int, changed: int) -> str:
    """Read once per (path, size, mtime) and process."""
    content_hash = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            content_hash.update(chunk)
    return content_hash.hexdigest()
