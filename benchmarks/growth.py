"""Measure how cost and memory grow with the pages: python benchmarks/growth.py

    python benchmarks/growth.py --most 16     # 1, 2, 4, 8 and 16 times the real pages
    python benchmarks/growth.py --pages 500   # of each archive, for a quick look

A copy has the words within each piece of text in another order and the host changed, so that
its language, length and markup are the page's and no copy is a duplicate of another. One
core pinned, inline. Prints milliseconds per page and the memory of the largest process.
"""

import argparse
import gzip
import os
import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType
from throughput import archives, run

_TEXT = re.compile(rb">([^<>]{40,})<")


def perturbed(html: bytes, dice: random.Random) -> bytes:
    """The page with the words of each longer piece of text shuffled."""

    def shuffled(found: re.Match[bytes]) -> bytes:
        words = found[1].split(b" ")
        dice.shuffle(words)
        return b">" + b" ".join(words) + b"<"

    return _TEXT.sub(shuffled, html)


def pages_of(path: Path, most: int) -> Iterator[tuple[bytes, str]]:
    """HTTP message and address of the responses of an archive."""
    kept = WarcRecordType.response
    with path.open("rb") as file:
        records = ArchiveIterator(file, record_types=kept, parse_http=False)
        for number, record in enumerate(records):
            if number == most:
                return
            yield record.reader.read(), str(record.headers["WARC-Target-URI"])


def copy_of(path: Path, target: Path, number: int, most: int) -> None:
    with target.open("wb") as file:
        for place, (block, url) in enumerate(pages_of(path, most)):
            head, blank, body = block.partition(b"\r\n\r\n")
            dice = random.Random(f"{number} {place} {path.name}")
            content = head + blank + perturbed(body, dice)
            about = (
                "WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: 2026-11-01T00:00:00Z\r\n"
                f"WARC-Target-URI: {url.replace('://', f'://c{number}.', 1)}\r\n"
                "Content-Type: application/http; msgtype=response\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            record = about.encode("utf-8", "replace") + content + b"\r\n\r\n"
            file.write(gzip.compress(record, 6, mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=int, default=16)
    parser.add_argument("--pages", type=int, default=-1, help="of each archive")
    parser.add_argument("--core", type=int, default=0)
    chosen = parser.parse_args()
    print(
        "| times | pages | ms a page | of which barriers and end | largest process, MB |"
    )
    print("|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(prefix="tamis-growth-") as name:
        folder, inputs, times = Path(name), list[Path](), 1
        while times <= chosen.most:
            for number in range(len(inputs) // len(archives()), times):
                for path in archives():
                    target = folder / f"{number}-{path.name}"
                    copy_of(path, target, number, chosen.pages)
                    inputs.append(target)
            output = folder / "out"
            book, _, memory = run(
                output, inputs, "executor.kind=inline", core=chosen.core
            )
            shutil.rmtree(output)
            stages = {k: v.get("seconds", 0.0) for k, v in book["stages"].items()}
            pages = book["stages"]["read_warc"]["documents_in"]
            above = sum(stages.values()) - stages["deduplicate"] - stages["mix_corpus"]
            print(
                f"| {times} | {pages:,} | {1000 * book['seconds'] / pages:.2f} "
                f"| {1000 * (book['seconds'] - above) / pages:.2f} "
                f"| {max(memory) / 1e6:.0f} |",
                flush=True,
            )
            times *= 2
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
