import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from pydantic import ValidationError

from tamis.errors import InputError
from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.html.clean import clean
from tamis.html.engines import resiliparse
from tamis.html.extract import ENGINES, Engine
from tamis.stages.extract_text import ExtractText

SENTENCES = {
    "Latin": "Der Zug hielt auf freier Strecke, und niemand wusste, warum. ",
    "Cyrillic": "Поезд остановился в поле, и никто не знал почему. ",
    "Arabic": "توقف القطار في الحقل ولم يعرف أحد السبب في ذلك اليوم. ",
    "Chinese": "火车停在了田野中间，没有人知道是什么原因让它停下来的。",
    "Hindi": "रेलगाड़ी खेत के बीच में रुक गई और किसी को पता नहीं था कि क्यों। ",
    "Thai": "รถไฟหยุดกลางทุ่งนา และไม่มีใครรู้ว่าเพราะอะไร ",
}


def article(sentence: str) -> str:
    paragraph = f"<p>{(sentence * 6).strip()}</p>"
    return (
        "<!doctype html><html><head><title>The &amp; title\n</title></head><body>"
        "<nav><ul><li><a href=/>Home</a></li><li><a href=/a>About</a></li></ul></nav>"
        f"<main><article><h1>Heading</h1>{paragraph * 4}</article></main>"
        "<footer>© 2024 <a href=/terms>Terms</a></footer></body></html>"
    )


def batch(*pages: str | None, content_type: str | None = "text/html") -> pa.RecordBatch:
    rows = len(pages)
    columns = {
        "html": pa.array(pages, pa.string()),
        "http_content_type": pa.array([content_type] * rows, pa.string()),
        "drop_reason": pa.nulls(rows, pa.string()),
    }
    return pa.RecordBatch.from_pydict(columns)


def extracted(source: pa.RecordBatch, **settings: object) -> dict[str, list[object]]:
    config = ExtractText.model_validate(settings)
    result = config.build()(source)
    assert result.num_rows == source.num_rows
    for field in config.columns_written():
        assert result.schema.field(field.name).type == field.type
    result.validate(full=True)
    columns: dict[str, list[object]] = result.to_pydict()
    return columns


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = set(psutil.Process().children())
    yield
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize("engine", ["trafilatura", "resiliparse", "blocks"])
def test_main_text_in_six_scripts(engine: str) -> None:
    pages = [article(sentence) for sentence in SENTENCES.values()]
    result = extracted(batch(*pages), engine=engine)
    for text, chars, sentence in zip(
        result["text"], result["text_chars"], SENTENCES.values(), strict=True
    ):
        assert isinstance(text, str)
        assert text.count(sentence.strip()) >= 6
        assert "Terms" not in text
        assert chars == len(text)
    assert result["title"] == ["The & title"] * 6
    assert result["drop_reason"] == result["extract_note"] == [None] * 6


def test_no_pages_start_no_process() -> None:
    assert extracted(batch())["text"] == []


@pytest.mark.parametrize("engine", ["trafilatura", "resiliparse", "blocks"])
def test_a_page_without_text_says_so(engine: str) -> None:
    pages = ["", " \n", "<html><head><title>t</title></head><body></body>", None]
    result = extracted(batch(*pages), engine=engine)
    assert result["drop_reason"] == ["no_text"] * 4
    assert result["text"] == result["text_chars"] == result["title"] == [None] * 4


def test_plain_text_is_its_own_text() -> None:
    lines = "Première ligne \r\nвторая строка\t<b>\n\n\n\n第三"
    result = extracted(batch(lines, "", content_type="text/plain"))
    assert result["text"] == ["Première ligne\nвторая строка\t<b>\n\n第三", None]
    assert result["title"] == [None, None]
    assert result["drop_reason"] == [None, "no_text"]


def test_markup_that_a_server_calls_plain_text_is_extracted() -> None:
    page = article(SENTENCES["Latin"])
    result = extracted(batch(page, content_type="text/plain"), engine="resiliparse")
    assert "<p>" not in str(result["text"][0])
    assert result["title"] == ["The & title"]


@pytest.mark.parametrize("engine", ["trafilatura", "resiliparse"])
def test_hostile_pages_cost_themselves_only(engine: str) -> None:
    good = article(SENTENCES["Latin"])
    pages = [
        good,
        "<div>" * 100_000 + good,
        "<p" + "".join(f" a{i}={i}" for i in range(50_000)) + ">" + good,
        good.replace("Heading", SENTENCES["Latin"] * 150_000),  # 9 MB
        "<p>a\0b</p>" + good,
        good,
    ]
    result = extracted(batch(*pages), engine=engine)
    assert result["drop_reason"] == [
        None,
        "html_too_deep",
        "html_too_many_attributes",
        None,
        None,
        None,
    ]
    assert result["text"][0] == result["text"][5]


ENGINE = """
import os

def build():
    def text_of(page):
        if page == "hang":
            while True:
                pass
        if page == "crash":
            os.abort()
        if page == "raise":
            raise ValueError
        return page
    return text_of

def build_batchwise():
    from tamis.html.extract import Extracted
    return lambda pages: [Extracted(page.as_py() * 2, "T") for page in pages]
"""


@pytest.fixture
def own_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_engine.py").write_text(ENGINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(
        ENGINES,
        "own",
        Engine("own_engine:build", needs_guard=True, libraries=(), page_seconds=0.0),
    )
    batchwise = Engine(
        "own_engine:build_batchwise", needs_guard=False, libraries=(), page_seconds=0.0
    )
    monkeypatch.setitem(ENGINES, "batchwise", batchwise)


@pytest.mark.usefixtures("own_engines")
def test_every_failure_has_its_reason() -> None:
    pages = ["one", "hang", "crash", "raise", "two"]
    result = extracted(batch(*pages), engine="own", timeout_seconds=0.2)
    assert result["text"] == ["one", None, None, None, "two"]
    assert result["drop_reason"] == [
        None,
        "extract_timeout",
        "extract_crash",
        "extract_error",
        None,
    ]


@pytest.mark.usefixtures("own_engines")
def test_the_result_does_not_depend_on_the_batch() -> None:
    whole = batch("one", "crash", "raise", "", "<i>" * 3000, "two")
    transform = ExtractText(engine="own").build()
    together = transform(whole).to_pylist()
    assert [
        transform(whole.slice(row, 1)).to_pylist()[0] for row in range(6)
    ] == together


@pytest.mark.usefixtures("own_engines")
def test_an_engine_that_needs_no_guard_gets_the_batch() -> None:
    result = extracted(batch("a", "<div>" * 2001), engine="batchwise")
    assert result["text"] == ["aa", "<div>" * 4002]
    assert result["title"] == ["T", "T"]


CODE = "def sum(a, b):\n    if a:\n        return a + b\n    return b"


def test_markdown_keeps_the_structure_and_text_has_none() -> None:
    sentence = SENTENCES["Latin"].strip()
    page = (
        f"<article class=article-body><h1>Züge</h1><p>{sentence} {sentence}</p>"
        f"<ul><li>{sentence}</li><li>поезд: {sentence}</li></ul>"
        f"<blockquote><p>{sentence} {sentence}</p></blockquote>"
        f"<pre>{CODE}</pre><p>{sentence} {sentence}</p></article>"
    )
    result = extracted(batch(page, ""), engine="blocks", markdown=True)
    assert result["markdown"] == [
        f"# Züge\n\n{sentence} {sentence}\n\n- {sentence}\n- поезд: {sentence}\n\n"
        f"> {sentence} {sentence}\n\n```\n{CODE}\n```\n\n{sentence} {sentence}",
        None,
    ]
    assert result["text"] == [
        f"Züge\n{sentence} {sentence}\n{sentence}\nпоезд: {sentence}\n"
        f"{sentence} {sentence}\n{CODE}\n{sentence} {sentence}",
        None,
    ]


def test_markdown_keeps_the_blank_lines_of_code() -> None:
    sentence = SENTENCES["Cyrillic"].strip()
    code = CODE.replace("\n", "\n\n\n\n", 1)
    page = f"<article><p>{sentence * 3}</p><pre>{code}</pre><p>{sentence * 3}</p>"
    result = extracted(batch(page), engine="blocks", markdown=True)
    assert f"```\n{code}\n```" in str(result["markdown"][0])
    assert "\n\n\n" not in str(result["text"][0])


@pytest.mark.parametrize("engine", ENGINES)
def test_texts_depend_on_the_unicode_tables_of_python(engine: str) -> None:
    assert "python" in ExtractText(engine=engine).libraries()


def test_plain_text_is_its_own_markdown() -> None:
    source = batch("# 一\n- 二", content_type="text/plain")
    result = extracted(source, engine="blocks", markdown=True)
    assert result["markdown"] == result["text"] == ["# 一\n- 二"]


def test_a_text_that_is_not_the_whole_page_carries_a_note() -> None:
    sentence = SENTENCES["Cyrillic"]
    data = json.dumps({"articleBody": sentence * 9})
    result = extracted(
        batch(
            article(sentence),
            f"<p>{sentence}</p>" * 9_000,
            f"<p>{sentence}</p>" + "<b>слово</b> " * 50_000,
            f"<p>{sentence}</p>" + "слово<br>" * 50_000,
            f"<p class='{' '.join(['ab'] * 24)}'>{sentence}</p>" * 7_000,
            "<i></i>" * 50_000 + article(sentence),
            "<div>" * 300 + article(sentence),
            f'<div></div><script type="application/ld+json">{data}</script>',
            "<div>" * 300,
        ),
        engine="blocks",
    )
    assert result["extract_note"] == [
        None,
        "truncated_blocks",
        "truncated_elements",
        "truncated_spans",
        "truncated_names",
        None,
        "flattened",
        "from_state",
        None,
    ]
    is_kept = [reason is None for reason in result["drop_reason"]]
    assert is_kept == [True, True, True, True, True, False, True, True, False]


@pytest.fixture
def own_weights(tmp_path: Path) -> Callable[[str], str]:
    """The packaged weights, but that one model is sure of every block."""

    def weights(model: str) -> str:
        stored = json.loads(SHIPPED.read_text("utf-8"))
        stored[model]["bias"] = 50.0
        path = tmp_path / f"{model}.json"
        path.write_text(json.dumps(stored), "utf-8")
        return str(path)

    return weights


def test_comments_are_added_only_where_they_are_asked_for(
    own_weights: Callable[[str], str],
) -> None:
    """By weights that take every block for a comment."""
    page, model = article(SENTENCES["Thai"]), own_weights("comment")
    for comments, is_added in (("drop", False), ("keep", True)):
        text = extracted(batch(page), engine="blocks", model=model, comments=comments)
        assert ("About" in str(text["text"][0])) == is_added


def test_weights_of_ones_own_decide(own_weights: Callable[[str], str]) -> None:
    model = own_weights("content")
    config = ExtractText(engine="blocks", model=model)
    assert config.files() == (model,)
    assert ExtractText(engine="blocks").files() == (str(SHIPPED),)
    assert ExtractText(engine="resiliparse").files() == ()
    page = article(SENTENCES["Latin"])
    text = str(extracted(batch(page), engine="blocks", model=model)["text"][0])
    assert "Terms" in text
    assert "About" in text


def test_a_file_without_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(InputError, match="holds no extractor weights"):
        ExtractText(engine="blocks", model=str(tmp_path / "odd.json")).build()


@pytest.mark.parametrize(
    "setting", [{"markdown": True}, {"comments": "keep"}, {"model": "weights.json"}]
)
def test_a_setting_that_the_engine_has_not_is_a_mistake(
    setting: dict[str, object],
) -> None:
    with pytest.raises(ValidationError, match="'trafilatura' has no setting"):
        ExtractText.model_validate({"engine": "trafilatura", **setting})


def test_an_unknown_engine_is_a_mistake_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match="there are trafilatura, resiliparse"):
        ExtractText(engine="boilerpipe")


@pytest.mark.shared
def test_extraction_is_that_of_the_engine_called_directly(shared_data: Path) -> None:
    with (shared_data / "pages-dev.warc.gz").open("rb") as stream:
        archive = ArchiveIterator(stream, record_types=WarcRecordType.response)
        bodies = [
            record.reader.read() for record, _ in zip(archive, range(60), strict=False)
        ]
    pages = [body.decode("utf-8", "replace").replace("\0", "") for body in bodies]
    result = extracted(batch(*pages), engine="resiliparse")

    text_of = resiliparse.build()
    for page, text in zip(pages, result["text"], strict=True):
        assert (text or "") == clean(text_of(page))


@pytest.mark.parametrize("engine", ["blocks", "resiliparse"])
def test_elements_of_xhtml_may_close_themselves(engine: str) -> None:
    sentence = (
        "The ledger was moved to the upper room, where it has stayed ever since. "
    )
    page = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
        f'<body><p>{sentence * 3}</p><script src="x.js"/><p>{sentence * 2}</p></body></html>'
    )
    types = ["application/xhtml+xml; charset=utf-8", "text/html"]
    batch = pa.RecordBatch.from_pydict(
        {
            "html": [page, page],
            "http_content_type": types,
            "drop_reason": pa.array([None, None], pa.string()),
        }
    )
    found = ExtractText(engine=engine).build()(batch)["text"].to_pylist()
    assert [text.count("upper room") for text in found] == [5, 3]
