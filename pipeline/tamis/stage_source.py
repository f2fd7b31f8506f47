"""Stages outside this package: where their code is, and how it is sent to workers.

A recipe names such a stage `path/to/file.py:Class`. Its file is loaded here. When the
stage is sent to a worker, the text of the file is sent too, so that the worker needs no
file of that name. The fingerprint has its digest.
"""

import hashlib
import inspect
import linecache
import re
import secrets
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from tamis.errors import ConfigError

# How a recipe names a stage that a file defines.
FILE_STAGE = re.compile(r"(?P<path>.+\.py):(?P<name>[A-Za-z_][A-Za-z0-9_]*)")

_MOST_BYTES = 1 << 20
# Of a class whose text nobody has. Two processes never share results of such a class.
_OF_THIS_PROCESS = secrets.token_hex(16)
_SITE_PACKAGES = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}


class SourceFile(NamedTuple):
    """The text of a file that defines a stage, its path, and the name of the class."""

    text: str
    path: str
    name: str


_FILES: WeakKeyDictionary[type, SourceFile] = WeakKeyDictionary()


def remember_source(cls: type) -> None:
    """Read the file that defines a class now, before somebody edits it."""
    if _is_foreign(cls):
        with suppress(ConfigError):
            _FILES[cls] = source_of(cls)


def source_of(cls: type) -> SourceFile:
    """The file that defines a class, as it was when the class was defined.

    Raises ConfigError for a class that is in no file: from a notebook or a prompt.
    """
    module = sys.modules.get(cls.__module__)
    loaded = getattr(module, "_tamis_source", None)
    if loaded is not None:
        return SourceFile(loaded.text, loaded.path, cls.__qualname__)
    if cls in _FILES:
        return _FILES[cls]
    try:
        path = inspect.getsourcefile(cls)
        text = Path(path or "").read_text(encoding="utf-8")
    except (OSError, TypeError, ValueError) as error:
        raise ConfigError(_no_file(cls)) from error
    return SourceFile(text, str(path), cls.__qualname__)


def digests_of(cls: type) -> list[str]:
    """sha256 of the texts that define a class and its bases outside this package.

    Of a class in no file it is the text of its cell or, where Python has not kept it, a
    random number of this process: its results are not found again.
    """
    texts = [_text_of(base) for base in cls.__mro__ if _is_foreign(base)]
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def _text_of(cls: type) -> str:
    try:
        return source_of(cls).text
    except ConfigError:
        for member in vars(cls).values():
            if inspect.isfunction(member) and member.__module__ == cls.__module__:
                lines = linecache.getlines(member.__code__.co_filename)
                if lines:
                    return "".join(lines)
    return _OF_THIS_PROCESS


def _is_foreign(cls: type) -> bool:
    package = cls.__module__.partition(".")[0]
    return (
        package not in ("tamis", "pydantic") and package not in sys.stdlib_module_names
    )


def travelling_source(cls: type) -> SourceFile | None:
    """The file to send with a stage; null for a class that a worker can import.

    Files that a recipe names are sent, and modules outside any package.
    """
    module = sys.modules.get(cls.__module__)
    if hasattr(module, "_tamis_source"):
        return source_of(cls)
    if cls.__module__ == "__main__" or "." in cls.__module__:
        return None
    file = Path(getattr(module, "__file__", None) or "").resolve()
    is_installed = any(file.is_relative_to(path) for path in _SITE_PACKAGES)
    return None if is_installed or module is None else source_of(cls)


def locator_of(stage: Any) -> str:
    """The stage's name in a recipe: `filter_quality`, or `path/to/file.py:Class`."""
    module = sys.modules.get(type(stage).__module__)
    source: SourceFile | None = getattr(module, "_tamis_source", None)
    return f"{source.path}:{type(stage).__qualname__}" if source else str(stage.stage)


def is_in_file(cls: type) -> bool:
    """Whether the class can be sent to a worker: it is in a package or in a file."""
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        return False
    try:
        source_of(cls)
    except ConfigError:
        return False
    return True


def refuse_without_file(cls: type) -> None:
    """Raise ConfigError for a class that cannot be sent to a worker."""
    if not is_in_file(cls):
        raise ConfigError(_no_file(cls))


def load_class(path: Path, name: str) -> type:
    """A class of a Python file. Raises ConfigError, which names file and class."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(
                f"{path}: too long for a stage: over {_MOST_BYTES:,} bytes"
            )
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return class_from(SourceFile(text, str(path), name))


def class_from(source: SourceFile) -> type:
    """The class that the text defines; one process loads the same file only once."""
    digest = hashlib.sha256(f"{source.path}\0{source.text}".encode()).hexdigest()[:16]
    module_name = f"tamis_stage_{digest}"
    module = sys.modules.get(module_name)
    if module is None:
        module = ModuleType(module_name)
        module.__file__ = source.path
        module._tamis_source = source  # type: ignore[attr-defined]  # see source_of
        sys.modules[module_name] = module
        try:
            exec(compile(source.text, source.path, "exec"), module.__dict__)
        except Exception as error:
            del sys.modules[module_name]
            raise ConfigError(
                f"{source.path}: {type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
    found: Any = module
    for part in source.name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise ConfigError(f"{source.path}: defines no class {source.name}")
    return found


def _no_file(cls: type) -> str:
    return (
        f"stage {cls.__name__} is defined in {cls.__module__}, which workers cannot read: "
        f"write it to a file, and name it `path/to/file.py:{cls.__name__}` in the recipe"
    )
