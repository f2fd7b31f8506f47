"""Search of the next byte of a kind, 32 bytes at once.

Most of a page is skipped: scripts, values of attributes, spaces between tags. Byte by
byte that costs 1 to 5 steps a byte. Here 32 bytes are compared in a vector register;
the result is a mask, and its lowest bit is the place. LLVM translates this to the
processor's instructions (SSE, AVX, NEON). All functions end at `stop`, which is at most
len(data), and never read after the array: its last bytes are compared one by one.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

from tamis.compiled import kernel

_WIDTH: Final = 32
# Types for mypy: a kernel calls an intrinsic without its first argument.
_intrinsic: Final[Any] = intrinsic
_make_array: Final[Any] = make_array
_VECTOR: Final = ir.VectorType(ir.IntType(8), _WIDTH)


@kernel(forceinline=True)
def first_of(data: NDArray[np.uint8], position: int, stop: int, byte: np.uint8) -> int:
    """Place of the next such byte, or `stop`."""
    while position < stop and position + _WIDTH <= len(data):
        place: int = _place_of(data, position, byte)
        if place < _WIDTH:
            return min(position + place, stop)
        position += _WIDTH
    while position < stop and data[np.uint64(position)] != byte:
        position += 1
    return min(position, stop)


@kernel(forceinline=True)
def first_delimiter(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """Place of the next white space, control, `/`, `=` or `>`, or `stop`."""
    while position < stop and position + _WIDTH <= len(data):
        place: int = _place_of_delimiter(data, position)
        if place < _WIDTH:
            return min(position + place, stop)
        position += _WIDTH
    while position < stop:
        byte = data[np.uint64(position)]
        if byte <= 32 or byte == 47 or byte == 61 or byte == 62:
            return position
        position += 1
    return stop


@kernel(forceinline=True)
def letters_at(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """End of the run of ASCII letters that begins at `position`."""
    while position < stop and position + _WIDTH <= len(data):
        place: int = _place_of_no_letter(data, position)
        if place < _WIDTH:
            return min(position + place, stop)
        position += _WIDTH
    while position < stop and 97 <= data[np.uint64(position)] | 32 <= 122:
        position += 1
    return min(position, stop)


@kernel(forceinline=True)
def lowered_at(data: NDArray[np.uint8], position: int, stop: int) -> np.uint64:
    """At most 8 bytes as a number, the first byte lowest, each with its bit 32 set.

    This makes ASCII letters lower case; digits and hyphens do not change.
    """
    count = min(stop - position, 8)
    if position + 8 <= len(data):
        word = _eight(data, position)
        if count < 8:
            word &= (np.uint64(1) << np.uint64(8 * count)) - np.uint64(1)
    else:
        word = np.uint64(0)
        for index in range(count):
            byte = np.uint64(data[np.uint64(position + index)])
            word |= byte << np.uint64(8 * index)
    blanks = np.uint64(0x2020202020202020)
    return word | blanks >> np.uint64(64 - 8 * count) if count else np.uint64(0)


@_intrinsic
def lowest_bit(typing_context: Any, mask: Any) -> Any:
    """Index of the lowest bit set of a uint32 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _count_zeros(builder, arguments[0])

    return types.uint64(types.uint32), generate


@_intrinsic
def _place_of(typing_context: Any, data: Any, position: Any, byte: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = _load(context, builder, signature, arguments, _VECTOR)
        one = builder.insert_element(
            ir.Constant(_VECTOR, ir.Undefined), arguments[2], ir.IntType(32)(0)
        )
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), _WIDTH), [0] * _WIDTH)
        wanted = builder.shuffle_vector(one, one, lanes)
        return _first(builder, builder.icmp_unsigned("==", vector, wanted))

    return types.int64(data, types.int64, types.uint8), generate


@_intrinsic
def _place_of_delimiter(typing_context: Any, data: Any, position: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = _load(context, builder, signature, arguments, _VECTOR)
        found = builder.icmp_unsigned("<=", vector, _every(32))
        for byte in (47, 61, 62):
            same = builder.icmp_unsigned("==", vector, _every(byte))
            found = builder.or_(found, same)
        return _first(builder, found)

    return types.int64(data, types.int64), generate


@_intrinsic
def _place_of_no_letter(typing_context: Any, data: Any, position: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = _load(context, builder, signature, arguments, _VECTOR)
        from_a = builder.sub(builder.or_(vector, _every(32)), _every(97))
        return _first(builder, builder.icmp_unsigned(">=", from_a, _every(26)))

    return types.int64(data, types.int64), generate


@_intrinsic
def _eight(typing_context: Any, data: Any, position: Any) -> Any:
    """Eight bytes as a number, the first byte lowest."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _load(context, builder, signature, arguments, ir.IntType(64))

    return types.uint64(data, types.int64), generate


def _load(
    context: Any, builder: Any, signature: Any, arguments: Any, kind: ir.Type
) -> Any:
    """The value at data[position], which need not be aligned."""
    array = _make_array(signature.args[0])(context, builder, arguments[0])
    place = builder.gep(array.data, [arguments[1]])
    return builder.load(builder.bitcast(place, kind.as_pointer()), align=1)


def _every(byte: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [byte] * _WIDTH)


def _first(builder: Any, found: Any) -> Any:
    """Index of the first true lane, _WIDTH if there is none."""
    return _count_zeros(builder, builder.bitcast(found, ir.IntType(_WIDTH)))


def _count_zeros(builder: Any, mask: Any) -> Any:
    zero_is_undefined = ir.Constant(ir.IntType(1), 0)
    return builder.zext(builder.cttz(mask, zero_is_undefined), ir.IntType(64))
