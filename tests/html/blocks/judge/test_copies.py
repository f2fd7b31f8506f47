"""What stands twice on a page is kept once."""

import pytest
from fixtures.patience import cpu_seconds

from tamis.html.blocks.engine import extract

# Sentences that differ from block to block; {} is a number.
SENTENCES = {
    "Latin": "Le bateau numéro {} rentre au port avec des sardines et repart avant la marée du soir. ",
    "Cyrillic": "Лодка номер {} возвращается в порт с сардинами и уходит до вечернего прилива снова. ",
    "Arabic": "يعود القارب رقم {} إلى الميناء محملا بالسردين ويغادر قبل المد في المساء مرة أخرى. ",
    "Chinese": "第{}号船满载沙丁鱼回到港口，在傍晚涨潮之前又离开，船员们在码头上吃晚饭。",
    "Thai": "เรือหมายเลข {} กลับเข้าท่าพร้อมปลาซาร์ดีนและออกไปอีกครั้งก่อนน้ำขึ้นในตอนเย็น ",
}


def text_of(body: str) -> str:
    html = (
        f"<html><head><title>Port</title></head><body><main>{body}</main></body></html>"
    )
    text: str = extract([html], title="column").text[0].as_py()
    return text


def paragraphs(script: str, numbers: range) -> list[str]:
    sentence = SENTENCES[script]
    return [sentence.format(n) * 2 + sentence.format(n + 100) for n in numbers]


def html_of(blocks: list[str]) -> str:
    return "".join(f"<p>{block}</p>" for block in blocks)


@pytest.mark.parametrize("script", SENTENCES)
def test_the_copy_for_phones_goes(script: str) -> None:
    own, other = paragraphs(script, range(4)), paragraphs(script, range(10, 16))
    once = f"<div class='wide'>{html_of(own)}</div>"
    twice = f"{once}{html_of(other)}<div class='narrow'>{html_of(own)}</div>"
    lines = text_of(twice).split("\n")
    assert lines == text_of(once + html_of(other)).split("\n")
    assert len(lines) == 10


def test_a_post_that_another_quotes_stands_once() -> None:
    first, second, third = paragraphs("Latin", range(3))
    quoting = f"<div><blockquote>{first}</blockquote><p>{third}</p></div>"
    lines = text_of(f"<p>{first}</p><p>{second}</p>{quoting}").split("\n")
    assert [line.split(" rentre")[0] for line in lines] == [
        f"Le bateau numéro {number}" for number in range(3)
    ]


def test_the_same_words_about_two_entries_stay() -> None:
    note = SENTENCES["Latin"].format(1)
    entries = "".join(
        f"<h3>Quai {name}</h3><p>{SENTENCES['Latin'].format(n)}</p><p>{note}</p>"
        for n, name in enumerate("ABCDE")
    )
    assert text_of(entries).count(note.strip()) == 6


def test_a_refrain_and_code_and_rows_stay() -> None:
    verse = (
        "Les bateaux rentrent<br>avec la marée<br>les enfants chantent<br>sur le quai<br>"
        * 5
    )
    verses = [f"<p>{one}</p><p>{verse}</p>" for one in paragraphs("Latin", range(4))]
    assert text_of("".join(verses)).count("Les bateaux rentrent") == 20
    code = "<pre>" + "\n".join(f"bateau = port({n})" for n in range(60)) + "</pre>"
    blocks = [f"<p>{one}</p>{code}" for one in paragraphs("Latin", range(4))]
    assert text_of("".join(blocks)).count("port(7)") == 4
    cell = "sardines du matin et du soir, pesées sur le quai par le maître du port et payées ensuite"
    row = f"<tr><td>{cell}</td><td>{cell} encore</td></tr>"
    table = f"<table><tr><th>Matin</th><th>Soir</th></tr>{row * 8}</table>"
    assert text_of(html_of(paragraphs("Latin", range(4))) + table).count("encore") == 8


def test_what_is_said_again_and_again_stays() -> None:
    (paragraph,) = paragraphs("Latin", range(1))
    assert text_of(html_of([paragraph * 4] * 9)).count("numéro 0 ") == 2 * 4 * 9


@pytest.mark.parametrize("name", ["p", "blockquote"])
def test_thousands_of_equal_blocks_are_read_in_time(name: str) -> None:
    body = f"<{name}>bateau</{name}>" * 7_900
    assert cpu_seconds(lambda: text_of(body)) < 1
