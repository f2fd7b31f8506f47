import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.stages.filter_toxicity import FilterToxicity


def batch(**columns: list[object]) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))
    clean = {
        "language": "fra",
        "toxic_word_density": 0.0,
        "toxic_word_distinct": 0,
        "toxicity_max": 0.1,
        "toxicity_mean": 0.05,
    }
    types = {
        "language": pa.string(),
        "toxic_word_density": pa.float32(),
        "toxic_word_distinct": pa.int32(),
        "toxicity_max": pa.float32(),
        "toxicity_mean": pa.float32(),
    }
    arrays = {
        name: pa.array(columns.get(name, [value] * rows), types[name])
        for name, value in clean.items()
    }
    return pa.RecordBatch.from_pydict(
        {**arrays, "drop_reason": pa.nulls(rows, pa.string())}
    )


def reasons(config: FilterToxicity, **columns: list[object]) -> list[str | None]:
    return config.build()(batch(**columns))["drop_reason"].to_pylist()


def test_both_word_limits_must_be_broken() -> None:
    found = reasons(
        FilterToxicity(agree="words"),
        toxic_word_density=[10.1, 10.0, 900.0, 10.1, None],
        toxic_word_distinct=[3, 40, 2, 4, None],
    )
    assert found == ["toxic_words", None, None, "toxic_words", None]


def test_a_language_can_have_limits_of_its_own() -> None:
    config = FilterToxicity(
        agree="words",
        per_language={
            "tr": {"toxic_word_density": 50},
            "deu": {"toxic_word_distinct": 1},
        },
    )
    found = reasons(
        config,
        language=["tur", "tur", "deu", "fra", None],
        toxic_word_density=[40.0, 60.0, 20.0, 20.0, 20.0],
        toxic_word_distinct=[3, 3, 1, 1, 3],
    )
    assert found == [None, "toxic_words", "toxic_words", None, "toxic_words"]


def test_a_limit_on_the_model_drops_as_toxic_text_after_the_words() -> None:
    config = FilterToxicity(toxicity_max=0.9)
    found = reasons(
        config,
        toxicity_max=[0.95, 0.95, 0.9, None],
        toxic_word_density=[20.0, 0.0, 0.0, 0.0],
        toxic_word_distinct=[3, 0, 0, 0],
    )
    assert found == ["toxic_words", "toxic_text", None, None]


def test_a_lifted_limit_drops_nobody_and_reads_nothing() -> None:
    config = FilterToxicity(toxic_word_density=None)
    assert config.columns_read() == ("language",)
    assert reasons(config, toxic_word_density=[900.0], toxic_word_distinct=[9]) == [
        None
    ]


def test_only_limited_columns_are_read() -> None:
    words = ("language", "toxic_word_density", "toxic_word_distinct")
    assert FilterToxicity().columns_read() == words
    assert FilterToxicity(toxicity_mean=0.5).columns_read() == (*words, "toxicity_mean")
    of_one_language = FilterToxicity(per_language={"fr": {"toxicity_share": 0.2}})
    assert of_one_language.columns_read() == (*words, "toxicity_share")


def test_an_empty_batch_stays_empty() -> None:
    filtered = FilterToxicity().build()(batch(language=[]))
    assert filtered["drop_reason"].type == pa.string()
    assert filtered.num_rows == 0


def test_an_unknown_language_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValidationError, match="did you mean"):
        FilterToxicity(per_language={"french": {"toxic_word_distinct": 2}})


@pytest.mark.parametrize(
    ("agree", "maximum", "reason"),
    [
        ("both", 0.09, None),
        ("both", 0.5, "toxic_words"),
        ("both", None, "toxic_words"),  # no model knows the language
        ("both", 0.95, "toxic_words"),
        ("either", 0.09, "toxic_words"),
        ("words", 0.09, "toxic_words"),
        ("model", 0.6, None),
        ("model", 0.95, "toxic_text"),
    ],
)
def test_words_alone_convict_nobody_whom_a_model_knows(
    agree: str, maximum: float | None, reason: str | None
) -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "language": ["eng"],
            "toxic_word_density": pa.array([36.0], pa.float32()),
            "toxic_word_distinct": pa.array([3], pa.int32()),
            "toxicity_max": pa.array([maximum], pa.float32()),
            "drop_reason": pa.array([None], pa.string()),
        }
    )
    found = FilterToxicity.model_validate({"agree": agree}).build()(batch)
    assert found["drop_reason"].to_pylist() == [reason]


@pytest.mark.parametrize("maximum", [0.89, 0.91])
def test_the_models_default_limit_needs_no_words(maximum: float) -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "language": ["cmn"],
            "toxic_word_density": pa.array([0.0], pa.float32()),
            "toxic_word_distinct": pa.array([0], pa.int32()),
            "toxicity_max": pa.array([maximum], pa.float32()),
            "drop_reason": pa.array([None], pa.string()),
        }
    )
    found = FilterToxicity().build()(batch)["drop_reason"].to_pylist()
    assert found == ["toxic_text" if maximum > 0.9 else None]


def test_without_a_model_the_words_decide() -> None:
    stage = FilterToxicity()
    assert "toxicity_max" not in stage.columns_read()
    model = {"toxicity_max", "toxicity_mean"}
    assert model <= stage.columns_needed({*model, "language"})
    assert not model & stage.columns_needed({"language"})


def test_one_window_alone_needs_the_limit_of_all_languages() -> None:
    """The mean of one window is its maximum: nothing else in the text speaks against it."""
    languages: list[object] = ["fra", "fra", "deu", "deu", "fra", "eng"]
    maxima: list[object] = [0.88, 0.88, 0.88, 0.91, None, 0.88]
    means: list[object] = [0.88, 0.5, 0.88, 0.91, None, 0.88]
    columns = {
        "language": languages,
        "toxicity_max": maxima,
        "toxicity_mean": means,
    }
    found = reasons(FilterToxicity(), **columns)
    assert found == [None, "toxic_text", None, "toxic_text", None, None]
    given = FilterToxicity(toxicity_max=0.7)
    assert reasons(given, **columns) == [*["toxic_text"] * 4, None, "toxic_text"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["toxic_text", "toxic_text", None]),
        ({"toxicity_max": 0.9}, [None, None, None]),
        ({"per_language": {"deu": {"toxicity_max": 0.8}}}, [None, "toxic_text", None]),
    ],
)
def test_german_and_french_have_a_lower_limit_unless_the_recipe_gives_one(
    settings: dict[str, object], expected: list[str | None]
) -> None:
    found = reasons(
        FilterToxicity.model_validate(settings),
        language=["deu", "fra", "eng"],
        toxicity_max=[0.75, 0.75, 0.75],
    )
    assert found == expected


def test_the_default_is_a_value_that_a_record_of_the_recipe_keeps() -> None:
    """Another value has another fingerprint, and what is read back decides the same."""
    default, given = FilterToxicity(), FilterToxicity(toxicity_max=0.9)
    assert default.model_dump() != given.model_dump()
    again = FilterToxicity.model_validate(default.model_dump())
    languages = ["deu", "fra", "eng", None]
    for stage, expected in ((again, [0.7, 0.7, 0.9, 0.9]), (given, [0.9] * 4)):
        assert stage.limits("toxicity_max", languages).to_pylist() == expected
    assert again.columns_read() == default.columns_read()
