"""`tamis train extractor`, on made pages; what it computes: tests/html/blocks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tamis import training
from tamis.html.blocks.engine import build
from tamis.stages.extract_text import ExtractText

BODY = "Паром уходит в девять и возвращается в полдень с почтой и газетами."


def page(number: int) -> tuple[str, str]:
    """HTML and gold of one site's page."""
    menu = "".join(f"<li><a href=/{n}>Раздел {n}</a>" for n in range(8))
    lines = [
        f"{BODY} День {n} на острове {number} не похож на другие." for n in range(6)
    ]
    story = "".join(f"<p>{line}</p>" for line in lines)
    html = f"<ul class=topMenu>{menu}</ul><div class=storyText>{story}</div>"
    return html, "\n".join(lines)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    records, rows = [], []
    for number in range(12):
        html, gold = page(number)
        url = f"http://site{number}.example/"
        http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        block = http + html.encode()
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\n"
            "Content-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        records.append(head.encode() + block + b"\r\n\r\n")
        # Sources of one's own teach, whatever they are called.
        source = "harbour" if number % 2 else "island"
        rows.append({"url": url, "text": gold, "source": source, "lang": "ru"})
    (folder / "a.warc").write_bytes(b"".join(records[:5]))
    (folder / "b.warc").write_bytes(b"".join(records[5:]))
    gold_file = folder / "gold.jsonl"
    gold_file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return str(folder), str(gold_file)


def arguments(inputs: tuple[str, str], output: Path) -> list[str]:
    folder, gold = inputs
    warcs = ["--warc", f"{folder}/a.warc", "--warc", f"{folder}/b.warc"]
    return ["train", "extractor", *warcs, "--gold", gold, "-o", str(output)]


def test_the_same_pages_give_the_same_weights_and_a_table(
    inputs: tuple[str, str], command: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("lightgbm", reason="training needs the extra `train`")
    first, second = tmp_path / "new" / "first.json", tmp_path / "second.json"
    ended = [
        command(*arguments(inputs, output), "--teacher", "trafilatura")
        for output in (first, second)
    ]
    assert [each.code for each in ended] == [0, 0], ended[0].stderr
    assert first.read_bytes() == second.read_bytes()
    lines = ended[0].stdout.splitlines()
    assert lines[0].startswith(
        "| F1 | all (12) | source harbour (6) | source island (6)"
    )
    assert [line.split(" | ")[0] for line in lines[2:6]] == [
        "| blocks, new sites",
        "| blocks, new source",
        "| trafilatura",
        "| trafilatura_comments",
    ]
    assert lines[-1].startswith(f"{first}: ")
    model = ExtractText(engine="blocks", model=str(first)).model
    (found,) = build(model=model)(pa.array([page(3)[0]]))
    assert BODY in found.text


def test_training_without_lightgbm_is_refused_in_one_line(
    inputs: tuple[str, str],
    command: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    ended = command(*arguments(inputs, tmp_path / "weights.json"))
    assert ended.code == 2
    assert ended.stderr.splitlines() == [
        "tamis: training needs LightGBM: pip install 'tamis[train]'"
    ]
    assert not (tmp_path / "weights.json").exists()


def test_trafilatura_is_the_teacher_that_cannot_be_left_out(
    inputs: tuple[str, str], command: Callable[..., Any], tmp_path: Path
) -> None:
    ended = command(
        *arguments(inputs, tmp_path / "weights.json"), "--teacher", "resiliparse"
    )
    assert ended.code == 2
    assert "trafilatura must be one of the teachers" in ended.stderr
