"""The shipped weights, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.errors import InputError
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.html.blocks.judge.weights import load_weights
from tamis.training.extractor.fit import flat, stored


def small(**changes: Any) -> dict[str, Any]:
    tree = {
        "bias": 0.0,
        "roots": [0],
        "feature": [0, -1, -1],
        "threshold": [0.5, 0.0, 0.0],
        "right": [2, 0, 0],
        "value": [0.0, -1.0, 1.0],
    }
    return {
        "features": ["holder1_linked_share"],
        "log_odds": {"article": 1.5},
        "content": {**tree, **changes},
        "comment": tree,
    }


def test_the_shipped_weights_are_small_and_readable() -> None:
    assert SHIPPED.stat().st_size < 1_000_000
    assert set(json.loads(SHIPPED.read_text(encoding="utf-8"))) == {
        "features",
        "log_odds",
        "content",
        "comment",
        "page_type",
    }
    weights = load_weights()
    assert weights.page_types is not None
    assert len(weights.page_types.names) == 8
    assert 30 <= len(weights.content.roots) <= 60
    assert len(weights.comment.roots) > 0


def test_each_feature_has_one_name() -> None:
    assert len(set(NAMES)) == len(NAMES) <= 64


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"right": [0, 0, 0]}, "child", id="a loop"),
        pytest.param({"right": [9, 0, 0]}, "child", id="outside"),
        pytest.param({"feature": [0, -1, 0], "right": [2, 0, 0]}, "child", id="open"),
        pytest.param({"roots": [7]}, "root", id="root outside"),
        pytest.param({"feature": [5, -1, -1]}, "list index", id="unknown feature"),
        pytest.param({"right": [2, 1 << 40, 0]}, "int", id="too large an int"),
        pytest.param({"threshold": [math.nan, 0, 0]}, "threshold .* finite", id="NaN"),
        pytest.param({"value": [0, 1e300, 0]}, "value .* finite", id="too large"),
        pytest.param({"bias": -math.inf}, "bias .* finite", id="infinite bias"),
        pytest.param({"bias": 10**400}, "too large", id="no float"),
    ],
)
def test_weights_that_would_lead_astray_are_refused(
    changes: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.json"
    path.write_text(json.dumps(small(**changes)), encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        load_weights(path)


@pytest.mark.parametrize("log_odds", [[], None, "article", {"a": math.nan}, {"a": "x"}])
def test_log_odds_are_a_number_for_each_word(log_odds: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text(json.dumps({**small(), "log_odds": log_odds}), encoding="utf-8")
    with pytest.raises(InputError, match=r"weights\.json holds no extractor weights"):
        load_weights(path)


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    for bias in (0.25, -0.75):
        path.write_text(json.dumps(small(bias=bias)), encoding="utf-8")
        assert load_weights(path).content.bias == bias
        assert load_weights(path) is load_weights(path)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    for content in ("", "{}", "[]", '{"features": ["nothing"]}'):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"weights\.json"):
            load_weights(path)
    with pytest.raises(InputError, match="absent"):
        load_weights(tmp_path / "absent.json")


def test_nested_trees_become_preorder_arrays() -> None:
    leaf = {"leaf_value": 0.25}
    inner = {
        "split_feature": 3,
        "threshold": 0.1,
        "internal_value": 0.5,
        "left_child": leaf,
        "right_child": leaf,
    }
    tree = {**inner, "split_feature": 1, "right_child": inner}
    trees = flat([tree, leaf], -0.5)
    assert trees["roots"] == [0, 5]
    assert trees["feature"] == [1, -1, 3, -1, -1, -1]
    assert trees["right"] == [2, 0, 4, 0, 0, 0]
    # 0.1 lies between two float32 numbers: the lower one keeps every comparison.
    assert (
        trees["threshold"][0]
        <= 0.1
        < float(np.nextafter(np.float32(0.1), np.float32(1)))
    )
    packed = stored(trees, trees, {})
    assert packed["features"] == [NAMES[1], NAMES[3]]
    assert packed["content"]["feature"] == [0, -1, 1, -1, -1, -1]
