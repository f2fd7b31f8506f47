"""Measure accuracy and speed of identify_language.

    python benchmarks/language.py ../shared/data

Reads lid-dev.jsonl.gz and gold-dev.jsonl.gz. Three tables: accuracy on the 49 languages
below if the recipe names them; what a recipe of few languages keeps, rightly and by
mistake, at filter_language's default of 0.65; documents per second on one core.
"""

import argparse
import gzip
import json
import statistics
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tamis.language.codes import known_language
from tamis.language.models import FastText, packaged_model
from tamis.language.view import text_views
from tamis.stages.identify_language import IdentifyLanguage

# The 50 most frequent languages of the web with sentences in lid-dev, without Malay and
# Bosnian, whose sentences there are also Indonesian and Croatian.
CORE = (
    *("ara", "bel", "ben", "bul", "cat", "ces", "dan", "deu", "ell", "eng"),
    *("est", "eus", "fas", "fin", "fra", "heb", "hin", "hrv", "hun", "ind"),
    *("isl", "ita", "jpn", "kat", "kor", "lav", "lit", "mar", "mkd", "nld"),
    *("nob", "pol", "por", "ron", "rus", "slk", "slv", "spa", "sqi", "srp"),
    *("swe", "tam", "tel", "tha", "tur", "ukr", "urd", "vie", "zho"),
)
FEW = {
    "8 languages": ("fra", "eng", "deu", "spa", "ita", "por", "nld", "pol"),
    "French only": ("fra",),
    "sv hu ro": ("swe", "hun", "ron"),
}
MIN_SCORE = 0.65
ROUNDS = 5

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    data = parser.parse_args().data
    sets = labelled_sets(rows_of(data / "lid-dev.jsonl.gz"))
    print_accuracy(sets)
    print_mistakes(sets)
    texts = [
        row["text"] for row in rows_of(data / "gold-dev.jsonl.gz") if row.get("text")
    ]
    print_speed(texts)


def labelled_sets(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows by kind, each with its language as ISO 639-3 under `language`.

    `paragraphs, clear` leaves out rows that are clearly not in the language of their
    label: 12 rows in the Welche dialect of Lorraine under French. `5 sentences` joins
    five sentences of a language, as a paragraph of running text.
    """
    for row in rows:
        row["language"] = known_language(row["lang"]) or row["lang"]
    sentences = [row for row in rows if row["kind"] == "sentence"]
    paragraphs = [row for row in rows if row["kind"] == "paragraph"]
    of_language = defaultdict(list)
    for row in sentences:
        of_language[row["language"]].append(row["text"])
    joined = [
        {"language": language, "text": " ".join(texts[start : start + 5])}
        for language, texts in of_language.items()
        for start in range(0, len(texts), 5)
    ]
    return {
        "sentences": sentences,
        "5 sentences": joined,
        "paragraphs, all": paragraphs,
        "paragraphs, clear": [row for row in paragraphs if is_clear(row)],
    }


def is_clear(row: Row) -> bool:
    # French has k only in loan words; every Welche row except one has several.
    text = unicodedata.normalize("NFC", row["text"].lower())
    return row["language"] != "fra" or ("k" not in text and "bzañ" not in text)


def print_accuracy(sets: dict[str, list[Row]]) -> None:
    core = {known_language(code) for code in CORE}
    print(f"{len(core)} languages, all named by the recipe")
    identify = IdentifyLanguage(languages=CORE).build()
    for name, rows in sets.items():
        of_core = [row for row in rows if row["language"] in core]
        named, _ = answers(of_core, identify)
        pairs = [(r["language"], x) for r, x in zip(of_core, named, strict=True)]
        wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
        print(
            f"  {name:18} {1 - wrong.total() / len(pairs):.4f} of {len(pairs):5}",
            end="",
        )
        print("  ", ", ".join(f"{a}>{b} {n}" for (a, b), n in wrong.most_common(5)))


def print_mistakes(sets: dict[str, list[Row]]) -> None:
    print(f"few languages, min_score {MIN_SCORE}: wanted rows kept, other rows kept")
    for recipe, languages in {"49 languages": CORE, **FEW}.items():
        wanted = {known_language(code) for code in languages}
        identify = IdentifyLanguage(languages=languages).build()
        for name in ("sentences", "paragraphs, clear"):
            named, scores = answers(sets[name], identify)
            kept: Counter[bool] = Counter()
            total: Counter[bool] = Counter()
            for row, language, score in zip(sets[name], named, scores, strict=True):
                is_wanted = row["language"] in wanted
                total[is_wanted] += 1
                kept[is_wanted] += language in wanted and score >= MIN_SCORE
            shares = [f"{kept[x] / total[x]:.4f}" for x in (True, False)]
            print(f"  {recipe:14} {name:18} {shares[0]}  {shares[1]}")


def print_speed(texts: list[str]) -> None:
    batch = batch_of(texts)
    sample = IdentifyLanguage().sample_bytes
    model = FastText(packaged_model())
    short = text_views(pa.array(texts), 700)
    views = text_views(pa.array(texts), sample)
    fast = IdentifyLanguage(languages=CORE, second_opinion_below=0).build()
    both = IdentifyLanguage(languages=CORE).build()
    mean = statistics.mean(len(text.encode()) for text in texts)
    print(f"{len(texts)} real texts of {mean / 1000:.1f} kB, documents per second")
    for name, run in {
        "lid.176.ftz alone, paragraphs of 700 bytes": lambda: model.opinions(short),
        f"lid.176.ftz alone, views of {sample} bytes": lambda: model.opinions(views),
        "stage without a second opinion": lambda: fast(batch),
        "stage": lambda: both(batch),
    }.items():
        print(f"  {name:44} {len(texts) / seconds(run):8,.0f}")


def seconds(run: Callable[[], object]) -> float:
    """Median of several rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def answers(rows: list[Row], identify: Any) -> tuple[list[str | None], list[float]]:
    result = identify(batch_of([row["text"] for row in rows]))
    scores = [score or 0.0 for score in result["language_score"].to_pylist()]
    return result["language"].to_pylist(), scores


def batch_of(texts: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string())})


def rows_of(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
