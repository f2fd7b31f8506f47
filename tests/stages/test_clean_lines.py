"""Line rules by hand, in every script.

Against datatrove: test_filter_quality_datatrove.py.
"""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tamis.stages.clean_lines import CleanLines
from tamis.text.cleaning.phrases import languages
from tamis.text.cleaning.rules import C4, REFINEDWEB

PROSE = {
    "eng": "The mill by the river has been closed for years, and nobody lives there.",
    "fra": "Le moulin est fermé depuis des années, et personne ne le rachète.",
    "deu": "Die Mühle am Fluss ist seit Jahren zu, und niemand wohnt darin.",
    "rus": "Мельница на реке давно закрыта, и в ней никто не живёт.",
    "ell": "Ο μύλος στο ποτάμι έχει κλείσει εδώ και χρόνια.",
    "arb": "الطاحونة على النهر مغلقة منذ سنوات، ولا أحد يسكن فيها.",
    "hin": "नदी के किनारे की चक्की कई साल से बंद है।",
    "tha": "โรงสีริมแม่น้ำปิดมาหลายปีแล้วและไม่มีใครอยู่",
    "cmn": "河边的磨坊已经关了很多年，现在没有人住在那里。",
    "jpn": "川のそばの水車小屋は何年も前に閉まっている。",
}


def batch(texts: list[str | None], languages: list[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "text": pa.array(texts, pa.string()),
            "text_chars": pa.array([len(text or "") for text in texts], pa.int32()),
            "language": pa.array(languages, pa.string()),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )


def cleaned(
    text: str, language: str | None = "eng", **config: object
) -> dict[str, object]:
    transform = CleanLines.model_validate(config).build()
    row: dict[str, object] = transform(batch([text], [language])).to_pylist()[0]
    return row


def rules_that_hit(row: dict[str, object]) -> list[str]:
    counts = {name: value for name, value in row.items() if name.endswith("_count")}
    return [
        name.removeprefix("clean_lines_").removesuffix("_count")
        for name, value in counts.items()
        if value
    ]


@pytest.mark.parametrize("preset", ["c4", "refinedweb", ["c4", "refinedweb"]])
@pytest.mark.parametrize("language", PROSE)
def test_prose_keeps_its_bytes(language: str, preset: object) -> None:
    text = f"  {PROSE[language]}\n\n\n{PROSE[language]} \n"
    row = cleaned(text, language, preset=preset)
    assert row["text"] == text
    assert rules_that_hit(row) == []
    assert row["clean_lines_word_ratio"] == 0
    assert row["drop_reason"] is None


@pytest.mark.parametrize(
    ("line", "language", "rule"),
    [
        pytest.param("a b " + "x" * 1001 + ".", "eng", "long_word", id="long word"),
        pytest.param("A heading of five words", "eng", "unpunctuated", id="heading"),
        pytest.param("And so it goes...", "eng", "unpunctuated", id="three dots"),
        pytest.param("И так далее…", "rus", "unpunctuated", id="ellipsis"),
        pytest.param("磨坊的历史和现在", "cmn", "unpunctuated", id="Chinese heading"),
        pytest.param("Very short.", "eng", "short", id="two words"),
        pytest.param("磨坊。", "cmn", "short", id="Chinese word"),
        pytest.param("Please turn JavaScript on.", "fra", "javascript", id="notice"),
        pytest.param("This site uses cookies.", "ell", "policy", id="English anywhere"),
        pytest.param(
            "Ce site utilise des cookies.", "fra", "policy", id="French policy"
        ),
        pytest.param(
            "Wir verwenden Cookies auf dieser Seite.", "deu", "policy", id="German"
        ),
        pytest.param(
            "Este sitio utiliza cookies propias.", "spa", "policy", id="Spanish"
        ),
        pytest.param(
            "Leggi la nostra Informativa sui cookie.", "ita", "policy", id="Italian"
        ),
        pytest.param(
            "Leia a nossa política de privacidade.", "por", "policy", id="Portuguese"
        ),
        pytest.param("Deze site gebruikt cookies.", "nld", "policy", id="Dutch"),
        pytest.param("Nasza strona używa plików cookie.", "pol", "policy", id="Polish"),
        pytest.param(
            "Наш сайт ИСПОЛЬЗУЕТ ФАЙЛЫ COOKIE.",
            "rus",
            "policy",
            id="Russian, case aside",
        ),
        pytest.param("Διαβάστε τους Όρους Χρήσης.", "ell", "policy", id="Greek"),
        pytest.param("اقرأ سياسة الخصوصية هنا.", "arb", "policy", id="Arabic"),
        pytest.param("本网站的隐私政策已经更新。", "cmn", "policy", id="Chinese"),
        pytest.param(
            "当サイトの利用規約をお読みください。", "jpn", "policy", id="Japanese"
        ),
        pytest.param("हमारी गोपनीयता नीति पढ़ें।", "hin", "policy", id="Hindi"),
        pytest.param("เว็บไซต์นี้ใช้คุกกี้", "tha", "policy", id="Thai"),
    ],
)
def test_c4_takes_a_line_away(line: str, language: str, rule: str) -> None:
    prose = PROSE.get(language, PROSE["eng"])
    row = cleaned(f"{prose}\n{line}\n{prose}", language, preset="c4")
    assert row["text"] == f"{prose}\n{prose}"
    assert rules_that_hit(row) == [rule]
    assert row["text_chars"] == 2 * len(prose) + 1
    assert row["drop_reason"] is None


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("He asked: “Who is there?”", "eng"),
        ("Er sagte: „Die Mühle ist zu.“", "deu"),
        ("Elle dit : « Bonjour à tous »", "fra"),
        ("他说：“磨坊关了。”", "cmn"),
        ("「水車小屋は閉まっている」", "jpn"),
        ("Una política de agua limpia.", "spa"),
        ("Ta polityka wody jest dobra.", "pol"),
    ],
)
def test_c4_keeps_a_line(line: str, language: str) -> None:
    assert cleaned(line, language, preset="c4")["text"] == line


def test_citations_are_taken_out_of_lines() -> None:
    row = cleaned("It is so.[3][] It[edit] was[citation needed] not [a].", preset="c4")
    assert row["text"] == "It is so. It was not [a]."
    assert row["clean_lines_citation_count"] == 4


@pytest.mark.parametrize(
    ("line", "language", "rule"),
    [
        pytest.param("SUBSCRIBE TO OUR LETTER", "eng", "uppercase", id="capitals"),
        pytest.param(
            "ПОДПИШИСЬ НА НОВОСТИ", "rus", "uppercase", id="Cyrillic capitals"
        ),
        pytest.param("12.03.2024 | 18:30", "eng", "number", id="figures"),
        pytest.param("٢٠٢٤ / ٣", "arb", "number", id="Arabic figures"),
        pytest.param("Share", "eng", "single_word", id="one word"),
        pytest.param("目录", "cmn", "single_word", id="one Chinese word"),
        pytest.param("1.2K likes", "eng", "counter", id="English counter"),
        pytest.param("1 comment", "swe", "counter", id="English, one, in Swedish"),
        pytest.param("12 k vues", "fra", "counter", id="French, thousands"),
        pytest.param("1,2 Mio. Aufrufe", "deu", "counter", id="German, millions"),
        pytest.param(
            "3 mil visualizaciones", "spa", "counter", id="Spanish, thousands"
        ),
        pytest.param("12 тыс. просмотров", "rus", "counter", id="Russian, thousands"),
        pytest.param("12 ألف مشاهدة", "arb", "counter", id="Arabic, thousands"),
        pytest.param("3亿次播放", "cmn", "counter", id="Chinese, 10^8"),
        pytest.param("1.2 ล้านวิว", "tha", "counter", id="Thai, millions"),
        pytest.param("12 लाख व्यूज", "hin", "counter", id="Hindi, 10^5"),
        pytest.param("• 12,345 views •", "eng", "counter", id="signs around it"),
        pytest.param("3 commentaires", "fra", "counter", id="French"),
        pytest.param("12 Kommentare", "deu", "counter", id="German"),
        pytest.param("7 comentarios", "spa", "counter", id="Spanish"),
        pytest.param("7 commenti", "ita", "counter", id="Italian"),
        pytest.param("15 curtidas", "por", "counter", id="Portuguese"),
        pytest.param("8 reacties", "nld", "counter", id="Dutch"),
        pytest.param("1 204 wyświetleń", "pol", "counter", id="Polish, thousands"),
        pytest.param("5 комментариев", "rus", "counter", id="Russian"),
        pytest.param("5 σχόλια", "ell", "counter", id="Greek"),
        pytest.param("٥ تعليقات", "arb", "counter", id="Arabic"),
        pytest.param("1.2万次浏览", "cmn", "counter", id="Chinese"),
        pytest.param("3 件のコメント", "jpn", "counter", id="Japanese"),
        pytest.param("4 टिप्पणियाँ", "hin", "counter", id="Hindi"),
        pytest.param("9 ความคิดเห็น", "tha", "counter", id="Thai"),
        pytest.param("Sign in", "eng", "button", id="sign in"),
        pytest.param("3 items in cart", "eng", "button", id="cart"),
        pytest.param("Read more...", "eng", "button", id="read more"),
        pytest.param("Lire la suite »", "fra", "button", id="French button"),
        pytest.param("続きを読む", "jpn", "button", id="Japanese button"),
        pytest.param("Читать далее", "rus", "button", id="Russian button"),
    ],
)
def test_refinedweb_takes_a_line_away(line: str, language: str, rule: str) -> None:
    prose = PROSE.get(language, PROSE["eng"])
    text = "\n".join([prose] * 9)
    row = cleaned(f"{text}\n{line}", language, max_removed_ratio=1)
    assert row["text"] == text
    assert rules_that_hit(row) == [rule]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("The old mill burns. Read more…", "The old mill burns."),
        ("Sign-in | Register now", "| Register now"),
        ("You should read more.", None),
        ("Sign in blue ink please", None),
        ("12 likes of hers", None),
        ("likes 12", None),
        ("NASA and the ESA met", None),
        ("Room 12", None),
        ("Spread more love", None),
        ("Read more if you have eleven words or so in this line read more", None),
    ],
)
def test_buttons_are_taken_out_of_short_lines(line: str, left: str | None) -> None:
    row = cleaned(line, max_removed_ratio=1, without=["single_word"])
    assert row["text"] == (line if left is None else left)


def test_a_document_that_lost_more_than_a_twentieth_of_its_words_drops() -> None:
    words = " ".join(["word"] * 38)
    assert cleaned(f"{words}\nNEWS NOW")["drop_reason"] is None  # 2 of 40
    assert cleaned(f"{words}\nBUY NEWS NOW")["drop_reason"] == "cleaned_too_much"
    row = cleaned(f"{words}.\nbuy news now", preset="c4")
    assert row["clean_lines_word_ratio"] == pytest.approx(3 / 41)
    assert row["drop_reason"] is None
    row = cleaned(f"{words}.\nbuy news now", preset="c4", max_removed_ratio=0.05)
    assert row["drop_reason"] == "cleaned_too_much"


def test_blank_lines_do_not_pile_up_where_lines_went() -> None:
    text = "One two.\n\nSHARE\n\n\nThree four.\n\n12\n"
    assert cleaned(text, max_removed_ratio=1)["text"] == "One two.\n\nThree four."


def test_a_text_that_lost_a_line_has_no_markdown() -> None:
    rows = batch(["The mill is closed.\nSHARE", "The mill is closed."], ["eng", "eng"])
    marked = pa.array(["# The mill is closed.\n\nSHARE", "# The mill is closed."])
    rows = rows.append_column("markdown", marked)
    found = CleanLines(max_removed_ratio=1).build()(rows)
    assert found["text"].to_pylist() == ["The mill is closed."] * 2
    assert found["markdown"].to_pylist() == [None, "# The mill is closed."]


def test_rules_can_be_left_out() -> None:
    config = CleanLines(preset="c4", without=("unpunctuated", "short"))
    assert config.rules == ("long_word", "citation", "javascript", "policy")
    assert "clean_lines_short_count" not in config.columns_written().names
    assert cleaned("No end", preset="c4", without=["unpunctuated", "short"])[
        "text"
    ] == ("No end")


def test_datatrove_s_reading_is_in_english_and_stops_where_it_condemns() -> None:
    text = "A line is here. \nUne ligne：河边的磨坊。\nOh { no.\nA last line is here."
    row = cleaned(text, None, preset="c4", compat="datatrove")
    assert row["text"] == "A line is here.\nOh { no."
    assert rules_that_hit(row) == ["unpunctuated"]


def test_columns_nulls_batches_and_empty_batches() -> None:
    for preset, rules in {"c4": C4, "refinedweb": REFINEDWEB}.items():
        config = CleanLines.model_validate({"preset": preset})
        names = config.columns_written().names
        assert names[2:-1] == [f"clean_lines_{rule}_count" for rule in rules]
        rows = batch(
            ["SHARE\nIt is so.", None, "", PROSE["cmn"]], ["eng", None, None, "cmn"]
        )
        transform = config.build()
        whole = transform(rows)
        assert whole.schema.names[4:] == names[2:]
        for field in config.columns_written():
            assert whole.schema.field(field.name).type == field.type
        single = [transform(rows.slice(row, 1)).to_pylist()[0] for row in range(4)]
        assert single == whole.to_pylist()
        assert whole["text"].to_pylist()[1:] == [None, "", PROSE["cmn"]]
        assert whole["clean_lines_word_ratio"].to_pylist()[1] is None
        assert transform(rows.slice(0, 0)).schema == whole.schema


@settings(max_examples=200, deadline=None)
@given(st.text("aB. \n[1]é。字กk\u2028\r-", max_size=60), st.booleans())
def test_nothing_is_written_that_was_not_there(text: str, like_datatrove: bool) -> None:
    compat = {"compat": "datatrove", "preset": "c4"} if like_datatrove else {}
    row = cleaned(
        text, max_removed_ratio=1, **(compat or {"preset": ["c4", "refinedweb"]})
    )
    left = iter(text.replace("\u2028", "\n").replace("\r", "\n"))
    assert all(
        letter in left
        for letter in str(row["text"]).replace("\r", "\n").replace("\u2028", "\n")
    )


def test_hostile_texts_are_cleaned_without_harm() -> None:
    texts = [
        "[1] " * 100_000,
        "[" * 100_000,
        "\n" * 100_000,
        "read more " * 9,
        "use " * 50_000,
    ]
    rows = batch(list(texts), ["eng"] * len(texts))
    row = CleanLines(preset=("c4", "refinedweb"), without=("unpunctuated",)).build()(
        rows
    )
    assert row["clean_lines_citation_count"].to_pylist()[0] == 100_000


def test_there_are_phrases_in_twelve_languages_and_more() -> None:
    assert set(PROSE) | {"spa", "ita", "por", "nld", "pol"} == set(languages())


@pytest.mark.parametrize(
    "settings_",
    [
        {"preset": "refinedweb", "compat": "datatrove"},
        {"preset": "c5"},
        {"without": ["shorts"]},
        {"max_removed_ratio": 2},
    ],
)
def test_mistakes_are_refused(settings_: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CleanLines.model_validate(settings_)
