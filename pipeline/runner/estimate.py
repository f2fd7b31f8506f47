"""What a run will need, from the size of its inputs."""

from dataclasses import dataclass

# Measured with the default recipe over the 3,087 real pages of pages-dev*.warc.gz
# (103 MB of gzip): docs/benchmarks.md. A CommonCrawl file has smaller pages.
_BYTES_PER_PAGE = 33_000
_DISK_PER_INPUT_BYTE = 0.45
_SECONDS_PER_PAGE = 0.06


@dataclass(frozen=True)
class Estimate:
    """Pages to read, bytes of output, hours of one core."""

    pages: int
    disk_bytes: int
    core_hours: float


def estimate(input_bytes: int) -> Estimate:
    """For compressed archives of that size; right within a factor of two."""
    pages = input_bytes // _BYTES_PER_PAGE
    return Estimate(
        pages=pages,
        disk_bytes=int(input_bytes * _DISK_PER_INPUT_BYTE),
        core_hours=pages * _SECONDS_PER_PAGE / 3600,
    )
