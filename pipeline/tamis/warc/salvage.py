"""Bytes of a damaged deflate stream before the damage, which zlib does not return."""

import zlib

_PIECE = 4096


def inflated_before_damage(
    inflater: "zlib._Decompress", deflated: bytes, length: int
) -> bytes:
    """At most `length` bytes that `inflater` returns for `deflated` before it fails.

    The last few bytes before the damage may be missing: deflate returns them
    only after reading what follows.
    """
    inflated = b""
    for start in range(0, len(deflated), _PIECE):
        piece = deflated[start : start + _PIECE]
        before = inflater.copy()
        try:
            inflated += inflater.decompress(piece, length - len(inflated))
        except zlib.error:
            return inflated + _bytewise(before, piece, length - len(inflated))
        if len(inflated) >= length or inflater.eof:
            break
    return inflated


def _bytewise(inflater: "zlib._Decompress", deflated: bytes, length: int) -> bytes:
    inflated = b""
    for position in range(len(deflated)):
        try:
            inflated += inflater.decompress(
                deflated[position : position + 1], length - len(inflated)
            )
        except zlib.error:
            break
        if len(inflated) >= length:
            break
    return inflated
