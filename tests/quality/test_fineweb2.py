"""The preset fineweb2: FineWeb-2's rules with its published figures, and nothing else."""

from pathlib import Path

import pyarrow as pa
import pytest

from tamis.errors import ConfigError
from tamis.quality.presets import (
    Bounds,
    has_figures,
    preset_bounds,
    preset_columns,
    usual_script,
)
from tamis.recipe.load import load_recipe
from tamis.stages.filter_quality import FilterQuality, bounds_for

# huggingface/fineweb-2, configs/*.yml: dup_line_frac; top_n_grams of 2 to 4; dup_n_grams
# of 5 to 10; line_punct_thr; new_line_ratio; min_ and max_avg_word_length;
# max_non_alpha_words_ratio, which is the least share of words with a letter.
PUBLISHED = {
    ("fra", "Latn"): (
        *(0.264, 0.161, 0.149, 0.134, 0.15, 0.141, 0.131, 0.121, 0.111, 0.1),
        *(0.1, 0.185, 2, 11, 0.812),
    ),
    ("deu", "Latn"): (
        *(0.263, 0.169, 0.153, 0.137, 0.141, 0.134, 0.126, 0.117, 0.108, 0.098),
        *(0, 0.152, 0, 15, 0.774),
    ),
    ("ita", "Latn"): (
        *(0.246, 0.198, 0.156, 0.133, 0.144, 0.136, 0.127, 0.118, 0.109, 0.1),
        *(0.025, 0.2, 3, 21, 0.807),
    ),
    ("rus", "Cyrl"): (
        *(0.322, 0.184, 0.164, 0.146, 0.168, 0.156, 0.145, 0.133, 0.121, 0.109),
        *(0.231, 0.139, 3, 11, 0.713),
    ),
    ("arb", "Arab"): (
        *(0.304, 0.197, 0.172, 0.146, 0.165, 0.153, 0.142, 0.131, 0.12, 0.109),
        *(0.143, 0.189, 2, 9, 0.787),
    ),
    ("cmn", "Hani"): (
        *(0.287, 0.256, 0.201, 0.171, 0.198, 0.182, 0.167, 0.154, 0.14, 0.127),
        *(0.106, 0.178, 1, 5, 0.735),
    ),
    ("tha", "Thai"): (
        *(0.349, 0.221, 0.197, 0.162, 0.185, 0.168, 0.152, 0.137, 0.124, 0.111),
        *(0, 0.153, 2, 10, 0.9),
    ),
    # There fas and fil.
    ("pes", "Arab"): (
        *(0.246, 0.189, 0.164, 0.143, 0.157, 0.147, 0.137, 0.127, 0.117, 0.107),
        *(0.2, 0.15, 2, 9, 0.812),
    ),
    ("tgl", "Latn"): (
        *(0.263, 0.286, 0.228, 0.179, 0.15, 0.141, 0.129, 0.119, 0.11, 0.1),
        *(0.091, 0.159, 3, 12, 0.821),
    ),
}


def in_fineweb2_s_order(figures: tuple[float, ...]) -> Bounds:
    """GopherRepetitionFilter, FineWebQualityFilter, GopherQualityFilter: the order of
    fineweb-2-pipeline.py, and within each of datatrove's code.
    """
    duplicate_lines, *ngrams, punctuated, newlines, least, most, letters = figures
    bounds: Bounds = {"duplicate_line_ratio": (None, duplicate_lines)}
    for size, figure in zip(range(2, 11), ngrams, strict=True):
        kind = "top" if size < 5 else "duplicate"
        bounds[f"{kind}_{size}gram_char_ratio"] = (None, figure)
    return bounds | {
        "line_count": (1, None),
        "terminal_punctuation_line_ratio": (punctuated, None),
        "char_duplicate_ratio": (None, 0.1),
        "newline_word_ratio": (None, newlines),
        "word_count": (50, 100_000),
        "mean_word_length": (least, most),
        "hash_word_ratio": (None, 0.1),
        "ellipsis_word_ratio": (None, 0.1),
        "bullet_line_ratio": (None, 0.9),
        "ellipsis_line_ratio": (None, 0.3),
        "alphabetic_word_ratio": (letters, None),
        "stop_word_count": (2, None),
    }


@pytest.mark.parametrize("key", PUBLISHED, ids=lambda key: key[0])
def test_the_bounds_are_the_published_ones_in_their_order(key: tuple[str, str]) -> None:
    expected = list(in_fineweb2_s_order(PUBLISHED[key]).items())
    assert list(preset_bounds("fineweb2", *key).items()) == expected
    config = FilterQuality(preset="fineweb2")
    assert list(bounds_for(config, {}, key[0], script=key[1]).items()) == expected
    assert preset_columns("fineweb2") == tuple(column for column, _ in expected)


@pytest.mark.parametrize(
    ("language", "script"),
    [
        pytest.param("eng", "Latn", id="English has no file"),
        pytest.param("xxx", "Latn", id="no figures, and none of the script's either"),
        pytest.param("rus", "Latn", id="another script than its file's"),
        pytest.param("fas", "Arab", id="a code that no document has"),
        pytest.param(None, None, id="unknown"),
    ],
)
def test_what_fineweb_2_has_no_figures_for_it_does_not_filter(
    language: str | None, script: str | None
) -> None:
    assert preset_bounds("fineweb2", language, script) == {}


def test_a_document_without_figures_stays_whatever_it_is_like() -> None:
    config = FilterQuality(preset="fineweb2")
    columns = config.columns_read()[2:]
    junk = pa.RecordBatch.from_pydict(
        {
            "language": ["fra", "eng", None],
            "script": ["Latn", "Latn", None],
            **{column: pa.array([9.0] * 3) for column in columns},
            "drop_reason": pa.nulls(3, pa.string()),
        }
    )
    found = config.build()(junk)["drop_reason"].to_pylist()
    assert found == ["duplicate_line_ratio", None, None]


def test_behind_fineweb_it_takes_the_languages_that_it_has() -> None:
    """English as FineWeb, every other language as FineWeb-2, which switches rules off."""
    presets = ("gopher", "fineweb", "fineweb2")
    config = FilterQuality(preset=presets)
    french = bounds_for(config, {}, "fra", script="Latn")
    assert french == preset_bounds("fineweb2", "fra", "Latn")
    english = bounds_for(config, {}, "eng", script="Latn")
    assert list(english.items()) == list(
        bounds_for(FilterQuality(preset=presets[:2]), {}, "eng", script="Latn").items()
    )
    assert {"short_line_ratio", "duplicate_paragraph_ratio"} < set(english)
    assert set(config.columns_read()) == {"language", "script", *english}


def test_its_columns_follow_the_recipe_s_own_bounds() -> None:
    config = FilterQuality(
        preset="fineweb2", bounds={"word_count": None, "sentence_count": (3, None)}
    )
    assert {"language", "script", "sentence_count"} < set(config.columns_read())
    assert "word_count" not in config.columns_read()
    assert bounds_for(config, {}, "eng", script="Latn") == {"sentence_count": (3, None)}


def test_a_language_s_script_is_its_file_s() -> None:
    assert usual_script("rus") == "Cyrl"
    assert usual_script("pes") == "Arab"
    assert usual_script("eng") == "Latn"
    assert has_figures("tgl")
    assert not has_figures("eng")


RECIPE = """input: a.warc.gz
output: out
languages: {languages}
stages:
  - read_warc: {{}}
  - decode_html: {{}}
  - extract_text: {{}}
  - identify_language: {{}}
  - filter_language: {{}}
  - measure_text: {{}}
  - save: documents
  - filter_quality: {settings}
  - mix_corpus: {{}}
"""


@pytest.mark.parametrize(
    ("languages", "settings", "is_refused"),
    [
        pytest.param("[eng]", "{preset: fineweb2}", True, id="English alone"),
        pytest.param("[eng]", "{preset: [fineweb2]}", True, id="in a list of one"),
        pytest.param("[eng, fra]", "{preset: fineweb2}", False, id="French too"),
        pytest.param("[eng]", "{preset: [fineweb, fineweb2]}", False, id="FineWeb too"),
        pytest.param(
            "[eng]",
            "{preset: fineweb2, bounds: {word_count: [80, null]}}",
            False,
            id="a bound of one's own",
        ),
        pytest.param("[eng]", "{}", False, id="tamis has English"),
    ],
)
def test_a_recipe_of_which_nothing_would_be_filtered_is_refused(
    languages: str, settings: str, is_refused: bool, tmp_path: Path
) -> None:
    path = tmp_path / "stages.yaml"
    path.write_text(RECIPE.format(languages=languages, settings=settings), "utf-8")
    if not is_refused:
        assert load_recipe(path).stages
        return
    with pytest.raises(
        ConfigError, match=r"filter_quality\.preset: fineweb2 has no bounds for eng"
    ):
        load_recipe(path)
