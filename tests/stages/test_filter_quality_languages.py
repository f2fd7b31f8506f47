"""The default bounds on real prose in six languages, and on the same turned to junk."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from tamis.stages.filter_quality import FilterQuality
from tamis.stages.measure_text import MeasureText

# Languages with more than 50 whole gold texts in ../shared/data.
GOLD = {
    "en": ("eng", "Latn"),
    "de": ("deu", "Latn"),
    "pl": ("pol", "Latn"),
    "ru": ("rus", "Cyrl"),
    "el": ("ell", "Grek"),
    "zh": ("cmn", "Hani"),
}


def kept_share(texts: list[str], language: str, script: str) -> float:
    """Share of the texts that the default recipe's filter keeps."""
    rows = pa.RecordBatch.from_pydict(
        {
            "text": texts,
            "language": [language] * len(texts),
            "script": [script] * len(texts),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )
    measured = MeasureText().build()(rows)
    found = FilterQuality().build()(measured)["drop_reason"].to_pylist()
    kept: int = found.count(None)
    return kept / len(found)


def shuffled(text: str, script: str) -> str:
    """The same words and marks, each in another's place, with the lines as they were."""
    is_spaced = script != "Hani"
    pieces = text.split() if is_spaced else list(text.replace("\n", ""))
    random.Random(7).shuffle(pieces)
    joiner = " " if is_spaced else ""
    lengths = [len(line.split() if is_spaced else line) for line in text.split("\n")]
    starts = [sum(lengths[:line]) for line in range(len(lengths))]
    return "\n".join(
        joiner.join(pieces[start : start + length])
        for start, length in zip(starts, lengths, strict=True)
    )


@pytest.mark.shared
def test_every_language_is_treated_like_english(shared_data: Path) -> None:
    """Whole main texts of real pages stay, the same pages turned to junk go."""
    texts: dict[str, list[str]] = {code: [] for code in GOLD}
    with gzip.open(shared_data / "gold-dev.jsonl.gz", "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            is_whole = row["gold_kind"].startswith("full") and "text" in row
            if is_whole and row.get("lang_ft") in texts:
                texts[row["lang_ft"]].append(row["text"][:20_000])
    english = kept_share(texts["en"], *GOLD["en"])
    assert english >= 0.6
    for code, language in GOLD.items():
        prose = texts[code][:150]
        assert len(prose) > 50
        assert abs(kept_share(texts[code], *language) - english) <= 0.1, code
        mixed = [shuffled(text, language[1]) for text in prose]
        assert kept_share(mixed, *language) <= 0.2, code
        repeated = [text + "\n" + text[:100] * 40 for text in prose]
        assert kept_share(repeated, *language) <= 0.2, code
