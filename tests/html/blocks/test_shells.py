"""Pages that a script would have drawn."""

import json

import numpy as np
import pytest
from fixtures.patience import cpu_seconds

from tamis.html.blocks.engine import extract
from tamis.html.blocks.layout import FROM_STATE
from tamis.html.blocks.script_data import MAX_JSON_BYTES, MAX_VALUES
from tamis.html.blocks.shells import SHORT_WORDS, state_html

PROSE = (
    "The river rose in the night and by morning the lower fields lay under water. "
    "Nobody in the village had seen it so high since the spring of the great thaw, "
    "and those who remembered that spring did not like to speak of it. The ferryman "
    "tied his boat to the church door and waited, with his lamp lit, for the bells."
)


def shell(data: object, kind: str = "application/ld+json", body: str = "") -> str:
    return (
        f'<html><body><div id="root">{body}</div>'
        f'<script type="{kind}">{json.dumps(data)}</script></body></html>'
    )


def found(page: str, words: int = 0) -> bytes | None:
    return state_html(np.frombuffer(page.encode(), np.uint8), words)


def test_the_article_body_of_a_shell_is_its_text() -> None:
    page = shell({"@type": "NewsArticle", "headline": "x", "articleBody": PROSE})
    extraction = extract([page])
    assert extraction.text.to_pylist() == [PROSE]
    assert extraction.flags[0] & FROM_STATE


def test_the_state_of_a_framework_is_read_too() -> None:
    state = {
        "props": {"pageProps": {"post": {"content": f"<p>{PROSE}</p><p>End.</p>"}}}
    }
    page = shell(state, "application/json")
    assert PROSE in extract([page]).text[0].as_py()


def test_a_page_that_has_its_text_in_markup_is_left_alone() -> None:
    page = shell({"articleBody": PROSE}, body=f"<p>{PROSE}</p>" * 3)
    assert not extract([page]).flags[0] & FROM_STATE


def test_data_without_prose_gives_nothing() -> None:
    assert found(shell({"articleBody": "Too short."})) is None
    assert found(shell({"articleBody": "A name: " + "x" * 5_000})) is None
    assert found(shell({"body": "QUJDREVGR0hJSktMTU5P" * 400})) is None
    assert found(shell({"body": "a{color:#fff;margin:0 auto}. " * 90})) is None
    assert found(shell([])) is None
    assert found("") is None


def test_data_that_is_no_json_gives_nothing() -> None:
    assert found('<script type="application/ld+json">{"articleBody": </script>') is None
    deep = "[" * 200_000
    assert found(f'<script type="application/json">{deep}</script>') is None


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("Река поднялась ночью, и к утру луга стояли под водой. ", id="ru"),
        pytest.param(
            "ارتفع النهر في الليل وفي الصباح كانت الحقول تحت الماء. ", id="ar"
        ),
        pytest.param("河水在夜里上涨，到早晨低处的田地已经淹没在水下了。", id="zh"),
        pytest.param("แม่น้ำเอ่อล้นในตอนกลางคืนและทุ่งนาจมอยู่ใต้น้ำในตอนเช้า", id="th"),
        pytest.param("रात में नदी चढ़ आई और सुबह तक निचले खेत पानी में डूब गए। ", id="hi"),
    ],
)
def test_prose_of_every_script_is_found(sentence: str) -> None:
    prose = (sentence * 9).strip()
    assert extract([shell({"articleBody": prose})]).text.to_pylist() == [prose]


SENTENCES = {
    "Latin": "The river rose in the night, and at dawn the fields lay under water. ",
    "Cyrillic": "Река поднялась ночью, и к утру луга стояли под водой. ",
    "Arabic": "ارتفع النهر في الليل وفي الصباح كانت الحقول تحت الماء. ",
    "Chinese": "河水在夜里上涨，到早晨低处的田地已经淹没在水下了。",
    "Thai": "แม่น้ำเอ่อล้นในตอนกลางคืนและทุ่งนาจมอยู่ใต้น้ำในตอนเช้า",
    "Hindi": "रात में नदी चढ़ आई और सुबह तक निचले खेत पानी में डूब गए। ",
}


def script(code: str, kind: str = "") -> str:
    attribute = f' type="{kind}"' if kind else ""
    return f'<div id="root"></div><script{attribute}>{code}</script>'


def linked(data: object) -> str:
    return script(json.dumps(data, ensure_ascii=False), "application/ld+json")


def literal(data: object, quote: str) -> str:
    """JSON as a string of JavaScript."""
    text = json.dumps(data).replace("\\", "\\\\").replace(quote, "\\" + quote)
    return text.replace("<", "\\x3C")


def flight(row: str) -> str:
    """Next.js pushes pieces of a stream, cut anywhere."""
    stream = f'1:HL["/a.css","style"]\n2:I["x",[],"y"]\n{row}'
    pieces = [stream[at : at + 50] for at in range(0, len(stream), 50)]
    pushes = [f"self.__next_f.push({json.dumps([1, piece])})" for piece in pieces]
    head = "(self.__next_f=self.__next_f||[]).push([0])" + " " * 200
    return "".join(script(code + " " * 200) for code in (head, *pushes))


# How pages hold a text of three paragraphs: P stands for each.
HOLDERS = {
    "articleBody": lambda p: linked(
        {"@type": "NewsArticle", "articleBody": "\n".join(p)}
    ),
    "articleBody in HTML": lambda p: linked(
        {"@type": "Article", "articleBody": "".join(f"<p>{one}</p>" for one in p)}
    ),
    "escaped HTML": lambda p: linked(
        {"articleBody": "".join(f"&lt;p&gt;{one}&lt;/p&gt;" for one in p)}
    ),
    "graph": lambda p: linked(
        {"@graph": [{"@type": "WebSite", "name": "S"}, {"text": "\n".join(p)}]}
    ),
    "array": lambda p: linked([{"@type": "Person"}, {"articleBody": "\n".join(p)}]),
    "Next.js": lambda p: script(
        json.dumps({"props": {"pageProps": {"story": {"paragraphs": p}}}}),
        "application/json",
    ),
    "an editor's blocks": lambda p: script(
        json.dumps({"page": {"blocks": [{"data": {"text": one}} for one in p]}}),
        "application/json",
    ),
    "a key that nobody knows": lambda p: script(
        json.dumps({"zq": {"xx": "\n".join(p), "id": 7}}), "application/json"
    ),
    "an assignment": lambda p: script(
        f"var a=1;window.__INITIAL_STATE__ = {json.dumps({'post': {'body': p}})};(f())"
    ),
    "an assignment to a name": lambda p: script(
        f'window["my-state"]={json.dumps({"post": {"body": p}})}\n;f("x")'
    ),
    "a call": lambda p: script(f"hydrate({json.dumps({'post': {'body': p}})}, 1)"),
    "a string of JSON": lambda p: script(
        f"""window.S = JSON.parse('{literal({"post": {"body": p}}, "'")}');"""
    ),
    "JSON in JSON": lambda p: script(
        json.dumps({"cache": json.dumps({"post": {"content": p}})}), "application/json"
    ),
    "a broken end": lambda p: linked({"articleBody": "\n".join(p)}).replace(
        "}</script>", "}}};</script>"
    ),
    "flight": lambda p: flight(
        "5:"
        + json.dumps(
            [
                "$",
                "main",
                None,
                {"children": [["$", "p", None, {"children": q}] for q in p]},
            ]
        )
        + "\n"
    ),
    "text of flight": lambda p: flight(
        f"5:T{len(chr(10).join(p).encode()):x}," + "\n".join(p) + '6:["$","div"]\n'
    ),
}


@pytest.mark.parametrize("script_name", SENTENCES)
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_text_is_found_wherever_a_page_holds_it(
    holder: str, script_name: str
) -> None:
    sentence = SENTENCES[script_name]
    paragraphs = [f"{number}. {sentence * 3}".strip() for number in range(1, 4)]
    extraction = extract([HOLDERS[holder](paragraphs)], title="column")
    assert extraction.text[0].as_py().split("\n") == paragraphs
    assert extraction.flags[0] & FROM_STATE


def test_pieces_of_a_line_are_joined_and_repeated_texts_are_told_once() -> None:
    def words(*pieces: str) -> dict[str, object]:
        return {"type": "paragraph", "content": [{"text": piece} for piece in pieces]}

    state = {
        "story": {
            "content": [
                words(
                    "The river rose ",
                    "in the night",
                    ", and by dawn it was over the wall.",
                ),
                words(PROSE),
                words(PROSE),
            ]
        },
    }
    text = extract([shell(state, "application/json")]).text[0].as_py()
    assert text.split("\n") == [
        "The river rose in the night, and by dawn it was over the wall.",
        PROSE,
    ]


NOTICE = (
    "We use cookies and similar technologies to personalise content and ads. By clicking "
    "Accept all you consent to our use of cookies, and to that of our 842 partners, for the "
    "purposes of advertising and analytics. You can withdraw your consent or change your "
    "preferences at any time in our privacy policy. Reject all. Accept all cookies. "
)
COOKIES = f"<div id=banner><p>{NOTICE}</p></div>"


def test_an_article_in_a_script_wins_over_a_notice_on_cookies() -> None:
    page = shell({"@type": "Article", "articleBody": PROSE}, body=COOKIES)
    assert extract([page]).text.to_pylist() == [PROSE]


def test_a_notice_on_cookies_is_no_document() -> None:
    extraction = extract([f"<html><body>{COOKIES}</body></html>"], markdown=True)
    assert extraction.markdown is not None
    assert extraction.text.to_pylist() == extraction.markdown.to_pylist() == [""]


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({"text": NOTICE * 3}, id="by its words"),
        pytest.param({"cookieBanner": {"text": PROSE}}, id="by its key"),
        pytest.param({"i18n": {"en": {"body": PROSE}}}, id="a catalogue, by its key"),
        pytest.param(
            {
                "m": {
                    f"k{n}": f"Please enter the number {n} of your card here."
                    for n in range(90)
                }
            },
            id="a catalogue of short texts",
        ),
        pytest.param({"list": [{"author": {"bio": PROSE}}]}, id="an author"),
    ],
)
def test_other_texts_in_data_are_no_document(state: object) -> None:
    assert found(shell(state, "application/json")) is None


def test_a_description_is_the_last_resort() -> None:
    said = PROSE.split(". ")[0] + "."
    page = shell({"@type": "NewsArticle", "description": said})
    assert extract([page]).text.to_pylist() == [said]
    of_site = shell({"@type": "Organization", "description": said})
    assert extract([of_site]).text.to_pylist() == [""]
    both = shell({"@type": "NewsArticle", "description": said, "articleBody": PROSE})
    assert extract([both]).text.to_pylist() == [PROSE]


def test_a_short_text_of_a_page_loses_only_to_what_goes_on_from_it() -> None:
    start = PROSE[:150]
    state = {"post": {"body": PROSE * 4}}
    other = {
        "post": {"body": "Nothing of this belongs to what a reader sees here. " * 40}
    }
    kept = f"<article><h1>The river</h1><p>{start}</p></article>"
    assert found(shell(state, "application/json"), 30) is None
    goes_on = state_html(
        np.frombuffer(shell(state, "application/json").encode(), np.uint8), 30, start
    )
    assert goes_on is not None
    assert len(start.split()) < SHORT_WORDS
    text = extract([shell(other, "application/json", kept)]).text[0].as_py()
    assert "belongs to what" not in text
    assert start.strip() in text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("[" + "[]," * 900_000 + "0]", id="empty lists"),
        pytest.param("[" + "1," * 1_400_000 + "1]", id="numbers"),
        pytest.param("[" + '{"a":1},' * 300_000 + "0]", id="objects"),
        pytest.param('{"body": "' + "word " * 600_000 + '"}', id="one text"),
        pytest.param('{"body": ' * 300_000, id="deep objects"),
        pytest.param(
            "{" + ",".join(f'"k{n}":{n}' for n in range(200_000)) + "}", id="many keys"
        ),
        pytest.param('{"a": ' + "9" * 3_000_000 + "}", id="a long number"),
        pytest.param('{"a' + "consent" * 500_000 + '": 1}', id="a long key"),
    ],
)
def test_data_takes_no_time_that_a_page_may_not_take(data: str) -> None:
    for start in ('<script type="application/json">', "<script>window.a = "):
        scripts = np.frombuffer(f"{start}{data}</script>".encode(), np.uint8)
        # 0.03 s on a quiet core; several times that where other work shares the caches.
        assert cpu_seconds(lambda: state_html(scripts, 0)) < 0.3  # noqa: B023  # called at once


@pytest.mark.parametrize(
    "code",
    [
        pytest.param('={"' * 1_000_000, id="beginnings"),
        pytest.param('={"a":[' * 400_000, id="beginnings of lists"),
        pytest.param("JSON.parse('" * 250_000, id="strings"),
        pytest.param(
            "JSON.parse('" + "\\" * 2_000_000, id="a string that does not end"
        ),
        pytest.param("\n" * 3_000_000 + "{", id="line feeds"),
        pytest.param("=" + " " * 3_000_000 + "{", id="blanks"),
        pytest.param(
            "self.__next_f.push([1," + json.dumps("1:T9,\n2:{\n" * 200_000) + "])",
            id="rows of flight",
        ),
        pytest.param(
            "self.__next_f.push([1," + json.dumps("1:Tffffff,ж" * 200_000) + "])",
            id="texts of flight",
        ),
    ],
)
def test_code_takes_no_time_either(code: str) -> None:
    page = np.frombuffer(f"<script>{code}</script>".encode(), np.uint8)
    assert cpu_seconds(lambda: state_html(page, 0)) < 0.3


def test_values_are_counted_over_all_scripts() -> None:
    filler = json.dumps([0] * (MAX_VALUES // 2))
    scripts = f'<script type="application/json">{filler}</script>'
    assert found(scripts + shell({"articleBody": PROSE})) is not None
    assert found(scripts * 2 + shell({"articleBody": PROSE})) is not None
    full = json.dumps([0] * (MAX_VALUES - 2))
    scripts = f'<script type="application/json">{full}</script>'
    assert found(scripts + shell({"articleBody": PROSE})) is None


def test_strings_are_counted_over_all_scripts() -> None:
    labels = shell({"text": ["река"] * 8_000})
    assert found(labels + shell({"articleBody": PROSE})) is not None
    assert found(labels * 2 + shell({"articleBody": PROSE})) is None


def test_limits_hold() -> None:
    assert found(shell({"articleBody": PROSE + " x" * MAX_JSON_BYTES})) is None
    assert found('<script type="application/json">' * 50_000) is None
