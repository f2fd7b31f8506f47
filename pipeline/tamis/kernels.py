"""Compile every kernel once per installation, in parallel processes, before workers need it.

`tamis.kernel_uses` has a use of each kernel, by group. A process a group calls them, with the
types that stages pass; numba keeps the machine code (tamis.compiled says where). A file that
is named after all sources says that it is done:

    CACHE/kernels/x86-64-v3/complete-py311-0.68.1-5b0e...
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from tamis.work.ray_start import available_cpus

# From the longest to the shortest, so that the last one to end begins early.
GROUPS = ("pages", "words", "duplicates", "languages", "lists", "spans")
_LOOK_SECONDS = 0.05
_USING = "TAMIS_KERNELS_BEING_COMPILED"  # in processes of uses, which run recipes

Say = Callable[[int, int], None]


class KernelsNotCompiled(Exception):
    """Why a group could not be compiled. Each worker compiles then for itself."""


def ensure_kernels(say: Say | None = None, *, processes: int | None = None) -> bool:
    """Have all kernels compiled; whether there was anything to do.

    Others who ask meanwhile wait. `say(done, of)` is called at the start and for each group.
    Raises KernelsNotCompiled, and OSError if the cache cannot be written.
    """
    mark = None if _USING in os.environ else _mark()
    if mark is None or mark.exists():
        return False
    mark.parent.mkdir(parents=True, exist_ok=True)
    with _locked(mark.parent / ".lock"):
        if mark.exists():
            return False
        if not _copy_shipped(mark):
            _compile(say or (lambda done, of: None), processes or available_cpus())
        mark.touch()
    return True


def _copy_shipped(mark: Path) -> bool:
    """Copy what came with the package, as in an image that runs as another user."""
    shipped = Path(__file__).parent / ".cache" / "kernels" / mark.parent.name
    if shipped == mark.parent or not (shipped / mark.name).exists():
        return False
    without = shutil.ignore_patterns("complete-*", ".lock")
    shutil.copytree(shipped, mark.parent, ignore=without, dirs_exist_ok=True)
    return True


def _compile(say: Say, processes: int) -> None:
    ahead, ended = list(GROUPS), 0
    running: dict[str, subprocess.Popen[bytes]] = {}
    say(0, len(GROUPS))
    with ExitStack() as stack:
        said = {name: stack.enter_context(TemporaryFile()) for name in GROUPS}
        stack.callback(_end, running)
        while ahead or running:
            while ahead and len(running) < processes:
                name = ahead.pop(0)
                running[name] = subprocess.Popen(
                    [sys.executable, "-m", "tamis.kernel_uses", name],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said[name],
                    env=os.environ | {_USING: "1"},
                )
            over = [n for n, process in running.items() if process.poll() is not None]
            for name in over:
                if running.pop(name).returncode:
                    said[name].seek(0)
                    words = said[name].read().decode("utf-8", "replace").splitlines()
                    raise KernelsNotCompiled(f"{name}: {(words or ['killed'])[-1]}")
                ended += 1
                say(ended, len(GROUPS))
            if not over:
                time.sleep(_LOOK_SECONDS)


def _end(running: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        process.kill()
        process.wait()


def kernels_folder() -> Path | None:
    """Where machine code is kept; None if no place can be written."""
    from tamis import compiled

    return compiled.kernels_folder()


@cache
def _mark() -> Path | None:
    """The file that exists if all is compiled; None if nothing can be kept."""
    import numba

    from tamis.compiled import sources_stamp

    folder = kernels_folder()
    python = "py{}{}".format(*sys.version_info)
    stamp = sources_stamp((*_kernel_modules(), "tamis.kernel_uses"))
    return folder and folder / f"complete-{python}-{numba.__version__}-{stamp}"


def _kernel_modules() -> Iterator[str]:
    package = Path(__file__).parent
    for path in package.rglob("*.py"):
        if b"from tamis.compiled import kernel" in path.read_bytes():
            yield ".".join(path.relative_to(package.parent).with_suffix("").parts)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Ends with the process, however that ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
