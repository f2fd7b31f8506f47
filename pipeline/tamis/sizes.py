"""Numbers as people write them: bytes as 3MiB, 256 kB, 1048576; counts as 10B, 1.5e9."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}


def byte_count(value: object) -> object:
    """`3MiB` -> 3145728, `1.5 kB` -> 1500; other types are left to pydantic."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found.group(2).upper() not in _UNITS:
        raise ValueError(f"{value!r} is not a number of bytes such as 3MiB")
    return int(float(found.group(1)) * _UNITS[found.group(2).upper()])


def count(value: object) -> object:
    """`10B` -> 10000000000, `300 M` -> 300000000; other types are left to pydantic."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMBT]?)\s*", value, re.I | re.ASCII)
    if found is None:
        raise ValueError(f"{value!r} is not a number such as 10B, 300M, 1e9")
    return int(Decimal(found[1]) * _THOUSANDS[found[2].upper()])


def spelled(size: float) -> str:
    """1536 -> "1.5 KiB": three digits at most, in powers of 1,024."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    for unit in units:
        if size < 1000 or unit == units[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if size >= 100 or unit == "B" else f"{size:.1f} {unit}"


_THOUSANDS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
Count = Annotated[int, BeforeValidator(count), Field(ge=1)]
ByteSize = Annotated[int, BeforeValidator(byte_count), Field(ge=1)]
