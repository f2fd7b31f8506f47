import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fixtures.prose import PROSE
from pydantic import ValidationError

from tamis.errors import ConfigError
from tamis.linear.model import quantised
from tamis.quality.model import save
from tamis.quality.names import DEFAULT_PATH, MEASURED
from tamis.stages.measure_text import MeasureText
from tamis.stages.score_quality import ScoreQuality
from tamis.text import word_column
from tamis.text.buffers import Bytes, Offsets
from tamis.text.words import Words, segment

DCLM = ("__label__hq", "__label__cc")


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def batch(*rows: tuple[str | None, str | None]) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "text": pa.array([text for text, _ in rows], pa.string()),
            "language": pa.array([language for _, language in rows], pa.string()),
            "drop_reason": pa.nulls(len(rows), pa.string()),
        }
    )


def scores(config: ScoreQuality, *rows: tuple[str | None, str | None]) -> list[Any]:
    result = config.build()(batch(*rows))
    assert result.schema.field("quality_score") == config.columns_written()[0]
    found: list[Any] = result["quality_score"].to_pylist()
    return found


@pytest.fixture
def own_model(tmp_path: Path) -> str:
    """A model that gives every window the same odds, in two languages."""
    path = tmp_path / "own.npz"
    save(quantised(np.zeros(1 << 10), 1.0, ("eng", "tha"), {}), path)
    return str(path)


def test_the_projects_own_model_scores_the_languages_it_learnt(own_model: str) -> None:
    found = scores(
        ScoreQuality(model=own_model),
        ("Some words.", "eng"),
        ("ผมรักไทย", "tha"),
        ("Des mots.", "fra"),
        ("Words.", None),
        (None, "eng"),
        ("", "eng"),
    )
    assert found == [pytest.approx(logistic(1.0))] * 2 + [None] * 4


def test_without_a_model_the_packaged_one_scores_every_language(own_model: str) -> None:
    config = ScoreQuality()
    assert config.files() == (DEFAULT_PATH,)
    assert config.columns_read() == ("text", "language", *MEASURED)
    assert config.columns_written().names == ["quality_score", "quality_bucket"]
    rows = [(text, code) for code, text in PROSE.items()] + [("", "eng"), (None, "eng")]
    measured = MeasureText().build()(batch(*rows))
    found = config.build()(measured)
    assert found["quality_score"].is_valid().to_pylist() == [True] * len(PROSE) + [
        *(False, False)
    ]
    values = found["quality_score"].to_pylist()[:-2]
    assert all(0.0 < value < 1.0 for value in values)
    # A part of the rows, and with another model beside it.
    mixed = ScoreQuality(model={"rus": "default", "eng": own_model})
    again = mixed.build()(measured)
    for row, (_, language) in enumerate(rows[:-2]):
        score = again["quality_score"][row].as_py()
        expected = {"rus": values[row], "eng": pytest.approx(logistic(1.0))}
        assert score == expected.get(language)
        bucket = again["quality_bucket"][row].as_py()
        assert bucket == ("head" if language == "rus" else None)


def test_a_model_of_the_packaged_kind_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "own.prose.npz"
    path.write_bytes(Path(DEFAULT_PATH).read_bytes())
    measured = MeasureText().build()(batch((PROSE["ell"], "ell")))
    own, packaged = (
        config.build()(measured)["quality_score"].to_pylist()
        for config in (ScoreQuality(model=str(path)), ScoreQuality())
    )
    assert own == packaged


def test_no_documents_have_no_scores(own_model: str) -> None:
    assert scores(ScoreQuality(model=own_model)) == []
    nothing = ScoreQuality().build()(MeasureText().build()(batch()))
    assert nothing["quality_bucket"].to_pylist() == []


def test_dclm_reads_a_document_as_one_line(fasttext_file: Callable[..., str]) -> None:
    path = fasttext_file(*DCLM, good=3.0, 悪い=-3.0)
    found = scores(
        ScoreQuality(model=path),
        ("good", "eng"),
        ("good\ngood 悪い", "jpn"),
        ("", "eng"),
        (None, "eng"),
    )
    # "good" and the line's end: the mean is 1.5, the logits 1.5 and -1.5.
    assert found[0] == pytest.approx(logistic(3.0), abs=1e-4)
    # 3 + 3 - 3 over four: 0.75
    assert found[1] == pytest.approx(logistic(1.5), abs=1e-4)
    assert found[2:] == [0.0, None]


def test_dactory_weighs_lines_by_their_bytes(fasttext_file: Callable[..., str]) -> None:
    path = fasttext_file("__label__wiki", "__label__rand", good=3.0, 悪い=-3.0)
    (found,) = scores(ScoreQuality(model=path), ("good\n\n悪い", "jpn"))
    # 4 bytes at one probability, 6 at the other; the empty line weighs nothing.
    expected = (4 * logistic(3.0) + 6 * logistic(-3.0)) / 10
    assert found == pytest.approx(expected, abs=1e-4)
    whole = ScoreQuality(model=path, by_line=False)
    assert scores(whole, ("good\n\n悪い", "jpn"))[0] == pytest.approx(0.5, abs=1e-4)


def test_other_labels_are_to_be_named(fasttext_file: Callable[..., str]) -> None:
    path = fasttext_file("__label__a", "__label__b", "__label__c", good=3.0)
    with pytest.raises(ConfigError, match=r"say which labels of model\.bin are good"):
        ScoreQuality(model=path).build()
    with pytest.raises(ConfigError, match=r"model\.bin has no __label__d"):
        ScoreQuality(model=path, labels=("__label__a", "__label__d")).build()
    both = ScoreQuality(model=path, labels=("__label__a", "__label__c"))
    (found,) = scores(both, ("good", "eng"))
    # Logits 1.5, -1.5 and 0.
    parts = [math.exp(logit) for logit in (1.5, -1.5, 0.0)]
    assert found == pytest.approx((parts[0] + parts[2]) / sum(parts), abs=1e-4)


def test_each_language_may_have_its_own_model(
    fasttext_file: Callable[..., str], own_model: str
) -> None:
    config = ScoreQuality(model={"fr": fasttext_file(*DCLM, bon=3.0), "eng": own_model})
    assert set(config.files()) == set(config.paths().values())
    found = scores(config, ("bon", "fra"), ("good", "eng"), ("gut", "deu"))
    assert found == [
        pytest.approx(logistic(3.0), abs=1e-4),
        pytest.approx(logistic(1.0)),
        None,
    ]


@pytest.mark.parametrize(
    "name", ["model.bin", "model.ftz", "model.npz", "my.prose.npz"]
)
def test_a_file_that_is_no_model_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(ConfigError, match=name):
        ScoreQuality(model=str(path)).build()
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match=name):
        ScoreQuality(model=str(path)).build()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": {"fr": "a.npz", "fra": "b.npz"}}, "fr and fra are one language"),
        (
            {"model": {"fra": "a.arpa"}, "cutoffs": {"fra": (600, 300)}},
            "fra: the head's cutoff 600.0 is above",
        ),
        (
            {"model": {"fra": "a.arpa"}, "cutoffs": {"deu": (300, 600)}},
            "cutoffs: no KenLM model for deu",
        ),
        (
            {"model": {"fra": "a.npz"}, "sentencepiece": {"fra": "a.model"}},
            "sentencepiece: no KenLM model for fra",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        ScoreQuality(**settings)


def test_words_are_found_once_and_only_for_models_that_read_them(
    own_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(data: Bytes, offsets: Offsets) -> Words:
        asked.append(len(offsets) - 1)
        return segment(data, offsets)

    monkeypatch.setattr(word_column, "segment", counted)
    score = ScoreQuality(model={"eng": own_model, "fra": own_model}).build()
    scored = score(batch(("gut", "deu"), (None, "eng")))
    assert scored["quality_score"].to_pylist() == [None, None]
    assert asked == []
    scored = score(batch(("good words", "eng"), ("bons mots", "fra"), (None, "eng")))
    assert scored["quality_score"].is_valid().to_pylist() == [True, False, False]
    assert asked == [3]
