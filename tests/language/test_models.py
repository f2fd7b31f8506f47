from pathlib import Path

import pyarrow as pa
import pytest

from tamis.errors import StorageError
from tamis.language.models import (
    FastText,
    Opinion,
    SecondOpinion,
    opinions,
    packaged_model,
)

NORWEGIAN = "Regjeringen vil legge frem et nytt forslag i morgen, sier ministeren."
CROATIAN = "Vlada će sutra predstaviti novi prijedlog zakona o obrazovanju."


def answer_of(model: FastText | SecondOpinion, line: str) -> Opinion:
    return model.opinions(pa.array([line]))[0]


@pytest.fixture(scope="module")
def first() -> FastText:
    return FastText(packaged_model())


@pytest.fixture(scope="module")
def second() -> SecondOpinion:
    return SecondOpinion(["nob", "hrv"])


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("The government will present a new proposal tomorrow morning.", "eng"),
        ("Le gouvernement présentera demain une nouvelle proposition.", "fra"),
        ("Правительство завтра представит новое предложение.", "rus"),
        ("ستقدم الحكومة غدا اقتراحا جديدا بشأن التعليم", "arb"),
        ("政府明天将提出一项新的教育提案", "cmn"),
        ("政府は明日、新しい提案を発表する予定です。", "jpn"),
        ("सरकार कल शिक्षा पर एक नया प्रस्ताव पेश करेगी।", "hin"),
        ("รัฐบาลจะเสนอข้อเสนอใหม่ในวันพรุ่งนี้", "tha"),
        ("Η κυβέρνηση θα παρουσιάσει αύριο νέα πρόταση.", "ell"),
    ],
)
def test_both_models_know_the_common_languages(
    first: FastText, second: SecondOpinion, line: str, language: str
) -> None:
    for answer in (answer_of(first, line), answer_of(second, line)):
        assert answer.language == language
        assert 0 < answer.score <= 1


def test_the_languages_asked_for_are_expected(second: SecondOpinion) -> None:
    asked = answer_of(second, CROATIAN)
    other = answer_of(SecondOpinion(["bos"]), CROATIAN)
    assert asked.language == "hrv"
    assert other.language == "bos"


def test_a_language_not_asked_for_is_found_all_the_same(second: SecondOpinion) -> None:
    finnish = "Hallitus esittelee huomenna uuden ehdotuksen koulutuksesta."
    answer = answer_of(second, finnish)
    assert answer.language == "fin"
    assert answer.score > 0.9


def test_a_sure_first_opinion_stands(first: FastText, second: SecondOpinion) -> None:
    line = "Le gouvernement présentera demain une nouvelle proposition."
    assert opinions(pa.array([line]), first, second, sure_from=0.9)[0] == answer_of(
        first, line
    )
    assert opinions(pa.array([line]), first, None, sure_from=0.9)[0] == answer_of(
        first, line
    )
    assert opinions(pa.array([line]), first, second, sure_from=1.01)[0] == answer_of(
        second, line
    )


def test_an_unsure_first_opinion_gives_way(
    first: FastText, second: SecondOpinion
) -> None:
    assert answer_of(first, NORWEGIAN).score < 0.9
    answer = opinions(pa.array([NORWEGIAN]), first, second, sure_from=0.9)[0]
    assert answer == answer_of(second, NORWEGIAN)
    assert answer.language == "nob"


def test_a_language_only_the_first_model_knows_stands_if_asked_for() -> None:
    cebuano = Opinion("ceb", 0.6)
    assert not SecondOpinion(["ceb"]).outweighs(cebuano)
    assert SecondOpinion(["tgl"]).outweighs(cebuano)
    assert not SecondOpinion([]).outweighs(cebuano)
    assert SecondOpinion([]).outweighs(Opinion("ceb", 0.4))
    assert SecondOpinion(["ceb"]).outweighs(Opinion("hbs", 0.8))


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"no model")
    for name in ("x.bin", "absent.bin"):
        with pytest.raises(StorageError, match=rf"{name} is not a fastText model"):
            FastText(str(tmp_path / name))
