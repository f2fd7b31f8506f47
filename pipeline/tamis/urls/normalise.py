"""One spelling for every way to write an address.

Case, scheme, user and password, port, a closing dot, fragment, percent-encoding and
Unicode hosts make no difference: `HTTP://me@WWW.Bücher.example.:80/A%62c#x` and
`//xn--bcher-kva.example/abc` are the same page. A malformed address gives its readable
parts, never an error.
"""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

# Matches nine of ten addresses; the others need the slower code.
_PLAIN = re.compile(
    r"https?://(www\.)?((?:[a-z0-9_-]+\.)*[a-z0-9_-]+)(?::[0-9]*)?(?:(/[^\s%\\#]*)(?:#.*)?)?"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:[/\\]{0,3}|[/\\]{2}")
_PORT = re.compile(r"[^/?]*:[0-9]+(?:[/?]|$)")
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_REMOVED = str.maketrans(dict.fromkeys("\t\r\n"))  # as browsers do

# Letters that are not ASCII are left where a label is too long for punycode.
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+|\[[0-9a-f:.]+\]")
# Longer addresses are attacks on readers of URLs, not pages: they are cut.
MOST_CHARACTERS = 4_096
_MAX_LABEL = 63


class Address(NamedTuple):
    """A web address without the parts that do not distinguish pages.

    host    lower case, in punycode, without a leading `www.`; "" if there is none
    is_www  whether a `www.` was removed
    path    lower case, decoded, with its query, without the slash at its end; or ""
    """

    host: str
    is_www: bool
    path: str


def address(url: str) -> Address:
    """The parts of an absolute URL, or of a list's entry, which may have no scheme."""
    url = url[:MOST_CHARACTERS].lower()
    plain = _PLAIN.fullmatch(url)
    if plain is not None:
        return Address(plain[2], plain[1] is not None, (plain[3] or "").rstrip("/"))
    url = url.strip().translate(_REMOVED).split("#", 1)[0]
    scheme = _SCHEME.match(url)
    # `example.org:80/x` starts like a scheme does; a port gives it away.
    if scheme and not _PORT.match(url):
        url = url[scheme.end() :]
    url = url.replace("\\", "/")
    authority = re.split(r"[/?]", url, maxsplit=1)[0]
    path = url[len(authority) :].rstrip("/")
    host = _host(authority.rsplit("@", 1)[-1])
    is_www = host.startswith("www.")
    # An escape may hide a capital: `%41`.
    path = unquote(path, errors="ignore").lower()
    return Address(host.removeprefix("www."), is_www, path)


def names_host(entry: Address) -> bool:
    """Whether an entry of a list names a host: `example.org`, and not `com` or a stray word."""
    return _HOST.fullmatch(entry.host) is not None


def unicode_host(host: str) -> str:
    """`xn--bcher-kva.example` as `bücher.example`; other labels do not change."""
    if "xn--" not in host:
        return host
    return ".".join(map(_unicode_label, host.split(".")))


def _host(authority: str) -> str:
    """Host of `host:port`, as ASCII. An IPv6 address keeps its brackets."""
    if authority.startswith("["):
        return authority.split("]", 1)[0] + "]"
    host = authority.split(":", 1)[0]
    if "%" in host:
        host = unquote(host, errors="ignore").lower()
    if not host.isascii():
        host = unicodedata.normalize("NFKC", host.translate(_DOTS)).lower()
        host = ".".join(map(_ascii_label, host.split(".")))
    return host.strip(".")


def _ascii_label(label: str) -> str:
    # Python's codec `idna` follows the standard of 2003, which turned ß into ss;
    # browsers follow that of 2008. Very long labels are invalid, and would take
    # quadratic time.
    if label.isascii() or len(label) > _MAX_LABEL:
        return label
    return "xn--" + label.encode("punycode").decode("ascii")


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > _MAX_LABEL:
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label
