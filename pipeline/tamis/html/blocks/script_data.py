"""The JSON values in a page's scripts, however the page hands them to its scripts.

    <script type="application/ld+json">     and any other type of JSON: all of it
    window.__STATE__ = {...};                wherever a value begins in a script
    JSON.parse("{\\"a\\": 1}")                the string's value
    self.__next_f.push([1, "..."])           the strings joined: rows of a flight stream

The work is bounded, whatever a page holds: by bytes, by values, whose separators are counted
before anything is parsed (3 MB of `[],[],` would take a second), and by beginnings tried.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

MAX_JSON_BYTES: Final = 4 << 20
MAX_VALUES: Final = 100_000
_MAX_SCRIPTS: Final = 400
# Of values in code, of a page: most fail. Those far behind in a script cost more, as Python
# counts the lines before an error.
_MAX_BEGINNINGS: Final = 1_000
_FAR: Final = 100_000
_MAX_ROWS: Final = 20_000  # of a flight stream
_MIN_BYTES: Final = 60  # a shorter script holds no text

_TYPE: Final = re.compile(rb"""\btype\s*=\s*["']?([\w./+-]+)""", re.I)
_CODE_TYPES: Final = (b"", b"module", b"text/javascript", b"application/javascript")
# Where a value may begin in code; or the argument of JSON.parse.
_BEGINNING: Final = re.compile(
    r"""(?:(?<=[=(:,?])\s*+|\A\s*+)([{\[])(?=\s*+["{\[\d])"""
    r"""|JSON\.parse\(\s*(decodeURIComponent\(\s*)?(["'`])""",
)
_STRING_END: Final = {
    quote: re.compile(rf"(?:[^{quote}\\]|\\[\s\S])*+{quote}") for quote in "\"'`"
}
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\s\S]))")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "", "f": "", "v": "", "\n": ""}
_FLIGHT: Final = b"__next_f"
_FLIGHT_ROW: Final = re.compile(r"([0-9a-f]+):(?:T([0-9a-f]+),|[A-Z]*)")

# Numbers are not text: to read one of a million digits would take time.
_DECODER: Final = json.JSONDecoder(
    parse_int=bool, parse_float=bool, parse_constant=bool
)


class Data(NamedTuple):
    """One value; `is_linked` if it is schema.org's (ld+json)."""

    value: Any
    is_linked: bool


def script_data(page: bytes, signs: Sequence[bytes] = ()) -> Iterator[Data]:
    """The values of the page's scripts, in order, within the caps; flight rows are last.

    Given `signs`, scripts without any of them are passed over; a flight stream is in many.
    """
    budget = _Budget()
    flight: list[str] = []
    for kind, body in _scripts(page):
        if signs and _FLIGHT not in body and not any(sign in body for sign in signs):
            continue
        is_json = b"json" in kind
        if not (is_json or kind in _CODE_TYPES) or not budget.has_room(body, is_json):
            continue
        text = body.decode("utf-8", "replace")
        if is_json:
            value = _whole(text)
            if value is not None:
                yield Data(value, b"ld+json" in kind)
        else:
            for value in _values_in_code(text, budget):
                if _is_flight(text, value):
                    flight.append(value[1])
                else:
                    yield Data(value, False)
    if flight:
        yield Data(_rows("".join(flight)), False)


class _Budget:
    """What a page may still cost."""

    def __init__(self) -> None:
        self.bytes_left = MAX_JSON_BYTES
        self.values_left = MAX_VALUES
        self.beginnings_left = _MAX_BEGINNINGS

    def has_room(self, body: bytes, is_json: bool) -> bool:
        """Take a script out of the budget, if it fits; of code its bytes alone."""
        if len(body) > self.bytes_left:
            return False
        values = sum(body.count(sign) for sign in (b",", b"[", b"{"))
        if values >= self.values_left:
            return False
        self.bytes_left -= len(body)
        self.values_left -= values if is_json else 0
        return True

    def take(self, text: str, start: int, stop: int) -> None:
        """Take a beginning in code out of the budget, and the values read there."""
        self.beginnings_left -= 1 + start // _FAR
        self.values_left -= sum(text.count(sign, start, stop) for sign in ",[{")


def _scripts(page: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each script that may hold an article."""
    lowered, position = page.lower(), 0
    for _ in range(_MAX_SCRIPTS):
        position = lowered.find(b"<script", position)
        start = lowered.find(b">", position)
        if position < 0 or start < 0:
            return
        stop = lowered.find(b"</script", start)
        if stop < 0:
            return
        if stop - start > _MIN_BYTES:
            kind = _TYPE.search(page, position, start)
            yield (
                kind[1].lower() if kind else b"",
                page[start + 1 : stop],
            )
        position = stop


def _whole(text: str) -> Any:
    """The value with which a text begins, whatever follows; None if there is none."""
    start = re.match(r"\s*(?:<!--|/\*<!\[CDATA\[\*/|<!\[CDATA\[|//[^\n]*)?\s*", text)
    try:
        return _DECODER.raw_decode(text, start.end() if start else 0)[0]
    except (ValueError, RecursionError):
        return None


def _values_in_code(text: str, budget: _Budget) -> Iterator[Any]:
    """The values in a script, in order. A failed beginning is read no second time."""
    position = 0
    while budget.beginnings_left > 0 and budget.values_left > 0:
        beginning = _BEGINNING.search(text, position)
        if beginning is None:
            return
        start = beginning.end()
        if beginning[3]:
            end = _STRING_END[beginning[3]].match(text, start)
            position = end.end() if end else len(text)
            said = _unescaped(end[0][:-1]) if end else ""
            value = _whole(unquote(said) if beginning[2] else said)
        else:
            value, position = _value_at(text, beginning.start(1))
        budget.take(text, start, position)
        if isinstance(value, dict | list):
            yield value


def _value_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, or None; and where reading goes on."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return None, max(error.pos, start + 1)
    except (ValueError, RecursionError):
        return None, len(text)


def _unescaped(literal: str) -> str:
    """The text of a string literal of JavaScript."""

    def character(escape: re.Match[str]) -> str:
        code = escape[1] or escape[2]
        return chr(int(code, 16)) if code else _ESCAPED.get(escape[3], escape[3])

    text = _ESCAPE.sub(character, literal)
    if any("\ud800" <= one <= "\udfff" for one in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _is_flight(text: str, value: Any) -> bool:
    """Whether a value is a piece of React's flight stream, as Next.js pushes it."""
    return (
        _FLIGHT.decode() in text
        and isinstance(value, list)
        and len(value) == 2
        and isinstance(value[1], str)
    )


def _rows(stream: str) -> list[Any]:
    """The values of a flight stream: `id:JSON` a line, or `id:Tlength,text`."""
    rows: list[Any] = []
    position = 0
    for _ in range(_MAX_ROWS):
        row = _FLIGHT_ROW.match(stream, position)
        if row is None:
            break
        start = row.end()
        if row[2]:
            # The length is in bytes of UTF-8, which has at most three for a UTF-16 unit.
            length = int(row[2][:6], 16)
            text = stream[start : start + length].encode("utf-8", "replace")
            said = text[:length].decode("utf-8", "ignore")
            rows.append({"text": said})
            position = start + len(said)
            continue
        end = stream.find("\n", start)
        end = len(stream) if end < 0 else end
        value = _whole(stream[start:end])
        if value is not None:
            rows.append(value)
        position = end + 1
    return rows
