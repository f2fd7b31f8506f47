"""tamis fetch-record: read one record by its place in an archive."""

import sys

import click

from tamis.cli.options import root_option


@click.command(
    "fetch-record",
    epilog="""\b
    Examples (a document's warc_path, warc_offset, warc_length):
      tamis fetch-record samples/samples-00000.warc.gz 1234 5678 > page.html
      tamis fetch-record samples-00000.warc.gz 1234 5678 --run out/
      tamis fetch-record samples-00000.warc.gz 1234 5678 --root samples/
      tamis fetch-record https://data.commoncrawl.org/crawl-data/... 1234 5678
      AWS_ENDPOINT_URL=https://s3.example.org tamis fetch-record s3://bucket/a.warc.gz 0 5678
    """,
)
@click.argument("warc")
@click.argument("offset", type=click.IntRange(min=0))
@click.argument("length", type=click.IntRange(min=1))
@click.option(
    "--run",
    metavar="OUTPUT",
    help="WARC is an input of the run with this output folder.",
)
@root_option
def command(
    warc: str, offset: int, length: int, run: str | None, root: str | None
) -> None:
    """Print the page at OFFSET and LENGTH of WARC: a path, an address, or with --run or
    --root the warc_path of a document.

    Only these bytes are read, over https:// and s3:// by a range request. The body is
    printed with transfer and content encoding undone.
    """
    from tamis.api import fetch_record

    page = fetch_record(warc, offset, length, run=run, root=root)
    sys.stdout.buffer.write(page)
