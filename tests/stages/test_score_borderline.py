"""Who is asked, about which windows, and what becomes of the answers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.errors import ConfigError
from tamis.linear.features import buckets, whole_documents
from tamis.linear.model import quantised
from tamis.stages.filter_toxicity import FilterToxicity, toxic_reasons
from tamis.stages.score_borderline import ScoreBorderline, window_texts
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment
from tamis.toxicity.model import default_model, save

Row = tuple[str | None, str | None, float | None]


@pytest.fixture
def model(onnx_folder: Callable[..., str]) -> str:
    """A turnip, in any of six scripts, is toxic by the odds of e."""
    words = ("turnip", "репа", "لفت", "萝卜", "शलगम", "หัวผักกาด")
    return onnx_folder(("fine", "toxic"), **dict.fromkeys(words, (0.0, 1.0)))


def batch(*rows: Row) -> pa.RecordBatch:
    texts, languages, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.RecordBatch.from_arrays(
        [
            pa.array(texts, pa.string()),
            pa.array(languages, pa.string()),
            pa.array(scores, pa.float32()),
            pa.nulls(len(rows), pa.string()),
        ],
        ["text", "language", "toxicity_max", "drop_reason"],
    )


def scored(config: ScoreBorderline, *rows: Row) -> list[float | None]:
    found: list[float | None] = config.build()(batch(*rows))[
        "borderline_score"
    ].to_pylist()
    return found


ONE = pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_only_the_borderline_is_asked_about(model: str) -> None:
    config = ScoreBorderline(model=model, labels=("toxic",), between=(0.3, 0.9))
    found = scored(
        config,
        ("turnip", "eng", 0.29),
        ("turnip", "eng", 0.3),
        ("turnip", "eng", 0.9),
        ("turnip", "eng", 0.91),
        ("turnip", "eng", None),
        (None, "eng", 0.5),
        ("...", "eng", 0.5),
        ("rose", "eng", 0.5),
    )
    assert found == [None, ONE, ONE, None, None, None, None, 0.5]


@pytest.mark.parametrize("word", ["репа", "لفت", "萝卜", "शलगम", "หัวผักกาด"])
def test_words_of_any_script_arrive_whole(model: str, word: str) -> None:
    config = ScoreBorderline(model=model, labels=("toxic",))
    assert scored(config, (f"« {word} »", "und", 0.5)) == [ONE]


def test_no_document_no_answer(model: str) -> None:
    config = ScoreBorderline(model=model, labels=("toxic",))
    empty = config.build()(batch())
    assert empty.select(["borderline_score"]).schema.equals(config.columns_written())


def test_a_model_may_know_only_some_languages(model: str) -> None:
    config = ScoreBorderline(model=model, labels=("toxic",), model_languages=("en",))
    found = scored(
        config, ("turnip", "eng", 0.5), ("turnip", "fra", 0.5), ("turnip", None, 0.5)
    )
    assert found == [ONE, None, None]


def texts_of(*texts: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"text": list(texts)})


def test_the_linear_model_says_which_windows(model: str, tmp_path: Path) -> None:
    # Four windows of some 400 characters; the third has the turnip.
    windows = ["rose " * 80, "pea " * 100, "turnip " + "leek " * 80, "dill " * 80]
    text = " ".join(windows)
    default = default_model()
    texts, counts = window_texts(texts_of(text, ""), default, 4)
    assert counts.tolist() == [4, 0]
    assert ["turnip" in window for window in texts].count(True) == 1
    # A judge for whom nothing but turnips counts, and one for whom nothing does.
    ones, _ = window_texts(texts_of("turnip"), None, 1)
    assert ones == ["turnip"]
    data, offsets = utf8_buffers(pa.array(["turnip"]))
    words = segment(data, offsets)
    found, _ = buckets(data, words, whole_documents(words), 16)
    weights = np.zeros(1 << 16)
    weights[found] = 1.0
    path = str(tmp_path / "judge.npz")
    save(quantised(weights, 0.0, ("eng",), {}), path)
    row = (text, "eng", 0.5)
    by_judge = ScoreBorderline(
        model=model, labels=("toxic",), windows_by=path, max_windows=1
    )
    assert scored(by_judge, row) == [ONE]
    assert path in by_judge.files()
    spread = by_judge.model_copy(update={"windows_by": None})
    assert scored(spread, row) == [0.5]  # the first window only
    assert scored(spread.model_copy(update={"max_windows": 4}), row) == [ONE]


def test_how_rows_are_batched_changes_nothing(model: str) -> None:
    config = ScoreBorderline(model=model, labels=("toxic",))
    rows: list[Row] = [
        ("turnip " * 3, "eng", 0.5),
        ("", "eng", 0.5),
        ("rose " * 200, "eng", 0.5),
        ("turnip rose", "eng", 0.1),
    ]
    assert scored(config, *rows) == [scored(config, row)[0] for row in rows]


def test_the_model_s_files_are_part_of_the_fingerprint(model: str) -> None:
    config = ScoreBorderline(model=model, labels=("toxic",))
    names = [Path(path).name for path in config.files()]
    own = ["model.onnx", "tokenizer.json", "config.json"]
    assert names == [*own, "default.npz"]  # the weights that choose windows
    (Path(model) / "model.onnx_data").write_bytes(b"")
    assert Path(config.files()[3]).name == "model.onnx_data"


def test_what_is_wrong_is_named(model: str) -> None:
    with pytest.raises(ConfigError, match="has no rude, but fine, toxic"):
        ScoreBorderline(model=model, labels=("rude",)).build()
    with pytest.raises(
        ConfigError, match=r"score_borderline\.model: nowhere: .*config"
    ):
        ScoreBorderline(model="nowhere", labels=("toxic",)).build()
    with pytest.raises(ConfigError, match=r"windows_by: none\.npz"):
        ScoreBorderline(model=model, labels=("toxic",), windows_by="none.npz").build()
    with pytest.raises(ValidationError, match="only in a pass of its own"):
        ScoreBorderline(model=model, labels=("toxic",), batch_windows=8)
    with pytest.raises(ValidationError, match="first bound is more than the second"):
        ScoreBorderline(model=model, labels=("toxic",), between=(0.9, 0.3))


def test_filter_toxicity_takes_the_second_opinion() -> None:
    rows = pa.RecordBatch.from_pydict(
        {
            "language": ["eng", "eng", "fra", "eng"],
            "toxicity_max": pa.array([0.5, 0.95, 0.5, 0.5], pa.float32()),
            "borderline_score": pa.array([0.8, None, 0.8, 0.2], pa.float32()),
        }
    )
    config = FilterToxicity(
        toxic_word_density=None,
        toxicity_max=0.9,
        borderline_score=0.5,
        per_language={"fra": {"borderline_score": 0.85}},
    )
    reasons = toxic_reasons(rows, config).to_pylist()
    assert reasons == ["toxic_text", "toxic_text", None, None]
    assert config.columns_read() == ("language", "toxicity_max", "borderline_score")
