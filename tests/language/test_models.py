from pathlib import Path

import pytest

from tamis.errors import StorageError
from tamis.language.models import (
    FastText,
    Opinion,
    SecondOpinion,
    opinion,
    packaged_model,
)

NORWEGIAN = "Regjeringen vil legge frem et nytt forslag i morgen, sier ministeren."
CROATIAN = "Vlada će sutra predstaviti novi prijedlog zakona o obrazovanju."


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
    for answer in (first.opinion(line), second.opinion(line)):
        assert answer.language == language
        assert 0 < answer.score <= 1


def test_the_languages_asked_for_are_expected(second: SecondOpinion) -> None:
    asked = second.opinion(CROATIAN)
    other = SecondOpinion(["bos"]).opinion(CROATIAN)
    assert asked.language == "hrv"
    assert other.language == "bos"


def test_a_language_not_asked_for_is_found_all_the_same(second: SecondOpinion) -> None:
    answer = second.opinion(
        "Hallitus esittelee huomenna uuden ehdotuksen koulutuksesta."
    )
    assert answer.language == "fin"
    assert answer.score > 0.9


def test_a_sure_first_opinion_stands(first: FastText, second: SecondOpinion) -> None:
    line = "Le gouvernement présentera demain une nouvelle proposition."
    assert opinion(line, first, second, sure_from=0.9) == first.opinion(line)
    assert opinion(line, first, None, sure_from=0.9) == first.opinion(line)
    assert opinion(line, first, second, sure_from=1.01) == second.opinion(line)


def test_an_unsure_first_opinion_gives_way(
    first: FastText, second: SecondOpinion
) -> None:
    assert first.opinion(NORWEGIAN).score < 0.9
    answer = opinion(NORWEGIAN, first, second, sure_from=0.9)
    assert answer == second.opinion(NORWEGIAN)
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
