"""tamis robots: the robots.txt files of archives, as a table for read_rights."""

from collections.abc import Iterator
from pathlib import Path

import click

from pipeline.errors import ConfigError, InputError
from pipeline.inputs import resolve
from pipeline.remote.opening import Access, open_input
from pipeline.rights import robots_table
from pipeline.rights.robots import MOST_BYTES, Robots, parse
from pipeline.stages.read_rights import REPRESENTED_AGENTS
from pipeline.warc.document import host_of
from pipeline.warc.frames import open_archive
from pipeline.warc.http import decode_body, parse_response
from pipeline.warc.record import Loss
from pipeline.warc.records import read_records
from pipeline.warc.source import Source
from pipeline.warc.splits import Place, Split


@click.command(
    "robots",
    epilog="""\b
    Example:
      tamis robots "cc://CC-MAIN-2024-51?kind=robotstxt" -o robots.parquet
      tamis run --set read_rights.robots=robots.parquet
    """,
)
@click.argument("archives", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The table's file.",
)
@click.option(
    "--agent",
    "agents",
    multiple=True,
    default=REPRESENTED_AGENTS,
    show_default=True,
    help="An agent that must not be refused. Several times.",
)
def command(archives: tuple[str, ...], output: Path, agents: tuple[str, ...]) -> None:
    """Read the robots.txt responses of ARCHIVES and write what they refuse the agents.

    Of a host that was asked several times the latest answer counts.
    """
    names = tuple(agent.lower() for agent in agents)
    hosts: dict[str, tuple[str, Robots]] = {}
    for file in resolve(archives, {}, are_all_asked=True):
        if file.problem:
            raise InputError(f"{file.path}: {file.problem}")
        for host, date, content in robots_files(file.path, file.size):
            if host not in hosts or hosts[host][0] <= date:
                hosts[host] = (date, parse(content, names))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        rows = robots_table.write(
            {host: own for host, (_, own) in hosts.items()}, output
        )
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error}") from error
    click.echo(f"{output}: {rows:,} of {len(hosts):,} hosts refuse something")


def robots_files(path: str, size: int) -> Iterator[tuple[str, str, str]]:
    """(host, date, content) of each robots.txt that an archive holds with status 200."""
    with open_input(path, Access(), size=size) as file:
        split = Split(path, 0, size, size, exact=True)
        archive = open_archive(Source(file, size, path))
        for step in read_records(
            archive, split, Place(), max_block_bytes=2 * MOST_BYTES
        ):
            if isinstance(step, Loss) or step.header.type != "response":
                continue
            url = step.header.fields.get("warc-target-uri") or ""
            host = host_of(url)
            response = parse_response(step.block)
            if (
                response.status != 200
                or host is None
                or not url.endswith("/robots.txt")
            ):
                continue
            body = memoryview(step.block)[response.body_start :]
            content = bytes(decode_body(body, response.fields, MOST_BYTES))
            yield (
                host,
                step.header.fields.get("warc-date", ""),
                content.decode("utf-8", "replace"),
            )
