"""Bounds, presets and how they combine."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.errors import ConfigError
from tamis.quality.presets import preset_bounds
from tamis.stages.filter_quality import FilterQuality, bounds_for
from tamis.stages.measure_text import MeasureText


def batch(
    languages: list[str | None] | None = None,
    scripts: list[str | None] | None = None,
    **columns: list[float | None],
) -> pa.RecordBatch:
    """Rows that break no bound but for the given columns."""
    rows = len(next(iter(columns.values())))
    prose: dict[str, float] = dict.fromkeys(MeasureText().columns_written().names, 0)
    prose |= {"word_count": 200, "mean_word_length": 4.7, "alphabetic_word_ratio": 0.97}
    prose |= {"stop_word_count": 9, "line_count": 9, "sentence_count": 12}
    prose |= {"terminal_punctuation_line_ratio": 0.8}
    filled = {}
    for field in MeasureText().columns_written():
        values = columns.get(field.name, [prose[field.name]] * rows)
        filled[field.name] = pa.array(values).cast(field.type)
    return pa.RecordBatch.from_pydict(
        filled
        | {
            "language": pa.array(languages or ["eng"] * rows, pa.string()),
            "script": pa.array(scripts or ["Latn"] * rows, pa.string()),
            "drop_reason": pa.nulls(rows, pa.string()),
        }
    )


def reasons(config: FilterQuality, rows: pa.RecordBatch) -> list[str | None]:
    found: list[str | None] = config.build()(rows)["drop_reason"].to_pylist()
    return found


def test_each_row_carries_the_first_bound_it_breaks() -> None:
    rows = batch(word_count=[49, 50, 10], duplicate_line_ratio=[0.0, 0.31, 0.9])
    assert reasons(FilterQuality(preset="gopher"), rows) == [
        "word_count",
        "duplicate_line_ratio",
        "duplicate_line_ratio",
    ]


@pytest.mark.parametrize("preset", ["gopher", "c4", "fineweb", "fineweb2", "tamis"])
def test_prose_breaks_no_preset(preset: str) -> None:
    config = FilterQuality.model_validate({"preset": preset})
    rows = batch(["eng", "fra"], ["Latn", "Latn"], word_count=[200, 200])
    assert reasons(config, rows) == [None, None]


def test_bounds_are_inclusive_and_round_to_the_column_s_type() -> None:
    rows = batch(
        word_count=[50, 100_000, 100_001, 60],
        duplicate_line_ratio=[0.3, 0.3, 0.3, 0.3000001],
    )
    assert reasons(FilterQuality(preset="gopher"), rows) == [
        None,
        None,
        "word_count",
        "duplicate_line_ratio",
    ]


def test_a_statistic_that_was_not_measured_condemns_nobody() -> None:
    rows = batch(mean_word_length=[None], stop_word_count=[None])
    assert reasons(FilterQuality(preset="gopher"), rows) == [None]


def test_claims_have_bounds_too() -> None:
    rows = batch(has_lorem_ipsum=[True, False], sentence_count=[9, 4])
    config = FilterQuality(preset="c4")
    assert reasons(config, rows) == ["has_lorem_ipsum", "sentence_count"]


def test_an_earlier_reason_stays() -> None:
    rows = batch(word_count=[1])
    position = rows.schema.get_field_index("drop_reason")
    rows = rows.set_column(position, "drop_reason", pa.array(["no_text"]))
    assert reasons(FilterQuality(), rows) == ["no_text"]


def test_presets_combine_and_single_bounds_are_replaced_or_taken_away() -> None:
    config = FilterQuality(
        preset=("gopher", "fineweb"),
        bounds={"word_count": (30, None), "short_line_ratio": None},
        per_language={"tha": {"word_count": (10, None)}},
    )
    rows = batch(
        languages=["eng", "eng", "tha", "tha"],
        word_count=[29, 30, 29, 9],
        short_line_ratio=[0.9] * 4,
    )
    assert reasons(config, rows) == ["word_count", None, None, "word_count"]
    assert "short_line_ratio" not in config.columns_read()
    assert {"language", "script"} < set(config.columns_read())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, (50, 100_000), id="preset"),
        pytest.param({"thresholds": 51}, (51, None), id="then thresholds"),
        pytest.param({"thresholds": 51, "bounds": 52}, (52, None), id="then bounds"),
        pytest.param(
            {"thresholds": 51, "bounds": 52, "per_language": 53},
            (53, None),
            id="then per_language",
        ),
        pytest.param(
            {"thresholds": 51, "per_language": 53}, (53, None), id="without bounds"
        ),
    ],
)
def test_of_two_bounds_for_one_column_the_later_setting_s_holds(
    settings: dict[str, int], expected: tuple[int, int | None], tmp_path: Path
) -> None:
    given: dict[str, Any] = {"preset": "gopher"}
    if "thresholds" in settings:
        table = tmp_path / "thresholds.yaml"
        table.write_text(f"fra: {{word_count: [{settings['thresholds']}, null]}}\n")
        given["thresholds"] = str(table)
    if "bounds" in settings:
        given["bounds"] = {"word_count": [settings["bounds"], None]}
    if "per_language" in settings:
        own = {"word_count": [settings["per_language"], None]}
        given["per_language"] = {"fra": own}
    least = expected[0]
    rows = batch(["fra", "fra"], word_count=[least - 1, least])
    assert reasons(FilterQuality(**given), rows) == ["word_count", None]


def test_of_two_broken_bounds_the_earlier_in_the_order_is_the_reason() -> None:
    """A later setting changes a bound and not its place; a new column comes last."""
    rows = batch(word_count=[9], mean_word_length=[99], sentence_count=[1])
    rows = rows.slice(0, 1)
    gopher = FilterQuality(preset="gopher")
    assert reasons(gopher, rows) == ["word_count"]
    again = {"sentence_count": (2, None), "word_count": (10, None)}
    assert reasons(gopher.model_copy(update={"bounds": again}), rows) == ["word_count"]
    lower = {"sentence_count": (2, None), "word_count": (9, None)}
    assert reasons(gopher.model_copy(update={"bounds": lower}), rows) == [
        "mean_word_length"
    ]
    both = {"sentence_count": (2, None), "mean_word_length": (3, 10)}
    alone = FilterQuality(preset=None, bounds=both)
    assert reasons(alone, rows) == ["sentence_count"]
    swapped = {"mean_word_length": (3, 10), "sentence_count": (2, None)}
    alone = FilterQuality(preset=None, bounds=swapped)
    assert reasons(alone, rows) == ["mean_word_length"]


def test_own_bounds_need_no_preset_and_no_language() -> None:
    config = FilterQuality(preset=None, bounds={"toxicity_max": (None, 0.9)})
    assert config.columns_read() == ("toxicity_max",)
    rows = pa.RecordBatch.from_pydict(
        {"toxicity_max": [0.1, 0.95], "drop_reason": pa.nulls(2, pa.string())}
    )
    assert reasons(config, rows) == [None, "toxicity_max"]


@pytest.mark.parametrize(
    ("language", "script", "column", "bound"),
    [
        pytest.param("fra", "Latn", "newline_word_ratio", (None, 0.185), id="figure"),
        pytest.param("rus", "Cyrl", "mean_word_length", (3, 11), id="Russian"),
        pytest.param("cmn", "Hani", "mean_word_length", (1.3, 5), id="raised minimum"),
        pytest.param(
            "deu", "Latn", "terminal_punctuation_line_ratio", (0.08, None), id="clamped"
        ),
        pytest.param(
            "tha", "Thai", "terminal_punctuation_line_ratio", (0, None), id="no stops"
        ),
        pytest.param(
            "hin", "Deva", "newline_word_ratio", (None, 0.3), id="clamped from above"
        ),
        pytest.param(
            "eng", "Latn", "terminal_punctuation_line_ratio", (0.12, None), id="English"
        ),
        pytest.param(
            "pes", "Arab", "newline_word_ratio", (None, 0.15), id="Persian, there fas"
        ),
        pytest.param(
            "tgl", "Latn", "newline_word_ratio", (None, 0.159), id="Filipino, there fil"
        ),
        pytest.param(
            "xxx", "Thai", "mean_word_length", (2, 10), id="script's only row"
        ),
        pytest.param("xxx", "Zzzz", "mean_word_length", (3, 10), id="English's"),
        pytest.param(None, None, "mean_word_length", (3, 10), id="unknown"),
    ],
)
def test_tamis_has_bounds_for_every_language(
    language: str | None,
    script: str | None,
    column: str,
    bound: tuple[float | None, float | None],
) -> None:
    assert preset_bounds("tamis", language, script)[column] == bound
    assert bounds_for(FilterQuality(), {}, language, script=script)[column] == bound


def test_every_language_has_the_same_columns_in_the_same_order() -> None:
    english = list(preset_bounds("tamis", "eng", "Latn"))
    for language, script in [("fra", "Latn"), ("cmn", "Hani"), ("xxx", "Mong")]:
        assert list(preset_bounds("tamis", language, script)) == english
    assert FilterQuality().columns_read() == ("language", "script", *english)


def test_each_row_is_held_to_its_own_language_s_bounds() -> None:
    rows = batch(
        languages=["cmn", "eng", None, "cmn"],
        scripts=["Hani", "Latn", None, "Hani"],
        mean_word_length=[1.6, 1.6, 1.6, 1.1],
    )
    assert reasons(FilterQuality(), rows) == [
        None,
        "mean_word_length",
        "mean_word_length",
        "mean_word_length",
    ]


def test_an_empty_batch_stays_empty() -> None:
    rows = batch(word_count=[1]).slice(0, 0)
    filtered = FilterQuality().build()(rows)
    assert filtered.num_rows == 0
    assert filtered.schema.field("drop_reason").type == pa.string()


def test_a_table_of_thresholds_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.yaml"
    path.write_text("fra: {word_count: [100, null]}\nde: {line_count: null}\n")
    config = FilterQuality(thresholds=str(path))
    rows = batch(
        languages=["fra", "eng", "deu"], word_count=[99, 99, 99], line_count=[9, 9, 0]
    )
    assert reasons(config, rows) == ["word_count", None, None]
    assert config.files() == (str(path),)


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no-such\.yaml"):
        FilterQuality(thresholds=str(tmp_path / "no-such.yaml")).build()
    path = tmp_path / "bad.yaml"
    path.write_text("fra: {word_count: 3}")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        FilterQuality(thresholds=str(path)).build()


@pytest.mark.parametrize(
    "settings",
    [
        {"bounds": {"word_count": [3, 1]}},
        {"bounds": {"word_count": 3}},
        {"preset": "gopherr"},
        {"per_language": {"klingon": {"word_count": [1, 2]}}},
        {"per_language": {"de": {}, "deu": {}}},
        {"keep_share": {"de": 0.1, "deu": 0.2}},
    ],
)
def test_mistakes_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FilterQuality.model_validate(settings)


def test_a_code_with_an_underscore_is_a_code() -> None:
    rows = batch(["pt_BR", "eng"], ["Latn", None], word_count=[10, 10])
    dropped = FilterQuality().build()(rows)["drop_reason"].to_pylist()
    assert dropped == ["word_count", "word_count"]


def test_lists_and_tables_pass_where_everything_is_wanted() -> None:
    catalogue = {
        "word_count": [30],
        "terminal_punctuation_line_ratio": [0.11],
        "duplicate_line_ratio": [0.6],
        "alphabetic_word_ratio": [0.65],
        "bullet_line_ratio": [1.0],
        "duplicate_5gram_char_ratio": [0.2],
    }
    everything = FilterQuality(profile="everything")
    for column, values in catalogue.items():
        assert reasons(FilterQuality(), batch(**{column: values})) == [column]
    assert reasons(everything, batch(**catalogue)) == [None]
    junk = {"word_count": [24], "duplicate_5gram_char_ratio": [0.3]}
    for column, values in junk.items():
        assert reasons(everything, batch(**{column: values})) == [column]


@pytest.mark.parametrize("preset", ["gopher", "c4", "fineweb", "fineweb2", "tamis"])
@pytest.mark.parametrize("language", ["eng", "fra", "cmn", "tha", "hin", "ell"])
def test_no_bound_is_tighter_where_everything_is_wanted(
    preset: str, language: str
) -> None:
    script = {"cmn": "Hani", "tha": "Thai", "hin": "Deva", "ell": "Grek"}.get(language)
    prose, everything = (
        bounds_for(
            FilterQuality(preset=preset, profile=profile), {}, language, script=script
        )
        for profile in ("prose", "everything")
    )
    assert list(prose) == list(everything)
    for column, (least, most) in prose.items():
        wide = everything[column]
        assert least is None or wide[0] <= least
        assert most is None or wide[1] >= most


def test_a_bound_of_one_s_own_holds_in_every_profile() -> None:
    config = FilterQuality(profile="everything", bounds={"word_count": (50, None)})
    assert reasons(config, batch(word_count=[49])) == ["word_count"]


def test_by_type_widens_the_bounds_of_lists_and_code_alone() -> None:
    types = ["article", "forum", "service", None, "documentation", "listing", "product"]
    repeated = "char_duplicate_ratio"
    rows = batch(**{repeated: [0.45] * len(types)})
    rows = rows.append_column("page_type", pa.array(types, pa.string()))
    config = FilterQuality(profile="by_type")
    assert "page_type" in config.columns_read()
    assert "page_type" not in FilterQuality().columns_read()
    assert reasons(config, rows) == [repeated] * 4 + [None] * 3
    own = FilterQuality(profile="by_type", bounds={repeated: (None, 0.1)})
    assert reasons(own, rows) == [repeated] * len(types)
