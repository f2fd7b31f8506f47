"""Break pages at random and extract them, for a given time: `make fuzz-html`.

    python benchmarks/fuzz_html.py                       # ten minutes
    python benchmarks/fuzz_html.py --minutes 1 --seed 7
    python benchmarks/fuzz_html.py --case 12345          # one case again, in this process

A case is a page (of the samples, and of ../shared/data if it exists, up to 400 kB) with
up to 30 cuts, copies, flipped bytes, pieces of other pages and stray pieces of markup,
or one of HARD. numba checks every array access: its kernels are compiled for that once,
in a folder of their own. A finding is

    crash      the process died
    hang       more than 20 seconds of processor time
    error      any exception, also for an access outside of an array
    slow       more than 0.4 s, checks included (without them a tenth to a third of it)
    utf-8      text, title or Markdown that is not UTF-8
    differs    another text when the page is not the first of its batch

Findings are kept as pages under --folder; exit code 1 if there is any.
"""

import os
import random
import sys
import tempfile
import time
import traceback
from functools import lru_cache
from pathlib import Path

# Before numba is imported. Kernels in a cache may have been compiled without checks.
os.environ["NUMBA_BOUNDSCHECK"] = "1"
os.environ["TAMIS_CACHE"] = str(Path(tempfile.gettempdir(), "tamis-bounds-checked"))

import pyarrow as pa
from fuzzing import hunt

from tamis.html.blocks.engine import Extraction, extract
from tamis.html.blocks.kernel import describe
from tamis.html.blocks.layout import MAX_ELEMENTS
from tamis.html.blocks.workspace import new_workspace
from tamis.training.extractor.pages import read_pages

ROOT = Path(__file__).resolve().parents[1]
_SHARED = ROOT.parent / "shared" / "data"
_MAX_PAGE = 400_000
_MAX_PAGES = 400  # of each archive: they are held in memory
_SLOW_SECONDS = 0.4
_PIECES = [
    *(b"<p>", b"</p>", b"<div", b"</div>", b"<", b">", b'"', b"'", b"<!--", b"-->"),
    *(b"<script>", b"</script>", b"<svg>", b"</svg>", b"<table>", b"<td>", b"</table>"),
    *(b"<title>", b"&", b"&#", b"&amp", b"\x00", b"\xff", b"<pre>", b"<br><br>"),
    *(b"<template>", b"<select>", b"<a href=x>", b"</a>", b"<![CDATA[", b"<li>"),
    *(b"<h2>", b"</h1>", b"<blockquote>", b"<ul>", b"</ul>", b"<tr>", b"<caption>"),
    *(
        b"\xed\xa0\x80",
        b"\xf0\x9f",
        b"\xe2\x80\x8b",
        b"&nGt;",
        b"&#x10FFFF;",
        b"<button>",
        b"</button>",
    ),
    b'<script type="application/ld+json">{"articleBody": "',
    *(b"<math>", b"</math>", b"<mroot>", b"</mroot>", b"<mi>x</mi>", b"<mo>\\</mo>"),
    b"<math><mroot><mover><mi>x</mi><mo>^</mo></mover><mn>3</mn></mroot></math>",
    b"<math><munderover><mo>&sum;</mo><mi>k</mi><mtext>{ %</mtext></munderover></math>",
]
# EXTRACTOR's hard cases, small enough for checked kernels.
HARD = [
    b"<div>" * 20_000,
    b"<b>x " * 20_000,
    b"<table><tr><td>" * 10_000,
    b"<p " + b" ".join(b"a%d=b" % n for n in range(20_000)) + b">x",
    b"<p class='" + b" ".join(b"c%d" % n for n in range(20_000)) + b"'>x",
    b"<" * 200_000,
    b"<!--" * 50_000,
    b"<a href='" * 20_000,
    b"&amp;&nbsp;&#x44f;" * 40_000,
    b"<p>two words here" * 60_000,
    b"<li><a href=x>one link</a>" * 40_000,
    b"<p>\x00" * 20_000,
    b"<math>" * 30_000,
    b"<math>" + b"<mroot>" * 60 + b"<mo>\\" * 20_000 + b"</mroot>" * 60 + b"</math>",
    b"<title>" + b"\xff" * 50_000 + b"</title><p>x " + b"\xff" * 50_000,
    b"x<br>" * 90_000,
    b"<ul><li>" * 300 + b"<blockquote>" * 300 + b"<pre>" + b"\n1" * 5_000,
    b"<table><tr>" + b"<td>a<td>" * 9_000,
]


@lru_cache(maxsize=1)
def pages() -> list[bytes]:
    """The pages to break, the same in every process."""
    archives = [*sorted((ROOT / "samples").glob("*.warc.gz"))]
    archives += sorted(_SHARED.glob("pages-*.warc.gz"))
    found = []
    for archive in archives:
        read = [page.html.tobytes() for page in read_pages([archive])]
        found += [page for page in read if len(page) <= _MAX_PAGE][:_MAX_PAGES]
    return found


def case(number: int) -> tuple[str, bytes]:
    """The same page for the same number."""
    chance = random.Random(number)
    if chance.random() < 0.02:
        return "page.html", mutation(chance.choice(HARD), chance)
    return "page.html", mutation(chance.choice(pages()), chance)


def mutation(page: bytes, chance: random.Random) -> bytes:
    """The page, changed at up to 30 places."""
    out = bytearray(page)
    for _ in range(chance.randrange(30)):
        at, length = chance.randrange(len(out) + 1), chance.randrange(1, 400)
        kind = chance.randrange(6)
        if kind == 0:
            del out[at : at + length]
        elif kind == 1:
            out[at:at] = chance.choice(_PIECES) * chance.randrange(1, 50)
        elif kind == 2 and out:
            out[min(at, len(out) - 1)] = chance.randrange(256)
        elif kind == 3:
            out[at:at] = out[: length * 10]
        elif kind == 4:
            other = chance.choice(pages())
            start = chance.randrange(len(other) + 1)
            out[at:at] = other[start : start + length * 5]
        elif kind == 5 and chance.random() < 0.1:
            del out[at:]
    return bytes(out)


def finding(name: str, page: bytes, number: int) -> str | None:
    """What is wrong with the page's extraction, or None."""
    comments = "keep" if number % 2 else "drop"
    # As in a run, where decoding has replaced invalid UTF-8; and without that.
    given = page if number % 3 == 0 else page.decode("utf-8", "replace").encode()
    column = pa.array([given], pa.large_binary())
    began = time.process_time()
    try:
        found = extract(column, comments=comments, markdown=True)
    except Exception:
        return "error\n" + traceback.format_exc()
    seconds = time.process_time() - began
    if seconds > _SLOW_SECONDS:
        return f"slow\n{seconds:.2f} s for {len(page):,} bytes"
    try:
        first = _texts(found)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return "utf-8\n" + traceback.format_exc()
    if number % 8 == 0:
        behind = pa.array([pages()[number % len(pages())], given], pa.large_binary())
        again = extract(behind, comments=comments, markdown=True)
        if _texts(again)[1::2] != first:
            return "differs\n"
    return None


def prepare() -> None:
    """Compile, read the pages, and make sure that accesses are checked."""
    extract(["<p>one</p>"], markdown=True)
    pages()
    workspace = new_workspace()
    # Reads one row too many; without checks it gets the next field's first bytes.
    workspace[0]["state"][0]["elements"] = MAX_ELEMENTS + 1
    try:
        describe(workspace)
    except IndexError:
        return
    raise RuntimeError("numba does not check array accesses")


def _texts(found: Extraction) -> list[str]:
    """Text, title and Markdown of each page, column after column; checked UTF-8."""
    texts: list[str] = []
    for column in (found.text, found.title, found.markdown):
        if column is not None:
            column.validate(full=True)
            texts += column.to_pylist()
    return texts


if __name__ == "__main__":
    about = (__doc__ or "").splitlines()[0]
    sys.exit(
        hunt(case, finding, about=about, folder=Path("out/fuzz-html"), prepare=prepare)
    )
