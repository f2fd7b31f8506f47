"""The weights that ship: what they were fitted to, under which licence, with what figures."""

from pathlib import Path

import pyarrow as pa
import pytest

from tamis.linear.model import Model
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.toxicity.model import DEFAULT_PATH, default_model, load

ROOT = Path(__file__).resolve().parents[2]
SHARE_ALIKE = ROOT / "weights" / "cc-by-sa" / "toxicity-kor-por.npz"


@pytest.fixture(params=[DEFAULT_PATH, SHARE_ALIKE], ids=["packaged", "share-alike"])
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def model(path: Path) -> Model:
    return load(path)


def test_the_file_is_small_and_its_card_lies_beside_it(
    path: Path, model: Model
) -> None:
    assert path.stat().st_size < 4e6
    card = path.with_suffix(".md").read_text("utf-8")
    assert f"Licence of the weights: {model.card['licence']}." in card
    for source, licence in model.card["sources"].items():
        assert f"* {source}: {licence}" in card
    for language in model.languages:
        assert f"| {language} |" in card


def test_no_weight_was_fitted_to_the_functional_tests(model: Model) -> None:
    assert not [source for source in model.card["sources"] if "hatecheck" in source]


def test_at_most_one_of_100_clean_windows_is_over_the_limit(model: Model) -> None:
    figures = model.card["figures"]
    assert set(model.languages) <= set(figures["languages"])
    for own in figures["languages"].values():
        assert own["clean_windows"] + own["unseen_windows"] >= 100
        for kind in ("clean_over", "unseen_over"):
            assert own[kind].get("0.9", 0) <= 0.01


def test_the_packaged_weights_owe_nothing_to_share_alike_sets() -> None:
    package, other = default_model().card, load(SHARE_ALIKE).card
    assert package["licence"] == "CC-BY-4.0"
    assert not [own for own in package["sources"].values() if "-SA" in own]
    assert other["licence"] == "CC-BY-SA-4.0"


def test_the_optional_weights_add_languages_and_change_none() -> None:
    assert not set(default_model().languages) & set(load(SHARE_ALIKE).languages)
    rows = pa.RecordBatch.from_pydict(
        {
            "text": [
                "The council met on Tuesday.",
                "O conselho reuniu-se na terça-feira.",
                "의회는 화요일에 만났다.",
                "La capra è sul monte.",
            ],
            "language": ["eng", "por", "kor", "ita"],
            "drop_reason": pa.nulls(4, pa.string()),
        }
    )
    alone, joined = (
        ScoreToxicity(packaged=False, model=names)
        .build()(rows)["toxicity_max"]
        .to_pylist()
        for names in ("default", ("default", str(SHARE_ALIKE)))
    )
    assert alone[1:] == [None] * 3
    assert joined[0] == alone[0]
    assert [value is None for value in joined] == [False, False, False, True]
    assert all(value < 0.9 for value in joined[:3])
