"""What pages say of quality by themselves: who teaches, by how much, and what is learnt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.prose import BOILERPLATE, PROSE

from tamis.errors import ConfigError
from tamis.quality.prose import EVERY_LANGUAGE, KNOTS, STEPS, UNMARKED, load, scores
from tamis.quality.prose_features import FEATURES, RISING
from tamis.training.prose import (
    ARTICLE,
    GOLD,
    LEFT_OUT,
    Document,
    Sample,
    described,
    figures_of,
    fit,
    knots_of,
    regression,
    steps,
    weights_of,
)

ROOT = Path(__file__).resolve().parents[2]


def made(text: str, kind: str, language: str, number: int) -> Document:
    """Lines of a text, another one first in each document; so no two are alike.

    Boilerplate stands there twice: it has under 50 words.
    """
    lines = text.split("\n") * (2 if kind == LEFT_OUT else 1)
    turned = lines[number % len(lines) :] + lines[: number % len(lines)]
    extra = " ".join(turned[0].split()[: number % 7])
    return Document(
        "\n".join([*turned, extra]),
        language,
        kind,
        f"site{number}.example",
        "made",
        True,
    )


@pytest.fixture(scope="module")
def sample() -> Sample:
    documents = [
        made(text, kind, language, number)
        for texts, kind in ((PROSE, ARTICLE), (BOILERPLATE, LEFT_OUT))
        for language, text in texts.items()
        for number in range(24)
        if language != "tha"
    ]
    # A shop has lines of boilerplate between some prose.
    documents += [
        made(f"{BOILERPLATE['eng']}\n{PROSE['eng']}", "product", "eng", number)
        for number in range(24)
    ]
    return described(documents)


def document(language: str, kind: str) -> Document:
    return Document("", language, kind, "", "", True)


def test_kinds_and_languages_count_by_the_root_and_both_sides_the_same() -> None:
    documents = [
        *[document("eng", ARTICLE)] * 16,
        *[document("eng", LEFT_OUT)] * 4,
        document("eng", "forum"),
        *[document("fra", ARTICLE)],
        *[document("fra", LEFT_OUT)],
        *[document("deu", ARTICLE)] * 9,  # with nothing to hold against them
    ]
    found = weights_of(documents)
    article, left_out, forum = found[:16], found[16:20], found[20]
    assert found.mean() == pytest.approx(1.0)
    assert article.sum() == pytest.approx(left_out.sum() + forum)
    assert left_out.sum() == pytest.approx(2 * forum)
    # 21 documents against 2.
    assert found[:21].sum() / found[21:23].sum() == pytest.approx((21 / 2) ** 0.5)
    assert found[23:].tolist() == [0.0] * 9


def test_no_documents_weigh_nothing() -> None:
    assert weights_of([]).tolist() == []


def test_knots_are_different_quantiles() -> None:
    assert knots_of(np.arange(101.0)).tolist() == pytest.approx(
        [2, 18, 34, 50, 66, 82, 98]
    )
    assert knots_of(np.array([0.0] * 90 + [1.0] * 10)).tolist() == [0.0, 1.0]
    assert knots_of(np.array([np.nan, 3.0])).tolist() == [3.0]
    assert knots_of(np.array([np.nan])).tolist() == [0.0]


def test_a_step_is_how_far_a_value_has_come() -> None:
    found = steps(np.array([-1.0, 0.5, 2.0, 9.0, np.nan]), np.array([0.0, 1.0, 3.0]))
    assert found[:4].tolist() == [[0.0, 0.0], [0.5, 0.0], [1.0, 0.5], [1.0, 1.0]]
    assert np.isnan(found[4]).all()


def test_no_coefficient_is_below_0() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 2))
    is_positive = rows[:, 0] - rows[:, 1] > 0
    heights, intercept = regression(rows, is_positive, np.ones(400))
    assert heights[0] > 1.0
    assert heights[1] == 0.0
    assert abs(intercept) < 0.3


def test_articles_are_told_from_the_rest_in_a_language_that_taught_nothing(
    sample: Sample,
) -> None:
    pytest.importorskip("sklearn")
    languages = np.array([own.language for own in sample.documents])
    model = fit(sample.only(languages != "hin"))
    found = scores(sample.rows, languages.tolist(), model)
    is_hindi = languages == "hin"
    kinds = np.array([own.kind for own in sample.documents])
    articles = found[is_hindi & (kinds == ARTICLE)]
    assert articles.min() > found[is_hindi & (kinds == LEFT_OUT)].max()


def test_curves_rise_or_fall_and_tables_ascend(sample: Sample) -> None:
    model = fit(sample)
    assert model.values.shape == (len(FEATURES), KNOTS)
    for name, values in zip(FEATURES, model.values, strict=True):
        assert (np.diff(values) * (1 if name in RISING else -1) >= -1e-6).all()
    # 24 articles of each language; those left out are no pages.
    assert {EVERY_LANGUAGE, UNMARKED, "eng", "hin"} <= model.percentiles.keys()
    for table in model.percentiles.values():
        assert table.shape == (STEPS - 1,)
        assert (np.diff(table) >= 0).all()


def test_what_is_judged_alone_changes_no_weight(sample: Sample) -> None:
    doubted = [own._replace(may_train=False) for own in sample.documents]
    gold = [own._replace(kind=GOLD) for own in sample.documents]
    rows, words = sample.rows, sample.words
    more = Sample(
        np.concatenate([rows, rows[::-1]]),
        np.concatenate([words, words[::-1]]),
        [*sample.documents, *gold[::-1]],
    )
    assert fit(more).values.tolist() == fit(sample).values.tolist()
    assert (
        fit(more).percentiles["eng"].tolist() == fit(sample).percentiles["eng"].tolist()
    )
    with pytest.raises(ConfigError, match="no language has articles"):
        figures_of(Sample(rows, words, doubted))


def test_figures_are_of_sites_and_languages_that_were_not_seen(sample: Sample) -> None:
    figures = figures_of(sample)
    english = figures["languages"]["eng"]
    assert (english["articles"], english["taught"]) == (24, 24)
    assert english["left out"] == 1.0
    assert english["unseen, left out"] == 1.0
    assert english["gold, left out"] is None
    kinds = figures["kinds"]
    assert kinds["made left out"]["mean"] < 0.1 < kinds["made article"]["mean"]


def test_pages_without_articles_teach_nothing(sample: Sample) -> None:
    kinds = np.array([own.kind for own in sample.documents])
    with pytest.raises(ConfigError, match="no language has articles"):
        fit(sample.only(kinds != ARTICLE))


def test_the_command_trains_on_pages_without_gold(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    warcs = [str(path) for path in sorted((ROOT / "samples").glob("*.warc.gz"))]
    written = []
    for name in ("a.prose.npz", "b.prose.npz"):
        path = tmp_path / name
        options = [word for warc in warcs for word in ("--warc", warc)]
        ended = command("train", "quality", *options, "-o", str(path))
        assert ended.code == 0, ended.stderr
        assert "percentiles" in ended.stdout
        written.append(path.read_bytes())
    assert written[0] == written[1]
    card = load(tmp_path / "a.prose.npz").card
    assert set(card["inputs"]) == {Path(warc).name for warc in warcs}
    assert card["sources"] == {"not named": sum(card["sources"].values())}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--warc", "README.md", "--positive", "docs"], "give --positive and --neg"),
        (["--positive", "docs"], "give --positive and --negative, or --warc"),
        (["--warc", "README.md"], "ends in prose.npz"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    options: list[str], message: str, command: Callable[..., Any], tmp_path: Path
) -> None:
    given = [str(ROOT / word) if word[0] != "-" else word for word in options]
    ended = command("train", "quality", *given, "-o", str(tmp_path / "model.npz"))
    assert ended.code == 2
    assert message in ended.stderr
