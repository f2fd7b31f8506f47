"""Words of the scripts without spaces: by our kernels and by ICU alone.

python benchmarks/words.py ../shared/data

boundaries  where the two differ: nowhere. On the main texts of gold-dev.jsonl.gz,
            the sentences of lid-dev.jsonl.gz, and on --runs random runs: cut from
            these, joined, shuffled, of their characters and of any of their script
speed       CPU time of the words of 10 kB, and of all statistics with C4's line
            rules; megabytes a second of the toxicity model, words included
"""

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import regex
from quality import batch_of, fastest

from tamis.stages import clean_lines, measure_text, score_toxicity
from tamis.stages.clean_lines import CleanLines
from tamis.stages.measure_text import MeasureText
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.text import breaks
from tamis.text.buffers import utf8_buffers
from tamis.text.words import Words, segment

SCRIPTS = {
    "cmn": "Han",
    "jpn": "Hiragana",
    "tha": "Thai",
    "lao": "Lao",
    "khm": "Khmer",
    "mya": "Myanmar",
}
# What comes between: voicing marks, joiners, selectors, half-width and iteration marks.
ODD = "\u3099\u309a\u200c\u200d_\u0301\ufe00\ufe0f\uff9e\uff70\u3031\u3005\u3007\u30fc\u30fb"
BATCH, DOCUMENT_BYTES, MEGABYTE = 20_000, 10_000, 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data} is absent: nothing to measure on")
    texts = [
        *texts_of(arguments.data, "gold-dev"),
        *texts_of(arguments.data, "lid-dev"),
    ]
    by_script = {
        language: [text for text in texts if is_mostly(text, script)]
        for language, script in SCRIPTS.items()
    }
    print_differences(texts, by_script, arguments.runs, random.Random(arguments.seed))
    for language, own in by_script.items():
        print_speed(language, documents(own))


def texts_of(data: Path, name: str) -> Iterator[str]:
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line).get("text")
            if text:
                yield text


def is_mostly(text: str, script: str) -> bool:
    """Whether a fifth of the text is of the script; kana and Han share Japanese."""
    return 5 * len(regex.findall(rf"\p{{{script}}}", text)) > len(text) and not (
        script == "Han" and 20 * len(regex.findall(r"\p{Hiragana}", text)) > len(text)
    )


def documents(texts: list[str]) -> list[str]:
    """Documents of 10 kB, a megabyte of them: the texts end to end, again and again."""
    joined = "\n".join(texts)
    letters = DOCUMENT_BYTES * len(joined) // len(joined.encode())
    cut = [joined[at : at + letters] for at in range(0, len(joined), letters)]
    return (cut * (MEGABYTE // len(joined.encode()) + 1))[: MEGABYTE // DOCUMENT_BYTES]


def by_icu() -> Any:
    """As if there were no dictionaries to read."""
    return patch.object(breaks, "_trie", lambda *_: None)


def words_of(texts: list[str]) -> Words:
    segment(*utf8_buffers(pa.array(["another text: the words are forgotten"])))
    return segment(*utf8_buffers(pa.array(texts, pa.large_string())))


def print_differences(
    texts: list[str], by_script: dict[str, list[str]], runs: int, rng: random.Random
) -> None:
    differ = count_differences(texts)
    print(f"boundaries: {len(texts):,} texts, {differ} differ", end="; ")
    draw = random_run(by_script, rng)
    differ = 0
    for done in range(0, runs, BATCH):
        drawn = [draw() for _ in range(min(BATCH, runs - done))]
        differ += count_differences(["\n".join(drawn)])
    print(f"{runs:,} random runs, {differ} of {runs / BATCH:.0f} batches differ")


def count_differences(texts: list[str]) -> int:
    ours = words_of(texts)
    with by_icu():
        icu_s = words_of(texts)
    if all(map(same, ours, icu_s)):
        return 0
    return 1 if len(texts) == 1 else sum(count_differences([text]) for text in texts)


def same(left: object, right: object) -> bool:
    return pa.array(left).equals(pa.array(right))


def random_run(
    by_script: dict[str, list[str]], rng: random.Random
) -> Callable[[], str]:
    characters = {
        language: regex.findall(
            rf"[\p{{{script}}}\p{{M}}]", "".join(by_script[language])
        )
        for language, script in SCRIPTS.items()
    }
    everything = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x30000))))
    assigned = {
        language: regex.findall(rf"(?=[\p{{L}}\p{{M}}])\p{{scx={script}}}", everything)
        for language, script in SCRIPTS.items()
    }

    def draw() -> str:
        language, length = (
            rng.choice(list(SCRIPTS)),
            rng.choice((1, 3, 4, 6, 9, 14, 25)),
        )
        text = rng.choice(by_script[language])
        start = rng.randrange(len(text))
        part = list(text[start : start + length])
        match rng.randrange(6):
            case 0:
                rng.shuffle(part)
            case 1:
                part = rng.choices(characters[language], k=length)
            case 2:
                part = rng.choices(assigned[language], k=length)
            case 3:
                part.insert(rng.randrange(len(part) + 1), rng.choice(ODD))
            case 4:
                other = rng.choice(by_script[rng.choice(list(SCRIPTS))])
                part += other[: rng.randrange(8)]
        return "".join(part)

    return draw


def print_speed(language: str, texts: list[str]) -> None:
    size = sum(len(text.encode()) for text in texts)
    rows = batch_of(texts, language)
    words = least_seconds(lambda: words_of(texts))
    with by_icu():
        icu_s = least_seconds(lambda: words_of(texts))
    measured = fastest(measure_text.build(MeasureText()), rows)
    cleaned = fastest(clean_lines.build(CleanLines(preset="c4")), rows)
    toxicity = fastest(score_toxicity.build(ScoreToxicity()), rows)
    print(
        f"{language}: words {words / size * 1e7:.2f} ms a 10 kB, by ICU alone"
        f" {icu_s / size * 1e7:.2f}; statistics {measured / size * 1e7:.2f},"
        f" with C4's rules {(measured + cleaned) / size * 1e7:.2f};"
        f" toxicity {size / toxicity / 1e6:.0f} MB/s"
    )


def least_seconds(function: Callable[[], object]) -> float:
    seconds = []
    for _ in range(6):  # the first compiles
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
