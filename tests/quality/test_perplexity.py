import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from tamis.errors import ConfigError
from tamis.quality import perplexity
from tamis.quality.perplexity import LanguageModel, bucket_of, normalised
from tamis.stages.score_quality import ScoreQuality

# log10 of 1/10 for `a`, 1/100 for the end, 1/1000 for a stranger; the one bigram, which
# KenLM asks for, changes nothing.
ARPA = """\\data\\
ngram 1=4
ngram 2=1

\\1-grams:
-3\t<unk>\t0
-99\t<s>\t0
-2\t</s>
-1\ta\t0

\\2-grams:
-1\ta a

\\end\\
"""


@pytest.fixture
def arpa(tmp_path: Path) -> str:
    path = tmp_path / "en.arpa"
    path.write_text(ARPA)
    return str(path)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Modules in the place of kenlm and sentencepiece, which few have installed."""

    def unigrams(line: str) -> float:
        return -2.0 + sum(-1.0 if word == "a" else -3.0 for word in line.split())

    def install() -> None:
        kenlm = SimpleNamespace(Model=lambda path: SimpleNamespace(score=unigrams))
        pieces = SimpleNamespace(encode=lambda line, out_type: list(line))
        sentencepiece = SimpleNamespace(
            SentencePieceProcessor=lambda model_file: pieces
        )
        monkeypatch.setitem(sys.modules, "kenlm", kenlm)
        monkeypatch.setitem(sys.modules, "sentencepiece", sentencepiece)
        monkeypatch.setattr(perplexity, "find_spec", lambda name: name)

    return install


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Été 2024 ", "ete 0000"),
        ("«Да»—нет…", '"да" - нет...'),
        ("（東京），１２３。", "(東京),000."),
        ("a\nb\tc\x85", "abc"),
        # The virama (Mn) goes, the signs for i and ii (Mc) stay.
        ("हिन्दी", "हिनदी"),
        ("", ""),
    ],
)
def test_a_text_is_normalised_as_the_models_expect(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("value", "cutoffs", "expected"),
    [
        (99.9, (100.0, 200.0), "head"),
        (100.0, (100.0, 200.0), "middle"),
        (200.0, (100.0, 200.0), "tail"),
        (math.nan, (100.0, 200.0), None),
        (1.0, None, None),
    ],
)
def test_buckets_end_at_the_cutoffs(value: float, cutoffs: Any, expected: Any) -> None:
    assert bucket_of(value, cutoffs) == expected


# Of "A a b": 1 + 1 + 3 and 2 for the end, over four; of "a" 3 over two.
EXPECTED = [round(10 ** (7 / 4), 1), round(10**1.5, 1)]


def test_perplexity_counts_the_end(stand_in: Callable[[], None]) -> None:
    stand_in()
    model = LanguageModel("en.arpa", None)
    assert [model.perplexity(text) for text in ("A a b", "á")] == EXPECTED
    assert math.isnan(model.perplexity("\n"))


def test_kenlm_itself_agrees(arpa: str) -> None:
    pytest.importorskip("kenlm")
    model = LanguageModel(arpa, None)
    assert [model.perplexity(text) for text in ("A a b", "á")] == EXPECTED


def test_both_libraries_sort_into_head_middle_and_tail(
    arpa: str, tmp_path: Path
) -> None:
    pytest.importorskip("kenlm")
    sentencepiece = pytest.importorskip("sentencepiece")
    path = tmp_path / "en.sp.model"
    with path.open("wb") as written:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["aab ab b", "ba ба аб"] * 20),
            model_writer=written,
            model_type="char",
            vocab_size=8,
            normalization_rule_name="identity",
            minloglevel=2,
        )
    config = ScoreQuality(
        model={"en": arpa}, sentencepiece={"en": str(path)}, cutoffs={"en": (60, 200)}
    )
    rows = {
        "text": ["ÁA", "A ab", "б", ""],
        "language": ["eng"] * 4,
        "drop_reason": pa.nulls(4, pa.string()),
    }
    result = config.build()(pa.record_batch(rows))
    # Pieces are ▁ and letters, and of these KenLM knows `a` alone: ▁aa is 3 + 1 + 1 and
    # 2 for the end, over four; ▁a▁ab 3 + 1 + 3 + 1 + 3 + 2 over six; ▁б 3 + 3 + 2.
    expected = [round(10**power, 1) for power in (7 / 4, 13 / 6, 8 / 3)]
    found = result["quality_perplexity"].to_pylist()
    assert found[:3] == pytest.approx(expected)
    assert found[3] is None
    assert result["quality_bucket"].to_pylist() == ["head", "middle", "tail", None]


def test_sentencepiece_cuts_the_text_where_it_is_given(
    stand_in: Callable[[], None],
) -> None:
    stand_in()
    # Three pieces, where there is one word.
    found = LanguageModel("en.arpa", "en.sp.model").perplexity("aab")
    assert found == EXPECTED[0]


def test_the_stage_fills_perplexity_and_bucket(stand_in: Callable[[], None]) -> None:
    stand_in()
    config = ScoreQuality(
        model={"en": "en.arpa.bin", "fr": "fr.arpa.bin"}, cutoffs={"en": (50.0, 60.0)}
    )
    assert config.columns_written().names == ["quality_perplexity", "quality_bucket"]
    rows = {
        "text": ["A a b", "a", "a", "a", None, ""],
        "language": ["eng", "eng", "fra", "deu", "eng", "eng"],
        "drop_reason": pa.nulls(6, pa.string()),
    }
    result = config.build()(pa.record_batch(rows))
    assert result.select(config.columns_written().names).to_pydict() == {
        "quality_perplexity": pytest.approx(
            [EXPECTED[0], *EXPECTED[1:] * 2, *[None] * 3]
        ),
        "quality_bucket": ["middle", "head", None, None, None, None],
    }


def test_a_missing_library_is_named(arpa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perplexity, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs kenlm: pip install kenlm"):
        ScoreQuality(model={"eng": arpa}).build()


def test_a_model_of_one_language_must_be_said_to_be(arpa: str) -> None:
    with pytest.raises(ConfigError, match="is of one language"):
        ScoreQuality(model=arpa).build()
