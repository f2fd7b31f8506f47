"""Errors of remote reads, sorted by what to do about them.

    Transient       try again: throttled, cut off, stalled, unreachable
    InputError      this file cannot be read: it is skipped and the run goes on
    AccessRefused   the server blocks us: going on would make it worse

No message holds a secret: addresses are without user, password and signature.
"""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tamis.errors import InputError

# Parameters of presigned addresses (AWS, Google, Azure, CloudFront) and tokens.
_SECRET = re.compile(
    r"x-(?:amz|goog)-.*|signature|sig|se|sp|sv|sr|st|spr|skoid|expires|policy"
    r"|key-pair-id|(?:aws|goog).*id|.*(?:token|secret|password|credential|api_?key).*",
    re.IGNORECASE,
)

_MAX_CAUSES = 10


class AccessRefused(InputError):
    """A server has blocked us; the run stops and does not ask it again."""


class Transient(Exception):
    """One attempt failed. `wait_seconds` is how long the server asks us to wait."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def without_secrets(path: str) -> str:
    """The path without user, password and signature; a local path unchanged.

    `https://me:pw@host/a.gz?X-Amz-Signature=1&part=2` -> `https://host/a.gz?part=2`.
    """
    if "://" not in path:
        return path
    try:
        parts = urlsplit(path)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return path.partition("://")[0] + "://..."
    host = parts.netloc.rpartition("@")[2]
    open_query = [(key, value) for key, value in query if not _SECRET.fullmatch(key)]
    if host == parts.netloc and len(open_query) == len(query):
        return path
    return urlunsplit((parts.scheme, host, parts.path, urlencode(open_query), ""))


def reason_of(error: BaseException) -> str:
    """An exception of a foreign library in a few words, without any address."""
    for _ in range(_MAX_CAUSES):
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
