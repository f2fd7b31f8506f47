import pytest

from tamis.language.labels import language_of_label


@pytest.mark.parametrize(
    ("label", "language"),
    [
        pytest.param("__label__fra_Latn", "fra", id="GlotLID"),
        pytest.param("__label__cmn_Hani", "cmn", id="GlotLID, Chinese"),
        pytest.param("__label__zho_Hans", "cmn", id="OpenLID, Chinese"),
        pytest.param("__label__arb_Arab", "arb", id="OpenLID, Arabic"),
        pytest.param("__label__als_Latn", "als", id="with a script als is Albanian"),
        pytest.param("__label__als", "gsw", id="lid.176's als is Alemannic"),
        pytest.param("__label__fr", "fra", id="lid.176"),
        pytest.param("__label__no", "nob", id="lid.176, Norwegian"),
        pytest.param("__label__zh", "cmn", id="lid.176, Chinese"),
        pytest.param("__label__arz", "arz", id="lid.176, Egyptian Arabic"),
        pytest.param("__label__eml", "egl", id="lid.176, a withdrawn code"),
        pytest.param("__label__sh", "hbs", id="lid.176, Serbo-Croatian"),
        pytest.param("zxx", None, id="py3langid, not a language"),
        pytest.param("__label__zxx_Zxxx", None, id="GlotLID, not a language"),
        pytest.param("__label__und_Latn", None, id="undetermined"),
        pytest.param("sw", "swh", id="py3langid"),
        pytest.param("__label__klingon", "klingon", id="a label of your own"),
    ],
)
def test_labels_of_the_models(label: str, language: str | None) -> None:
    assert language_of_label(label) == language
