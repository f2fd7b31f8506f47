"""What the recipes of the field keep of the same pages, stage by stage.

    python benchmarks/recipes.py ARCHIVE... [--names dclm pagnol]

Prints the table of docs/recipes.md: documents of each recipe behind its gate of language,
its rules, and its deduplication, and the reasons that took most.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import tamis
from tamis.recipes import names

_COLUMNS = (
    ("read", ("read_warc",)),
    ("extracted", ("extract_text",)),
    ("in its languages", ("filter_language", "gate.filter_language")),
    ("by its rules", ("clean_lines", "filter_quality", "filter_toxicity")),
    ("mixed", ("mix_corpus",)),
)
_REASONS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("archives", nargs="+")
    parser.add_argument("--names", nargs="+", default=[*names(), "stages.yaml"])
    arguments = parser.parse_args()
    print(
        "| recipe | " + " | ".join(name for name, _ in _COLUMNS) + " | most went for |"
    )
    print("|---" * (len(_COLUMNS) + 2) + "|")
    for name in arguments.names:
        with tempfile.TemporaryDirectory() as folder:
            recipe = tamis.Recipe.load(
                name,
                input=[str(Path(path).resolve()) for path in arguments.archives],
                output=folder,
                executor={"kind": "inline"},
            )
            summary = tamis.run(recipe, progress=False).summary
        print(_row(name, summary), flush=True)


def _row(name: str, summary: Any) -> str:
    stages = summary["stages"]
    counts = [str(_last(stages, labels)) for _, labels in _COLUMNS]
    reasons: Counter[str] = Counter()
    for about in stages.values():
        for reason, languages in about["dropped"].items():
            reasons[reason] += sum(own["documents"] for own in languages.values())
    most = ", ".join(f"{one} {count:,}" for one, count in reasons.most_common(_REASONS))
    return f"| `{name}` | " + " | ".join(counts) + f" | {most} |"


def _last(stages: Any, labels: tuple[str, ...]) -> int | str:
    """Documents that the last of some stages kept; a dash where there is none of them."""
    found = [
        about["documents_out"] for label, about in stages.items() if label in labels
    ]
    return found[-1] if found else "-"


if __name__ == "__main__":
    main()
