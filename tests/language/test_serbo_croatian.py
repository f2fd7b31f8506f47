"""Serbian in Latin letters is not Croatian, and models do not know it."""

import pyarrow as pa
import pytest

from tamis.language.models import Opinion
from tamis.language.serbo_croatian import standard
from tamis.stages.identify_language import languages_of


@pytest.mark.parametrize(
    ("line", "language", "expected"),
    [
        pytest.param("", "hrv", "hrv", id="empty"),
        pytest.param("Deca su ovde, a ko je tamo?", "hrv", "srp", id="Serbian"),
        pytest.param("Djeca su ovdje, a tko je tamo?", "hrv", "hrv", id="Croatian"),
        pytest.param("Djeca su ovdje, a tko je tamo?", "srp", "hrv", id="taken for it"),
        pytest.param("U Zagrebu pada kiša.", "hrv", "hrv", id="no word of either"),
        pytest.param("U Zagrebu pada kiša.", "srp", "srp", id="nothing against it"),
        pytest.param("Ko je vidio ovdje djecu?", "bos", "bos", id="Bosnian"),
        pytest.param("GDE JE PREDSEDNIK", "hrv", "srp", id="capitals"),
    ],
)
def test_a_line_is_of_the_standard_whose_words_it_has(
    line: str, language: str, expected: str
) -> None:
    assert standard(line, language) == expected


@pytest.mark.parametrize(
    ("line", "answer", "expected"),
    [
        pytest.param("Deca su ovde.", "hbs", "srp", id="Serbo-Croatian, Serbian"),
        pytest.param("Djeca su ovdje.", "hbs", "hrv", id="Serbo-Croatian, Croatian"),
        pytest.param("Деца су овде.", "hbs", "srp", id="Serbo-Croatian, Cyrillic"),
        pytest.param("Где је председник?", "srp", "srp", id="Cyrillic is Serbian"),
        pytest.param("Gde je ko?", "slv", "slv", id="Slovene is not asked again"),
    ],
)
def test_the_stage_looks_again_at_latin_letters_only(
    line: str, answer: str, expected: str
) -> None:
    columns = languages_of(pa.array([line]), [Opinion(answer, 0.8)])
    assert columns["language"].to_pylist() == [expected]


def test_a_model_of_your_own_is_believed() -> None:
    columns = languages_of(
        pa.array(["Deca su ovde."]), [Opinion("hrv", 0.8)], is_corrected=False
    )
    assert columns["language"].to_pylist() == ["hrv"]
