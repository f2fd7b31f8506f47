"""The ONNX classifier: a real graph, run by the runtime, with sums worked out by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.errors import ConfigError
from tamis.toxicity import onnx_labels
from tamis.toxicity.onnx_labels import OnnxLabels


def opened(folder: str, **settings: Any) -> OnnxLabels:
    return OnnxLabels(folder, **{"device": "cpu", "max_tokens": 512, **settings})


def logistic(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def test_labels_that_exclude_each_other_share_one_probability(
    onnx_folder: Callable[..., str],
) -> None:
    model = opened(
        onnx_folder(("fine", "rude", "vile"), navet=(0, 1, 2), роза=(3, 0, 0))
    )
    assert model.labels == ("fine", "rude", "vile")
    odds = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    found = model.chances(["Navet", "роза navet", ""], ("rude", "vile"), at_once=1)
    both = np.exp([3, 1, 2]) / np.exp([3, 1, 2]).sum()
    expected = [odds[1] + odds[2], both[1] + both[2], 2 / 3]
    # An empty text has no token, and is asked as one of padding with no say: even odds.
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_labels_that_do_not_count_as_the_likeliest(
    onnx_folder: Callable[..., str],
) -> None:
    folder = Path(onnx_folder(("insult", "threat"), navet=(1, 2)))
    config = json.loads((folder / "config.json").read_text())
    config["problem_type"] = "multi_label_classification"
    (folder / "config.json").write_text(json.dumps(config))
    model = opened(str(folder))
    (both,) = model.chances(["navet"], ("insult", "threat"), at_once=1)
    (one,) = model.chances(["navet"], ("insult",), at_once=1)
    assert (both, one) == pytest.approx((logistic(2), logistic(1)), abs=1e-6)


def test_a_single_label_is_a_probability_of_its_own(
    onnx_folder: Callable[..., str],
) -> None:
    model = opened(onnx_folder(("toxic",), ไทย=(2,)))
    (found,) = model.chances(["ไทย ไทย"], ("toxic",), at_once=1)
    assert found == pytest.approx(logistic(4), abs=1e-6)


def test_texts_asked_together_are_filled_up_and_masked(
    onnx_folder: Callable[..., str],
) -> None:
    model = opened(onnx_folder(("fine", "toxic"), turnip=(0, 0.5)))
    texts = ["turnip", "turnip " * 7, "rose", "turnip turnip", "عربي turnip"]
    alone = model.chances(texts, ("toxic",), at_once=1)
    together = model.chances(texts, ("toxic",), at_once=3)
    assert together.tolist() == pytest.approx(alone.tolist(), abs=1e-6)
    expected = [logistic(n / 2) for n in (1, 7, 0, 2, 1)]
    assert alone.tolist() == pytest.approx(expected, abs=1e-6)
    assert model.chances([], ("toxic",), at_once=3).tolist() == []


def test_a_long_text_is_cut(onnx_folder: Callable[..., str]) -> None:
    model = opened(onnx_folder(("fine", "toxic"), turnip=(0, 0.1)), max_tokens=8)
    (found,) = model.chances(["turnip " * 100], ("toxic",), at_once=1)
    assert found == pytest.approx(logistic(0.8), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"no model", r"model\.onnx: .*[Pp]rotobuf parsing failed"),
        ("tokenizer.json", b"{}", r"tokenizer\.json: "),
        ("config.json", b"[]", "no id2label"),
        ("config.json", b"[" * 100_000, r"config\.json: "),
        ("config.json", b"\xff", r"config\.json: "),
        (
            "config.json",
            b'{"id2label": {"0": "a", "1": "b"}, "pad_token_id": [1]}',
            r"a pad_token_id of \[1\]",
        ),
        ("config.json", b'{"id2label": {"0": "a"}}', r"1 labels.* shape \(1, 2\)"),
    ],
)
def test_a_file_that_is_none_is_named(
    onnx_folder: Callable[..., str], name: str, content: bytes, message: str
) -> None:
    folder = Path(onnx_folder(("fine", "toxic")))
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        opened(str(folder))


@pytest.mark.parametrize("name", onnx_labels.FILES)
def test_a_file_that_is_not_there_is_named(
    onnx_folder: Callable[..., str], name: str
) -> None:
    folder = Path(onnx_folder(("fine", "toxic")))
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        opened(str(folder))


def test_a_device_that_is_not_there_is_said(onnx_folder: Callable[..., str]) -> None:
    with pytest.raises(ConfigError, match="device: cuda"):
        opened(onnx_folder(("fine", "toxic")), device="cuda")


def test_an_absent_runtime_is_said(
    onnx_folder: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = onnx_folder(("fine", "toxic"))
    monkeypatch.setattr(onnx_labels, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"needs onnxruntime: pip install 'tamis\[onnx"
    ):
        opened(folder)
