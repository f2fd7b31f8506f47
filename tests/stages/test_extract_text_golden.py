"""The texts of a few made pages, as this version of the stage writes them."""

import hashlib
from pathlib import Path

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tamis.stages.extract_text import ExtractText

# By record id: help with code, a shop, a forum, articles in Thai and Hindi. Where other
# texts are meant, raise the stage's version and write these anew.
VERSION = 8
GOLDEN = {
    "urn:uuid:be47a77c-f089-52b9-bd20-79c8e0e02098": "feae254361be58d2",
    "urn:uuid:988fb0ac-8fd9-5b3b-a125-be728414b9a6": "a94b0fb67d5c8767",
    "urn:uuid:27306b64-9aa4-5f36-aa38-b5e7e2657a9f": "38b3ea8755b69c05",
    "urn:uuid:83452f45-19c0-5495-aebf-d0d3183e27d9": "a5a75d6d51abb229",
    "urn:uuid:0a202985-8259-51bc-aa68-8063aa90c375": "a3f71b9a288bdc57",
}


def test_other_texts_are_another_version_of_the_stage(samples: Path) -> None:
    pages = {}
    for archive in sorted(samples.glob("*.warc.gz")):
        with archive.open("rb") as stream:
            for record in ArchiveIterator(stream, WarcRecordType.response):
                name = record.record_id.strip("<>")
                if name in GOLDEN:
                    pages[name] = record.reader.read().decode()
    columns = {
        "html": pa.array([pages[name] for name in GOLDEN], pa.string()),
        "http_content_type": pa.array(["text/html"] * len(GOLDEN), pa.string()),
        "drop_reason": pa.nulls(len(GOLDEN), pa.string()),
    }
    transform = ExtractText(engine="blocks", markdown=True).build()
    rows = transform(pa.RecordBatch.from_pydict(columns)).to_pylist()
    found = {}
    for name, row in zip(GOLDEN, rows, strict=True):
        text = "\0".join([row["text"], row["title"], row["markdown"]])
        found[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (ExtractText.version, found) == (VERSION, GOLDEN)
