"""Speed and parity of the block extractor, on real pages.

    python benchmarks/extractor.py speed  FILE.warc.gz ...
    python benchmarks/extractor.py parity FILE.warc.gz ...
    python benchmarks/extractor.py texts  FILE.warc.gz ... --out texts.jsonl

speed    milliseconds of CPU per page, and the slowest pages
parity   the text the tokenizer sees against the text of an HTML5 tree (turbohtml)
texts    (url, text, ms) by the shipped weights. They have seen the pages they were
         trained on: cross-validation is what `tamis train extractor` prints
"""

import argparse
import collections
import html
import json
import re
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks import layout
from tamis.html.blocks.engine import extract_buffers
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import new_workspace
from tamis.training.extractor.pages import Page, read_pages

# Elements whose text the tokenizer does not show; turbohtml's tree has it.
_NOT_SHOWN = (
    "script,style,title,xmp,iframe,noembed,noframes,textarea,select,datalist,option,"
    "optgroup,template,svg,annotation,video,audio,canvas"
)
_INVISIBLE = dict.fromkeys(
    (
        0xAD,
        0xFEFF,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
    )
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["speed", "parity", "texts"])
    parser.add_argument("warcs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("texts.jsonl"))
    options = parser.parse_args()
    pages = read_pages(options.warcs)
    if options.command == "speed":
        speed(pages)
    elif options.command == "parity":
        parity(pages)
    else:
        texts(pages, options.out)


def speed(pages: list[Page]) -> None:
    started = time.process_time()
    warm_up = np.frombuffer(b"<p>warm up", np.uint8)
    extract_buffers(warm_up, _ends(warm_up))
    print(f"first page, with loading: {time.process_time() - started:.2f} s of CPU")
    workspace = new_workspace()
    columns: dict[str, list[float]] = {"tokenize": [], "extract": [], "markdown": []}
    for page in pages:
        started = time.process_time()
        tokenize(page.html, workspace)
        columns["tokenize"].append(time.process_time() - started)
        for name in ("extract", "markdown"):
            started = time.process_time()
            extract_buffers(page.html, _ends(page.html), markdown=name == "markdown")
            columns[name].append(time.process_time() - started)
    size = sum(len(page.html) for page in pages)
    print(f"{len(pages)} pages, {size / len(pages) / 1000:.0f} kB of UTF-8 a page")
    print(
        "| ms | mean | median | p95 | p99 | max | MB/s |\n|---|--:|--:|--:|--:|--:|--:|"
    )
    for name, seconds in columns.items():
        ms = np.array(seconds) * 1000
        median, p95, p99 = np.percentile(ms, [50, 95, 99])
        print(
            f"| {name} | {ms.mean():.3f} | {median:.3f} | {p95:.2f} | {p99:.2f} "
            f"| {ms.max():.1f} | {size / ms.sum() / 1000:.0f} |"
        )


def parity(pages: list[Page]) -> None:
    import turbohtml

    workspace = new_workspace()
    different = []
    for page in pages:
        tokenize(page.html, workspace)
        raw = page.html.tobytes()
        row = workspace[0]
        spans = row["spans"][: row["state"][0]["spans"]]
        ours = "".join(
            html.unescape(raw[span["start"] : span["stop"]].decode()) for span in spans
        )
        document = turbohtml.parse(raw.decode(), allow_declarative_shadow_roots=False)
        for element in document.select(_NOT_SHOWN):
            element.decompose()
        theirs = document.root.text if document.root else ""
        if _squeezed(ours) != _squeezed(theirs):
            different.append((page.url, _squeezed(ours), _squeezed(theirs)))
    for url, ours, theirs in different:
        pairs = zip(ours, theirs, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
        print(
            f"{url}\n  ours   {ours[at - 20 : at + 60]}\n  theirs {theirs[at - 20 : at + 60]}"
        )
    share = 1 - len(different) / len(pages)
    print(f"same text in the same order on {share:.2%} of {len(pages)} pages")


def texts(pages: list[Page], out: Path) -> None:
    flags: collections.Counter[str] = collections.Counter()
    with out.open("w", encoding="utf-8") as lines:
        for page in pages:
            started = time.process_time()
            extraction = extract_buffers(page.html, _ends(page.html))
            ms = (time.process_time() - started) * 1000
            text = extraction.text[0].as_py()
            row = {"url": page.url, "text": text, "ms": round(ms, 3)}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            flag = int(extraction.flags[0])
            flags["empty"] += not text
            flags["truncated"] += flag >= layout.CUT_AT_ELEMENTS
            flags["flattened"] += bool(flag & layout.FLATTENED)
            flags["from state"] += bool(flag & layout.FROM_STATE)
    print(dict(flags))


def _ends(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.array([0, len(data)], np.int64)


def _squeezed(text: str) -> str:
    """Without white space, control and zero-width characters."""
    return re.sub(r"[\s\x00-\x1f\ufffd]+", "", text.translate(_INVISIBLE))


if __name__ == "__main__":
    main()
