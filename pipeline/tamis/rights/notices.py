"""Reservations: what robots directives, TDMRep, content signals and RSL say of a page.

Sources and what they mean here:
    robots           `<meta name="robots">`, `X-Robots-Tag`: directives for everybody,
                     or for one agent: `<meta name="GPTBot">`, `X-Robots-Tag: ccbot: noai`
    TDMRep           `tdm-reservation: 1` in a header or `<meta>`, and the policy's URL
                     (W3C Community Group, 2024)
    Content-Signal   `ai-train=no`   (Cloudflare, 2025)
    Content-Usage    `train-ai=n`    (IETF aipref, draft)
    RSL 1.0          a licence of type application/rsl+xml; its terms are elsewhere
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape

DIRECTIVES = ("noai", "noimageai", "noindex", "nosnippet", "noarchive", "nocache")

_EVERYBODY = ("", "*", "robots")
# Directives with a value: what stands before their colon is no agent.
_WITH_VALUE = (
    "unavailable_after",
    "max-snippet",
    "max-image-preview",
    "max-video-preview",
)
_TRAINING = ("ai-train", "train-ai", "train-genai")
_NO, _YES = ("n", "no", "?0", "0"), ("y", "yes", "?1", "1")
_RSL = "application/rsl+xml"
_AGENT = re.compile(r"\*|[a-z0-9_.-]{1,64}")

_ATTRIBUTE = re.compile(
    r"([^\s\"'<>/=]{1,64})(?:\s{0,64}=\s{0,64}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?"
)


@dataclass
class Notices:
    """What was found. None: nothing is said; a refusal is never taken back.

    tdm_reserved  True reserved, False expressly not
    ai_train      False refused, True expressly allowed
    is_refused    by robots.txt, to an agent that is asked about
    """

    directives: set[str] = field(default_factory=set)
    tdm_reserved: bool | None = None
    tdm_policy: str | None = None
    ai_train: bool | None = None
    rsl: bool = False
    is_refused: bool | None = None

    def add_tdm(self, reservation: str) -> None:
        """`1` reserves, `0` does not, anything else says nothing (TDMRep, section 4).

        Of two header lines a proxy may make one: `0, 1`.
        """
        said = {part.strip() for part in reservation.split(",")}
        if "1" in said:
            self.tdm_reserved = True
        elif "0" in said and self.tdm_reserved is None:
            self.tdm_reserved = False

    def add_policy(self, address: str) -> None:
        self.tdm_policy = self.tdm_policy or address.strip() or None

    def add_directives(self, directives: Iterable[str]) -> None:
        for directive in directives:
            # Google, robots meta tag: `none` is noindex and nofollow.
            name = "noindex" if directive == "none" else directive
            if name in DIRECTIVES:
                self.directives.add(name)

    def add_signals(self, value: str) -> None:
        """`search=yes, ai-train=no`: whoever refuses once has refused."""
        for part in re.split(r"[,;]", value.lower()):
            key, _, answer = (piece.strip() for piece in part.partition("="))
            if key not in _TRAINING:
                continue
            if answer in _NO:
                self.ai_train = False
            elif answer in _YES and self.ai_train is None:
                self.ai_train = True


def attributes_of(tag: str) -> dict[str, str]:
    """`<meta name=a content="b">` as {"name": "a", "content": "b"}; the first one counts.

    Names come in lower case, values as they are.
    """
    found: dict[str, str] = {}
    start = re.match(r"<[^\s>/]{0,64}", tag)
    for match in _ATTRIBUTE.finditer(tag, start.end() if start else 0):
        name, *values = match.groups()
        value = next((value for value in values if value is not None), "")
        found.setdefault(name.lower(), value)
    return found


def read_tag(tag: str, agents: frozenset[str], notices: Notices) -> None:
    """Add what a `<meta>` or `<link>` says; `agents` are in lower case."""
    own = attributes_of(tag)
    content = own.get("content", "")
    name = (own.get("name") or own.get("property") or own.get("http-equiv", "")).lower()
    if own.get("type", "").lower() == _RSL and "license" in own.get("rel", "").lower():
        notices.rsl = True
    elif name == "tdm-reservation":
        notices.add_tdm(content)
    elif name == "tdm-policy":
        notices.add_policy(unescape(content))
    elif name == "x-robots-tag":
        notices.add_directives(directives_of_header(content, agents))
    elif name in agents or (name and name in _EVERYBODY):
        notices.add_directives(_words(content))


def read_headers(lines: str, agents: frozenset[str], notices: Notices) -> None:
    """Add what header lines say: `name: value`, names in lower case, one a line."""
    for line in lines.split("\n"):
        name, _, value = line.partition(":")
        if name == "tdm-reservation":
            notices.add_tdm(value)
        elif name == "tdm-policy":
            notices.add_policy(value)
        elif name == "x-robots-tag":
            notices.add_directives(directives_of_header(value, agents))
        elif name in ("content-signal", "content-usage"):
            notices.add_signals(value)
        elif name == "link" and _RSL in value.lower():
            notices.rsl = True


def directives_of_header(value: str, agents: frozenset[str]) -> Iterator[str]:
    """The directives of an X-Robots-Tag that are for everybody or for one of `agents`.

    An agent before a colon is meant by all that follows it: of
    `noindex, otherbot: noai, nosnippet` only the first is for everybody.
    """
    agent = ""
    for part in re.split("[,;]", value.lower()):
        name, colon, rest = (piece.strip() for piece in part.partition(":"))
        if colon and name not in _WITH_VALUE:
            # `unavailable_after: Wed, 03 Dec 2025 13:09:53 PST`: a date is no agent.
            if _AGENT.fullmatch(name):
                agent, name = name, rest
            else:
                name = part.strip()
        if agent in _EVERYBODY or agent in agents:
            yield name


def _words(content: str) -> list[str]:
    return re.split(r"[\s,;]+", content.lower())
