"""The decorator of every kernel: for which processor numba compiles it, and where that is kept.

Machine code is for x86-64-v3 (AVX2) or any aarch64, so that a cache serves every machine that
reads it: a node that shares the environment, a container made from an image. `TAMIS_CPU=native`
compiles for this processor alone, as do older ones.

A kernel's machine code holds that of the kernels it calls, and numba looks at the kernel's own
file only. Here a cache is named after the sources of the module **and of all that it imports**:

    CACHE/kernels/x86-64-v3/text.statistics.lines-0c1f.../line_statistics-60.py311.nbi

so that one is never loaded after something below it changed. See tamis.cache for CACHE.
"""

import hashlib
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, overload

import numba
from numba.core import caching, runtime
from numba.core.registry import cpu_target

from tamis.cache import cache_folder

F = TypeVar("F", bound=Callable[..., Any])

_config: Any = numba.config
_runtime: Any = runtime

_PACKAGE = Path(__file__).parent
_IMPORT = re.compile(r"^from (tamis[.\w]*) import (\([^)]*\)|[^(\n]+)", re.MULTILINE)
_V3 = {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}
# After ours, numba's own in their order, for kernels of other packages.
_PLACES = (
    "tamis.compiled.KernelFolder",
    "UserProvidedCacheLocator",
    "InTreeCacheLocator",
    "UserWideCacheLocator",
    "IPythonCacheLocator",
    "ZipCacheLocator",
)


@overload
def kernel(function: F) -> F: ...


@overload
def kernel(**options: Any) -> Callable[[F], F]: ...


def kernel(function: Any = None, **options: Any) -> Any:
    """numba's njit as every kernel needs it: cached, without the GIL.

    `options` are njit's: `inline`, `forceinline`, `error_model`. No wrapper for C is made:
    nothing calls a kernel by address.
    """
    if function is None:
        return lambda wrapped: kernel(wrapped, **options)
    options = {"nogil": True, "no_cfunc_wrapper": True} | options
    dispatcher: Any = numba.njit(**options)(function)
    if kernels_folder() is not None:
        dispatcher._cache = _KernelCache(function)
    return dispatcher


@cache
def kernels_folder() -> Path | None:
    """Where machine code for the chosen processor is; None if no place can be written."""
    try:
        return cache_folder() / "kernels" / _PROCESSOR
    except OSError:
        return None


def sources_stamp(modules: tuple[str, ...]) -> str:
    """Digest of the sources of modules, and of all of Tamis that these import."""
    names = sorted(set().union(*map(_with_imports, modules)))
    digest = hashlib.blake2b(digest_size=8)
    for name in names:
        digest.update(f"{name}\n".encode())
        digest.update(hashlib.sha256(_source(name) or b"").digest())
    return digest.hexdigest()


_FunctionCache: Any = caching.FunctionCache


class _KernelCache(_FunctionCache):  # type: ignore[misc]  # numba has no types
    """numba's cache, which loads a kernel without all that compiling one needs.

    numba would first import its implementations of every function, half of the start of a
    worker. It does so by itself before it compiles. A loaded kernel needs the runtime alone.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        _runtime.rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


class KernelFolder(caching.UserProvidedCacheLocator):
    """Tells numba the folder of a kernel of Tamis, and that its content is never stale."""

    def __init__(self, function: Any, path: str) -> None:
        self._py_file = path
        self._lineno = function.__code__.co_firstlineno
        folder = kernels_folder() or Path()  # a kernel is cached if there is one
        self._cache_path = str(folder / _folder_name(function.__module__))

    def get_source_stamp(self) -> str:
        """The folder's name has it."""
        return ""

    @classmethod
    def from_function(cls, function: Any, path: str) -> "KernelFolder | None":
        if not function.__module__.startswith("tamis."):
            return None
        return cls(function, path)


@cache
def _folder_name(module: str) -> str:
    return f"{module.removeprefix('tamis.')}-{sources_stamp((module,))}"


@cache
def _with_imports(module: str) -> frozenset[str]:
    """A module of Tamis and those that it imports at its top, directly or not."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        name = ahead.pop()
        source = None if name in found else _source(name)
        if source is None:
            continue
        found.add(name)
        for package, imported in _IMPORT.findall(source.decode()):
            ahead += [package]
            ahead += [f"{package}.{part}" for part in re.findall(r"\w+", imported)]
    return frozenset(found)


@cache
def _source(module: str) -> bytes | None:
    """None for what is no module of Tamis."""
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file.read_bytes()
    return None


def _chosen_processor() -> str:
    """Tell numba for which processor to compile; return that one's name."""
    if os.environ.get("TAMIS_CPU") == "native" or _config.CPU_NAME:
        return "native"
    if "_toplevel_target_context" in vars(cpu_target):
        why = "numba has compiled before tamis was imported"
    else:
        name, why = _common_processor()
        if name:
            _config.CPU_NAME = "generic" if name == "aarch64" else name
            _config.CPU_FEATURES = ""
            return name
    sys.stderr.write(f"tamis: kernels are compiled for this processor only: {why}\n")
    return "native"


def _common_processor() -> tuple[str, str]:
    """The name of what all processors of a kind have; or the reason why there is none."""
    import platform

    from llvmlite import binding

    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        return "aarch64", ""
    if machine not in ("x86_64", "amd64"):
        return "", f"it is {machine}"
    present = {name for name, has in binding.get_host_cpu_features().items() if has}
    if missing := sorted(_V3 - present):
        return "", f"it has no {', '.join(missing)}"
    return "x86-64-v3", ""


_PROCESSOR = _chosen_processor()
_config.CACHE_LOCATOR_CLASSES = ",".join(_PLACES)
