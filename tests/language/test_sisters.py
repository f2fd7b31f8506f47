"""The second opinion on sister languages."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.language.codes import known_language
from tamis.language.sister_model import (
    GroupModel,
    Sister,
    SisterModel,
    load,
    logits_of,
    opened,
    quantised,
    save,
    second_opinions,
    told_apart,
)
from tamis.language.sisters import (
    DEFAULT_PATH,
    are_in_one_group,
    groups,
    sisters_of,
)
from tamis.linear.features import SEEDS

GROUP = GroupModel(
    name="made",
    script="Latn",
    languages=("spa", "lad", "ast"),
    first=0,
    strength=1.0,
    scales=(1.0, 1.0, 1.0),
    intercepts=(0.0, 0.0, 0.0),
    # Of 100 texts each: all Ladino is called Spanish, half of the Asturian.
    answers={"spa": [100, 100, 50], "ast": [0, 0, 50]},
    texts=(100, 100, 100),
    undivided=frozenset(),
)


def sister(
    group: GroupModel, first: str, logits: Any, asked: Sequence[str] = ()
) -> Sister:
    (told,) = told_apart(group, first, logits[None], asked)
    return told


def test_the_table_names_languages_once_a_script_and_sisters_of_their_group() -> None:
    places = [(own.script, code) for own in groups() for code in own.languages]
    assert len(places) == len(set(places))
    assert all(known_language(code) == code for _, code in places)
    for group in groups():
        for code in group.languages:
            assert all(are_in_one_group(code, other) for other in sisters_of(code))
    assert sisters_of("eng") == {"sco", "pcm"}
    assert "ind" in sisters_of("zsm")
    assert sisters_of("tha") == frozenset()


def test_without_other_signs_the_first_answer_decides() -> None:
    """100 Spanish, 100 Ladino and 50 Asturian texts were called Spanish."""
    found = sister(GROUP, "spa", np.zeros(3))
    assert found.language == "spa"
    assert found.score == pytest.approx(100.5 / (100.5 + 100.5 + 50.5))
    assert found.group == "ast+lad+spa"
    assert sister(GROUP, "ast", np.zeros(3)).language == "ast"


def test_signs_of_a_sister_count_beside_the_first_answer() -> None:
    assert sister(GROUP, "spa", np.array([0.0, 7.2, 0.0])).language == "lad"
    # A thousand times as likely: ln 1000 is 6.9.
    assert sister(GROUP, "spa", np.array([0.0, 2.0, 0.0])).language == "spa"
    # Nothing else was ever called Asturian: e^11 is too little against 1000 * 50.5 / .5.
    assert sister(GROUP, "ast", np.array([11.0, 0.0, 0.0])).language == "ast"
    assert sister(GROUP, "ast", np.array([12.0, 0.0, 0.0])).language == "spa"


def test_a_named_language_stays_unless_another_is_a_thousand_times_as_likely() -> None:
    doubt, sure = np.array([0.0, 2.0, 0.0]), np.array([0.0, 7.2, 0.0])
    assert sister(GROUP, "spa", doubt, ["spa"]).language == "spa"
    assert sister(GROUP, "spa", sure, ["spa"]).language == "lad"
    assert sister(GROUP, "spa", doubt, ["spa", "lad"]).language == "lad"
    # What the recipe names never changes a chance, nor an answer outside of it.
    assert sister(GROUP, "spa", doubt, ["spa"]).score < 0.5
    assert sister(GROUP, "ast", np.zeros(3), ["spa"]).language == "ast"


def test_what_cannot_be_told_apart_is_not_guessed() -> None:
    group = GROUP._replace(undivided=frozenset({(0, 1)}))
    signs = np.array([0.0, 1.5, 0.0])
    for asked in ((), ("spa",), ("spa", "lad"), ("fra",)):
        found = sister(group, "spa", signs, asked)
        assert (found.language, found.group) == ("spa", "lad+spa"), asked
    assert sister(group, "spa", signs, ["lad"]).language == "lad"


def test_a_model_is_saved_and_read_with_the_same_bytes(tmp_path: Path) -> None:
    weights, scales = quantised(np.arange(3 * 16, dtype=float).reshape(3, 16))
    assert weights.shape == (16, 3)
    assert np.allclose(
        weights.T * np.array(scales)[:, None], np.arange(48).reshape(3, 16), atol=0.2
    )
    model = SisterModel(weights, (GROUP._replace(scales=scales),), {"licence": "none"})
    for name in ("a.npz", "b.npz"):
        save(model, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = load(tmp_path / "a.npz")
    assert again.groups == model.groups
    assert (again.weights == weights).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"groups": None}, "not a model", id="no groups"),
        pytest.param({"first": 1}, "side by side", id="weights outside"),
        pytest.param({"languages": ["spa"]}, "the group made", id="lengths"),
        pytest.param({"strength": float("inf")}, "the group made", id="infinite"),
        pytest.param({"undivided": 3}, "not a model", id="no pairs"),
        pytest.param({"format": "x"}, "not a model", id="another format"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    group = GROUP._asdict() | {"undivided": []}
    header: dict[str, Any] = {"format": "tamis-language-1", "seeds": SEEDS, "card": {}}
    header["groups"] = [group | change]
    header |= {key: change[key] for key in ("format", "groups") if key in change}
    path = tmp_path / "model.npz"
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(path, weights=np.zeros((16, 3), np.int8), header=text)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_rows_do_not_depend_on_their_batch_and_empty_ones_are_named() -> None:
    model = opened(DEFAULT_PATH)
    lines = ["", "La casa es de mi madre.", "El kaza de mi madre es ayi.", "x" * 5000]
    rows = pa.array(lines, pa.large_string())
    both = second_opinions(rows, ["spa"] * 4, ["Latn"] * 4, model)
    assert sorted(both) == [0, 1, 2, 3]
    for row in range(4):
        alone = second_opinions(rows.slice(row, 1), ["spa"], ["Latn"], model)
        assert alone[0] == both[row]
    assert (
        second_opinions(
            rows, ["ell", None, "spa", "spa"], ["Grek", None, "Cyrl", None], model
        )
        == {}
    )


def test_the_packaged_weights_are_small_and_say_where_they_come_from() -> None:
    path = Path(DEFAULT_PATH)
    card = path.with_suffix(".md")
    assert path.stat().st_size + card.stat().st_size < 1_500_000
    assert "CC-BY-4.0" in card.read_text("utf-8")
    group = opened(DEFAULT_PATH).groups[0]
    logits = logits_of(pa.array(["", "la"]), group, opened(DEFAULT_PATH).weights)
    assert logits[0].tolist() == pytest.approx(group.intercepts)
