import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.stage import batch_function
from tamis.stages.filter_language import FilterLanguage

ROWS = [("fra", 0.65), ("deu", 0.9), (None, 0.1), ("fra", 0.64), ("eng", 0.3)]


def batch(
    rows: list[tuple[str | None, float | None]], prefix: str = ""
) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([language for language, _ in rows], pa.string()),
            pa.array([score for _, score in rows], pa.float32()),
            pa.nulls(len(rows), pa.string()),
        ],
        [f"{prefix}language", f"{prefix}language_score", "drop_reason"],
    )


def reasons(
    config: FilterLanguage, rows: list[tuple[str | None, float | None]]
) -> object:
    return config.build()(batch(rows))["drop_reason"].to_pylist()


def test_the_reason_says_what_was_wrong_with_the_language() -> None:
    assert reasons(FilterLanguage(languages=("fra", "eng")), ROWS) == [
        None,
        "language_not_wanted",
        "language_unknown",
        "language_low_score",
        "language_low_score",
    ]


def test_without_languages_every_known_one_stays() -> None:
    assert reasons(FilterLanguage(min_score=0), ROWS) == [
        *(None, None, "language_unknown", None, None)
    ]


def test_bounds_are_inclusive_and_may_differ_by_language() -> None:
    config = FilterLanguage(min_score={"default": 0.7, "en": 0.3, "deu": 0.91})
    assert reasons(config, ROWS) == [
        "language_low_score",
        "language_low_score",
        "language_unknown",
        "language_low_score",
        None,
    ]
    named_only = FilterLanguage(min_score={"deu": 0.91})
    assert reasons(named_only, ROWS[:2]) == [None, "language_low_score"]


def test_before_extraction_only_what_is_surely_unwanted_goes() -> None:
    config = FilterLanguage(
        languages=("fra",), min_score=0, min_unwanted_score=0.5, keep_unknown=True
    )
    assert reasons(config, ROWS) == [None, "language_not_wanted", None, None, None]


def test_from_the_very_bound_on_an_unwanted_language_is_sure() -> None:
    """float32 can hold 0.5 and its neighbour below, 0.49999997, exactly."""
    config = FilterLanguage(languages=("fra",), min_score=0, min_unwanted_score=0.5)
    below = 0.5 - 2.0**-25
    rows: list[tuple[str | None, float | None]] = [
        *[("deu", 0.5), ("deu", below), ("deu", 0.5 + 2.0**-24)]
    ]
    assert reasons(config, rows) == ["language_not_wanted", None, "language_not_wanted"]


@pytest.mark.parametrize("bound", [0.3, 0.65, 0.9])
def test_a_bound_that_float32_cannot_hold_is_rounded_as_the_scores_are(
    bound: float,
) -> None:
    config = FilterLanguage(languages=("fra",), min_score=0, min_unwanted_score=bound)
    assert reasons(config, [("deu", bound)]) == ["language_not_wanted"]


def test_a_score_nobody_measured_condemns_nobody() -> None:
    assert reasons(FilterLanguage(languages=("fra",)), [("fra", None)]) == [None]


def test_codes_are_canonical_and_mistakes_are_refused() -> None:
    assert FilterLanguage(languages=("zho", "no")).languages == ("cmn", "nob")
    assert FilterLanguage(min_score={"ara": 0.4}).min_score == {"arb": 0.4}
    with pytest.raises(ValidationError, match=r"did you mean fra \(French\)"):
        FilterLanguage(languages=("french",))
    with pytest.raises(ValidationError, match="did you mean"):
        FilterLanguage(min_score={"germann": 0.4})
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        FilterLanguage(min_score={"deu": 65})


def test_two_bounds_for_one_language_are_refused() -> None:
    with pytest.raises(ValidationError, match="fr and fra are one language"):
        FilterLanguage(min_score={"fr": 0.4, "fra": 0.7})
    bounds = {"default": 0.7, "cmn": 0.4}
    assert FilterLanguage(min_score={"default": 0.7, "zh": 0.4}).min_score == bounds


def test_no_rows_and_earlier_reasons() -> None:
    config = FilterLanguage(languages=("fra",), min_score={"fra": 0.5})
    assert config.build()(batch([])).schema.equals(batch([]).schema)
    earlier = batch([("deu", 0.9)]).set_column(
        2, "drop_reason", pa.array(["too_large"])
    )
    assert config.build()(earlier)["drop_reason"].to_pylist() == ["too_large"]


def test_a_prefix_reads_the_prefixed_columns() -> None:
    config = FilterLanguage.model_validate({"as": "raw", "languages": ["fra"]})
    filtered = batch_function(config)(batch([("fra", 0.9), ("deu", 0.9)], "raw_"))
    assert filtered["drop_reason"].to_pylist() == [None, "language_not_wanted"]


def test_sisters_of_a_wanted_language_stay_if_the_recipe_keeps_them() -> None:
    rows: list[tuple[str | None, float | None]] = [
        *(("spa", 0.9), ("ast", 0.9), ("lad", 0.9), ("por", 0.9)),
        *(("wuu", 0.9), ("bho", 0.9), ("koi", 0.9), ("pnb", 0.9)),
    ]
    dropped = "language_not_wanted"
    asked = ("spa", "cmn", "hin")
    kept = FilterLanguage(languages=asked, sisters="keep")
    assert reasons(FilterLanguage(languages=asked), rows) == [None] + [dropped] * 7
    assert reasons(kept, rows) == [
        *(None, None, None, dropped),
        *(None, None, dropped, dropped),
    ]


def test_a_language_that_is_likelier_a_sister_is_dropped_below_the_bound() -> None:
    rows: list[tuple[str | None, float | None]] = [("spa", 0.9)] * 3 + [("ell", 0.9)]
    scores = pa.array([0.49, 0.5, 1.0, None], pa.float32())
    own = batch(rows).append_column("sister_score", scores)
    config = FilterLanguage(languages=("spa", "ell"), min_sister_score=0.5)
    assert config.columns_read() == ("language", "language_score", "sister_score")
    assert config.build()(own)["drop_reason"].to_pylist() == [
        *("language_sister", None, None, None)
    ]
