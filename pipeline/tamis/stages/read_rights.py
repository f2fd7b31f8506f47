"""Read what pages and servers say about reuse: reservations, directives, licences.

Reads  html (UTF-8), http_content_type, http_rights; host, url with `robots`
Writes rights, a struct of
         tdm            TDMRep: true reserved, false explicitly not, null not stated
         tdm_policy     address of the policy, null where there is none
         noai, noimageai, noindex, nosnippet, noarchive, nocache
                        directives for everybody or for `agents`
         ai_train       Content-Signal, Content-Usage, of the page and, with `robots`, of
                        its host for its path: false refused, true allowed
         rsl            an RSL licence is named, so too by its host with `robots`; its
                        terms are elsewhere
         license        Creative Commons licence such as cc-by-4.0; null if the page
                        states none, or several that differ
         license_count  different licences stated
         license_in     where: link, meta, json_ld, header or anchor
         robots         its host refuses the page to an agent; present only if `robots`
                        names a table, so that no filter uses what was not read

It runs after decode_html and before extract_text, which removes `html`. Nothing is
dropped: see `filter_rights`. Every signal is counted in run.json.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.rights.notices import DIRECTIVES
from tamis.stage import BatchFunction, Transform, with_columns
from tamis.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from tamis.rights.licenses import Statement
    from tamis.rights.notices import Notices
    from tamis.rights.robots_table import RobotsTable

# Agents of owners that train models with what they fetch, and agents of crawls that
# others train with: what a publisher tells them applies to this use, too.
TRAINING_AGENTS = (
    "ai2bot",
    "amazonbot",
    "anthropic-ai",
    "applebot-extended",
    "bytespider",
    "ccbot",
    "claudebot",
    "cohere-training-data-crawler",
    "diffbot",
    "facebookbot",
    "google-extended",
    "gptbot",
    "img2dataset",
    "meta-externalagent",
    "omgili",
    "webzio-extended",
)

_FIELDS = pa.schema(
    [
        ("tdm", pa.bool_()),
        ("tdm_policy", pa.string()),
        *((directive, pa.bool_()) for directive in DIRECTIVES),
        ("ai_train", pa.bool_()),
        ("rsl", pa.bool_()),
        ("license", pa.string()),
        ("license_count", pa.int32()),
        ("license_in", pa.string()),
        ("robots", pa.bool_()),
    ]
)
_SETTING = "read_rights.robots"
_ROBOTS = _FIELDS.get_field_index("robots")
# Null where nothing is stated; the other signals are false then.
_NULL_IF_NOT_STATED = ("tdm", "ai_train", "robots")


class ReadRights(Transform):
    """Directives for a single agent count if it is one of `agents`."""

    version: ClassVar[int] = 6
    path_settings: ClassVar[tuple[str, ...]] = ("robots",)
    tallied: ClassVar[tuple[str, ...]] = tuple(
        f"rights.{name}" for name in _FIELDS.names if name != "tdm_policy"
    )

    agents: tuple[str, ...] = TRAINING_AGENTS
    # The table that `tamis robots` made of the crawl's robots.txt files.
    robots: str | None = None

    def columns_read(self) -> tuple[str, ...]:
        hosts = ("host", "url") if self.robots else ()
        return ("html", "http_content_type", "http_rights", *hosts)

    def columns_written(self) -> pa.Schema:
        fields = _FIELDS if self.robots else _FIELDS.remove(_ROBOTS)
        return pa.schema([("rights", pa.struct(list(fields)))])

    def files(self) -> tuple[str, ...]:
        return (self.robots,) if self.robots else ()

    def libraries(self) -> tuple[str, ...]:
        return ("http-sf",)

    def facts(self) -> list[str]:
        return self.dated()

    def dated(self) -> list[str]:
        return [opened_table(self.robots, _SETTING).stated()] if self.robots else []

    def build(self) -> BatchFunction:
        """Return a transform that appends `rights`; see `found_in`."""
        agents = frozenset(agent.lower() for agent in self.agents)
        table = opened_table(self.robots, _SETTING) if self.robots else None

        def read_rights(batch: pa.RecordBatch) -> pa.RecordBatch:
            is_text = np.asarray(_is_plain_text(batch["http_content_type"]))
            found = found_in(
                batch["html"], is_text, batch["http_rights"], agents=agents
            )
            if table is not None:
                add_robots(batch["host"], batch["url"], table, found=found)
            rights = rights_of(
                found, batch.num_rows, self.columns_written().field("rights")
            )
            return with_columns(batch, {"rights": rights})

        return read_rights


class Found(NamedTuple):
    """What was found for one page."""

    notices: "Notices"
    licenses: "list[Statement]"


def opened_table(path: str, setting: str) -> "RobotsTable":
    """The table that a setting names. Raises ConfigError if it cannot be read."""
    from tamis.rights.robots_table import RobotsTable

    try:
        return RobotsTable(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{setting}: {path}: {error}") from error


def add_robots(
    hosts: Any, urls: Any, table: "RobotsTable", *, found: dict[int, Found]
) -> None:
    """Add to `found` what each page's host says in its robots.txt."""
    from tamis.rights.notices import Notices

    pairs = zip(hosts.to_pylist(), urls.to_pylist(), strict=True)
    for row, (host, url) in enumerate(pairs):
        verdict = table.verdict(host or "", path_of(url or ""))
        notices = found.setdefault(row, Found(Notices(), [])).notices
        notices.is_refused = verdict.is_refused
        notices.add_training(verdict.ai_train)
        notices.rsl |= verdict.rsl


def found_in(
    pages: Any, is_text: NDArray[np.bool_], headers: Any, *, agents: frozenset[str]
) -> dict[int, Found]:
    """What the pages say, by row; rows that say nothing are left out.

    A page that `is_text` has no markup. `agents` are in lower case.
    """
    from tamis.rights.licenses import of_link_header, statements
    from tamis.rights.notices import Notices, read_headers, read_tag
    from tamis.rights.scan import mentions, tags

    data, offsets = utf8_buffers(pages)
    found: dict[int, Found] = {}

    def of(row: int) -> Found:
        return found.setdefault(row, Found(Notices(), []))

    for row in np.flatnonzero(np.asarray(headers.is_valid())).tolist():
        lines = headers[row].as_py()
        read_headers(lines, agents, of(row).notices)
        for line in lines.split("\n"):
            if line.startswith("link:"):
                of(row).licenses.extend(of_link_header(line))
    for row, start, stop in tags(data, offsets).tolist():
        if not is_text[row]:
            tag = data[start:stop].tobytes().decode("utf-8", "replace")
            read_tag(tag, agents, of(row).notices)
    for row, group in groupby(mentions(data, offsets), lambda pair: pair[0]):
        if not is_text[row]:
            page = data[offsets[row] : offsets[row + 1]].tobytes()
            positions = [place - int(offsets[row]) for _, place in group]
            of(row).licenses.extend(statements(page, positions))
    return found


def rights_of(found: dict[int, Found], rows: int, written: pa.Field) -> pa.StructArray:
    """The column `written`, for `rows` pages."""
    fields: dict[str, list[Any]] = {
        field.name: [False if pa.types.is_boolean(field.type) else None] * rows
        for field in _FIELDS
    }
    for name in _NULL_IF_NOT_STATED:
        fields[name] = [None] * rows
    fields["license_count"] = [0] * rows
    for row, (notices, licenses) in found.items():
        fields["tdm"][row] = notices.tdm.is_reserved
        fields["tdm_policy"][row] = notices.tdm.policy
        for directive in notices.directives:
            fields[directive][row] = True
        fields["ai_train"][row] = notices.ai_train
        fields["rsl"][row] = notices.rsl
        fields["robots"][row] = notices.is_refused
        fields["license_count"][row] = len({name for name, _ in licenses})
        fields["license"][row], fields["license_in"][row] = stated_license(licenses)
    return pa.StructArray.from_arrays(
        [pa.array(fields[field.name], field.type) for field in written.type],
        fields=list(written.type),
    )


def path_of(url: str) -> str:
    """Path and query of an address, as a crawler asks for them."""
    after_scheme = url.partition("://")[2].partition("#")[0]
    place = min((after_scheme + "/?").index(mark) for mark in "/?")
    path = after_scheme[place:]
    return path if path.startswith("/") else f"/{path}"


def stated_license(statements: "Iterable[Statement]") -> tuple[str | None, str | None]:
    """The licence and its first place by PLACES; None if the licences differ.

    `cc-by-4.0` of the page and `cc-by-nc-4.0` of a picture in it may both be right; we
    cannot know which belongs to the page.
    """
    from tamis.rights.licenses import PLACES

    ordered = sorted(statements, key=lambda statement: PLACES.index(statement.place))
    if len({statement.license for statement in ordered}) != 1:
        return None, None
    return ordered[0].license, ordered[0].place


def _is_plain_text(content_types: Any) -> list[bool]:
    """Whether each page is what an archive of plain text (WET) holds."""
    return [value == "text/plain" for value in content_types.to_pylist()]
