"""Run datatrove's four quality filters in a virtual environment of their own.

    PYTHON datatrove_filters.py TEXTS DECISIONS [as-shipped]

`quality.py` calls it. TEXTS has a JSON object a line: `text`, its `words`, and under
`sentences` the number of sentences in each line that C4 might keep. They replace
datatrove's word and sentence splitters, except with `as-shipped`. DECISIONS gets one
object a line: the reason of each filter, null if it keeps the text, and the text after
C4's filter. Prints the CPU seconds of each filter.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.tamis.filters import (
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

FILTERS = {
    "gopher_repetition": gopher_repetition_filter.GopherRepetitionFilter(),
    "gopher_quality": gopher_quality_filter.GopherQualityFilter(),
    "fineweb": fineweb_quality_filter.FineWebQualityFilter(),
    "c4": c4_filters.C4QualityFilter(),
}


def main(texts: Path, decisions: Path, *, is_as_shipped: bool) -> None:
    if is_as_shipped:  # loads the splitter before the time is measured
        decisions_of("One. " * 60, dict.fromkeys(FILTERS, 0.0))
    seconds = dict.fromkeys(FILTERS, 0.0)
    with texts.open(encoding="utf-8") as rows, decisions.open("w") as out:
        for row in map(json.loads, rows):
            if not is_as_shipped:
                use_splitters_of(row)
            out.write(json.dumps(decisions_of(row["text"], seconds)) + "\n")
    print(json.dumps(seconds))


def use_splitters_of(row: dict[str, Any]) -> None:
    def words_of(text: str, language: str) -> list[str]:
        return row["words"]

    def sentences_of(line: str, language: str) -> list[None]:
        return [None] * row["sentences"][line]

    for module in (
        gopher_repetition_filter,
        gopher_quality_filter,
        fineweb_quality_filter,
    ):
        module.split_into_words = words_of
    c4_filters.split_into_sentences = sentences_of


def decisions_of(text: str, seconds: dict[str, float]) -> dict[str, str | None]:
    """Reasons by filter, each on the original text; adds the CPU time of each."""
    found: dict[str, str | None] = {}
    for name, quality_filter in FILTERS.items():
        document = Document(text=text, id="0")
        started = time.process_time()
        verdict = quality_filter.filter(document)
        seconds[name] += time.process_time() - started
        found[name] = None if verdict is True else verdict[1]
        if name == "c4":
            found["c4_text"] = document.text if verdict is True else None
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), is_as_shipped="as-shipped" in sys.argv)
