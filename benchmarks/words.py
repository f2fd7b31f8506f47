"""Measure the cost of finding words by script: CPU milliseconds for 10 kB of text.

    taskset -c 1 python benchmarks/words.py ../shared/data

    words       only finding them
    statistics  measure_text, words included
    toxicity    score_toxicity after measure_text, which has found the words

On the main texts of gold-dev.jsonl.gz and the sentences of lid-dev.jsonl.gz, joined and
cut into documents of 10 kB; the fastest of --rounds.
"""

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import regex
from quality import batch_of

from tamis.stages.measure_text import MeasureText
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment

# A language of each script; kana and Han share Japanese.
SCRIPTS = {
    "Latin": "eng",
    "Han": "cmn",
    "Hiragana": "jpn",
    "Thai": "tha",
    "Lao": "lao",
    "Khmer": "khm",
    "Myanmar": "mya",
}
DOCUMENT_BYTES, MEGABYTE = 10_000, 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data} is absent: nothing to measure on")
    texts = [
        *texts_of(arguments.data, "gold-dev"),
        *texts_of(arguments.data, "lid-dev"),
    ]
    measure = MeasureText().build()
    score = ScoreToxicity().build()
    for script, language in SCRIPTS.items():
        own = documents([text for text in texts if is_mostly(text, script)])
        size = sum(len(text.encode()) for text in own)
        rows = batch_of(own, language)
        measured = measure(rows)
        milliseconds = {
            name: 1e3 * DOCUMENT_BYTES / size * fastest(function, arguments.rounds)
            for name, function in {
                "words": lambda rows=rows: segment(*utf8_buffers(rows["text"])),
                "statistics": lambda rows=rows: measure(rows),
                "toxicity": lambda rows=measured: score(rows),
            }.items()
        }
        found = (f"{name} {value:.2f}" for name, value in milliseconds.items())
        print(f"{script}: {', '.join(found)}")


def texts_of(data: Path, name: str) -> Iterator[str]:
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line).get("text")
            if text:
                yield text


def is_mostly(text: str, script: str) -> bool:
    """Whether a fifth of the text is in the script; for Han, without kana."""
    return 5 * len(regex.findall(rf"\p{{{script}}}", text)) > len(text) and not (
        script == "Han" and 20 * len(regex.findall(r"\p{Hiragana}", text)) > len(text)
    )


def documents(texts: list[str]) -> list[str]:
    """A megabyte of documents of 10 kB: the texts joined, and repeated if too few."""
    joined = "\n".join(texts)[:MEGABYTE]
    letters = DOCUMENT_BYTES * len(joined) // len(joined.encode())
    cut = [joined[at : at + letters] for at in range(0, len(joined), letters)]
    return (cut * (MEGABYTE // len(joined.encode()) + 1))[: MEGABYTE // DOCUMENT_BYTES]


def fastest(function: Callable[[], object], rounds: int) -> float:
    """Least CPU seconds of a call; an extra first call compiles."""
    function()
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
