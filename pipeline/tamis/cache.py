"""Where what is made once per installation is kept: compiled kernels, unpacked tables.

The first of these that can be written:
    TAMIS_CACHE      a folder of the user's
    the package      `.cache` in it: an environment's workers and users share it
    the user's       `~/.cache/tamis` (or below XDG_CACHE_HOME)
    a temporary one  said in one line, as it does not last

Nothing depends on it but time. What is damaged, or cannot be written, is made again.
"""

import io
import mmap
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Arrays = Mapping[str, Any]

_ALIGNED = 64  # as numpy's own headers
_ROOMY = ("/dev/shm", "/var/tmp", "/tmp")  # if that for temporary files is full
_MAGIC = b"tamis-arrays-1\n"


def cache_folder() -> Path:
    """The folder; it need not exist yet."""
    if os.environ.get("TAMIS_CACHE"):
        with suppress(RuntimeError):  # `~nobody`: as if it were not set
            return Path(os.environ["TAMIS_CACHE"]).expanduser().absolute()
    places = [Path(__file__).parent / ".cache"]
    if os.environ.get("XDG_CACHE_HOME"):
        places.append(Path(os.environ["XDG_CACHE_HOME"]) / "tamis")
    with suppress(RuntimeError):  # a user without a home
        places.append(Path.home() / ".cache" / "tamis")
    found = next(filter(is_writable, places), None)
    if found is not None:
        return found
    folder = temporary_folder()
    sys.stderr.write(
        f"tamis: compiled kernels are kept in {folder}: neither the package nor the home "
        f"folder can be written; set TAMIS_CACHE to keep them elsewhere\n"
    )
    os.environ["TAMIS_CACHE"] = str(folder)  # for this process's workers too
    return folder


def cached_arrays(name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` returns, mapped from the cache's file of that name.

    `name` has to tell by what the arrays were made: another version has another name.
    All processes share the file's memory. The arrays are read-only.
    """
    with suppress(OSError, ValueError):
        return _mapped(cache_folder() / name)
    made = make()
    with suppress(OSError):
        path = cache_folder() / name
        _store(made, path)
        return _mapped(path)
    return made


def _mapped(path: Path) -> Arrays:
    """Raises ValueError if the file is not whole or its digest is another."""
    import numpy as np
    import xxhash

    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = len(_MAGIC) + 16
    body = memoryview(content)[start:]
    digest = xxhash.xxh3_64_hexdigest(body).encode()
    if content[:start] != _MAGIC + digest:
        raise ValueError(f"{path}: damaged")
    arrays = {}
    place = -(-start // _ALIGNED) * _ALIGNED
    while place < len(content):
        name, kind, size = content[place : place + 256].split(b"\0", 1)[0].split()
        shape = tuple(map(int, size.split(b"x")))
        place += 256
        array = np.frombuffer(
            content, np.dtype(kind.decode()), int(np.prod(shape)), place
        ).reshape(shape)
        arrays[name.decode()] = array
        place += -(-array.nbytes // _ALIGNED) * _ALIGNED
    return arrays


def _store(arrays: Arrays, path: Path) -> None:
    import numpy as np
    import xxhash

    start = len(_MAGIC) + 16
    body = io.BytesIO()
    body.write(bytes(-start % _ALIGNED))
    for name, array in arrays.items():
        size = "x".join(map(str, array.shape))
        body.write(f"{name} {array.dtype.str} {size}".encode().ljust(256, b"\0"))
        body.write(np.ascontiguousarray(array).data)
        body.write(bytes(-array.nbytes % _ALIGNED))
    digest = xxhash.xxh3_64_hexdigest(body.getbuffer()).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(_MAGIC + digest)
            file.write(body.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def temporary_folder() -> Path:
    """A folder of the same name each time, if nobody else can write into it.

    Raises OSError if there is room in none of the places for temporary files.
    """
    name = f"tamis-cache-{os.getuid()}"
    places = list(dict.fromkeys((tempfile.gettempdir(), *_ROOMY)))
    for place in places:
        with suppress(OSError):
            folder = Path(place) / name
            folder.mkdir(mode=0o700, exist_ok=True)
            about = folder.lstat()
            is_own = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
            if is_own and not about.st_mode & 0o022:
                return folder
            return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=place))
    raise OSError(f"no folder can be made in any of {', '.join(places)}")


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the nearest one that exists."""
    try:
        nearest = next((p for p in (folder, *folder.parents) if p.is_dir()), None)
    except OSError:  # a home folder of another user
        return False
    return nearest is not None and os.access(nearest, os.W_OK)
