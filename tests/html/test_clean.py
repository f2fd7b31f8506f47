import re
import unicodedata

import pytest
from fixtures.patience import cpu_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.html.clean import clean, clean_title


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param(" \t\n\r\n\u00a0\n", "", id="only white space"),
        pytest.param("a\nb", "a\nb", id="clean already"),
        pytest.param("e\u0301te\u0301", "\u00e9t\u00e9", id="Latin: composed"),
        pytest.param("и\u0306", "\u0439", id="Cyrillic: composed"),
        pytest.param("\u1112\u1161\u11ab", "\ud55c", id="Korean: jamo composed"),
        pytest.param("क\u093c", "क\u093c", id="Indic: a composition exclusion"),
        pytest.param("\u212b", "\u00c5", id="the Angstrom sign is a letter"),
        pytest.param("ﬁ", "ﬁ", id="compatibility forms stay"),
        pytest.param("a\r\nb\rc\u2028d\x0be", "a\nb\nc\nd\ne", id="line ends"),
        pytest.param("a\n\n\n\nb", "a\n\nb", id="one blank line at most"),
        pytest.param("a\n \n\t\n \nb", "a\n\nb", id="lines of spaces are blank"),
        pytest.param("\n\n  a  \n", "  a", id="indentation stays, ends go"),
        pytest.param("a \nb\u3000\nc\u00a0", "a\nb\nc", id="no trailing white space"),
        pytest.param("\tif x:\tpass \t", "\tif x:\tpass", id="tabs"),
        pytest.param("a\x00b\x07c\x7fde", "abcde", id="controls"),
        pytest.param(
            "don\x92t, \x93no\x94 \x96 it\x85 \x81\x8d\x90",
            "don’t, “no” – it…",
            id="C1",
        ),
        pytest.param("\ufeffa\ufeffb", "ab", id="byte order marks"),
        pytest.param(
            "Donau\xaddampf\u2060schiff", "Donaudampfschiff", id="hyphenation"
        ),
        pytest.param("a\ud800b\ufffec\U0010ffff", "abc", id="no characters"),
        pytest.param("long\u200bword", "longword", id="zero-width space in Latin"),
        pytest.param("ខ្ញុំ\u200bទៅ", "ខ្ញុំ\u200bទៅ", id="zero-width space in Khmer"),
        pytest.param("ไทย\u200b\u200b", "ไทย\u200b", id="one after Thai is enough"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="Persian non-joiner stays"),
        pytest.param("क्\u200dष", "क्\u200dष", id="Indic joiner stays"),
        pytest.param("👩\u200d💻", "👩\u200d💻", id="emoji joiner stays"),
        pytest.param("你好\u3000世界", "你好\u3000世界", id="ideographic space stays"),
        pytest.param("\ufffd", "\ufffd", id="what was lost stays visible"),
        pytest.param("a\xad\u0301", "\u00e1", id="composed after removal"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@settings(deadline=None)  # the machine may be busy
@given(
    st.text(
        st.one_of(
            st.characters(),
            st.sampled_from(
                "a \t\n\r\xa0\xad\u200b\u0301\u0323ก\u2028\ufeff\x85\x1c\x1f"
            ),
        )
    )
)
def test_clean_text_is_as_promised_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(
        unicodedata.category(c) in ("Cc", "Cs") for c in re.sub(r"[\n\t]", "", cleaned)
    )
    assert all(line == line.rstrip() for line in cleaned.split("\n"))
    assert "\n\n\n" not in cleaned
    assert cleaned == cleaned.strip("\n")


def test_a_pile_of_marks_costs_no_time_with_its_square() -> None:
    # Python takes 5 s to normalise 80,000 marks in the wrong order.
    pile = "a" + "\u0301\u0323" * 500_000
    assert cpu_seconds(lambda: clean(pile)) < 2
    assert clean(pile) == "\u1ea1" + "\u0323" * 14 + "\u0301" * 15


@pytest.mark.parametrize(
    "text", [" " * 10**6 + "x", "\n" * 10**6, "\u200b" * 10**6, "a\t" * 10**5]
)
def test_hostile_text_is_cleaned_in_time(text: str) -> None:
    assert cpu_seconds(lambda: clean(text)) < 1


@pytest.mark.parametrize(
    ("title", "expected"),
    [("", None), (" \n ", None), (" Een\n  titel ", "Een titel"), ("天気", "天気")],
)
def test_a_title_is_one_line(title: str, expected: str | None) -> None:
    assert clean_title(title) == expected


@pytest.mark.parametrize("marks", [30, 31, 45, 62])
def test_marks_over_the_limit_are_found_wherever_they_are(marks: int) -> None:
    for before in range(70):
        for after in ("", "b" * 70):
            lead = "b" * before + "e"
            expected = unicodedata.normalize("NFC", lead + "\u0301" * 30 + after)
            assert clean(lead + "\u0301" * marks + after) == expected
