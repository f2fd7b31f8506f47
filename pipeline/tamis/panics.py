"""The border of libraries in Rust: a panic becomes an error like any other.

pyo3 raises a panic as an exception that is no `Exception`, so that what catches errors
does not see it. A library that aborts instead of unwinding is caught by no one: files are
tried in a process of its own (`tamis.work.processes`) before workers open them.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class Panic(RuntimeError):
    """A library in Rust panicked."""


@contextmanager
def panics_are_errors() -> Iterator[None]:
    """Raise Panic instead of pyo3's PanicException."""
    try:
        yield
    except BaseException as error:
        # Each library has a class of its own, by this name.
        if type(error).__name__ != "PanicException":
            raise
        raise Panic(f"panicked: {error}") from error
