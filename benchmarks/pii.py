"""Measure the cost of masking personal data: in hostile texts of 100 kB, and in real ones.

    python benchmarks/pii.py ../shared/data

CPU time, the shortest of several rounds. Hostile texts repeat one unit, alone or in
something like an address, a number or an account: a pattern that backtracks needs
seconds for one of them. Real texts are those of gold-dev.jsonl.gz, 10 kB on average.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from tamis.pii.kinds import KINDS, PLACEHOLDERS
from tamis.pii.masking import find, mask, replace
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
    path = arguments.data / "gold-dev.jsonl.gz"
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = pa.array(
            [row["text"] for row in map(json.loads, lines) if row.get("text")]
        )
    size = bytes_of(texts)
    data, offsets = utf8_buffers(texts)
    findings = find(data, offsets, PLACEHOLDERS)
    counts = {
        kind: int(np.sum(findings.counts(kind, len(texts)))) for kind in sorted(KINDS)
    }
    print(
        f"{len(texts):,} real texts of {size / 1e6:.1f} MB:"
        f" {size / seconds(texts) / 1e6:.0f} MB/s, {counts}"
    )


def bytes_of(texts: pa.StringArray) -> int:
    _, offsets = utf8_buffers(texts)
    return int(offsets[-1] - offsets[0])


def seconds(texts: pa.StringArray) -> float:
    data, offsets = utf8_buffers(texts)
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        replace(data, offsets, find(data, offsets, PLACEHOLDERS), PLACEHOLDERS)
        best = min(best, time.process_time() - started)
    return best


if __name__ == "__main__":
    main()
