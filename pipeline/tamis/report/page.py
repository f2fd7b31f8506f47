"""report.html: a finished run on one self-contained page.

The page loads nothing from any server: it contains style, drawings and a short script,
and its content security policy forbids everything else. It can be read without the
script. Addresses, titles and texts come from strangers: jinja2 escapes all of them, and
only http and https addresses become links.

Counts are those of run.json. Sections drawn from tables say how many of them were read.
"""

import base64
import hashlib
from functools import lru_cache
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from tamis.documents.of_run import inputs_of
from tamis.report import spelling
from tamis.report.alarms import alarm_lines
from tamis.report.bill import bill_rows
from tamis.report.clusters import clusters
from tamis.report.contamination import contamination_rows
from tamis.report.domains import domains
from tamis.report.drift import RELEASE, changes_of, read_made
from tamis.report.examples import examples
from tamis.report.funnel import funnel_rows, loss_rows
from tamis.report.histograms import distributions
from tamis.report.languages import language_rows, mix_tally
from tamis.report.lost import lost_lines
from tamis.report.summary import (
    refused_rows,
    rights_rows,
    seconds_rows,
    summary_of,
    value_rows,
)
from tamis.storage import Storage
from tamis.tally import RunSummary

_LISTED_LOSSES = 2000  # of stage, reason and language
_LISTED = 50  # inputs, losses and the like: the first ones, and how many more


def render_page(run_summary: RunSummary, storage: Storage) -> str:
    """The page, from run.json and the run's tables; of a release, from release.json too."""
    release = read_made(storage) if storage.exists(RELEASE) else None
    environment = _environment()
    inputs = inputs_of(storage)
    style = _source(environment, "style.css")
    script = _source(environment, "script.html")
    page = environment.get_template("page.html").render(
        style=Markup(style),
        script=Markup(script),
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        name=storage.shown.rpartition("/")[2] or storage.shown,
        run_summary=run_summary,
        summary=summary_of(run_summary),
        lost=list(lost_lines(run_summary["lost"])),
        alarms=list(alarm_lines(run_summary)),
        funnel=funnel_rows(run_summary),
        losses=loss_rows(run_summary),
        listed_losses=_LISTED_LOSSES,
        refused=refused_rows(run_summary),
        charsets=value_rows(run_summary, "charset"),
        page_types=value_rows(run_summary, "page_type"),
        charset_sources=value_rows(run_summary, "charset_source"),
        rights=rights_rows(run_summary),
        licenses=value_rows(run_summary, "rights.license"),
        languages=language_rows(run_summary),
        mix=mix_tally(run_summary),
        contamination=contamination_rows(run_summary),
        domains=domains(storage),
        distributions=distributions(run_summary, storage, inputs),
        clusters=clusters(run_summary, storage, inputs),
        seconds=seconds_rows(run_summary),
        bill=bill_rows(run_summary),
        examples=examples(run_summary, storage, inputs),
        recipe=yaml.safe_dump(dict(run_summary["recipe"]), sort_keys=False, width=100),
        listed=_LISTED,
        release=release,
        changes=changes_of(release) if release else [],
    )
    # The name of an input may be invalid Unicode; the page may not.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def render_alone(template: str, **values: Any) -> str:
    """A page of its own from a template here, in the report's style, without a script."""
    environment = _environment()
    style = _source(environment, "style.css")
    page = environment.get_template(template).render(
        style=Markup(style), style_hash=_csp_hash(style), listed=_LISTED, **values
    )
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tamis.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= spelling.FILTERS
    environment.tests |= {"web_address": spelling.is_web_address}
    return environment


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    return source


def _csp_hash(content: str) -> str:
    """The source by which the security policy allows an inline style or script."""
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
