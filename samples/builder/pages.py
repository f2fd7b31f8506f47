"""A text becomes a page, a page becomes a capture: what the crawler would have met.

Every value of a page follows from its text and its URL, none from a clock, a
random generator or the order of pages.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from builder.texts import Language, Site, Text

LAYOUTS = Path(__file__).resolve().parents[1] / "layouts"
HTML = "text/html; charset=utf-8"

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(LAYOUTS),
    autoescape=True,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    newline_sequence="\n",
)

_BARE_SITE = Site("bare", "www.small-notices.example", "Small Notices")

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Capture:
    """One response (or revisit) record and what the default recipe makes of it.

    `expected` is `mix`, `skipped` (not admitted by read_warc) or the stage that
    drops the page; stages joined by `|` where that depends on the extractor.
    """

    url: str
    kind: str
    body: bytes
    language: str = ""  # ISO 639-3 of the text; empty where there is none
    prose: str = ""  # what a good extraction finds
    group: str = ""  # captures of one text, exact or near copies
    expected: str = "mix"
    day: int = 0  # of the crawl; copies come later than their originals
    status: str = "200 OK"
    content_type: str = HTML  # of the HTTP header; empty for none
    headers: Pairs = ()
    payload_type: str = "text/html"  # as the crawler identified it
    truncated: str = ""
    record_type: str = "response"


def article(
    language: Language, text: Text, *, kind: str, site: Site | None = None
) -> Capture:
    """The ordinary page of a text, on the site of its language that its slug names."""
    site = site or language.sites[_number(text.slug) % len(language.sites)]
    url = page_url(site, text)
    body = render(language, text, site=site, url=url)
    return Capture(
        url,
        kind,
        body.encode(),
        language=language.code,
        prose=text.prose,
    )


def page(
    language: Language,
    text: Text,
    *,
    kind: str,
    layout: str = "",
    charset: str = "utf-8",
    metas: Pairs = (),
) -> Capture:
    """A page of a special kind, on the language's first site, in a folder of its own."""
    site = _BARE_SITE if layout == "bare" else language.sites[0]
    url = page_url(site, text, folder=kind.replace("_", "-"))
    body = render(
        language,
        text,
        site=site,
        url=url,
        layout=layout,
        charset=charset,
        metas=metas,
    )
    return Capture(url, kind, body.encode(), language=language.code, prose=text.prose)


def page_url(site: Site, text: Text, *, folder: str = "") -> str:
    number = _number(site.host + text.slug)
    folder = folder or f"{2015 + number % 10}/{1 + number % 12:02d}"
    return f"https://{site.host}/{folder}/{text.slug}.html"


def part_of(site: Site, name: str, layout: str) -> Site:
    """A site's forum, shop or documentation, which has a host of its own."""
    return Site(layout, site.host.replace("www.", f"{name}."), site.name)


def render(
    language: Language,
    text: Text,
    *,
    site: Site,
    url: str,
    layout: str = "",
    charset: str = "utf-8",
    metas: Pairs = (),
    noscript: bool = False,
) -> str:
    """The page's HTML, which is well-formed XML too. An empty charset declares none."""
    number = _number(url)
    titles = [other.title for other in language.prose_articles if other != text]
    turn = number % len(titles)
    return _ENVIRONMENT.get_template(f"{layout or site.layout}.html.j2").render(
        text=text,
        site=site,
        url=url,
        number=number,
        date=f"{2015 + number % 10}-{1 + number % 12:02d}-{1 + number % 28:02d}",
        html_lang=language.says("lang"),
        charset=charset,
        metas=metas,
        noscript=noscript,
        says=language.says,
        comments=language.interface["comment"],
        related=(titles[turn:] + titles[:turn])[:6],
    )


def _number(key: str) -> int:
    """A number from 0 to 9999 that looks arbitrary and never changes."""
    return zlib.crc32(key.encode()) % 10_000
