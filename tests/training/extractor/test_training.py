"""Training, but for the fit itself, which needs LightGBM."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tamis.errors import InputError
from tamis.html.blocks.judge.weights import load_weights
from tamis.html.blocks.read.tags import fnv1a
from tamis.html.blocks.workspace import new_workspace
from tamis.training.extractor.labels import Labels, label
from tamis.training.extractor.names import log_odds, page_log_odds, spelled
from tamis.training.extractor.pages import Page, read_pages
from tamis.training.extractor.run import train_extractor
from tamis.training.extractor.scores import f1, table
from tamis.training.extractor.train import (
    Lesson,
    cross_validate,
    fold_of,
    train,
    write_weights,
)
from tamis.training.extractor.weights import block_weights, page_weights

BODY = "The ferry leaves at nine and comes back at noon with the post and the papers."


def page(site: str, *, gold: str | None = None, source: str = "own") -> Page:
    menu = "".join(f"<li><a href=/{n}>Section {n}</a>" for n in range(8))
    story = "".join(f"<p>{BODY} Day {n} of {site} was no other.</p>" for n in range(6))
    html = f"<ul class=topMenu>{menu}</ul><div class=storyText>{story}</div>"
    return Page(
        f"http://{site}/",
        np.frombuffer(html.encode(), np.uint8),
        source,
        site,
        "article",
        "en",
        gold,
        True,
    )


def gold_of(site: str) -> str:
    return "\n".join(f"{BODY} Day {n} of {site} was no other." for n in range(6))


def response(
    url: str | None,
    html: str | bytes,
    *,
    status: str = "200 OK",
    content_type: str = "text/html; charset=windows-1251",
    more: str = "",
) -> bytes:
    """A WARC record with a page in windows-1251."""
    body = html if isinstance(html, bytes) else html.encode("windows-1251")
    http = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}\r\n".encode()
    target = "" if url is None else f"WARC-Target-URI: {url}\r\n"
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\n{target}"
        "Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http + body)}\r\n\r\n"
    )
    return head.encode() + http + body + b"\r\n\r\n"


@pytest.fixture(scope="module")
def lessons() -> list[Lesson]:
    workspace = new_workspace()
    found = []
    for number in range(12):
        site = f"site{number}.example"
        one = page(site, gold=gold_of(site))
        labels = label(one, workspace, {})
        assert labels is not None
        found.append(
            Lesson(one, labels, page_log_odds(one, labels, workspace), fold_of(one))
        )
    return found


def test_gold_labels_are_the_blocks_that_gold_has(lessons: list[Lesson]) -> None:
    labels = lessons[0].labels
    assert labels.is_gold
    assert labels.content.tolist() == [0.0] * 8 + [1.0] * 6
    assert labels.weight.tolist() == [1.0] * 14


def test_silver_doubts_what_one_teacher_keeps() -> None:
    story = gold_of("x.example").splitlines()
    taught = {
        "trafilatura": "\n".join(story[:4]),
        "resiliparse": "\n".join(story[1:]),
        "trafilatura_comments": "\n".join(story[:5]),
    }
    labels = label(page("x.example"), new_workspace(), taught)
    assert labels is not None
    assert not labels.is_gold
    # kept by trafilatura alone, by both (3), as a comment, by resiliparse alone
    assert labels.content[8:].tolist() == [1, 1, 1, 1, 0, 0]
    assert labels.weight[8:].tolist() == pytest.approx([0.3, 1, 1, 1, 1, 0.3])
    assert labels.comment[8:].tolist() == [0, 0, 0, 0, 1, 0]


def test_a_page_that_the_teachers_leave_teaches_nothing() -> None:
    assert label(page("x.example"), new_workspace(), {}) is None


def test_names_say_what_stands_in_them(lessons: list[Lesson]) -> None:
    learnt = log_odds((lesson.page.site, lesson.log_odds) for lesson in lessons)
    assert learnt[fnv1a(b"story")] > 1
    assert learnt[fnv1a(b"menu")] < -1
    words = spelled(learnt, [lesson.page for lesson in lessons])
    assert set(words) == {"story", "text", "top", "menu"}


def test_a_name_of_few_sites_says_nothing(lessons: list[Lesson]) -> None:
    assert log_odds((lesson.page.site, lesson.log_odds) for lesson in lessons[:4]) == {}


def labels_of(
    words: list[int], content: list[float], *, is_gold: bool = True
) -> Labels:
    ones = np.ones(len(words), np.float32)
    wanted = np.array(content, np.float32)
    return Labels(np.array(words, np.int32), wanted, 0 * ones, ones, is_gold)


def test_a_source_of_four_pages_counts_as_two_of_one() -> None:
    gold, silver = labels_of([1], [1]), labels_of([1], [1], is_gold=False)
    pages = [page(f"s{n}.example", source="large") for n in range(4)]
    pages += [page("a.example", source="small"), page("b.example", source="silver")]
    weights = page_weights(pages, [gold] * 5 + [silver])
    assert weights == pytest.approx([0.5, 0.5, 0.5, 0.5, 1.0, 2.0])
    assert page_weights([], []) == []


@pytest.mark.parametrize(
    ("words", "content", "expected"),
    [
        # All wanted: the denominators are 100 and 200, their mean 141.
        pytest.param([60, 40], [1, 1], [0.4243, 0.2828], id="all wanted"),
        # Half wanted: both are 100.
        pytest.param([50, 50], [1, 0], [0.5, 0.5], id="half wanted"),
        # A wrong word costs more where little is wanted: 100 and 2 * 20.
        pytest.param([20, 80], [1, 0], [0.3162, 1.2649], id="a fifth wanted"),
        # But not without bound: as if a tenth were wanted, 100 and 20.
        pytest.param([1, 99], [1, 0], [0.0224, 2.2137], id="next to nothing wanted"),
        pytest.param([0, 0], [0, 0], [0, 0], id="no words"),
        pytest.param([], [], [], id="no blocks"),
    ],
)
def test_a_block_weighs_by_its_words_and_its_page_by_what_is_wanted(
    words: list[int], content: list[float], expected: list[float]
) -> None:
    weights = block_weights(labels_of(words, content), 1.0)
    assert weights.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "gold", "score"),
    [
        pytest.param("", "a b", 0.0, id="empty"),
        pytest.param("a b", "a b", 1.0, id="same"),
        pytest.param("a b c d", "a b", 2 / 3, id="twice as much"),
        pytest.param("a a", "a", 2 / 3, id="words are counted"),
        pytest.param("你好", "你", 2 / 3, id="Chinese"),
        pytest.param("ДЫМ", "дым", 1.0, id="case"),
    ],
)
def test_f1(text: str, gold: str, score: float) -> None:
    assert f1(text, gold) == pytest.approx(score)


def test_the_table_compares_on_the_same_pages() -> None:
    pages = [page(f"s{n}.example", gold="a b") for n in range(3)]
    ours = {one.url: "a b" for one in pages}
    theirs = {one.url: "a b c d" for one in pages[:2]}
    lines = table(pages, {"ours": ours, "theirs": theirs}).splitlines()
    assert (
        lines[0] == "| F1 | all (2) | source own (2) | type article (2) | lang en (2) |"
    )
    assert lines[2] == "| ours | 1.000 | 1.000 | 1.000 | 1.000 |"
    assert lines[3] == "| theirs | 0.667 | 0.667 | 0.667 | 0.667 |"
    assert table([], {"ours": {}}) == "no page with gold text"


def test_pages_are_read_from_archives_with_their_gold(tmp_path: Path) -> None:
    warc, gold = tmp_path / "a.warc", tmp_path / "gold.jsonl"
    urls = ("http://a.example/", "http://b.example/", "http://a.example/")
    warc.write_bytes(b"".join(response(url, "<p>дым</p>") for url in urls))
    rows = [
        {"url": "http://a.example/", "text": "дым", "lang": "ru", "page_type": "forum"},
        {
            "url": "http://b.example/",
            "text": "x",
            "source": "daniel",
            "gold_found": 0.1,
        },
    ]
    gold.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    first, second = read_pages([warc], gold)
    assert first.html.tobytes().decode() == "<p>дым</p>"
    assert (first.gold, first.language, first.may_train) == ("дым", "ru", True)
    assert (second.gold, second.may_train) == (None, False)


CHUNKED = b"5\r\n<p>\xe4\xfb\r\n5\r\n\xec</p>\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("record", "html"),
    [
        pytest.param(
            response(
                "http://a.example/",
                gzip.compress("<p>дым</p>".encode("windows-1251")),
                more="Content-Encoding: gzip\r\n",
            ),
            ["<p>дым</p>"],
            id="gzip",
        ),
        pytest.param(
            response(
                "http://a.example/", CHUNKED, more="Transfer-Encoding: chunked\r\n"
            ),
            ["<p>дым</p>"],
            id="chunked",
        ),
        pytest.param(
            response("http://a.example/", b"\x89PNG\r\n", content_type="image/png"),
            [],
            id="picture",
        ),
        pytest.param(
            response("http://a.example/", "<p>no", status="404 Not Found"), [], id="404"
        ),
        pytest.param(
            response("http://a.example/", "<p>to", status="301 Moved"), [], id="moved"
        ),
        pytest.param(response(None, "<p>дым</p>"), [], id="no URL"),
        pytest.param(
            response("http://[bad/", "<p>дым</p>"), ["<p>дым</p>"], id="no host"
        ),
    ],
)
def test_what_teaches_is_what_a_run_would_read(
    record: bytes, html: list[str], tmp_path: Path
) -> None:
    warc = tmp_path / "a.warc"
    other = response("http://other.example/", "<p>other</p>")
    warc.write_bytes(record + other)
    read = [one.html.tobytes().decode() for one in read_pages([warc])]
    assert read == [*html, "<p>other</p>"]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_gold_is_named(damage: str, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl.gz"
    row = json.dumps({"url": "http://a.example/", "text": gold_of("a.example")})
    whole = gzip.compress(row.encode())
    middle = len(whole) // 2
    changed = whole[:middle] + b"\xff" * 20 + whole[middle + 20 :]
    gold.write_bytes(whole[:middle] if damage == "cut" else changed)
    with pytest.raises(InputError, match=r"gold\.jsonl\.gz is no gold file"):
        read_pages([], gold)


def test_unreadable_inputs_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        read_pages([tmp_path / "absent.warc"])
    broken = tmp_path / "gold.jsonl"
    broken.write_text("no json")
    with pytest.raises(InputError, match="no gold file"):
        read_pages([], broken)


def test_training_is_deterministic_and_its_weights_can_be_read(
    lessons: list[Lesson], tmp_path: Path
) -> None:
    pytest.importorskip("lightgbm", reason="training needs the group `train`")
    pages = [lesson.page for lesson in lessons]
    for name in ("first", "second"):
        write_weights(train(lessons), pages, tmp_path / f"{name}.json")
    first = (tmp_path / "first.json").read_bytes()
    assert first == (tmp_path / "second.json").read_bytes()
    assert len(load_weights(tmp_path / "first.json").content.roots) > 0


def test_cross_validation_reaches_every_page(lessons: list[Lesson]) -> None:
    pytest.importorskip("lightgbm", reason="training needs the group `train`")
    assert len({lesson.fold for lesson in lessons}) > 1
    pages = [lesson.page for lesson in lessons]
    assert set(cross_validate(pages, lessons)) == {one.url for one in pages}


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.warc"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match="learn"):
        train_extractor([empty], out=tmp_path / "weights.json")


def inputs_of(pages: list[Page], folder: Path) -> tuple[list[Path], Path]:
    """An archive of the pages, and their gold."""
    warc, gold = folder / "a.warc", folder / "gold.jsonl"
    warc.write_bytes(
        b"".join(response(one.url, one.html.tobytes().decode()) for one in pages)
    )
    rows = [
        {"url": one.url, "text": gold_of(one.site), "source": one.source}
        for one in pages
    ]
    gold.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return [warc], gold


def test_the_whole_command_writes_weights_and_a_table(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="training needs the group `train`")
    pages = [page(f"site{number}.example", source="") for number in range(10)]
    table_ = train_extractor(*inputs_of(pages, tmp_path), out=tmp_path / "weights.json")
    assert table_.startswith("| F1 | all (10)")
    assert load_weights(tmp_path / "weights.json").content.nodes.size > 0


def test_one_site_alone_cannot_be_judged_and_the_table_says_so(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="training needs the group `train`")
    pages = [replace(page("a.example"), url=f"http://a.example/{n}") for n in range(3)]
    table_ = train_extractor(*inputs_of(pages, tmp_path), out=tmp_path / "weights.json")
    assert table_.startswith("| F1 | all (3)")
    assert "| trafilatura |" in table_
    assert "| blocks" not in table_
    assert "\nblocks, new sites: not judged" in table_


def test_one_source_alone_that_teaches_cannot_be_left_out(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="training needs the group `train`")
    pages = [page(f"site{number}.example") for number in range(10)]
    pages.append(page("judge.example", source="daniel"))
    table_ = train_extractor(*inputs_of(pages, tmp_path), out=tmp_path / "weights.json")
    assert table_.startswith("| F1 | all (11)")
    assert "| blocks, new sites |" in table_
    assert "\nblocks, new source: not judged" in table_
