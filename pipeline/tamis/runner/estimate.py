"""What a run will need, from the size of its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.dedup.bill import Bill, TextBill, bill
from tamis.stage import StageConfig
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.deduplicate_lines import DeduplicateLines
from tamis.stages.deduplicate_substrings import DeduplicateSubstrings
from tamis.stages.deduplicate_urls import DeduplicateUrls
from tamis.stages.extract_text import ExtractText
from tamis.stages.sign import Sign

# Measured over the 3,087 real pages of pages-dev*.warc.gz (103 MB of gzip) with
# benchmarks/throughput.py: docs/benchmarks.md. A page of a crawl is smaller.
_BYTES_PER_PAGE = 33_000
_OUTPUT_BYTES_PER_PAGE = 8_000
_SECONDS_PER_PAGE = 0.0025
_SECONDS_PER_EXTRACTION = {"trafilatura": 0.03, "resiliparse": 0.003}


@dataclass(frozen=True)
class Estimate:
    """Pages to read, bytes of output, hours of one core.

    `dedup` is deduplicate's part of these, `barriers` are those of others by label.
    """

    pages: int
    disk_bytes: int
    core_hours: float
    dedup: Bill | None
    barriers: dict[str, TextBill]


def estimate(input_bytes: int, stages: Sequence[StageConfig]) -> Estimate:
    """For compressed archives of that size; right within a factor of two."""
    pages = input_bytes // _BYTES_PER_PAGE
    seconds = pages * _SECONDS_PER_PAGE
    disk_bytes = pages * _OUTPUT_BYTES_PER_PAGE
    bands = 14
    dedup = None
    barriers: dict[str, TextBill] = {}
    for config in stages:
        if isinstance(config, ExtractText):
            seconds += pages * _SECONDS_PER_EXTRACTION.get(config.engine, 0.001)
        elif isinstance(config, Sign):
            bands = config.banding().bands
        elif isinstance(config, Deduplicate):
            dedup = bill(
                pages,
                bands,
                is_verified=config.verify is not None,
                has_index=config.index is not None,
                has_signatures=config.index_signatures,
            )
            seconds += dedup.core_hours * 3600
            disk_bytes += dedup.work_bytes + dedup.layer_bytes
        elif isinstance(
            config, DeduplicateLines | DeduplicateUrls | DeduplicateSubstrings
        ):
            barriers[config.label] = own = config.bill(pages)
            seconds += own.core_hours * 3600
            disk_bytes += own.work_bytes
    return Estimate(pages, disk_bytes, seconds / 3600, dedup, barriers)
