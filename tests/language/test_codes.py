import re

import pytest

from tamis.language.codes import (
    by_language,
    canonical_language,
    known_language,
    language_name,
)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        pytest.param("fra", "fra", id="ISO 639-3"),
        pytest.param(" FRA ", "fra", id="case and spaces"),
        pytest.param("fr", "fra", id="ISO 639-1"),
        pytest.param("fre", "fra", id="ISO 639-2 bibliographic"),
        pytest.param("ger", "deu", id="German"),
        pytest.param("zho", "cmn", id="Chinese"),
        pytest.param("zh", "cmn", id="Chinese, short"),
        pytest.param("chi", "cmn", id="Chinese, bibliographic"),
        pytest.param("yue", "yue", id="Cantonese is not Mandarin"),
        pytest.param("ara", "arb", id="Arabic"),
        pytest.param("ar", "arb", id="Arabic, short"),
        pytest.param("nor", "nob", id="Norwegian"),
        pytest.param("no", "nob", id="Norwegian, short"),
        pytest.param("nb", "nob", id="Bokmal"),
        pytest.param("nn", "nno", id="Nynorsk"),
        pytest.param("est", "ekk", id="Estonian"),
        pytest.param("lv", "lvs", id="Latvian"),
        pytest.param("fas", "pes", id="Persian"),
        pytest.param("ms", "zsm", id="Malay"),
        pytest.param("swa", "swh", id="Swahili"),
        pytest.param("sqi", "als", id="Albanian"),
        pytest.param("als", "als", id="Tosk Albanian, by the standard"),
        pytest.param("mon", "khk", id="Mongolian"),
        pytest.param("az", "azj", id="Azerbaijani"),
        pytest.param("uzb", "uzn", id="Uzbek"),
        pytest.param("or", "ory", id="Odia"),
        pytest.param("pus", "pbt", id="Pashto"),
        pytest.param("iw", "heb", id="withdrawn Hebrew"),
        pytest.param("yi", "ydd", id="Yiddish"),
        pytest.param("orm", "gaz", id="Oromo"),
        pytest.param("ku", "kmr", id="Kurdish"),
        pytest.param("fil", "tgl", id="Filipino is standard Tagalog"),
        pytest.param(
            "san", "san", id="Sanskrit, a macrolanguage without a chief member"
        ),
        pytest.param("kbd", "kbd", id="a code that has no name here"),
    ],
)
def test_every_name_of_a_language_gives_one_code(written: str, code: str) -> None:
    assert canonical_language(written) == code
    assert canonical_language(code) == code


@pytest.mark.parametrize(
    ("written", "suggestion"),
    [
        ("french", "did you mean fra (French)?"),
        ("Germann", "did you mean deu (German)?"),
        ("pt-BR", "did you mean por?"),
        ("fra_Latn", "did you mean fra?"),
        ("hbs", "Serbo-Croatian is hrv, srp or bos"),
        ("sh", "Serbo-Croatian is hrv, srp or bos"),
        ("engg", "eng (English)"),
        ("zzzzzz", "'zzzzzz' is no ISO 639-3 code"),
        ("", "'' is no ISO 639-3 code"),
    ],
)
def test_what_is_no_code_is_refused_with_a_suggestion(
    written: str, suggestion: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(suggestion)):
        canonical_language(written)
    assert known_language(written) is None


def test_common_languages_have_names() -> None:
    assert language_name("cmn") == "Chinese"
    assert language_name("ell") == "Greek"
    assert language_name("nob") == "Norwegian"
    assert language_name("kbd") == "kbd"


def test_values_by_language_are_named_once() -> None:
    assert by_language({"fr": 1, "ZH": 2, "default": 3}, others=("default",)) == {
        "fra": 1,
        "cmn": 2,
        "default": 3,
    }
    assert by_language({}) == {}
    with pytest.raises(ValueError, match="no and nob are one language"):
        by_language({"no": 1, "nob": 1})
    with pytest.raises(ValueError, match="'default' is no ISO 639-3 code"):
        by_language({"default": 1})
