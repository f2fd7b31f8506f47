"""A user's own modules that a stage imports, so that its fingerprint has them.

Imports are read from the text, anywhere in it: `import a`, `from .b import c`, and
`import_module("a")` with a name that is written out. The modules that these import count
too. The standard library, installed packages (site-packages) and this one do not: they
have versions.
"""

import ast
import hashlib
import site
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import all_suffixes
from importlib.util import find_spec
from pathlib import Path

from tamis.errors import ConfigError
from tamis.stage_source import source_of

MOST_MODULES = 2000
MOST_BYTES = 64 << 20
_IMPORTS = ("import_module", "__import__")
_INSTALLED_IN = ("site-packages", "dist-packages")

# What each file held when this process looked first: it has imported that, and no other.
_SEEN: dict[Path, str] = {}


def imported_digests(cls: type) -> list[str]:
    """`module sha256` of each module of the user's that a class and its bases import.

    Sorted; names are as in `import`, so the list is the same in another folder. Raises
    ConfigError if there are too many, or if one has changed since this process read it.
    """
    # What defines the class and its bases is not imported by it: its text is remembered.
    sources = [source for source in map(_source_of, cls.__mro__) if source is not None]
    own = {Path(path).resolve() for _, _, path in sources}
    waiting = [n for text, package, _ in sources for n in _imports_in(text, package)]
    found: dict[str, str] = {}
    known = set(waiting)
    total = 0
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if file is None or file.resolve() in own:
            continue
        content = _read(file, cls)
        total += len(content)
        found[name] = hashlib.sha256(content).hexdigest()
        if len(found) > MOST_MODULES or total > MOST_BYTES:
            raise ConfigError(
                f"stage {cls.__name__} imports over {MOST_MODULES:,} modules, or "
                f"{MOST_BYTES >> 20} MiB, of your own: install them as a package"
            )
        _refuse_changed(name, file, found[name])
        new = _imports(content, name, file) if file.suffix == ".py" else set()
        waiting += new - known
        known |= new
    return [f"{name} {digest}" for name, digest in sorted(found.items())]


def _source_of(cls: type) -> tuple[str, str, str] | None:
    """Text, package and path of the file of a user's class; null for other classes."""
    if _is_left_out(cls.__module__):
        return None
    try:
        source = source_of(cls)
    except ConfigError:  # of a notebook
        return None
    if _is_installed(Path(source.path)):
        return None
    package = getattr(sys.modules.get(cls.__module__), "__package__", None) or ""
    return source.text, package, source.path


def _imports(content: bytes, name: str, file: Path) -> set[str]:
    is_package = file.stem == "__init__"
    return _imports_in(content, name if is_package else name.rpartition(".")[0])


def _imports_in(text: str | bytes, package: str) -> set[str]:
    """Full names of all modules that a text may import, and of the packages around them."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()  # Python will say so, if it is ever imported
    names = {package} if package else set()
    for node in nodes:
        names.update(_named(node, package))
    return {
        ".".join(parts[:end])
        for parts in (name.split(".") for name in names)
        for end in range(1, len(parts) + 1)
    }


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) + 1 - node.level]
        parts = [*(above if node.level else ()), *((node.module or "").split("."))]
        base = ".".join(part for part in parts if part)
        # `from a import b`: b may be a module.
        yield from (
            f"{base}.{alias.name}" if base else alias.name for alias in node.names
        )
    elif isinstance(node, ast.Call) and node.args:
        function = getattr(node.func, "attr", getattr(node.func, "id", None))
        first = node.args[0]
        is_name = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if function in _IMPORTS and isinstance(first, ast.Constant) and is_name:
            yield str(first.value)


def _file_of(name: str) -> Path | None:
    """The file of a module of the user's; null for others, and for a mere name in one."""
    if _is_left_out(name):
        return None
    top, *rest = name.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    file = Path(spec.origin) if spec.origin and spec.has_location else None
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    for part in rest:
        file, folders = _within(folders, part)
    if file is None or not file.is_file() or _is_installed(file):
        return None
    return file


def _within(folders: list[Path], name: str) -> tuple[Path | None, list[Path]]:
    """File and folder of a module in a package. Python looks for a package first."""
    for folder in folders:
        for suffix in all_suffixes():
            if (folder / name / f"__init__{suffix}").is_file():
                return folder / name / f"__init__{suffix}", [folder / name]
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}", []
    return None, [folder / name for folder in folders if (folder / name).is_dir()]


def _is_left_out(name: str) -> bool:
    top = name.partition(".")[0]
    return top in ("tamis", "__main__", "") or top in sys.stdlib_module_names


def _is_installed(file: Path) -> bool:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = {*(sysconfig.get_path(name) for name in names), site.getusersitepackages()}
    here = file.resolve()
    return any(here.is_relative_to(place) for place in places) or any(
        part in _INSTALLED_IN for part in here.parts
    )


def _read(file: Path, cls: type) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"stage {cls.__name__} imports {file}: {error.strerror}"
        ) from error


def _refuse_changed(name: str, file: Path, digest: str) -> None:
    """Raise ConfigError for a file that is not what this process has imported."""
    if _SEEN.get(file, digest) != digest and name in sys.modules:
        raise ConfigError(
            f"{file} changed since this process imported it: start Python again"
        )
    _SEEN[file] = digest
