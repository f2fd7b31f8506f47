from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tamis.errors import ConfigError
from tamis.language.codes import canonical_language
from tamis.linear.model import quantised
from tamis.stages import score_toxicity
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.toxicity.model import save


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fra.txt").write_text("navet\ntête de navet # deux\n", encoding="utf-8")
    (tmp_path / "zh").write_text("萝卜\n", encoding="utf-8")
    (tmp_path / "th.json").write_text('{"words": ["หัวผักกาด"]}', encoding="utf-8")
    (tmp_path / "README.md").write_text("not a list")
    (tmp_path / "LICENSE").write_text("not a list")
    return tmp_path


def batch(*rows: tuple[str | None, str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([text for text, _ in rows], pa.string()),
            pa.array([language for _, language in rows], pa.string()),
            pa.nulls(len(rows), pa.string()),
        ],
        ["text", "language", "drop_reason"],
    )


def test_density_is_hits_per_thousand_words(folder: Path) -> None:
    scored = ScoreToxicity(lists=str(folder), packaged=False, model=None).build()(
        batch(
            ("un navet et une tête de navet", "fra"),  # 2 hits in 7 words
            ("rien à signaler", "fra"),
            ("", "fra"),
            ("萝卜", "cmn"),
            ("ผมกินหัวผักกาด", "tha"),  # ผม กิน หัว ผัก กาด, says ICU
        )
    )
    # All are shorter than 600 words, and count as 600.
    density = scored["toxic_word_density"].to_pylist()
    assert density == pytest.approx([2000 / 600, 0, 0, 1000 / 600, 1000 / 600])
    assert scored["toxic_word_distinct"].to_pylist() == [2, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("language", "hit", "other"),
    [("fra", "navet ", "pomme "), ("zh", "萝卜", "他们")],
    ids=["French", "Chinese"],
)
@pytest.mark.parametrize(
    ("hits", "others", "density"),
    [(3, 0, 5.0), (3, 597, 5.0), (3, 1197, 2.5), (700, 0, 1000.0)],
)
def test_a_text_of_fewer_than_600_words_counts_as_600(
    folder: Path,
    language: str,
    hit: str,
    other: str,
    hits: int,
    others: int,
    density: float,
) -> None:
    stage = ScoreToxicity(lists=str(folder), packaged=False, model=None)
    code = canonical_language(language)
    scored = stage.build()(batch((hit * hits + other * others, code)))
    assert scored["toxic_word_density"].to_pylist() == pytest.approx([density])


def test_what_nobody_looked_at_is_null(folder: Path) -> None:
    scored = ScoreToxicity(lists=str(folder), packaged=False, model=None).build()(
        batch(("navet", "ita"), ("navet", None), (None, "fra"), ("navet", "fra"))
    )
    density = scored["toxic_word_density"].to_pylist()
    assert density == [None, None, None, pytest.approx(1000 / 600)]
    assert scored["toxic_word_distinct"].to_pylist() == [None, None, None, 1]


def test_columns_are_the_declared_ones(folder: Path) -> None:
    config = ScoreToxicity(lists=str(folder), packaged=False, model=None)
    for rows in ([], [("navet", "fra")], [(None, None)]):
        scored = config.build()(batch(*rows))
        written = config.columns_written()
        assert scored.select(written.names).schema.equals(written)


def test_no_list_at_all_scores_nothing() -> None:
    scored = ScoreToxicity(packaged=False, model=None).build()(batch(("navet", "fra")))
    assert scored["toxic_word_density"].to_pylist() == [None]


def test_every_file_of_the_folder_is_part_of_the_fingerprint(folder: Path) -> None:
    names = [Path(path).name for path in ScoreToxicity(lists=str(folder)).files()]
    assert names == ["fra.txt", "th.json", "zh", "weights.tsv", "default.npz"]


def test_the_weights_of_the_users_list_hold_over_those_of_the_package(
    tmp_path: Path,
) -> None:
    """Beer is ambiguous in the package's weights, whore is not."""
    own = tmp_path / "por.txt"
    own.write_text("Cerveja\nputa\tambiguous\n", encoding="utf-8")
    rows = batch(("cerveja e merda", "por"), ("puta aranha", "por"))
    alone, joined = (
        ScoreToxicity(lists=lists, model=None)
        .build()(rows)["toxic_word_distinct"]
        .to_pylist()
        for lists in ({}, {"por": str(own)})
    )
    assert alone == [1, 1]
    assert joined == [2, 0]


def test_an_unknown_weight_is_one_line_with_the_nearest_name(tmp_path: Path) -> None:
    own = tmp_path / "fra.txt"
    own.write_text("navet\tambigu", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        ScoreToxicity(lists={"fra": str(own)}, packaged=False).build()
    assert str(caught.value) == (
        f"score_toxicity.lists: {own}: navet has the unknown weight ambigu"
        "; did you mean ambiguous?"
    )


def test_rows_come_out_the_same_however_they_are_batched(folder: Path) -> None:
    rows = [("navet", "fra"), ("萝卜萝卜", "cmn"), (None, "fra"), ("x", "eng")]
    config = ScoreToxicity(lists=str(folder), packaged=False, model=None)
    transform, names = config.build(), config.columns_written().names
    alone = [transform(batch(row)).select(names).to_pylist()[0] for row in rows]
    assert transform(batch(*rows)).select(names).to_pylist() == alone


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ("missing", "missing is not a folder"),
        ({"fra": "missing.txt"}, r"lists: missing\.txt: .*No such file"),
        ({"frr2": "x.txt"}, r"lists: x\.txt: 'frr2' is no ISO 639-3 code"),
    ],
)
def test_a_wrong_list_is_named(lists: dict[str, str] | str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ScoreToxicity(lists=lists, packaged=False, model=None).build()


def test_a_missing_package_matters_only_where_its_lists_are_wanted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_toxicity, "packaged_lists", dict)
    ScoreToxicity(lists=str(folder), packaged=False, model=None).build()
    with pytest.raises(ConfigError, match="glin-profanity is not installed"):
        ScoreToxicity(lists=str(folder), model=None).build()


MODEL_COLUMNS = ["toxicity_max", "toxicity_mean", "toxicity_share"]


def test_the_model_scores_the_languages_it_learnt() -> None:
    config = ScoreToxicity(packaged=False)
    scored = config.build()(
        batch(
            ("You are a stupid bitch, shut up, idiot.", "eng"),
            ("The council met on Tuesday to discuss the new library.", "eng"),
            ("El consejo se reunió el martes.", "spa"),
            ("...", "eng"),
            (None, "eng"),
        )
    )
    largest = scored["toxicity_max"].to_pylist()
    assert largest[0] > 0.8 > 0.3 > largest[1]
    assert largest[2:] == [None, None, None]
    assert scored["toxicity_mean"].to_pylist() == largest  # one window each
    assert scored["toxicity_share"].to_pylist() == [1.0, 0.0, None, None, None]
    assert scored.select(config.columns_written().names).schema.equals(
        config.columns_written()
    )
    assert config.columns_written().names[2:] == MODEL_COLUMNS


def test_a_model_of_ones_own_is_read_and_part_of_the_fingerprint(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "own.npz")
    model = quantised(np.zeros(16), 0.0, ("spa",), {})
    save(model, path)
    config = ScoreToxicity(packaged=False, model=path)
    assert config.files() == (path,)
    scored = config.build()(batch(("hola", "spa"), ("hello", "eng"), ("", "spa")))
    assert scored["toxicity_max"].to_pylist() == [0.5, None, None]


def test_of_several_models_a_language_has_the_first_that_knows_it(
    tmp_path: Path, fasttext_file: Callable[..., str]
) -> None:
    first, second = str(tmp_path / "first.npz"), str(tmp_path / "second.npz")
    save(quantised(np.zeros(16), 1.0, ("spa", "kor"), {}), first)
    save(quantised(np.zeros(16), -1.0, ("kor", "por"), {}), second)
    third = fasttext_file("__label__toxic", "__label__other", turnip=3.0)
    config = ScoreToxicity(packaged=False, model=(first, second, third))
    assert config.files() == (first, second, third)
    found = config.build()(
        batch(("", "spa"), ("turnip", "por"), ("순무", "kor"), ("turnip", "spa"))
    )["toxicity_max"].to_pylist()
    expected = [1 / (1 + np.exp(-logit)) for logit in (-1.0, 1.0, 1.0)]
    assert found[0] is None
    assert found[1:] == pytest.approx(expected)
    # The third knows all that the others do not.
    found = config.build()(batch(("turnip", "und"), ("turnip", "por")))
    expected = [1 / (1 + np.exp(-logit)) for logit in (3.0, -1.0)]
    assert found["toxicity_mean"].to_pylist() == pytest.approx(expected, 1e-3)
    nothing = ScoreToxicity(packaged=False, model=())
    assert not nothing.files()
    assert nothing.columns_written().names == [
        "toxic_word_density",
        "toxic_word_distinct",
    ]


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_file_that_is_no_model_is_named(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "own.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"score_toxicity\.model: .*own\.npz"):
        ScoreToxicity(packaged=False, model=str(path)).build()


def scored_by(
    config: ScoreToxicity, *rows: tuple[str | None, str | None]
) -> pa.RecordBatch:
    return config.build()(batch(*rows))


def test_a_fasttext_classifier_scores_windows_or_documents(
    fasttext_file: Callable[..., str],
) -> None:
    path = fasttext_file("__label__toxic", "__label__other", turnip=3.0)
    # 100 words of three letters, then 57 of six: two windows of about 400 characters.
    text = "pea " * 100 + "\n" + "turnip " * 57
    by_window = ScoreToxicity(packaged=False, model=path)
    found = scored_by(by_window, (text, "fra"), ("", "eng"), (None, "eng"))
    # All of the second window but the line's end is turnips; the first has only
    # unknown words, and the odds of a line without any are even.
    chance = 1 / (1 + np.exp(-2 * 3 * 57 / 58))
    assert found["toxicity_max"].to_pylist() == [
        pytest.approx(chance, 1e-3),
        None,
        None,
    ]
    assert found["toxicity_mean"][0].as_py() == pytest.approx((chance + 0.5) / 2, 1e-3)
    whole = ScoreToxicity(packaged=False, model=path, per="document")
    found = scored_by(whole, ("...", "eng"), (text, "fra"))
    columns = [found[name].to_pylist() for name in ("toxicity_max", "toxicity_mean")]
    assert columns == [[None, pytest.approx(chance, 1e-3)]] * 2


def test_a_fasttext_classifier_has_the_languages_and_labels_it_is_said_to(
    fasttext_file: Callable[..., str],
) -> None:
    path = fasttext_file("__label__bad", "__label__good", turnip=3.0)
    config = ScoreToxicity(
        packaged=False, model=path, labels=("__label__bad",), model_languages=("fr",)
    )
    found = scored_by(config, ("turnip", "fra"), ("turnip", "deu"), ("turnip", None))
    expected = pytest.approx(1 / (1 + np.exp(-3.0)), 1e-3)
    assert found["toxicity_max"].to_pylist() == [expected, None, None]
    with pytest.raises(ConfigError, match="has no __label__toxic, but __label__bad"):
        ScoreToxicity(packaged=False, model=path).build()
