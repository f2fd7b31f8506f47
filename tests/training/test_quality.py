import numpy as np
import pyarrow as pa
import pytest

from tamis.errors import ConfigError
from tamis.linear.features import buckets, whole_documents
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment
from tamis.training.quality import Example, sample, train, usable, window_weights

WORDS = ["river", "stone", "cloud", "garden", "window", "bread", "winter", "letter"]


def documents(
    is_good: bool, count: int = 80, language: str = "eng", length: int = 60
) -> list[Example]:
    """Documents of harmless words; `turnip` is what the good ones have in common."""
    rng = np.random.default_rng(7 + is_good)
    return [
        Example(
            " ".join(
                [*rng.choice(WORDS, length), *["turnip"] * (9 * is_good), str(number)]
            ),
            language,
            is_good,
            f"site{number % 40}.{is_good}.example",
        )
        for number in range(count)
    ]


def both(**settings: object) -> list[Example]:
    return documents(True, **settings) + documents(False, **settings)


def test_the_word_of_good_documents_is_learnt() -> None:
    pytest.importorskip("sklearn")
    seen: list[object] = []
    model = train(both(), {"licence": "none"}, bits=14, show=seen.append)
    own = model.card["figures"]["languages"]["eng"]
    assert own["auc"] > 0.99
    assert own["mean_positive"] > 0.8 > 0.2 > own["mean_negative"]
    assert (own["positive"], own["negative"]) == (80, 80)
    assert model.languages == ("eng",)
    assert seen == [model.card["figures"]]


def test_documents_that_do_not_differ_give_no_model() -> None:
    pytest.importorskip("sklearn")
    same = documents(False)
    alike = [example._replace(is_good=True) for example in documents(False, count=160)]
    with pytest.raises(ConfigError, match=r"no language has an AUC of 0\.6"):
        train([*same, *alike[80:]], {}, bits=14)


def test_a_language_with_few_documents_takes_no_part() -> None:
    few = documents(True, 49, "fra") + documents(False, 80, "fra")
    assert {example.language for example in usable([*both(), *few])} == {"eng"}
    with pytest.raises(
        ConfigError, match="no language has 50 positive and 50 negative"
    ):
        usable(few)


def test_a_site_gives_at_most_one_good_document_in_twenty() -> None:
    one_site = [example._replace(site="a.example") for example in documents(True)]
    unknown = [example._replace(site="") for example in documents(True)]
    kept = usable([*one_site, *unknown, *documents(False)])
    # 160 good documents: a twentieth is 8.
    assert sum(example.site == "a.example" for example in kept) == 8
    assert sum(example.site == "" for example in kept) == 80


def test_all_documents_of_a_site_are_in_one_fold() -> None:
    examples = both()
    drawn = sample(examples, bits=10)
    folds: dict[str, set[int]] = {}
    for example, fold in zip(examples, drawn.folds.tolist(), strict=True):
        folds.setdefault(example.site, set()).add(fold)
    assert {len(found) for found in folds.values()} == {1}
    assert len(set(drawn.folds.tolist())) == 5


def test_a_long_document_gives_three_windows_and_a_short_one_its_own() -> None:
    short, long = documents(False, 1, length=5), documents(False, 1, length=2_000)
    empty = [short[0]._replace(text="...")]
    drawn = sample([*short, *empty, *long], bits=10)
    assert drawn.documents.tolist() == [0, 2, 2, 2]
    texts = pa.array([short[0].text], pa.large_string())
    data, offsets = utf8_buffers(texts)
    words = segment(data, offsets)
    found, _ = buckets(data, words, whole_documents(words), 10)
    assert drawn.buckets[: drawn.offsets[1]].tolist() == found.tolist()


def test_documents_weigh_alike_and_both_kinds_the_same() -> None:
    examples = documents(True, 50) + documents(False, 100, length=2_000)
    drawn = sample(examples, bits=10)
    weights = window_weights(drawn)
    of_document = np.bincount(drawn.documents, weights)
    assert of_document == pytest.approx([2.0] * 50 + [1.0] * 100)
