"""Reservations of a page: by robots directives, TDMRep, content signals and RSL.

Sources and their meaning here:
    robots           `<meta name="robots">`, `X-Robots-Tag`: directives for all agents,
                     or for one agent: `<meta name="GPTBot">`, `X-Robots-Tag: ccbot: noai`
    TDMRep           `tdm-reservation: 1` in a header or `<meta>`, and the policy's URL
                     (W3C Community Group, 2024)
    Content-Signal   `ai-train=no`   (contentsignals.org, Cloudflare, 2025)
    Content-Usage    `train-ai=n`    (draft-ietf-aipref-attach-05, section 2)
    RSL 1.0          a licence of type application/rsl+xml; its terms are elsewhere
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import http_sf

DIRECTIVES = ("noai", "noimageai", "noindex", "nosnippet", "noarchive", "nocache")

_EVERYBODY = ("", "*", "robots")
# Directives with a value: the word before their colon is not an agent.
_WITH_VALUE = (
    "unavailable_after",
    "max-snippet",
    "max-image-preview",
    "max-video-preview",
)
_SAID = {"no": False, "yes": True}  # of Content-Signal
_STATED = {"n": False, "y": True}  # of Content-Usage
_RSL = "application/rsl+xml"
_AGENT = re.compile(r"\*|[a-z0-9_.-]{1,64}")

_ATTRIBUTE = re.compile(
    r"([^\s\"'<>/=]{1,64})(?:\s{0,64}=\s{0,64}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?"
)


@dataclass
class Reservation:
    """What one of TDMRep's techniques says: a header, or the page's `<meta>`.

    is_reserved  True reserved, False expressly not, None nothing
    """

    is_reserved: bool | None = None
    policy: str | None = None

    def add(self, said: str) -> None:
        """`1` reserves, `0` does not, anything else is ignored (TDMRep, section 4).

        A proxy may join two header lines: `0, 1`. Of several a reservation decides.
        """
        values = {part.strip() for part in said.split(",")}
        if "1" in values:
            self.is_reserved = True
        elif "0" in values and self.is_reserved is None:
            self.is_reserved = False

    def add_policy(self, address: str) -> None:
        self.policy = self.policy or address.strip() or None


@dataclass
class Notices:
    """The notices found. None: no notice; a refusal is never replaced.

    header, page  TDMRep's reservations
    ai_train      False refused, True expressly allowed
    is_refused    by robots.txt, to one of the agents in question
    """

    directives: set[str] = field(default_factory=set)
    header: Reservation = field(default_factory=Reservation)
    page: Reservation = field(default_factory=Reservation)
    ai_train: bool | None = None
    rsl: bool = False
    is_refused: bool | None = None

    @property
    def tdm(self) -> Reservation:
        """The page's own reservation, else that of the header (TDMRep, "processing priority": the
        page's `<meta>` overrides a header, and this the host's file).
        """
        return self.header if self.page.is_reserved is None else self.page

    def add_directives(self, directives: Iterable[str]) -> None:
        for directive in directives:
            # Google, robots meta tag: `none` is noindex and nofollow.
            name = "noindex" if directive == "none" else directive
            if name in DIRECTIVES:
                self.directives.add(name)

    def add_training(self, said: bool | None) -> None:
        """One refusal decides, whatever else is said."""
        if said is False or (said and self.ai_train is None):
            self.ai_train = said


def content_signal(value: str) -> bool | None:
    """`search=yes, ai-train=no`: what it says of training; one refusal decides."""
    said = None
    for part in re.split(r"[,;]", value.lower()):
        key, _, answer = (piece.strip() for piece in part.partition("="))
        if key == "ai-train" and answer in _SAID:
            said = _SAID[answer] and said is not False
    return said


def content_usage(value: str) -> bool | None:
    """`train-ai=n, search=y`: what it says of training.

    A dictionary of RFC 9651 whose values are the tokens `y` and `n`; other keys and
    other values say nothing, nor does a value that cannot be parsed
    (draft-ietf-aipref-vocab-07, section 6).
    """
    try:
        stated: Any = http_sf.parse(value.strip().encode(), tltype="dictionary")
    except ValueError:
        return None
    answer = stated["train-ai"][0] if "train-ai" in stated else None
    return _STATED.get(answer.data) if isinstance(answer, http_sf.Token) else None


def attributes_of(tag: str) -> dict[str, str]:
    """`<meta name=a content="b">` as {"name": "a", "content": "b"}.

    Names are in lower case, values unchanged. Of two attributes of one name the first
    counts.
    """
    found: dict[str, str] = {}
    start = re.match(r"<[^\s>/]{0,64}", tag)
    for match in _ATTRIBUTE.finditer(tag, start.end() if start else 0):
        name, *values = match.groups()
        value = next((value for value in values if value is not None), "")
        found.setdefault(name.lower(), value)
    return found


def read_tag(tag: str, agents: frozenset[str], notices: Notices) -> None:
    """Add the notice of a `<meta>` or `<link>`; `agents` are in lower case."""
    own = attributes_of(tag)
    content = own.get("content", "")
    name = (own.get("name") or own.get("property") or own.get("http-equiv", "")).lower()
    if own.get("type", "").lower() == _RSL and "license" in own.get("rel", "").lower():
        notices.rsl = True
    elif name == "tdm-reservation":
        notices.page.add(content)
    elif name == "tdm-policy":
        notices.page.add_policy(unescape(content))
    elif name == "x-robots-tag":
        notices.add_directives(directives_of_header(content, agents))
    elif name in agents or (name and name in _EVERYBODY):
        notices.add_directives(_words(content))


def read_headers(lines: str, agents: frozenset[str], notices: Notices) -> None:
    """Add the notices of header lines: `name: value`, names in lower case."""
    usage: list[str] = []
    for line in lines.split("\n"):
        name, _, value = line.partition(":")
        if name == "tdm-reservation":
            notices.header.add(value)
        elif name == "tdm-policy":
            notices.header.add_policy(value)
        elif name == "x-robots-tag":
            notices.add_directives(directives_of_header(value, agents))
        elif name == "content-signal":
            notices.add_training(content_signal(value))
        elif name == "content-usage":
            usage.append(value)
        elif name == "link" and _RSL in value.lower():
            notices.rsl = True
    # Lines of one field are one dictionary (RFC 9651, section 4.2).
    notices.add_training(content_usage(",".join(usage)))


def directives_of_header(value: str, agents: frozenset[str]) -> Iterator[str]:
    """The directives of an X-Robots-Tag that are for all agents or for one of `agents`.

    All directives after an agent and its colon are for that agent: of
    `noindex, otherbot: noai, nosnippet` only the first is for all agents.
    """
    agent = ""
    for part in re.split("[,;]", value.lower()):
        name, colon, rest = (piece.strip() for piece in part.partition(":"))
        if colon and name not in _WITH_VALUE:
            # `unavailable_after: Wed, 03 Dec 2025 13:09:53 PST`: not an agent.
            if _AGENT.fullmatch(name):
                agent, name = name, rest
            else:
                name = part.strip()
        if agent in _EVERYBODY or agent in agents:
            yield name


def _words(content: str) -> list[str]:
    return re.split(r"[\s,;]+", content.lower())
