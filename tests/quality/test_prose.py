"""The additive model: curves, percentiles, and a file that cannot do harm."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.quality import prose
from tamis.quality.prose import KNOTS, STEPS, UNMARKED, Prose
from tamis.quality.prose_features import FEATURES, OF_MARKS

COUNT = len(FEATURES)


@pytest.fixture
def model() -> Prose:
    """Only the first feature counts: 0 below 1, 6 above 7, straight between."""
    knots = np.tile(np.arange(1.0, KNOTS + 1), (COUNT, 1))
    values = np.zeros((COUNT, KNOTS))
    values[0] = np.arange(KNOTS)
    tables = {
        "": np.linspace(0.0, 3.8, STEPS - 1),
        UNMARKED: np.linspace(0.0, 0.38, STEPS - 1),
        "fra": np.linspace(1.0, 4.8, STEPS - 1),
    }
    return Prose(knots, values, -1.0, tables, {"licence": "CC0-1.0"})


def documents(*firsts: float) -> np.ndarray:
    rows = np.ones((len(firsts), COUNT))
    rows[:, 0] = firsts
    return rows


def test_a_curve_is_straight_between_knots_and_level_beyond(model: Prose) -> None:
    found = prose.logits(documents(0.0, 1.0, 2.5, 7.0, 99.0), model)
    assert found.tolist() == pytest.approx([-1.0, -1.0, 0.5, 5.0, 5.0])


def test_what_was_not_measured_adds_nothing(model: Prose) -> None:
    rows = documents(np.nan, np.nan)
    rows[1] = np.nan
    found = prose.logits(rows, model)
    assert found[0] == -1.0
    assert np.isnan(found[1])


def test_the_score_is_the_place_in_the_language_s_table(model: Prose) -> None:
    # Logits of 1.9: the middle of the table of all, and .225 of a table that begins at 1.
    rows = documents(3.9, 3.9, 3.9, np.nan)
    rows[3] = np.nan
    found = prose.scores(rows, ["eng", None, "fra", "fra"], model)
    assert found[:2].tolist() == pytest.approx([0.5, 0.5])
    # 1.9 is .9 above the first entry (.025) of entries that are .1 apart, .025 each.
    assert found[2] == pytest.approx(0.025 + 9 * 0.025)
    assert np.isnan(found[3])


def test_documents_beyond_a_table_keep_their_order(model: Prose) -> None:
    found = prose.scores(documents(1.0, 1.5, 6.5, 7.0), ["eng"] * 4, model)
    assert 0.0 <= found[0] < found[1] < found[2] < found[3] <= 1.0


def test_documents_without_marks_have_a_table_of_their_own(model: Prose) -> None:
    rows = documents(2.19, 2.19)
    rows[1, [FEATURES.index(name) for name in OF_MARKS]] = np.nan
    marked, without = prose.scores(rows, ["fra", "tha"], model)
    assert without == pytest.approx(0.5)
    assert marked < 0.025


def test_buckets_are_those_of_ccnet() -> None:
    found = prose.buckets(np.array([0.0, 0.39, 0.4, 0.69, 0.7, 1.0, np.nan]))
    assert found.tolist() == ["tail"] * 2 + ["middle"] * 2 + ["head"] * 2 + [None]


def test_no_documents_have_no_scores(model: Prose) -> None:
    assert prose.scores(np.empty((0, COUNT)), [], model).tolist() == []


def test_a_model_is_read_as_it_was_written(model: Prose, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.prose.npz" for name in "ab"]
    for path in paths:
        prose.save(model, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read = prose.load(paths[0])
    assert read.knots.tolist() == model.knots.tolist()
    assert read.values.tolist() == model.values.tolist()
    assert (read.intercept, read.card) == (model.intercept, model.card)
    assert read.percentiles.keys() == model.percentiles.keys()


def written(path: Path, weights: Any, **changes: Any) -> str:
    table = list(range(STEPS - 1))
    header: dict[str, Any] = {
        "format": prose.FORMAT,
        "features": FEATURES,
        "intercept": 0.0,
        "percentiles": {"": table, UNMARKED: table},
        "card": {},
    } | changes
    content = io.BytesIO()
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(content, weights=weights, header=text)
    path.write_bytes(content.getvalue())
    return str(path)


SOUND = np.zeros((2, COUNT, KNOTS), np.float32)
DESCENDING = SOUND.copy()
DESCENDING[0, 0, 0] = 1.0
ENDLESS = SOUND.copy()
ENDLESS[1] = np.inf


@pytest.mark.parametrize(
    ("weights", "changes", "message"),
    [
        (SOUND[:, :-1], {}, "weights of shape"),
        (SOUND.astype(np.float64), {}, "weights of shape"),
        (DESCENDING, {}, "not finite, or their knots do not ascend"),
        (ENDLESS, {}, "not finite"),
        (SOUND, {"intercept": float("nan")}, "not finite"),
        (SOUND, {"features": ["other"]}, "features are others"),
        (SOUND, {"percentiles": {"": list(range(STEPS - 1))}}, "no percentiles"),
        (
            SOUND,
            {"percentiles": {"": [1, 0], UNMARKED: list(range(STEPS - 1))}},
            "percentiles of '' do not ascend",
        ),
        (SOUND, {"percentiles": 3}, "not a model"),
        (SOUND, {"card": 3}, "not a model"),
        (SOUND, {"format": "tamis-quality-1"}, "not a model of format"),
    ],
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, weights: Any, changes: dict[str, Any], message: str
) -> None:
    path = written(tmp_path / "prose.npz", weights, **changes)
    with pytest.raises(ValueError, match=message):
        prose.load(path)


def test_a_sound_file_of_that_layout_is_read(tmp_path: Path) -> None:
    assert prose.load(written(tmp_path / "prose.npz", SOUND)).intercept == 0.0
