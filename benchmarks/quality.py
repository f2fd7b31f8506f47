"""Compare decisions and speed of the quality filters with datatrove's.

    python benchmarks/quality.py ../shared/data

Installs datatrove 0.10.1 into benchmarks/.venv-datatrove (once) and runs its Gopher,
C4 and FineWeb filters there, on our words and sentences, over every text of
gold-dev.jsonl.gz and 4,000 texts fuzzed from them. Prints

    decisions   where `compat: datatrove` decides differently, by filter: nowhere
    effects     what each of our deviations changes on whole English main texts
    speed       CPU time of all our statistics, words and C4's line rules included,
                against the four filters, as shipped (spaCy's English splitter) and
                with our words

--speed prints only the last, as in `make bench`. --golden FILE writes the decisions of
tests/text/datatrove_decisions.jsonl again.
"""

import argparse
import gzip
import json
import random
import re
import subprocess
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from fuzzed_texts import fuzzed

from tamis.stage import with_columns
from tamis.stages.clean_lines import CleanLines
from tamis.stages.filter_quality import FilterQuality
from tamis.stages.measure_text import MeasureText
from tamis.text.buffers import utf8_buffers
from tamis.text.statistics.sentences import sentence_statistics
from tamis.text.unicode import code_points
from tamis.text.words import read_only, segment

HERE, DATATROVE = Path(__file__).parent, "datatrove==0.10.1"
FUZZED, SPEED_TEXTS, ROUNDS = 4000, 300, 5

_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_ENDS = (".", "?", "!", '"', "'")

# Reasons of datatrove by our column; two have one for each side.
REASONS = json.loads(
    (HERE.parent / "tests" / "text" / "datatrove_reasons.json").read_text("utf-8")
)
# Columns that a deviation touches.
DEVIATIONS = {
    "an n-gram that comes once, case": ("top_2gram", "top_3gram", "top_4gram"),
    "case of words in longer n-grams": tuple(
        f"duplicate_{n}gram" for n in range(5, 11)
    ),
    "case of stop words": ("stop_word_count",),
    "blank lines, space in repeated lines": ("duplicate_line", "duplicate_paragraph"),
    "the same, FineWeb's": ("char_duplicate",),
    "blank lines as line ends": ("newline_word",),
    "more bullets, blank lines": ("bullet_line",),
    "blank lines before an ellipsis": ("ellipsis_line",),
    "quotes behind a full stop": ("terminal_punctuation",),
    "space around short lines": ("short_line",),
}

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    python = environment()
    if arguments.golden:
        make_golden(python, arguments.golden)
        return
    path = arguments.data / "gold-dev.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row.get("text")]
    english = [
        row["text"]
        for row in rows
        if row["gold_kind"].startswith("full") and row["lang_ft"] == "en"
    ]
    if not arguments.speed:
        print_decisions(python, rows, english, random.Random(arguments.seed))
    print_speed(python, english[:SPEED_TEXTS])


def print_decisions(
    python: Path, rows: list[Row], english: list[str], rng: random.Random
) -> None:
    gold = list(dict.fromkeys(row["text"] for row in rows))
    texts = gold + [fuzzed(rng.choice(gold), rng) for _ in range(FUZZED)]
    theirs, _ = datatrove_s(python, texts)
    print_differences(texts, theirs)
    print_effects("whole English texts", english)
    print_effects("first 60 words of them", [beginning(text) for text in english])


def environment() -> Path:
    """Python of a virtual environment that has datatrove."""
    folder = HERE / ".venv-datatrove"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        (folder / ".gitignore").write_text("*\n")
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        # What the filters import; they do not need datatrove's other dependencies.
        packages = (DATATROVE, "regex", "xxhash", "spacy>=3.8")
        subprocess.run([*pip, *packages], check=True)
        (folder / "installed").touch()
    return python


def datatrove_s(
    python: Path, texts: Sequence[str], *options: str
) -> tuple[list[Row], dict[str, float]]:
    """datatrove's decisions, and the CPU seconds of each filter."""
    with tempfile.TemporaryDirectory() as folder:
        given, decided = Path(folder) / "texts.jsonl", Path(folder) / "decisions.jsonl"
        given.write_text("".join(f"{json.dumps(row)}\n" for row in split(texts)))
        script = HERE / "datatrove_filters.py"
        command = [str(python), str(script), str(given), str(decided), *options]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        lines = decided.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines], json.loads(done.stdout)


def split(texts: Sequence[str]) -> list[Row]:
    """Each text with our words, and our sentence count of each line C4 might keep."""
    data, offsets = utf8_buffers(pa.array(texts))
    words = segment(data, offsets)
    lines_of = [
        [
            line
            for line in (_CITATION.sub("", line.strip()) for line in text.splitlines())
            if line.endswith(_ENDS)
        ]
        for text in texts
    ]
    lines = list(dict.fromkeys(line for lines in lines_of for line in lines)) or [""]
    line_data, line_offsets = utf8_buffers(pa.array(lines))
    found = sentence_statistics(read_only(line_data), line_offsets, code_points())
    sentences = dict(zip(lines, found[:, 0].astype(int).tolist(), strict=True))
    spelled = data.tobytes()
    rows = []
    for document, text in enumerate(texts):
        places = range(words.documents[document], words.documents[document + 1])
        rows.append(
            {
                "text": text,
                "words": [
                    spelled[words.starts[w] : words.ends[w]].decode() for w in places
                ],
                "sentences": {line: sentences[line] for line in lines_of[document]},
            }
        )
    return rows


def ours(texts: Sequence[str]) -> tuple[dict[str, list[str | None]], list[str]]:
    """Decisions of `compat: datatrove`, by filter, and C4's texts."""
    rows = pa.RecordBatch.from_pydict(
        {
            "text": list(texts),
            "text_chars": pa.array(map(len, texts), pa.int32()),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )
    measure = MeasureText(compat="datatrove").build()
    clean = CleanLines(preset="c4", compat="datatrove").build()
    measured, cleaned = measure(rows), clean(rows)
    gopher = FilterQuality(preset="gopher").columns_read()
    repetition = [c for c in gopher if c.startswith(("duplicate", "top"))]
    without = {
        "gopher_repetition": set(gopher) - set(repetition),
        "gopher_quality": repetition,
    }
    found = {
        name: reasons(measured, preset="gopher", bounds=dict.fromkeys(columns))
        for name, columns in without.items()
    }
    found["fineweb"] = reasons(measured, preset="fineweb", compat="datatrove")
    found["c4"] = reasons(measure(cleaned), preset="c4")
    return found, cleaned["text"].to_pylist()


def reasons(rows: pa.RecordBatch, **settings: Any) -> list[str | None]:
    config = FilterQuality.model_validate(settings)
    decided = config.build()(rows)
    found: list[str | None] = decided["drop_reason"].to_pylist()
    return found


def print_differences(texts: Sequence[str], theirs: list[Row]) -> None:
    found, c4_texts = ours(texts)
    print(f"decisions on {len(texts):,} texts, `compat: datatrove` against {DATATROVE}")
    for name, decided in found.items():
        differ: Counter[Any] = Counter()
        for reason, row in zip(decided, theirs, strict=True):
            named = REASONS[reason] if reason else [None]
            differ[reason, row[name]] += row[name] not in named
        kept = sum(row[name] is None for row in theirs)
        other = {pair: count for pair, count in differ.items() if count}
        print(
            f"  {name:18} keeps {kept:5,}, differences {sum(other.values())}",
            other or "",
        )
    pairs = [
        (text, row["c4_text"])
        for text, row in zip(c4_texts, theirs, strict=True)
        if row["c4"] is None
    ]
    print(
        f"  C4's texts         {len(pairs):5,}, differences {sum(a != b for a, b in pairs)}"
    )


def beginning(text: str) -> str:
    """The text up to its 60th word, as a paragraph may end."""
    found = re.match(r"(?:\S+\s+){59}\S+", text)
    return (found[0] if found else text).rstrip(",;:") + "."


def print_effects(name: str, texts: list[str]) -> None:
    """Print which decisions of Gopher's and FineWeb's rules change with one deviation."""
    rows = batch_of(texts)
    own = MeasureText().build()(rows)
    compatible = MeasureText(compat="datatrove").build()(rows)
    both: dict[str, Any] = {"preset": ["gopher", "fineweb"]}
    before = reasons(compatible, **both, compat="datatrove")
    print(f"effects on {len(texts):,} {name}, gopher and fineweb")
    print(f"  {'datatrove keeps':40} {before.count(None):5}")
    for deviation, columns in DEVIATIONS.items():
        taken = {c: own[c] for c in own.schema.names if c.startswith(columns)}
        after = reasons(with_columns(compatible, taken), **both, compat="datatrove")
        print(f"  {deviation:40} {change(before, after)}")
    print(f"  {'0.1 of repeated lines, as the paper':40}", end=" ")
    print(change(before, reasons(compatible, **both)))
    after = reasons(own, **both)
    print(
        f"  {'all of them: we keep':40} {after.count(None):5} {change(before, after)}"
    )
    measure = MeasureText().build()
    kept = {
        compat: reasons(
            measure(CleanLines(preset="c4", compat=compat).build()(rows)),
            preset="c4",
        )
        for compat in ("datatrove", None)
    }
    print(
        f"  C4: datatrove keeps {kept['datatrove'].count(None)}, we {kept[None].count(None)}"
    )


def batch_of(texts: list[str], language: str = "eng") -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "text": texts,
            "text_chars": pa.array(map(len, texts), pa.int32()),
            "language": [language] * len(texts),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )


def change(before: list[str | None], after: list[str | None]) -> str:
    pairs = list(zip(before, after, strict=True))
    more = sum(old is not None and new is None for old, new in pairs)
    less = sum(old is None and new is not None for old, new in pairs)
    return f"keeps {more:4} more, {less:4} less"


def print_speed(python: Path, texts: list[str]) -> None:
    size = sum(len(text.encode()) for text in texts)
    rows = batch_of(texts)
    stages = {
        "clean_lines c4": CleanLines(preset="c4").build(),
        "measure_text": MeasureText().build(),
    }
    took = {name: fastest(stage, rows) for name, stage in stages.items()}
    print(f"speed on {len(texts)} English texts, CPU time a 10 kB of text")
    mine = sum(took.values())
    for name, value in (took | {"all of ours": mine}).items():
        print(f"  {name:30} {value / size * 1e7:7.3f} ms")
    for splitters in ("as-shipped", "given-words"):
        _, seconds = datatrove_s(python, texts, splitters)
        for name, value in (seconds | {"all four": sum(seconds.values())}).items():
            print(f"  {splitters:11} {name:18} {value / size * 1e7:7.3f} ms")
        print(f"  {splitters:11} {sum(seconds.values()) / mine:.0f} times all of ours")


def fastest(stage: Any, rows: pa.RecordBatch) -> float:
    times = []
    for _ in range(ROUNDS + 1):  # the first compiles
        started = time.process_time()
        stage(rows)
        times.append(time.process_time() - started)
    return min(times[1:])


def make_golden(python: Path, path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    texts = [json.loads(line)["text"] for line in lines]
    decisions, _ = datatrove_s(python, texts)
    with path.open("w", encoding="utf-8") as file:
        for text, row in zip(texts, decisions, strict=True):
            file.write(json.dumps({**row, "text": text}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
