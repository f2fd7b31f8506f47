"""Compile every kernel once per installation, in parallel processes, before workers need it.

`tamis.kernel_uses` has uses of all kernels, with the types that stages pass. A process each
calls those of a line below, one after the other; numba keeps the machine code (tamis.compiled
says where). A run needs the first of each line, and those that its stages name. A file for
each, which is named after all sources, says that it is done:

    CACHE/kernels/x86-64-v3/complete-py311-0.68.1-5b0e...-words
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from tamis.work.ray_start import available_cpus

# From the longest to the shortest, so that the last one to end begins early. Behind the first
# are those that only some settings need: what they call is compiled by then.
_LINES = (
    ("pages", "markdown"),
    ("words", "datatrove", "grams"),
    ("duplicates", "repeats"),
    ("languages",),
    ("spans", "lines"),
    ("lists",),
)
USES = tuple(use for line in _LINES for use in line)
ALWAYS = tuple(line[0] for line in _LINES)
_LOOK_SECONDS = 0.05
_USING = "TAMIS_KERNELS_BEING_COMPILED"  # in processes of uses, which run recipes

Say = Callable[[int, int], None]


class KernelsNotCompiled(Exception):
    """Why a use could not be compiled. Each worker compiles then for itself."""


def ensure_kernels(
    say: Say | None = None,
    *,
    uses: Sequence[str] = USES,
    processes: int | None = None,
) -> bool:
    """Have the kernels of these uses compiled; whether there was anything to do.

    Others who ask meanwhile wait. `say(done, of)` is called at the start and for each line.
    Raises KernelsNotCompiled, and OSError if the cache cannot be written.
    """
    mark = None if _USING in os.environ else _mark()
    if mark is None or not _missing(mark, uses):
        return False
    mark.parent.mkdir(parents=True, exist_ok=True)
    with _locked(mark.parent / ".lock"):
        missing = _missing(mark, uses)
        if missing and not _copy_shipped(mark, missing):
            _compile(
                missing, say or (lambda done, of: None), processes or available_cpus()
            )
        for use in missing:
            _of(mark, use).touch()
    return bool(missing)


def _missing(mark: Path, uses: Sequence[str]) -> list[str]:
    return [use for use in uses if not _of(mark, use).exists()]


def _of(mark: Path, use: str) -> Path:
    return mark.with_name(f"{mark.name}-{use}")


def _copy_shipped(mark: Path, uses: Sequence[str]) -> bool:
    """Copy what came with the package, as in an image that runs as another user."""
    shipped = Path(__file__).parent / ".cache" / "kernels" / mark.parent.name
    if shipped == mark.parent or _missing(shipped / mark.name, uses):
        return False
    without = shutil.ignore_patterns("complete-*", ".lock")
    shutil.copytree(shipped, mark.parent, ignore=without, dirs_exist_ok=True)
    return True


def _compile(uses: Sequence[str], say: Say, processes: int) -> None:
    wanted = (tuple(use for use in line if use in uses) for line in _LINES)
    ahead = [line for line in wanted if line]
    ended, of = 0, len(ahead)
    running: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
    say(0, of)
    with ExitStack() as stack:
        said = {line: stack.enter_context(TemporaryFile()) for line in ahead}
        stack.callback(_end, running)
        while ahead or running:
            while ahead and len(running) < processes:
                line = ahead.pop(0)
                running[line] = subprocess.Popen(
                    [sys.executable, "-m", "tamis.kernel_uses", *line],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said[line],
                    env=os.environ | {_USING: "1"},
                )
            over = [n for n, process in running.items() if process.poll() is not None]
            for line in over:
                if running.pop(line).returncode:
                    said[line].seek(0)
                    words = said[line].read().decode("utf-8", "replace").splitlines()
                    why = (words or ["killed"])[-1]
                    raise KernelsNotCompiled(f"{', '.join(line)}: {why}")
                ended += 1
                say(ended, of)
            if not over:
                time.sleep(_LOOK_SECONDS)


def _end(running: Mapping[tuple[str, ...], subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        process.kill()
        process.wait()


def kernels_folder() -> Path | None:
    """Where machine code is kept; None if no place can be written."""
    from tamis import compiled

    return compiled.kernels_folder()


@cache
def _mark() -> Path | None:
    """The file whose name begins those of all marks; None if nothing can be kept."""
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
