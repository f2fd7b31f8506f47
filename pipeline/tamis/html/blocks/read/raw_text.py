"""Where comments, declarations and raw text end, by the HTML standard.

All functions take the position after the construct's opening and return where
reading goes on. A construct that is never closed reaches to the end of the page, as
in a browser.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.read.tags import FNV_OFFSET, FNV_PRIME, fnv1a
from tamis.html.blocks.simd import first_of

# Not literals: see layout.ZERO.
_LESS, _GREATER, _SLASH, _BANG, _HYPHEN, _BRACKET = map(
    np.uint8, (60, 62, 47, 33, 45, 91)
)
_SCRIPT = np.uint64(fnv1a(b"script"))


@kernel
def after_declaration(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """The position after the next `>`: for doctypes, `<?xml ...>`, `</ >`."""
    return min(first_of(data, position, stop, _GREATER) + 1, stop)


@kernel(inline="always")
def after_comment(
    data: NDArray[np.uint8], position: int, stop: int, is_foreign: bool
) -> int:
    """The position after what `<!` opened: a comment, in svg CDATA, else a declaration.

    `<!-->` and `<!--->` are complete comments; `--!>` ends a comment as `-->` does.
    """
    if is_foreign and _is_cdata(data, position, stop):
        return _after_cdata(data, position + 7, stop)
    if (
        position + 1 >= stop
        or data[position] != _HYPHEN
        or data[position + 1] != _HYPHEN
    ):
        return after_declaration(data, position, stop)
    start = position = position + 2
    while position < stop:
        position = first_of(data, position, stop, _GREATER) + 1
        hyphen = position - 2
        if hyphen >= start and data[hyphen] == _BANG and hyphen - 2 >= start:
            hyphen -= 1
            if data[hyphen] == _HYPHEN and data[hyphen - 1] == _HYPHEN:
                return min(position, stop)
        # The opening's own hyphens count, but not twice.
        elif data[hyphen] == _HYPHEN and (
            data[hyphen - 1] == _HYPHEN or hyphen == start
        ):
            return min(position, stop)
    return stop


@kernel(inline="always")
def after_raw(
    data: NDArray[np.uint8], position: int, stop: int, name: np.uint64
) -> tuple[int, int]:
    """End of raw text, and of the end tag of the element whose name has this hash.

    In a script, after `<!--` and then `<script`, one `</script` is text.
    """
    is_script = name == _SCRIPT
    is_escaped = is_nested = False
    while position < stop:
        if not is_escaped:
            position = first_of(data, position, stop, _LESS)
            if position == stop:
                break
        if data[position] != _LESS:
            if (
                data[position] == _GREATER
                and data[position - 1] == _HYPHEN
                and data[position - 2] == _HYPHEN
            ):
                is_escaped = is_nested = False
            position += 1
            continue
        is_end = position + 1 < stop and data[position + 1] == _SLASH
        if not is_end and not is_script:
            position += 1
            continue
        if is_script and not is_escaped and _opens_comment(data, position, stop):
            is_escaped = True
            # `<!-->` closes at once: the hyphens just skipped count for the `-->`.
            position += 4
            continue
        if is_end or is_escaped:
            found, name_stop = _name_hash(data, position + (2 if is_end else 1), stop)
            if found == name:
                if not is_end:
                    is_nested = True
                elif is_nested:
                    is_nested = False
                else:
                    return position, after_declaration(data, name_stop, stop)
        position += 1
    return stop, stop


@kernel(inline="always")
def _opens_comment(data: NDArray[np.uint8], position: int, stop: int) -> bool:
    return bool(
        position + 3 < stop
        and data[position + 1] == _BANG
        and data[position + 2] == _HYPHEN
        and data[position + 3] == _HYPHEN
    )


@kernel(inline="always")
def _name_hash(
    data: NDArray[np.uint8], position: int, stop: int
) -> tuple[np.uint64, int]:
    """Hash of a tag name of at most 16 letters before a delimiter, else 0."""
    value = FNV_OFFSET
    for at in range(position, min(position + 17, stop)):
        byte = data[at]
        if byte <= 32 or byte in (_SLASH, _GREATER):
            return value, at
        if 65 <= byte <= 90:
            byte = np.uint8(byte | 32)
        value = (value ^ np.uint64(byte)) * FNV_PRIME
    return np.uint64(0), position


@kernel(inline="always")
def _is_cdata(data: NDArray[np.uint8], position: int, stop: int) -> bool:
    """`[CDATA[` at `position`."""
    return bool(
        position + 6 < stop
        and data[position] == _BRACKET
        and data[position + 1] == 67
        and data[position + 2] == 68
        and data[position + 3] == 65
        and data[position + 4] == 84
        and data[position + 5] == 65
        and data[position + 6] == _BRACKET
    )


@kernel(inline="always")
def _after_cdata(data: NDArray[np.uint8], position: int, stop: int) -> int:
    for at in range(position + 2, stop):
        if data[at] == _GREATER and data[at - 1] == 93 and data[at - 2] == 93:
            return at + 1
    return stop
