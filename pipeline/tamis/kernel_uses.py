"""Uses of all kernels: `python -m tamis.kernel_uses words grams` compiles those of two.

A use calls what a stage calls, so that a kernel is compiled for the types that it will meet.
The texts are ours: they are few, in several scripts, and only have to reach every kernel.
tests/test_kernels.py holds that a run over the samples compiles nothing after this.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import tamis
from tamis.dedup.kernels.minhash import bands_of
from tamis.toxicity.lexicon import usable
from tamis.urls.keys import address_keys, line_keys
from tamis.urls.normalise import address

_TEXTS = (
    "The mill stands on the river. It was built of stone, and it grinds flour for the town.\n"
    "Write to the miller at miller@example.org, or call 192.168.20.7 if the wheel stands still.",
    "Le moulin est au bord de la rivière. Il est en pierre, et il moud la farine de la ville.\n"
    "Ceux qui viennent de loin attendent leur tour sous les arbres, à l'ombre.",
    "Мельница стоит на реке. Она построена из камня и мелет муку для города.",
    "تقع الطاحونة على النهر. بنيت من الحجر وتطحن الدقيق للمدينة.",
    "磨坊在河边。它是用石头建成的，为镇上磨面粉。",
    "水車小屋は川のそばにあります。石でできていて、町の粉をひきます。",
    "โรงสีตั้งอยู่ริมแม่น้ำ สร้างด้วยหินและบดแป้งให้กับเมือง",
    "चक्की नदी के किनारे है। यह पत्थर की बनी है और शहर के लिए आटा पीसती है।",
    "",
)
_DOCUMENTS = 40
_LANGUAGES = ["eng", "fra", "rus", "arb", "cmn", "jpn", "tha", "hin"]
_PAGE = """<!doctype html><html lang="en"><head><title>The mill &amp; the river</title>
<meta name="robots" content="noai"><style>p {{}}</style><script>var a = "<p>";</script></head>
<body class="page"><nav><ul><li><a href="/">Home</a><li><a href="/mills">Mills</a></ul></nav>
<main><article><h1>The mill</h1><p>{text}</p><p>{text} <b>Stone</b> by <i>stone</i>.</p>
<table><tr><th>Year</th><th>Flour</th></tr><tr><td>1851</td><td>12 t</td></tr></table>
<pre>x = 1</pre><blockquote>{text}</blockquote><ol><li>Grain<li>Flour &#8212; fine</ol>
<div class="comments"><p>A comment: {text}</p></div></article></main>
<footer><p>All rights reserved</p></footer></body></html>"""


def pages() -> None:
    made = [_PAGE.format(text=text).encode() for text in _TEXTS]
    stages = [
        "decode_html",
        {"extract_text": {"engine": "blocks", "comments": "keep"}},
    ]
    tamis.apply(stages, [*made, b"\xff\xfe<p>\x80" + made[1]])
    tamis.apply({"extract_text": {"engine": "resiliparse"}}, made[:1])


def markdown() -> None:
    made = [_PAGE.format(text=text).encode() for text in _TEXTS]
    tamis.apply({"extract_text": {"engine": "blocks", "markdown": True}}, made)


def words() -> None:
    tamis.apply(["measure_text", "score_quality"], _texts())


def datatrove() -> None:
    tamis.apply({"measure_text": {"compat": "datatrove"}}, _texts())


def grams() -> None:
    """Those of benchmarks, by both methods."""
    with tempfile.TemporaryDirectory() as folder:
        benchmark = Path(folder) / "mill.jsonl"
        rows = [json.dumps({"text": text}) for text in _TEXTS if text]
        benchmark.write_text("\n".join(rows), "utf-8")
        files = {"benchmarks": [str(benchmark)]}
        tamis.apply({"decontaminate": files}, _texts())
        # All copies have it, and it stays for being common but for the limit.
        counted = files | {"method": "ngram13", "max_documents": 1000}
        stages = ({"save": "whole"}, {"decontaminate": counted})
        _run(_archives(folder), 0, *stages, "measure_text", {"save": "cut"})


def languages() -> None:
    """Both models, and those of toxicity and quality: linear models over words and n-grams."""
    usable(["a list", "that is kept"])  # so that building it calls no kernel
    tamis.apply("identify_language", [*_TEXTS, "mill 1851", "a" * 3000])
    tamis.apply(
        [{"score_toxicity": {"per": per}} for per in ("window", "document")], _texts()
    )


def lists() -> None:
    """Lists of addresses, and what a site says of its pages."""
    hosts = [
        "https://www.mill.example/river/page.html?a=1",
        "http://xn--mhle-0ra.example/",
    ]
    lines = b"bad.example\nmill.example/river/\n"
    # A prepared list is kept, so that a second one of the same lines calls no kernel.
    line_keys(np.frombuffer(lines, np.uint8))
    address_keys([address(host) for host in hosts])
    with tempfile.TemporaryDirectory() as folder:
        blocked = Path(folder) / "blocked.txt"
        blocked.write_bytes(lines)
        table = pa.table({"url": hosts, "html": [_PAGE.encode()] * len(hosts)})
        tamis.apply([{"filter_url": {"lists": [str(blocked)]}}, "read_rights"], table)


def spans() -> None:
    tamis.apply("mask_pii", _texts())


def lines() -> None:
    tamis.apply({"clean_lines": {"preset": ["refinedweb", "c4"]}}, _texts())


def duplicates() -> None:
    """Runs over texts of which some repeat, whole and nearly."""
    bands_of(np.zeros((2, 4), np.uint64), 2, 2)  # of sketches that a library made
    with tempfile.TemporaryDirectory() as name:
        folder = _archives(name)
        near = {"verify": {"jaccard": 0.5}, "index": str(folder / "index")}
        whole = ("measure_text", "sign", {"save": "whole"}, {"deduplicate": near})
        for number in range(2):  # the second one has the first one's index
            _run(folder, number, *whole, "mix_corpus")


def repeats() -> None:
    """A run over texts that repeat by address, by line and by passage."""
    with tempfile.TemporaryDirectory() as name:
        _run(
            _archives(name),
            0,
            {"save": "whole"},
            "deduplicate_urls",
            {"deduplicate_lines": {"overlap": {"ngram": 5}}},
            {"deduplicate_substrings": {"min_tokens": 12}},
            "measure_text",
            {"save": "cut"},
        )


def _archives(name: str) -> Path:
    """A folder with two archives."""
    folder = Path(name)
    for number in range(2):
        records = b"".join(map(_record, range(40 * number, 40 * number + 40)))
        (folder / f"texts-{number}.warc.wet.gz").write_bytes(records)
    return folder


def _run(folder: Path, number: int, *stages: Any) -> None:
    texts = ("read_warc", "decode_html", "extract_text", "identify_language")
    tamis.run(
        tamis.Recipe(
            input=str(folder / f"texts-{number}.warc.wet.gz"),
            output=str(folder / "out"),
            languages=["eng", "fra"],
            executor={"kind": "inline"},
            stages=[*texts, *stages],
        )
    )


def _record(number: int) -> bytes:
    """Every text has a whole copy and some near ones."""
    lines = [f"{line} {number // 2 % 9}" for line in _TEXTS[number % 2].splitlines()]
    block = "\n".join([*lines * 3, _TEXTS[number % 2]] * 4).encode()
    header = (
        "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\n"
        f"WARC-Target-URI: https://mill-{number % 5}.example/{number}\r\n"
        f"WARC-Date: 2024-01-01T00:00:00Z\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(header.encode() + block + b"\r\n\r\n", mtime=0)


def _texts() -> Any:
    texts = [text for text in _TEXTS if text]
    return pa.table({"text": texts, "language": _LANGUAGES[: len(texts)]})


if __name__ == "__main__":
    for use in sys.argv[1:]:
        globals()[use]()
