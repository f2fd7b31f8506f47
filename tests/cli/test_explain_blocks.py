"""`tamis explain` of a page's blocks, in the terminal and as a page."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

SENTENCES = {
    "Latin": "The harbour was quiet that morning and the boats lay still in the haze.",
    "Arabic": "كان الميناء هادئا في الصباح الباكر، وكانت القوارب ساكنة قرب الشاطئ.",
    "Chinese": "清晨的港口很安静，小船停在岸边一动不动，渔夫们还在睡觉，没有人说话。",
}
HOSTILE = (
    "&lt;img src=x onerror=alert(1)&gt;&lt;/p&gt;&lt;script&gt;alert(2)&lt;/script&gt;"
)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    paragraphs = "".join(f"<p>{sentence * 3}</p>" for sentence in SENTENCES.values())
    path.write_text(
        "<!doctype html><title>Harbour</title><ul class=menu><li><a href=/>Home</a></ul>"
        f"<article><h1>Harbour</h1>{paragraphs}<p>{HOSTILE} {SENTENCES['Latin']} "
        f"&#27;[31m [red]{SENTENCES['Latin']}</p></article>",
        "utf-8",
    )
    return path


class Shown(HTMLParser):
    """Classes of the blocks, and every tag of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.kinds: list[str | None] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "div":
            self.kinds.append(dict(attrs)["class"])


def explained(command: Command, page: Path, *more: str, engine: str = "blocks") -> Any:
    sets = ("--set", f"extract_text.engine={engine}", "--set", "executor.kind=inline")
    ended = command("explain", str(page), *sets, *more)
    assert ended.code == 0, ended.stderr
    return ended


def test_the_terminal_shows_each_block_with_its_reasons(
    command: Command, page: Path
) -> None:
    lines = explained(command, page).stdout.splitlines()
    blocks = [line for line in lines if re.match(r"[+-] \d\.\d\d \d\.\d\d  <", line)]
    assert [line[0] for line in blocks] == ["-", "+", "+", "+", "+", "+"]
    assert [line.split()[3] for line in blocks] == ["<li>", "<h1>", *["<p>"] * 4]
    assert "<p> The harbour was quiet" in blocks[2]
    assert SENTENCES["Chinese"][:9] in blocks[4]
    assert "\x1b" not in "".join(lines)
    # Three features a block: name=value (by how much it moved the log-odds).
    reasons = re.findall(r"\w+=-?[\d.e+]+\s+\([+-]\d+\.\d\d\)", "\n".join(lines))
    assert len(reasons) == 3 * len(blocks)


def test_a_page_gives_no_orders_to_the_terminal(
    command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    orders = "\x1b[31m \x9b31m \u202e \u2066"
    path.write_text(f"<article><p>{orders} {SENTENCES['Latin'] * 3}</article>", "utf-8")
    stdout = explained(command, path).stdout
    assert re.search(r"^\+ .*<p> .*\ufffd \ufffd The", stdout, re.MULTILINE)
    assert not set(stdout) & {"\x1b", "\x9b", "\u202e", "\u2066"}


def test_other_engines_have_no_blocks_to_show(command: Command, page: Path) -> None:
    stdout = explained(command, page, engine="resiliparse").stdout
    assert not re.search(r"^[+-] \d\.\d\d", stdout, re.MULTILINE)


def test_the_page_shades_what_is_kept_and_nothing_in_it_runs(
    command: Command, page: Path, tmp_path: Path
) -> None:
    target = tmp_path / "blocks.html"
    explained(command, page, "--html", str(target), engine="resiliparse")
    text = target.read_text("utf-8")
    shown = Shown(text)
    assert shown.kinds == ["left", *["kept"] * 5]
    assert shown.tags == {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "div", "small")
    }
    assert "default-src 'none'" in text
    assert "&lt;script&gt;alert(2)" in text
    assert SENTENCES["Arabic"] in text


def test_a_page_that_cannot_be_written_is_named(
    command: Command, page: Path, tmp_path: Path
) -> None:
    ended = command(
        *("explain", str(page), "--set", "extract_text.engine=resiliparse"),
        *("--html", str(tmp_path / "none" / "blocks.html")),
    )
    assert ended.code == 2
    assert "blocks.html: cannot be written: No such file" in ended.stderr


def test_the_commands_of_the_docs_do_what_they_say(
    command: Command, page: Path, tmp_path: Path
) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "extraction.md").read_text("utf-8")
    lines = re.findall(r"^    tamis (explain .*)$", docs, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        line = line.replace("page.html", str(page))
        line = line.replace("blocks.html", str(tmp_path / "blocks.html"))
        ended = command(*line.split())
        assert ended.code == 0, ended.stderr
    assert (tmp_path / "blocks.html").exists()
