"""Requests to leave pages out: what a file of them says.

    domain  example.org            all hosts below it
    host    blog.example.org       this host, with and without `www.`
    prefix  https://example.org/a  every page whose address begins so
    url     https://example.org/a  that page
    id      1234567890123456789    that document

Addresses are compared as blocklists compare them (`tamis.urls.normalise`): scheme, port,
case, percent-encoding and a slash at the end make no difference. Escapes that are no UTF-8
stay as they are, so that pages of another encoding are told apart.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote_to_bytes

from pydantic import with_config
from typing_extensions import TypedDict

from tamis.errors import ConfigError
from tamis.urls.normalise import (
    MOST_CHARACTERS,
    Address,
    address,
    names_host,
    unicode_host,
)
from tamis.warc.document import domain_of

Kind = Literal["domain", "host", "prefix", "url", "id"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_BYTES = 256 << 20
_MOST_REASON = 1_000
_MOST_SHOWN = 20
_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")


@with_config(extra="forbid")
class Request(TypedDict):
    """A request, when it was made (`2026-11-30`) and why."""

    kind: Kind
    value: str
    date: str
    reason: str


def read_requests(path: Path) -> list[Request]:
    """The requests of a file, JSON lines or CSV with a header, each once.

    A line has one of `domain`, `host`, `prefix`, `url`, `id`, and `date` and `reason`; in
    CSV all five may be columns, or `kind` and `value`. Raises ConfigError with a line for
    each mistake.
    """
    try:
        content = path.read_bytes()[: MOST_BYTES + 1]
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 text: {error.reason}") from error
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path}: has more than {MOST_BYTES >> 20} MiB of requests")
    found: dict[tuple[str, str], Request] = {}
    wrong: list[str] = []
    for number, row in _rows(path, text):
        try:
            request = _request(row)
        except ValueError as error:
            wrong.append(f"{path}:{number}: {error}")
            continue
        found.setdefault((request["kind"], request["value"]), request)
    if wrong:
        more = len(wrong) - _MOST_SHOWN
        shown = wrong[:_MOST_SHOWN] + [f"and {more:,} more"] * (more > 0)
        raise ConfigError("\n".join(shown))
    if not found:
        raise ConfigError(f"{path}: there is no request in it")
    return list(found.values())


def page_of(url: str) -> tuple[str, str]:
    """The host of an address, and the one spelling of the address."""
    own = address(_ESCAPES.sub(_kept, url))
    return own.host, own.host + own.path


def _kept(escapes: re.Match[str]) -> str:
    """Escapes that are UTF-8; others with their signs escaped, which decoding leaves."""
    try:
        unquote_to_bytes(escapes[0]).decode()
    except UnicodeDecodeError:
        return escapes[0].replace("%", "%25")
    return escapes[0]


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each line that says something, with its number."""
    if text.lstrip().startswith("{"):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield number, _object(line)
        return
    reader = csv.DictReader(io.StringIO(text))
    if not {"date", "reason"} <= set(reader.fieldnames or ()):
        raise ConfigError(
            f"{path}:1: neither JSON lines nor CSV with a header that has date, reason "
            f"and one of {', '.join(KINDS)}"
        )
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ConfigError(f"{path}:{reader.line_num}: {error}") from error


def _object(line: str) -> Mapping[str, Any]:
    """The object of a line; a line that has none is a row that no request can be."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {"": "not a JSON object"}
    return row if isinstance(row, dict) else {"": "not a JSON object"}


def _request(row: Mapping[str, Any]) -> Request:
    """The request of a row. Raises ValueError, which says what is wrong with it."""
    if row.get("") == "not a JSON object":
        raise ValueError("is not a JSON object")
    if None in row:
        raise ValueError("has more fields than the header: quote those with a comma")
    said = {name: str(v).strip() for name, v in row.items() if name and v is not None}
    if said.get("kind"):
        said |= {said["kind"]: said.get("value", "")}
    unknown = set(said) - {*KINDS, "kind", "value", "date", "reason"}
    if unknown:
        raise ValueError(f"{sorted(unknown)[0]!r} is no part of a request")
    kinds = [kind for kind in KINDS if said.get(kind)]
    if len(kinds) != 1:
        raise ValueError(f"needs one of {', '.join(KINDS)}, and has {len(kinds)}")
    for name in ("date", "reason"):
        if not said.get(name):
            raise ValueError(f"has no {name}")
    _check_date(said["date"])
    if len(said["reason"]) > _MOST_REASON:
        raise ValueError(f"has a reason of more than {_MOST_REASON:,} characters")
    (kind,) = kinds
    return Request(
        kind=kind,
        value=_value(kind, said[kind]),
        date=said["date"],
        reason=said["reason"],
    )


def _check_date(said: str) -> None:
    from datetime import date

    try:
        date.fromisoformat(said)
    except ValueError:
        raise ValueError(f"date: {said!r} is no day such as 2026-11-30") from None


def _value(kind: Kind, said: str) -> str:
    """What is asked for, in the one spelling. Raises ValueError."""
    if kind == "id":
        if not (said.isascii() and said.isdecimal() and int(said) < 2**64):
            raise ValueError(f"id: {said[:40]!r} is no number of a document")
        return str(int(said))
    if len(said) > MOST_CHARACTERS:
        raise ValueError(f"{kind}: has more than {MOST_CHARACTERS:,} characters")
    own = address(said)
    if not names_host(own):
        raise ValueError(f"{kind}: {said[:80]!r} names no host such as example.org")
    if kind in ("domain", "host"):
        if own.path:
            raise ValueError(f"{kind}: {said[:80]!r} has a path: say prefix or url")
        if kind == "domain":
            _check_domain(said, own)
        return own.host
    _, page = page_of(said)
    return f"{page}/" if kind == "prefix" and own.path and said.endswith("/") else page


def _check_domain(said: str, own: Address) -> None:
    """Refuse a host that is taken for a domain, and what many registrants share."""
    if own.is_www:
        raise ValueError(
            f"domain: {said[:80]!r} is a host: say host, or leave www. out"
        )
    if domain_of(unicode_host(own.host)) is None:
        raise ValueError(
            f"domain: {said[:80]!r} is no domain that somebody registers: say host"
        )
