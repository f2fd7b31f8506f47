"""Errors of remote reads, sorted by what to do about them.

    Transient       try again: throttled, cut off, stalled, unreachable
    NoSuchFile      there is none: an InputError of its own, as it may come later
    InputError      this file cannot be read: it is skipped and the run goes on
    AccessRefused   the server blocks us: going on would make it worse

No message holds a secret: see `tamis.addresses`.
"""

import re

from tamis.errors import InputError

_MAX_CAUSES = 10


class AccessRefused(InputError):
    """A server has blocked us; the run stops and does not ask it again."""


class NoSuchFile(InputError):
    """Whoever was asked says that there is no such file."""


class Transient(Exception):
    """One attempt failed. `wait_seconds` is how long the server asks us to wait."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def reason_of(error: BaseException) -> str:
    """An exception of a foreign library in a few words, without any address."""
    for _ in range(_MAX_CAUSES):
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
