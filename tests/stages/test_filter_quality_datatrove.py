"""What datatrove's own filters decide is what ours decide."""

import json
from pathlib import Path

import pyarrow as pa

from tamis.stages.clean_lines import CleanLines
from tamis.stages.filter_quality import FilterQuality
from tamis.stages.measure_text import MeasureText

GOLDEN = Path(__file__).parents[1] / "text" / "datatrove_decisions.jsonl"

# datatrove 0.10.1's names of a reason, by our column; two have one for each side.
REASONS = json.loads(GOLDEN.with_name("datatrove_reasons.json").read_text("utf-8"))


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
    measure = MeasureText(compat="datatrove").build()
    clean = CleanLines(preset="c4", compat="datatrove").build()
    cleaned = clean(rows)
    decisions = {
        preset: FilterQuality(preset=preset, compat="datatrove")
        .build()(measure(cleaned if preset == "c4" else rows))["drop_reason"]
        .to_pylist()
        for preset in ("gopher", "fineweb", "c4")
    }
    for place, row in enumerate(golden):
        ours = {name: found[place] for name, found in decisions.items()}
        gopher = row["gopher_repetition"] or row["gopher_quality"]
        expected = {"gopher": gopher, "fineweb": row["fineweb"], "c4": row["c4"]}
        for preset, reason in expected.items():
            named = REASONS[ours[preset]] if ours[preset] else [None]
            assert reason in named, (preset, row["text"])
        if row["c4"] is None:
            assert cleaned["text"][place].as_py() == row["c4_text"]
    assert len(set(decisions["gopher"])) >= 10
    assert len(set(decisions["fineweb"])) == 5
    assert len(set(decisions["c4"])) == 4
