"""The address of a page, in one spelling for all spellings of the same page.

Removed or made uniform, because it makes no difference:

    the scheme (http, https), user and password, a port that is the scheme's own
    the host's case, its closing dot, a leading `www.`, Unicode instead of punycode
    the fragment, a slash at the end of the path, segments `.` and `..`
    percent-encoding of letters, digits and -._~, and its case; raw Unicode is encoded
    the order of the query's parameters, empty ones
    parameters that follow a visitor, not a page (utm_..., gclid, fbclid, PHPSESSID ...)

Case and slashes within a path stay, and so does every other parameter. Text that is no
web address (`urn:isbn:1`) does not change.
"""

import re
from collections.abc import Collection
from urllib.parse import quote

from tamis.urls.normalise import address

# Matches three of four addresses: only the host may be spelled in several ways there.
_SIMPLE = re.compile(
    r"https?://(?:www\.)?((?:[a-z0-9-]+\.)+[a-z]+)((?:/[\w~-][\w.~-]*)*)/?", re.ASCII
)
_WEB = re.compile(r"(https?)://([^/?#\\]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.I | re.S)
_PORT = re.compile(r":([0-9]+)$")
_PORT_OF = {"http": "80", "https": "443"}
_SESSION = re.compile(r";jsessionid=[^/;]*", re.I)
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
_LEFT_ALONE = "/%:@!$&'()*+,;=-._~?[]|"

_TRACKING_PREFIXES = ("utm_", "mtm_", "hsa_", "aspsessionid")
_TRACKING = frozenset(
    [
        "_ga",
        "_gl",
        "_hsenc",
        "_hsmi",
        "_openstat",
        "cfid",
        "cftoken",
        "dclid",
        "epik",
        "fbclid",
        "gad_source",
        "gbraid",
        "gclid",
        "gclsrc",
        "igsh",
        "igshid",
        "jsessionid",
        "li_fat_id",
        "mc_cid",
        "mc_eid",
        "mkt_tok",
        "msclkid",
        "oly_anon_id",
        "oly_enc_id",
        "oscsid",
        "phpsessid",
        "pk_campaign",
        "pk_kwd",
        "pk_medium",
        "pk_source",
        "srsltid",
        "ttclid",
        "twclid",
        "vero_conv",
        "vero_id",
        "wbraid",
        "wickedid",
        "yclid",
        "ysclid",
        "zenid",
    ]
)


def page_address(url: str, ignored: Collection[str] = ()) -> str:
    """The uniform spelling; `ignored`, in lower case, are more parameters to remove."""
    simple = _SIMPLE.fullmatch(url)
    if simple is not None:
        return simple[1] + simple[2]
    url = url.strip()
    web = _WEB.fullmatch(url)
    if web is None:
        return url
    scheme, authority, path, query = web.groups("")
    port = _PORT.search(authority)
    is_own = port is None or port[1].lstrip("0") == _PORT_OF[scheme.lower()]
    where = address(f"//{authority}").host + ("" if is_own or not port else port[0])
    path = _without_dots(_spelled(_SESSION.sub("", path))).rstrip("/")
    kept = sorted(_parameters(query, ignored), key=lambda one: one.partition("=")[0])
    return where + path + ("?" + "&".join(kept) if kept else "")


def _parameters(query: str, ignored: Collection[str]) -> list[str]:
    """The parameters that distinguish pages, in their order and spelling."""
    kept = []
    for parameter in query.split("&"):
        name = parameter.partition("=")[0].lower()
        is_tracking = name in _TRACKING or name.startswith(_TRACKING_PREFIXES)
        if parameter and not is_tracking and name not in ignored:
            kept.append(_spelled(parameter))
    return kept


def _spelled(text: str) -> str:
    """Percent-encode only what needs it (RFC 3986, section 6.2.2)."""
    if "%" in text:
        text = _ENCODED.sub(_decoded, text)
    return quote(text, safe=_LEFT_ALONE, errors="replace")


def _decoded(encoded: "re.Match[str]") -> str:
    character = chr(int(encoded[1], 16))
    return character if character in _UNRESERVED else encoded[0].upper()


def _without_dots(path: str) -> str:
    """The path without segments `.` and `..` (RFC 3986, section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)
