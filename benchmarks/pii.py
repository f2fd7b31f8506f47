"""Measure the cost of masking personal data, in hostile texts and in real ones; and precision
and recall by kind and language.

    python benchmarks/pii.py ../shared/data

CPU time, the shortest of several rounds. Hostile texts repeat one unit, alone or in
something like an address, a number or an account: a pattern that backtracks needs
seconds for one of them. Real texts are those of gold-dev.jsonl.gz, 10 kB on average.
Precision and recall are those of tests/pii/lines.tsv, where all options are on.
"""

import argparse
import gzip
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fixtures.pii_lines import counted, read

from tamis.pii.kinds import KINDS, PLACEHOLDERS
from tamis.pii.masking import Masks, find, mask, replace
from tamis.text.buffers import utf8_buffers

SIZE = 100_000
ROUNDS = 5

UNITS = (
    *("@", "1", ".", ":", "+", "0", "-", " ", "a", "é", "٣", "中"),
    *("a@", "a.", "1.", "1 ", "12 ", "a@a ", "a@a.", "a@1.", "a.a.a.", "@a.", "ａ＠"),
    *("+33 ", "00 ", "(0)", "+1", "\u200e+", "4111 ", "4242424242424242 ", "FR76 "),
    *("2001:", "::", "1.1.", "8.8.8.80 ", "a@b.fr ", "+33 1 99 00 12 34 "),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    arguments = parser.parse_args()
    mask("warm up a@b.fr +33 1 99 00 12 34 4242424242424242 81.2.69.142")
    print(f"{SIZE // 1000} kB of one unit, milliseconds")
    for unit in UNITS:
        text = unit * (SIZE // len(unit.encode()))
        found = pa.array([text])
        print(f"  {unit!r:24} {1000 * seconds(found):8.2f}")
    print_precision()
    path = arguments.data / "gold-dev.jsonl.gz"
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = pa.array(
            [row["text"] for row in map(json.loads, lines) if row.get("text")]
        )
    size = bytes_of(texts)
    data, offsets = utf8_buffers(texts)
    findings = find(data, offsets, Masks(PLACEHOLDERS))
    counts = {
        kind: int(np.sum(findings.counts(kind, len(texts)))) for kind in sorted(KINDS)
    }
    print(
        f"{len(texts):,} real texts of {size / 1e6:.1f} MB:"
        f" {size / seconds(texts) / 1e6:.0f} MB/s, {counts}"
    )


def print_precision() -> None:
    lines = list(read())
    counts = counted(lines)
    kinds = sorted({kind for kind, _ in counts})
    print(f"precision and recall (values) in {len(lines)} lines")
    print(f"  {'':4}", *(f"{kind:>16}" for kind in kinds))
    for language in dict.fromkeys(own for _, own in counts):
        cells = []
        for kind in kinds:
            found = counts[kind, language]
            values = found.found + found.missed
            shown = f"{found.precision:.3f} {found.recall:.3f} {values:3}"
            cells.append(shown if values else "")
        print(f"  {language:4}", *(f"{cell:>16}" for cell in cells))


def bytes_of(texts: pa.StringArray) -> int:
    _, offsets = utf8_buffers(texts)
    return int(offsets[-1] - offsets[0])


def seconds(texts: pa.StringArray) -> float:
    data, offsets = utf8_buffers(texts)
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        replace(data, offsets, find(data, offsets, Masks(PLACEHOLDERS)), PLACEHOLDERS)
        best = min(best, time.process_time() - started)
    return best


if __name__ == "__main__":
    main()
