"""Small JSON files that a later run reads back: with a digest, and read by a model.

    {"digest": "0123456789abcdef", "key": ..., ...}

The digest (xxh3_64) is that of all bytes behind it, so that a flipped bit, half a file or
another program's JSON is never taken for what was written.
"""

import json
import re
from typing import Any, TypeVar

import xxhash
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

MOST_BYTES = 1 << 30  # tables.json of 10^5 inputs has some 100 MB
_SEAL = re.compile(rb'\s*\{\s*"digest": "([0-9a-f]{16})"')


class Unreadable(ValueError):
    """The content is not what `sealed` made; says why in some words."""


def sealed(record: Any, *, indent: int | None = None, sort_keys: bool = False) -> bytes:
    """The JSON of an object, with the digest of what follows first."""
    text = json.dumps(record, indent=indent, sort_keys=sort_keys)
    behind = ("," if record else "") + text.removeprefix("{")
    digest = xxhash.xxh3_64_hexdigest(behind.encode())
    start = "{" if indent is None else "{\n" + " " * indent
    return f'{start}"digest": "{digest}"{behind}'.encode()


def unsealed(content: bytes, kind: TypeAdapter[T]) -> T:
    """The record in `content`, as `kind` reads it. Raises Unreadable."""
    if not content:
        raise Unreadable("it is empty")
    seal = _SEAL.match(content)
    if seal is None:
        raise Unreadable("it is no record of this version")
    behind = content[seal.end() :]
    if xxhash.xxh3_64_hexdigest(behind) != seal[1].decode():
        raise Unreadable("its content does not have its digest")
    try:
        return kind.validate_json(b"{" + behind.removeprefix(b","), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unreadable(f"{where}: {first['msg']}".lstrip(": ")) from error
