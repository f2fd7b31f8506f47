"""Which fields of a row of another's data set are which columns of a document."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from tamis.language.codes import known_language
from tamis.warc.document import timestamp

CARRIED: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}
_LARGEST_ID = (1 << 64) - 1
_LONG = 1 << 15  # characters of a value that is no text


class Fields(BaseModel):
    """Names of fields; `metadata.url` is a field within another. Null: there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field("text", min_length=1)
    id: str | None = "id"
    url: str | None = "url"
    title: str | None = None
    language: str | None = None
    fetched_at: str | None = None
    source: str | None = None

    def named(self) -> dict[str, str]:
        """The path of each field that there is."""
        return {name: path for name, path in self if path}

    def required(self) -> set[str]:
        """Fields that a file must have: the text, and what the recipe itself names."""
        return {"text", *self.model_fields_set} & set(self.named())


def column_name(path: str) -> str:
    """The column of a field that is carried along: `metadata.score` is `metadata_score`."""
    return re.sub(r"[^a-z0-9_]", "_", path.lower())


def carried_as(path: str) -> str:
    """The name of a field that is carried along, among those of `Fields`."""
    return f"+{path}"


def value_at(row: Any, path: str) -> Any:
    """The value of a field; null if there is none. A name with dots comes first."""
    if not isinstance(row, Mapping):
        return None
    if path in row:
        return row[path]
    head, dot, rest = path.partition(".")
    return value_at(row.get(head), rest) if dot else None


def has_field(row: Mapping[str, Any], path: str) -> bool:
    """Whether a row has the field, null or not."""
    if path in row:
        return True
    head, dot, rest = path.partition(".")
    inner = row.get(head)
    return bool(dot) and isinstance(inner, Mapping) and has_field(inner, rest)


def paths_in(row: Mapping[str, Any], before: str = "") -> list[str]:
    """The paths of all fields of a row, at most three deep."""
    found: list[str] = []
    for name, value in row.items():
        if isinstance(value, Mapping) and before.count(".") < 2:
            found += paths_in(value, f"{before}{name}.")
        else:
            found.append(f"{before}{name}")
    return found


def as_text(value: Any) -> str | None:
    """A string that UTF-8 can write; null for anything else."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def as_short(value: Any) -> str | None:
    """A string or a number as a short string; null for anything else, and if it is long."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    text = as_text(value)
    return text if text and len(text) <= _LONG else None


def as_language(value: Any) -> str | None:
    """ISO 639-3, from any code of a language that Tamis knows (`fr`, `fra_Latn`)."""
    text = as_short(value)
    return None if text is None else known_language(re.split(r"[_-]", text.strip())[0])


def as_moment(value: Any) -> datetime | None:
    """A date, an ISO 8601 string or seconds since 1970, in UTC; null outside 1990 to 2100."""
    if isinstance(value, datetime):
        return timestamp(value.isoformat())
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        return timestamp(value.strip())
    try:
        return timestamp(datetime.fromtimestamp(value, UTC).isoformat())
    except (ValueError, OverflowError, OSError):
        return None


def as_id(value: Any) -> int | None:
    """A number of 64 bits without sign; null for anything else."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= _LARGEST_ID else None


def carried(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """A column that is carried along; null where a value is not of its type."""
    return pa.array([_of_type(value, type_) for value in values], type_)


def _of_type(value: Any, type_: pa.DataType) -> Any:
    if pa.types.is_string(type_):
        return as_text(value) if isinstance(value, str | bytes) else as_short(value)
    if pa.types.is_boolean(type_):
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if pa.types.is_integer(type_):
        is_whole = isinstance(value, int) and -(1 << 63) <= value < 1 << 63
        return value if is_whole else None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
