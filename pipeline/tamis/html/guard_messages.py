"""What a `Guard` and its worker write to each other.

    message  8 bytes of length, little-endian, then the body
    answer   number of fields, the size of each in bytes, 8 bytes each; the fields, UTF-8

A size of -1 means that the field is None; a number of -1, that the function raised.
JSON would take 60 microseconds longer for the text of a page.
"""

import struct
from collections.abc import Iterator, Sequence

Answer = Sequence[str | None]

LENGTH = struct.Struct("<q")


def message(body: bytes) -> bytes:
    return LENGTH.pack(len(body)) + body


def whole_bodies(received: bytes) -> Iterator[bytes]:
    """The bodies of consecutive messages, up to the first incomplete one."""
    start = 0
    while len(received) - start >= LENGTH.size:
        (size,) = LENGTH.unpack_from(received, start)
        start += LENGTH.size
        if len(received) - start < size:
            return
        yield received[start : start + size]
        start += size


def numbers(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def numbers_in(body: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(body) // LENGTH.size}q", body)


def packed(answer: Answer | None) -> bytes:
    """An answer as a body. A lone surrogate, which has no UTF-8, becomes "?"."""
    if answer is None:
        return numbers([-1])
    fields = [
        None if field is None else field.encode("utf-8", "replace") for field in answer
    ]
    sizes = [-1 if field is None else len(field) for field in fields]
    return numbers([len(fields), *sizes]) + b"".join(filter(None, fields))


def unpacked(body: bytes) -> list[str | None] | None:
    """The answer in a body."""
    (count,) = LENGTH.unpack_from(body)
    if count < 0:
        return None
    start = LENGTH.size * (count + 1)
    fields: list[str | None] = []
    for size in numbers_in(body[LENGTH.size : start]):
        fields.append(None if size < 0 else str(body[start : start + size], "utf-8"))
        start += max(size, 0)
    return fields
