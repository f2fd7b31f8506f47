"""tamis fetch-record: one record again, by its place in an archive."""

import sys

import click
import fsspec

from pipeline.errors import InputError
from pipeline.warc.fetch import fetch_record


@click.command(
    "fetch-record",
    epilog="""\b
    Example (a document's warc_path, warc_offset, warc_length):
      tamis fetch-record samples/samples-00000.warc.gz 1234 5678 > page.html
    """,
)
@click.argument("warc")
@click.argument("offset", type=click.IntRange(min=0))
@click.argument("length", type=click.IntRange(min=1))
def command(warc: str, offset: int, length: int) -> None:
    """Print the page at OFFSET and LENGTH of WARC, a path or an address.

    Only those bytes are read, over https:// and s3:// by a range request. The body
    comes out as it was sent, transfer and content encoding undone.
    """
    try:
        with fsspec.open(warc, "rb") as file:
            found = fetch_record(file, offset, length, path=warc)
    except OSError as error:
        raise InputError(f"{warc}: cannot be read: {error}") from error
    sys.stdout.buffer.write(found.html or b"")
