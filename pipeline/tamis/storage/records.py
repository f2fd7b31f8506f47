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
    return sealed_text(text.encode(), indent=indent)


def sealed_text(text: bytes, *, indent: int | None = None) -> bytes:
    """The text of a JSON object, with the digest of what follows first."""
    behind = (b"" if text == b"{}" else b",") + text.removeprefix(b"{")
    digest = xxhash.xxh3_64_hexdigest(behind).encode()
    start = b"{" if indent is None else b"{\n" + b" " * indent
    return b'%b"digest": "%b"%b' % (start, digest, behind)


def unsealed(content: bytes, kind: TypeAdapter[T]) -> T:
    """The record in `content`, as `kind` reads it. Raises Unreadable."""
    return parsed(unsealed_text(content), kind)


def unsealed_text(content: bytes, *, is_sound: bool = False) -> bytes:
    """The text of the object that was sealed. Raises Unreadable.

    `is_sound`: the bytes are known to be as written.
    """
    if not content:
        raise Unreadable("it is empty")
    seal = _SEAL.match(content)
    if seal is None:
        raise Unreadable("it is no record of this version")
    behind = content[seal.end() :]
    if not is_sound and xxhash.xxh3_64_hexdigest(behind).encode() != seal[1]:
        raise Unreadable("its content does not have its digest")
    return b"{" + behind.removeprefix(b",")


def parsed(text: bytes, kind: TypeAdapter[T]) -> T:
    """The object of a JSON text, as `kind` reads it. Raises Unreadable."""
    try:
        return kind.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unreadable(f"{where}: {first['msg']}".lstrip(": ")) from error
