"""The teachers' texts of the pages, and the file that caches them.

The cache is JSON Lines. Each answer is appended at once, so that an interrupted
training can continue:

    {"url": ..., "page": hash of the page's UTF-8, NAME OF A TEACHER: text, ...}

Invalid lines, such as one that was cut, are skipped, and so are answers for another
version of a page. If a teacher hangs or dies on a page, it has no text of that page,
and the next training asks it again.
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

_ASKED_AT_ONCE: Final = 32  # pages; an interrupted training must ask these again
# CPU seconds per page and teacher. Well above extract_text's 10: a text must not depend
# on the speed of the training machine.
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
    """Texts of each page by the other extractors' names; cached in the file `cache`.

    Raises StorageError, which names the cache, if it cannot be read or written.
    """
    known: dict[_Key, dict[str, str]] = {}
    with contextlib.ExitStack() as opened:
        if cache is not None:
            with _cache_errors(cache):
                known = _read(cache)
                kept = opened.enter_context(cache.open("ab"))
                kept.write(b"\n" if _ends_in_half_a_line(cache) else b"")
        for lines in _missing_lines(pages, known, names):
            if cache is not None:
                with _cache_errors(cache):
                    kept.write(lines)
                    kept.flush()
    answers = [known.get(_key(page), {}) for page in pages]
    return [{name: answer.get(name, "") for name in names} for answer in answers]


def _missing_lines(
    pages: Sequence[Page], known: dict[_Key, dict[str, str]], names: tuple[str, ...]
) -> Iterator[bytes]:
    """Ask for what is not in the cache, some pages at a time; yields it as lines."""
    with contextlib.ExitStack() as opened:
        teachers = {name: _guard(name) for name in names}
        for teacher in teachers.values():
            opened.callback(teacher.close)
        for start in range(0, len(pages), _ASKED_AT_ONCE):
            found = _missing_answers(
                pages[start : start + _ASKED_AT_ONCE], known, teachers
            )
            for key, texts in found.items():
                known.setdefault(key, {}).update(texts)
            yield b"".join(_line(key, texts) for key, texts in found.items())


def _missing_answers(
    pages: Sequence[Page],
    known: Mapping[_Key, Mapping[str, str]],
    teachers: Mapping[str, Guard],
) -> dict[_Key, dict[str, str]]:
    """The teachers' answers that are not in the cache, without failures."""
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


def _line(key: _Key, texts: Mapping[str, str]) -> bytes:
    return json.dumps({**key._asdict(), **texts}, ensure_ascii=False).encode() + b"\n"


def _read(cache: Path) -> dict[_Key, dict[str, str]]:
    """The content of the cache; empty if there is no file."""
    known: dict[_Key, dict[str, str]] = {}
    if not cache.exists():
        return known
    with cache.open("rb") as lines:
        for line in lines:
            row = _row(line)
            if isinstance(row.get("url"), str) and isinstance(row.get("page"), str):
                texts: dict[str, str] = {
                    name: row[name] for name in TEACHERS if name in row
                }
                if all(isinstance(text, str) for text in texts.values()):
                    known.setdefault(_Key(row["url"], row["page"]), {}).update(texts)
    return known


def _row(line: bytes) -> dict[str, Any]:
    """The object in a line; an empty one if the line is invalid."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


@contextlib.contextmanager
def _cache_errors(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{cache}: cannot be read or written: {error}") from error


def _ends_in_half_a_line(cache: Path) -> bool:
    """Whether the last line was cut: an appended line would become part of it."""
    with cache.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")
