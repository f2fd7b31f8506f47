"""Fingerprints: everything that the outcome of a stage depends on, as a hash."""

import hashlib
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tamis.errors import ConfigError
from tamis.stage import StageConfig
from tamis.work.commits import fingerprint

_CHUNK_BYTES = 8 << 20


def stage_print(config: StageConfig) -> dict[str, Any]:
    """Settings, version, libraries and files of a stage, as JSON values."""
    return {
        "stage": config.label,
        "version": config.version,
        "settings": config.model_dump(
            mode="json", exclude={"storage_options", *config.not_fingerprinted}
        ),
        "libraries": {name: library_version(name) for name in config.depends_on()},
        "files": {path: file_sha256(path) for path in config.files()},
    }


def pass_print(stages: Sequence[StageConfig], *more: Any) -> str:
    """Fingerprint of a pass: its stages in order, and what else its rows depend on."""
    return fingerprint([stage_print(config) for config in stages], *more)


def library_version(distribution: str) -> str:
    """The installed version; `absent` for an optional one that is not there.

    `python` is the interpreter's, major and minor: its tables decide here and there.
    """
    if distribution == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"


def icu_version() -> str:
    """Of the ICU inside icu4py: its dictionaries cut words where there are no spaces."""
    from icu4py import _version

    return str(_version.icu_version)


def file_sha256(path: str) -> str:
    """Hex digest of a file that the recipe names. Raises ConfigError where it is not."""
    try:
        status = Path(path).stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ConfigError(f"the recipe names {path}: {error.strerror}") from error


@lru_cache(maxsize=256)
def _digest(path: str, size: int, changed: int) -> str:
    """Read once per (path, size, mtime) and process."""
    content_hash = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            content_hash.update(chunk)
    return content_hash.hexdigest()
