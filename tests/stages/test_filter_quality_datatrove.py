"""What datatrove's own filters decide is what ours decide."""

import json
from pathlib import Path

import pyarrow as pa

from tamis.stages import clean_lines, measure_text
from tamis.stages.clean_lines import CleanLines
from tamis.stages.filter_quality import FilterQuality
from tamis.stages.measure_text import MeasureText

GOLDEN = Path(__file__).parents[1] / "text" / "datatrove_decisions.jsonl"

# datatrove 0.10.1's name of a reason, by our column.
DATATROVE = {
    "duplicate_paragraph_ratio": "dup_para_frac",
    "duplicate_paragraph_char_ratio": "dup_para_char_frac",
    "duplicate_line_ratio": "dup_line_frac",
    "duplicate_line_char_ratio": "dup_line_char_frac",
    **{f"top_{n}gram_char_ratio": f"top_{n}_gram" for n in range(2, 5)},
    **{
        f"duplicate_{n}gram_char_ratio": f"duplicated_{n}_n_grams" for n in range(5, 11)
    },
    "word_count": "gopher_short_doc",
    "mean_word_length": "gopher_below_avg_threshold",
    "hash_word_ratio": "gopher_too_many_hashes",
    "ellipsis_word_ratio": "gopher_too_many_ellipsis",
    "bullet_line_ratio": "gopher_too_many_bullets",
    "ellipsis_line_ratio": "gopher_too_many_end_ellipsis",
    "alphabetic_word_ratio": "gopher_below_alpha_threshold",
    "stop_word_count": "gopher_enough_stop_words",
    "line_count": "empty",
    "terminal_punctuation_line_ratio": "line_punct_ratio",
    "short_line_ratio": "short_line_ratio",
    "char_duplicate_ratio": "char_dup_ratio",
    "newline_word_ratio": "list_ratio",
    "has_lorem_ipsum": "lorem_ipsum",
    "has_curly_bracket": "curly_bracket",
    "sentence_count": "too_few_sentences",
}


def test_datatrove_s_decisions_are_reproduced() -> None:
    """160 texts and what datatrove 0.10.1's four filters said of them, on our words.

    benchmarks/quality.py makes them, and compares 6,000 more.
    """
    golden = [
        json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").split("\n")[:-1]
    ]
    texts = [row["text"] for row in golden]
    rows = pa.RecordBatch.from_pydict(
        {
            "text": texts,
            "text_chars": pa.array(map(len, texts), pa.int32()),
            "drop_reason": pa.nulls(len(golden), pa.string()),
        }
    )
    measure = measure_text.build(MeasureText(compat="datatrove"))
    clean = clean_lines.build(CleanLines(preset="c4", compat="datatrove"))
    cleaned = clean(rows)
    decisions = {
        preset: FilterQuality(preset=preset, compat="datatrove")
        .build()(measure(cleaned if preset == "c4" else rows))["drop_reason"]
        .to_pylist()
        for preset in ("gopher", "fineweb", "c4")
    }
    for place, row in enumerate(golden):
        ours = {name: found[place] for name, found in decisions.items()}
        named = {name: found and DATATROVE[found] for name, found in ours.items()}
        gopher = row["gopher_repetition"] or row["gopher_quality"]
        if gopher == "gopher_above_avg_threshold":
            gopher = DATATROVE["mean_word_length"]
        expected = {"gopher": gopher, "fineweb": row["fineweb"], "c4": row["c4"]}
        assert named == expected, row["text"]
        if row["c4"] is None:
            assert cleaned["text"][place].as_py() == row["c4_text"]
    assert len(set(decisions["gopher"])) >= 10
    assert len(set(decisions["fineweb"])) == 5
    assert len(set(decisions["c4"])) == 4
