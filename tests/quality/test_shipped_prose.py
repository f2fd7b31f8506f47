"""The quality model that ships: what it says of prose, and what its card says of it."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fixtures.prose import BOILERPLATE, PROSE

from tamis.quality.names import DEFAULT_PATH
from tamis.quality.prose import EVERY_LANGUAGE, UNMARKED, load
from tamis.quality.prose_features import FEATURES, RISING
from tamis.stages.measure_text import MeasureText
from tamis.stages.score_quality import ScoreQuality

FILE = Path(DEFAULT_PATH)
CARD = FILE.with_suffix(".md").read_text("utf-8")


def scored(*rows: tuple[str | None, str | None]) -> pa.RecordBatch:
    batch = pa.record_batch(
        {
            "text": pa.array([text for text, _ in rows], pa.string()),
            "language": pa.array([language for _, language in rows], pa.string()),
            "drop_reason": pa.nulls(len(rows), pa.string()),
        }
    )
    return ScoreQuality().build()(MeasureText().build()(batch))


def scores(*rows: tuple[str | None, str | None]) -> list[Any]:
    found: list[Any] = scored(*rows)["quality_score"].to_pylist()
    return found


@pytest.mark.parametrize("language", PROSE)
def test_prose_is_above_boilerplate(language: str) -> None:
    """In ten languages of seven scripts, of which two had pages to learn from in number."""
    found = scored((PROSE[language], language), (BOILERPLATE[language], language))
    assert found["quality_bucket"].to_pylist() == ["head", "tail"]


@pytest.mark.parametrize("language", PROSE)
def test_boilerplate_around_prose_lowers_it(language: str) -> None:
    both = f"{BOILERPLATE[language]}\n{PROSE[language]}"
    alone, around = scores((PROSE[language], language), (both, language))
    assert around < alone


def test_a_document_without_text_or_words_has_no_score() -> None:
    found = scored((None, "eng"), ("", "eng"), ("— ...", "eng"), ("Words.", None))
    assert found["quality_score"].is_valid().to_pylist() == [False, False, False, True]
    assert found["quality_bucket"].to_pylist()[:3] == [None] * 3


def test_a_score_depends_on_no_other_document() -> None:
    rows = [*PROSE.items(), *BOILERPLATE.items()]
    together = scores(*((text, language) for language, text in rows))
    alone = [scores((text, language))[0] for language, text in rows]
    assert together == alone


def test_what_the_card_says_it_cannot_judge() -> None:
    """Verse, a list and code score below the prose that says the same."""
    verse = "The gates are shut,\nthe keeper gone,\nthe water still,\nthe moon is on."
    listed = "Flour\nEggs\nMilk\nA pinch of salt\nButter for the pan\nSugar"
    code = "def open_gate(level):\n    if level > 300:\n        raise GateError(level)"
    found = scores(
        (PROSE["eng"], "eng"), (verse, "eng"), (listed, "eng"), (code, "eng")
    )
    assert found[0] > max(found[1:])


def test_every_curve_rises_or_falls_as_its_feature_must() -> None:
    for name, values in zip(FEATURES, load(FILE).values, strict=True):
        sign = 1 if name in RISING else -1
        assert (sign * (values[1:] - values[:-1]) >= 0).all(), name


def test_the_file_is_small_and_is_that_of_its_card() -> None:
    assert FILE.stat().st_size < 16_000
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in CARD
    model = load(FILE)
    assert f"Licence of the weights: {model.card['licence']}." in CARD
    for source, pages in model.card["sources"].items():
        assert f"| {source} | {pages:,} |" in CARD


def test_nothing_was_learnt_from_the_corpus_without_a_licence() -> None:
    assert "daniel" not in load(FILE).card["sources"]


def test_the_figures_of_the_card_are_those_of_the_training() -> None:
    figures = load(FILE).card["figures"]
    for language, own in figures["languages"].items():
        cells = [language, *(_cell(value) for value in own.values())]
        assert f"| {' | '.join(cells)} |" in CARD
    for language, own in figures["percentiles"].items():
        cells = [language, *(_cell(value) for value in own.values())]
        assert f"| {' | '.join(cells)} |" in CARD


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def test_articles_of_unseen_sites_are_above_what_was_left_out() -> None:
    for own in load(FILE).card["figures"]["languages"].values():
        assert own["left out"] > 0.98
        assert own["unseen, left out"] > 0.98


def test_percentiles_of_unseen_sites_are_nearly_uniform() -> None:
    """In the languages that had pages of many kinds to learn from. Measured: .026, .064."""
    spreads = load(FILE).card["figures"]["percentiles"]
    learnt = {k: own for k, own in spreads.items() if own["taught"] >= 100}
    assert set(learnt) == {"deu", "eng"}
    for own in learnt.values():
        assert own["largest deviation"] < 0.08
        assert abs(own["over half"] - 0.5) < 0.08


def test_articles_have_about_the_same_mean_in_every_language() -> None:
    """Also where none was taught: that is what makes a bound fair. Measured: .61 to .74."""
    means = [own["mean"] for own in load(FILE).card["figures"]["languages"].values()]
    assert len(means) >= 8
    assert min(means) > 0.55
    assert max(means) < 0.8


def test_languages_with_pages_have_tables_and_all_others_two() -> None:
    assert {EVERY_LANGUAGE, UNMARKED, "deu", "eng"} <= load(FILE).percentiles.keys()


@pytest.mark.shared
@pytest.mark.long  # training; another text of extract_text means training anew
def test_training_gives_the_shipped_bytes(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    from tamis.quality.prose import save
    from tamis.training.prose import train_prose

    names = ("", "-wcxb", "-daniel", "-recipes", "-htmldate")
    warcs = [shared_data / f"pages-dev{name}.warc.gz" for name in names]
    gold = shared_data / "gold-dev.jsonl.gz"
    model = train_prose(warcs, gold, licence=load(FILE).card["licence"])
    save(model, tmp_path / "prose.npz")
    assert (tmp_path / "prose.npz").read_bytes() == FILE.read_bytes()
