import numpy as np
import pytest

from tamis.errors import ConfigError
from tamis.linear.fit import area_under_curve, fit, matrix, telling_scales
from tamis.linear.model import quantised
from tamis.toxicity.figures import Sample, figures_of, refuse_false_alarms
from tamis.training import toxicity as training
from tamis.training.toxicity import Example, sample, sample_texts, train

WORDS = ["river", "stone", "cloud", "garden", "window", "bread", "winter", "letter"]


def comments(language: str = "eng", count: int = 150) -> list[Example]:
    """Comments of harmless words, of which `turnip` stands for the toxic one."""
    rng = np.random.default_rng(7)
    examples = []
    for number in range(2 * count):
        words = rng.choice(WORDS, 6).tolist()
        is_toxic = number % 2 == 1
        text = " ".join(["turnip", *words] if is_toxic else words) + f" {number}"
        examples.append(Example(text, language, is_toxic, "made"))
    return examples


def pages(language: str = "eng", count: int = 20, word: str = "") -> list[Example]:
    rng = np.random.default_rng(11)
    return [
        Example(
            " ".join([word or "page", str(page), *rng.choice(WORDS, 400)]),
            language,
            False,
            "made",
        )
        for page in range(count)
    ]


def random_sample(rows: int) -> Sample:
    rng = np.random.default_rng(3)
    return Sample(
        np.zeros(0, np.int32),
        np.zeros(rows + 1, np.int64),
        rng.random(rows) < 0.5,
        np.zeros(rows, bool),
        np.full(rows, "eng"),
        np.zeros(rows, np.int64),
    )


@pytest.mark.parametrize(
    ("positives", "negatives", "area"),
    [
        ([2.0, 3.0], [0.0, 1.0], 1.0),
        ([0.0, 1.0], [2.0, 3.0], 0.0),
        ([1.0], [1.0], 0.5),
        ([1.0, 3.0], [0.0, 2.0], 0.75),
    ],
)
def test_area_is_the_chance_of_the_right_order(
    positives: list[float], negatives: list[float], area: float
) -> None:
    labels = np.array([True] * len(positives) + [False] * len(negatives))
    assert area_under_curve(labels, np.array(positives + negatives)) == area


def test_area_of_one_class_is_not_a_number() -> None:
    assert np.isnan(area_under_curve(np.array([True]), np.array([0.5])))


def test_area_agrees_with_counting_pairs() -> None:
    rng = np.random.default_rng(5)
    labels, scores = rng.random(60) < 0.4, rng.integers(0, 9, 60).astype(float)
    pairs = [
        (one > other) + (one == other) / 2
        for one in scores[labels]
        for other in scores[~labels]
    ]
    assert area_under_curve(labels, scores) == pytest.approx(np.mean(pairs))


def test_a_row_is_a_comment_or_a_window_of_a_clean_page() -> None:
    drawn = sample(comments(), pages(count=1), bits=10)
    # 402 words of 6 characters and a gap on average: 6 windows or so
    assert 4 <= drawn.is_prose.sum() <= 9
    assert drawn.is_toxic.sum() == 150
    assert not drawn.is_toxic[drawn.is_prose].any()
    assert len(set(drawn.folds[drawn.is_prose].tolist())) == 1  # a page is in one fold


def test_marks_of_a_platform_are_not_learnt() -> None:
    examples = [
        *comments(),
        Example("RT @user see https://t.co/x now", "eng", True, ""),
    ]
    assert sample_texts(examples, [])[-1].split() == ["see", "now"]


def test_a_language_with_few_comments_takes_no_part() -> None:
    few = comments("fra", 99)
    drawn = sample([*comments(), *few], [], bits=10)
    assert set(drawn.languages.tolist()) == {"eng"}
    with pytest.raises(ConfigError, match="no language has 100 toxic and 100 other"):
        sample(few, [], bits=10)


def test_toxic_comments_weigh_no_more_than_the_others() -> None:
    examples = comments() + [example for example in comments() if example.is_toxic]
    weights = training._weights(sample(examples, pages(count=1), bits=10))
    assert weights[:300].tolist() == [1.0, 0.5] * 150
    assert set(weights[450:].tolist()) == {1.0}


def figures_with(windows: int, over: float) -> dict[str, object]:
    clean = {"clean_windows": 1000, "clean_over": {"0.9": 0.0}}
    unseen = {"unseen_windows": windows, "unseen_over": {"0.9": over}}
    return {"languages": {"eng": clean | unseen}, **clean}


def test_a_model_that_flags_clean_prose_is_refused() -> None:
    refuse_false_alarms(figures_with(100, 0.01))
    refuse_false_alarms(figures_with(99, 0.5))  # too few to say
    with pytest.raises(ConfigError, match=r"2\.0% of clean prose \(unseen eng\)"):
        refuse_false_alarms(figures_with(100, 0.02))


def test_figures_count_what_is_over_each_threshold() -> None:
    drawn = random_sample(8)._replace(
        is_toxic=np.array([1, 1, 0, 0, 0, 0, 0, 0], bool),
        is_prose=np.array([0, 0, 0, 0, 1, 1, 1, 1], bool),
    )
    chances = np.array([0.95, 0.3, 0.4, 0.1, 0.0, 0.6, 0.85, 0.95])
    figures = figures_of(drawn, chances)
    assert figures["clean_over"] == {"0.5": 0.75, "0.8": 0.5, "0.9": 0.25}
    own = figures["languages"]["eng"]
    assert (own["comments"], own["toxic"], own["clean_windows"]) == (4, 2, 4)
    assert own["auc"] == 0.75
    assert own["toxic_over"] == {"0.5": 0.5, "0.8": 0.5, "0.9": 0.5}


def test_training_without_scikit_learn_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamis.linear.fit.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="training needs scikit-learn"):
        train(comments(), pages(), {})


def test_a_trained_model_knows_the_word_and_its_languages() -> None:
    pytest.importorskip("sklearn")
    model = train(
        [*comments(), *comments("fra")],
        pages(),
        {"licence": "none"},
        unseen=pages(count=2, word="turnip"),
        bits=14,
    )
    own = model.card["figures"]["languages"]["eng"]
    assert own["auc"] > 0.99
    assert own["clean_over"]["0.5"] == 0.0
    assert own["unseen_windows"] > 5
    # No clean prose in French: nobody could say how much of it would be flagged.
    assert model.languages == ("eng",)
    assert model.card["figures"]["not_scored"] == ["fra"]


def test_the_final_fit_is_that_of_the_whole_sample() -> None:
    pytest.importorskip("sklearn")
    model = train(comments(), pages(), {}, bits=14)
    drawn = sample(comments(), pages(), bits=14)
    rows = matrix(drawn.buckets, drawn.offsets, 14)
    weights = training._weights(drawn)
    alone = quantised(*fit(rows, drawn.is_toxic, weights, telling_scales), (), {})
    assert np.array_equal(model.weights, alone.weights)
    assert model.intercept == alone.intercept


def test_cross_validation_leaves_the_sample_as_it_was() -> None:
    pytest.importorskip("sklearn")
    drawn, again = (sample(comments(), pages(), bits=14) for _ in range(2))
    training.held_out(drawn, 14)
    assert np.array_equal(drawn.buckets, again.buckets)


def test_what_tells_the_labels_apart_has_the_larger_scale() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    is_toxic = np.arange(40) % 2 == 1
    alike = np.ones(40)  # in every row: neither rare nor telling
    rare = np.isin(np.arange(40), (0, 1))  # rare, once with either label
    telling = is_toxic & (np.arange(40) < 4)  # as rare, but toxic only
    rows = sparse.csr_matrix(np.stack([alike, rare, telling], axis=1).astype(float))
    scales = telling_scales(rows, is_toxic, np.ones(40))
    assert scales[0] == 0
    # Worked out by hand: log(41 / 3) / 5 = .523, times .2, and times .2 + log(5 / 3)
    assert scales[1:].tolist() == pytest.approx([0.1046, 0.3716], abs=1e-3)


def test_scales_leave_the_coefficients_those_of_the_rows() -> None:
    pytest.importorskip("sklearn")
    drawn = sample(comments(), pages(), bits=14)
    rows = matrix(drawn.buckets, drawn.offsets, 14)
    before = rows.copy()
    coefficients, intercept = fit(
        rows, drawn.is_toxic, training._weights(drawn), telling_scales
    )
    assert (rows != before).nnz == 0
    logits = rows @ coefficients + intercept
    assert area_under_curve(drawn.is_toxic, logits) > 0.99
