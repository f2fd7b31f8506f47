"""What the teachers make of the pages, and the file that keeps it.

The cache is JSON Lines, appended to as the teachers answer, so that a training that
was ended goes on from there:

    {"url": ..., "page": hash of the page's UTF-8, NAME OF A TEACHER: text, ...}

A line that is none, as one that was cut, is passed over, and so is what was said of
another version of the page. A page that a teacher hangs or dies on has no text by it,
and is asked about again by the next training.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import xxhash

from tamis.errors import StorageError
from tamis.html.guard import Failure, Guard
from tamis.training.extractor.pages import Page
from tamis.training.extractor.teachers import TEACHERS

_ASKED_AT_ONCE: Final = 32  # pages: what is asked again of a training that was ended
# Of CPU, for a page and teacher. Well above extract_text's 10: a text must not depend
# on how fast the machine is that trains.
_TIMEOUT_SECONDS: Final = 60.0


class _Key(NamedTuple):
    url: str
    page: str


def ask_teachers(
    pages: Sequence[Page],
    cache: Path | None = None,
    *,
    names: tuple[str, ...] = TEACHERS,
) -> list[dict[str, str]]:
    """What the other extractors make of each page, by their names; kept in `cache`.

    Raises StorageError, which names the cache, where it cannot be read or written.
    """
    known: dict[_Key, dict[str, str]] = {}
    with contextlib.ExitStack() as opened:
        if cache is not None:
            with _naming(cache):
                known = _read(cache)
                kept = opened.enter_context(cache.open("ab"))
                kept.write(b"\n" if _ends_in_half_a_line(cache) else b"")
        for lines in _asked(pages, known, names):
            if cache is not None:
                with _naming(cache):
                    kept.write(lines)
                    kept.flush()
    answers = [known.get(_key(page), {}) for page in pages]
    return [{name: answer.get(name, "") for name in names} for answer in answers]


def _asked(
    pages: Sequence[Page], known: dict[_Key, dict[str, str]], names: tuple[str, ...]
) -> Iterator[bytes]:
    """Ask what is not known, some pages at a time, and yield it as lines."""
    with contextlib.ExitStack() as opened:
        teachers = {name: _guard(name) for name in names}
        for teacher in teachers.values():
            opened.callback(teacher.close)
        for start in range(0, len(pages), _ASKED_AT_ONCE):
            found = _said(pages[start : start + _ASKED_AT_ONCE], known, teachers)
            for key, said in found.items():
                known.setdefault(key, {}).update(said)
            yield b"".join(_line(key, said) for key, said in found.items())


def _said(
    pages: Sequence[Page],
    known: Mapping[_Key, Mapping[str, str]],
    teachers: Mapping[str, Guard],
) -> dict[_Key, dict[str, str]]:
    """What the teachers say of these pages that is not known, but for failures."""
    keyed = {_key(page): page for page in pages}
    found: dict[_Key, dict[str, str]] = {}
    for name, teacher in teachers.items():
        keys = [key for key in keyed if name not in known.get(key, {})]
        answers = teacher([keyed[key].html.data for key in keys]) if keys else []
        for key, answer in zip(keys, answers, strict=True):
            if not isinstance(answer, Failure):
                found.setdefault(key, {})[name] = answer[0] or ""
    return found


def _guard(name: str) -> Guard:
    return Guard(
        "tamis.training.extractor.teachers:build",
        {"name": name},
        timeout_seconds=_TIMEOUT_SECONDS,
    )


def _key(page: Page) -> _Key:
    return _Key(page.url, xxhash.xxh3_128_hexdigest(page.html.data))


def _line(key: _Key, said: Mapping[str, str]) -> bytes:
    return json.dumps({**key._asdict(), **said}, ensure_ascii=False).encode() + b"\n"


def _read(cache: Path) -> dict[_Key, dict[str, str]]:
    """What the cache knows; nothing where there is none."""
    known: dict[_Key, dict[str, str]] = {}
    if not cache.exists():
        return known
    with cache.open("rb") as lines:
        for line in lines:
            row = _row(line)
            if isinstance(row.get("url"), str) and isinstance(row.get("page"), str):
                said: dict[str, str] = {
                    name: row[name] for name in TEACHERS if name in row
                }
                if all(isinstance(text, str) for text in said.values()):
                    known.setdefault(_Key(row["url"], row["page"]), {}).update(said)
    return known


def _row(line: bytes) -> dict[str, Any]:
    """The object that stands in a line; an empty one where there is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


@contextlib.contextmanager
def _naming(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{cache}: cannot be read or written: {error}") from error


def _ends_in_half_a_line(cache: Path) -> bool:
    """Whether the last line was cut, so that the next would become a part of it."""
    with cache.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")
