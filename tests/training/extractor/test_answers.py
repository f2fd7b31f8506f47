"""What the teachers say is kept as they say it, for the page that they said it of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.errors import StorageError
from tamis.html.guard import Failure
from tamis.training.extractor import answers as extractor_answers
from tamis.training.extractor.answers import ask_teachers
from tamis.training.extractor.pages import Page
from tamis.training.extractor.teachers import TEACHERS

Command = Callable[..., Any]

STORY = "The ferry leaves at nine and comes back at noon with the post. "


def page(url: str, story: str = STORY) -> Page:
    html = f"<html><body><article><p>{story * 9}</p></article></body></html>"
    content = np.frombuffer(html.encode(), np.uint8)
    return Page(url, content, "own", "a.example", "", "en", None, True)


class Teachers:
    """In place of the guards: notes who is asked of how many pages, and may fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, int]] = []
        self.says: Any = None
        monkeypatch.setattr(extractor_answers, "_guard", self._guard)

    def _guard(self, name: str) -> Any:
        outer = self

        class Guard:
            def __call__(self, pages: list[bytes]) -> list[Any]:
                outer.asked.append((name, len(pages)))
                if isinstance(outer.says, BaseException):
                    raise outer.says
                return [outer.says or (f"{name} {len(html)}",) for html in pages]

            def close(self) -> None:
                pass

        return Guard()


@pytest.fixture
def teachers(monkeypatch: pytest.MonkeyPatch) -> Teachers:
    return Teachers(monkeypatch)


def test_the_teachers_read_a_page(tmp_path: Path) -> None:
    (answer,) = ask_teachers([page("http://a.example/")], tmp_path / "cache.jsonl")
    assert tuple(answer) == TEACHERS
    assert all(STORY.strip() in text for text in answer.values())
    assert ask_teachers([]) == []


def test_what_the_cache_knows_is_not_asked_again(
    teachers: Teachers, tmp_path: Path
) -> None:
    pages, cache = (
        [page("http://a.example/"), page("http://b.example/")],
        tmp_path / "c",
    )
    first = ask_teachers(pages, cache)
    assert teachers.asked == [(name, 2) for name in TEACHERS]
    assert ask_teachers(pages, cache) == first
    assert len(teachers.asked) == 3
    # Another page at the same address is another page.
    (other,) = ask_teachers([page("http://a.example/", "дым ")], cache)
    assert teachers.asked[3:] == [(name, 1) for name in TEACHERS]
    assert other != first[0]


def test_what_was_said_before_an_end_is_kept(
    teachers: Teachers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor_answers, "_ASKED_AT_ONCE", 1)
    cache = tmp_path / "c"
    ask_teachers([page("http://a.example/")], cache)
    teachers.says = KeyboardInterrupt()
    both = [page("http://a.example/"), page("http://b.example/")]
    with pytest.raises(KeyboardInterrupt):
        ask_teachers(both, cache)
    teachers.says = None
    teachers.asked.clear()
    ask_teachers(both, cache)
    assert teachers.asked == [(name, 1) for name in TEACHERS]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b'{"url": "http://a.exam', id="cut"),
        pytest.param(b'{"url": "http://a.example/"}\n', id="no page"),
        pytest.param(b'[1]\n{"url": 1, "page": []}\n\xff\n\n', id="other things"),
    ],
)
def test_a_broken_line_of_the_cache_is_passed_over(
    broken: bytes, teachers: Teachers, tmp_path: Path
) -> None:
    pages, cache = [page("http://a.example/")], tmp_path / "c"
    cache.write_bytes(broken)
    first = ask_teachers(pages, cache)
    assert len(teachers.asked) == 3
    assert ask_teachers(pages, cache) == first
    assert len(teachers.asked) == 3


def test_a_page_that_a_teacher_dies_on_has_no_text_by_it(
    teachers: Teachers, tmp_path: Path
) -> None:
    pages, cache = [page("http://a.example/")], tmp_path / "c"
    teachers.says = Failure.TIMEOUT
    assert ask_teachers(pages, cache) == [dict.fromkeys(TEACHERS, "")]
    teachers.says = None
    assert ask_teachers(pages, cache) != [dict.fromkeys(TEACHERS, "")]


def test_a_cache_that_cannot_be_written_is_named(
    teachers: Teachers, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="none/c: cannot be"):
        ask_teachers([page("http://a.example/")], tmp_path / "none" / "c")
    assert teachers.asked == []


@pytest.mark.parametrize("option", ["--cache", "--output"])
def test_the_file_that_cannot_be_written_is_named_before_anything_is_read(
    option: str, command: Command, tmp_path: Path
) -> None:
    pytest.importorskip("lightgbm", reason="training needs the group `train`")
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "a.warc").write_bytes(b"no archive")
    paths = {"--cache": tmp_path / "cache", "--output": tmp_path / "weights.json"}
    paths[option] = tmp_path / "file" / "wanted"
    options = [str(part) for pair in paths.items() for part in pair]
    ended = command("train", "extractor", "--warc", str(tmp_path / "a.warc"), *options)
    assert ended.code == 2
    assert "file/wanted: cannot be written" in ended.stderr.replace("\n", "")
