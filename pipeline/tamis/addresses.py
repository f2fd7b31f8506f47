"""What of an address may be stored or shown: scheme, host and path.

An address may hold a secret anywhere else, under any name. So what is left in is a short
list, and everything else is left out:

    userinfo    never: `https://me:pw@host/a`
    query       only if all its parameters are in `_OPEN_PARAMETERS`, or of `cc://`
    ;params     never, in any segment of the path: `/a;token=x/b`
    fragment    never

Keys of object stores and local paths have no query: `?`, `#` and `;` are characters of
the name there. Yet signed addresses are given another scheme, or saved under their own
names: what begins like a signature (`?X-Amz-Signature=`, `;token=`), or is a query behind a
file's suffix (`a.gz?x=1`), is left out there too. A chain of fsspec (`zip://a::https://...`) is taken apart, and each link
is cleaned. An address that cannot be taken apart for certain is shown as `https://...`.
A secret that is a part of the path itself is not recognised.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

HIDDEN = "..."

# Which version of an object is read (S3, Google): public names, and without them the
# address would name another object.
_OPEN_PARAMETERS = frozenset({"versionId", "generation"})
# `cc://CRAWL?limit=9` is no address but our own way to name a list.
_OF_CRAWLS = frozenset({"limit", "kind", "segments"})
_OPEN_VALUE = re.compile(r"[A-Za-z0-9._-]{1,64}")

_LOCAL = ("file", "local")
# Everything after the bucket is the key.
_WITH_KEYS = (
    *("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "obs", "cos"),
    *("r2", "b2", "memory", *_LOCAL),
)
# An IPv6 address has two colons too, in brackets.
_LINK = re.compile(r"::(?![^\[\]]{0,64}\])")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*")
_HOST = re.compile(r"[\w.~-]*(?::[0-9]*)?|\[[0-9A-Fa-f:.%]+\](?::[0-9]*)?")
_BUCKET = re.compile(r"[\w.~-]*|arn:aws[a-z-]*:s3[a-z-]*:[\w-]*:[0-9]*:accesspoint")
# A `;`, `?` or `#` that a client or a server would decode begins what is left out, too.
_PARAMETERS = re.compile(r"(?:;|%(?:25)*3B)[^/]*", re.IGNORECASE)
_ENCODED_QUERY = re.compile(r"%(?:25)*(?:3F|23).*(?:=|%(?:25)*3D).*", re.IGNORECASE)

# Names of parameters that a key or a local path does not have but for a secret.
_NAME_OF_SECRET = (
    r"(?:x-(?:amz|goog|ms|oss|cos|obs)-[\w-]+|(?:[\w.-]+[_.-])?(?:sig|auth|jwt|sas|key|pw|pwd|pass)"
    r"|[\w.-]*(?:signature|token|secret|passw(?:or)?d|passphrase|credentials?|api-?key)"
    r"|[\w.-]*(?:access-?key|access)-?id|authorization|jsessionid|session-?id|key-pair-id|policy)"
)
_SIGNED = re.compile(
    rf"(?:[?;#&]|%(?:25)*(?:3F|3B|23|26)){_NAME_OF_SECRET}(?:=|%(?:25)*3D)", re.I
)
_WORD = re.compile(r"[^\s'\"<>]+")
_SUFFIXED_QUERY = re.compile(r"(?<=\w)\.[A-Za-z]\w{0,7}(\?[\w.~%-]+=.*)", re.DOTALL)
_ENDS_AS_FILE = re.compile(
    r"\.(?:warc|wet|wat|arc|gz|zst|lz4|parquet|paths|cdxj?|txt)\Z", re.I
)

# Addresses in a text, also with too few slashes, and where they are percent-encoded.
_IN_TEXT = re.compile(
    r"(?<![A-Za-z0-9+._-])((?:[A-Za-z][A-Za-z0-9+._-]+::)*[A-Za-z][A-Za-z0-9+._-]+)"
    r":[/\\]+([^\s'\"<>]*?)(?=[).,:;]*(?:[\s'\"<>]|$))"
)
_ENCODED = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9]+)%3A%2F[^\s'\"<>]*", re.I)
# Bounded: a text of some MB, without an @, would take hours.
_USERINFO = re.compile(r"(?<![\w@])[^\s/:@'\"]{1,256}:[^\s/@'\"]{1,4096}@(?=[\w\[])")
# In a path: `//me:pw@host/a`, `me:pw@host:/a`. Elsewhere these may be of a name.
_MISSPELLED = re.compile(
    r"(?<=//)[^/:@]+:[^/@]+@|(?<![^/])[^/:@]+:[^/@]+@(?=[\w.-]+:/)"
)
_SHORTEST_SECRET = 4  # shorter ones would be found in any sentence

_OPEN_OPTIONS = frozenset(
    {
        *("endpoint_url", "region", "region_name", "anon", "use_ssl", "requester_pays"),
        *("version_aware", "timeout", "connect_timeout", "read_timeout", "block_size"),
        *("default_block_size", "max_pool_connections", "max_concurrency"),
        *("addressing_style", "signature_version"),
    }
)
_NESTED_OPTIONS = ("client_kwargs", "config_kwargs", "s3")
_OPEN_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_local(path: str) -> bool:
    """Whether the bytes are on a disk of this machine; of a chain the last link says so."""
    scheme, separator, _ = _LINK.split(path)[-1].partition("://")
    return not separator or scheme in _LOCAL


@lru_cache(1 << 17)  # a run asks several times about each of 90,000 archives
def without_secrets(path: str) -> str:
    """Scheme, host and path of an address; a local path unchanged.

    `https://me:pw@host/a.gz?X-Amz-Signature=1` -> `https://host/a.gz`.
    """
    scheme, separator, _ = path.partition("://")
    if not separator or "/" in scheme:
        return _local_path(path)
    links = [_clean_link(link) for link in _LINK.split(path)]
    if None in links:
        scheme = scheme.rpartition("::")[2]
        return f"{scheme}://{HIDDEN}" if _SCHEME.fullmatch(scheme) else HIDDEN
    return "::".join(link for link in links if link is not None)


def without_secrets_in(text: object, *paths: str) -> str:
    """A text, such as a library's message, without what `paths` and its addresses hide."""
    found = str(text)
    for number, path in enumerate(paths):
        found = found.replace(path, f"\0{number}\0")
    for path in paths:
        for secret in sorted(_secrets(path), key=len, reverse=True):
            found = found.replace(secret, HIDDEN)
    found = _USERINFO.sub("", _in_words(found))
    for number, path in enumerate(paths):
        found = found.replace(f"\0{number}\0", without_secrets(path))
    return found


def open_settings(value: Any) -> Any:
    """Settings as run.json keeps them: every address in them is cleaned.

    Also one in a sentence, and one that is a key; of keys that are the same then each has
    a digest at its end.
    """
    if isinstance(value, Mapping):
        shown = {key: open_settings(key) for key in value}
        count = Counter(shown.values())
        return {
            key if shown[key] == key else _told_apart(key, shown[key], count): (
                open_settings(one)
            )
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [open_settings(one) for one in value]
    if not isinstance(value, str):
        return value
    is_path = "/" in value and len(value.split()) == 1
    return without_secrets(value) if is_path else _in_words(value)


def _told_apart(key: str, shown: str, count: Mapping[str, int]) -> str:
    if count[shown] == 1:
        return shown
    return f"{shown}~{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"


def open_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """`storage_options` as run.json keeps them: all names, and harmless values."""
    return {
        _word(protocol): _open_values(own) if isinstance(own, Mapping) else HIDDEN
        for protocol, own in options.items()
    }


def _open_values(options: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in options.items():
        if name in _NESTED_OPTIONS and isinstance(value, Mapping):
            shown[name] = _open_values(value)
        elif name in _OPEN_OPTIONS:
            shown[name] = _open_value(name, value)
        else:
            shown[_word(name)] = HIDDEN
    return shown


def _open_value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if name == "endpoint_url" and isinstance(value, str):
        return without_secrets(value) if "://" in value else HIDDEN
    return _word(value)


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _OPEN_WORD.fullmatch(value) else HIDDEN


def _clean_link(link: str) -> str | None:
    """A link of a chain without secrets; null if one cannot tell where its host is."""
    scheme, separator, rest = link.partition("://")
    if not separator:
        return None if "@" in link or "?" in link else link
    if not _SCHEME.fullmatch(scheme):
        return None
    has_key = scheme.lower() in _WITH_KEYS
    authority, slash, path = rest.replace("\\", "/").partition("/")
    if has_key:
        authority, slash, path = rest.partition("/")
    userinfo, _, host = authority.rpartition("@")
    if has_key:
        if not _BUCKET.fullmatch(host):
            return None
        return f"{scheme}://{host}{slash}{path[: _signature_start(path)]}"
    if re.search(r"[?#]", userinfo):
        return None  # a password, or the query of a bare host: who knows
    end = re.search(r"[?#;]", host)
    if end and slash:
        return None
    if end:
        host, path = host[: end.start()], host[end.start() :]
    if not _HOST.fullmatch(host):
        return None
    if "@" in path and ":" in host and re.fullmatch(r"[A-Za-z_~-]\w*:[0-9]*", host):
        return None  # `https://me:12/34@host/a`: a password with a slash
    path, _, query = path.partition("#")[0].partition("?")
    path = _ENCODED_QUERY.sub("", _PARAMETERS.sub("", path))
    harmless = _OF_CRAWLS if scheme == "cc" else _OPEN_PARAMETERS
    return f"{scheme}://{host}{slash}{path}{_open_query(query, harmless)}"


def _open_query(query: str, harmless: Set[str]) -> str:
    """`?versionId=1` if every parameter is harmless, else ""."""
    given = [one.partition("=") for one in query.split("&") if one]
    is_open = all(
        name in harmless and _OPEN_VALUE.fullmatch(value) for name, _, value in given
    )
    return f"?{query}" if given and is_open else ""


def _signature_start(path: str) -> int:
    """Where a signature begins in a key or a local path; its length if it has none."""
    _, question, query = path.partition("?")
    if question and _open_query(query, _OPEN_PARAMETERS):
        return len(path)
    signed = _SIGNED.search(path)
    if signed:
        begin = path.rfind("?", 0, signed.start() + 1)
        return begin if begin >= 0 else signed.start()
    found = _SUFFIXED_QUERY.search(path)
    is_query = found is not None and not _ENDS_AS_FILE.search(path)
    return found.start(1) if found and is_query else len(path)


def _local_path(path: str) -> str:
    """The path itself, but for a signature, and for an address that somebody misspelled."""
    found = _misspelled_addresses(path)
    return found[: _signature_start(found)]


def _in_words(text: str) -> str:
    """A text with its addresses and signed paths cleaned."""
    return _WORD.sub(_clean_word, _misspelled_addresses(text))


def _clean_word(found: re.Match[str]) -> str:
    word = found[0]
    signed = _SIGNED.search(word)
    if signed is None:
        return word
    begin = word.rfind("?", 0, signed.start() + 1)
    return word[: begin if begin >= 0 else signed.start()]


def _misspelled_addresses(path: str) -> str:
    found = _ENCODED.sub(rf"\1://{HIDDEN}", path)
    found = _IN_TEXT.sub(_clean_match, found)
    return _MISSPELLED.sub("", found)


def _clean_match(found: re.Match[str]) -> str:
    schemes, rest = found.groups()
    return without_secrets(f"{schemes}://{rest}")


def _secrets(path: str) -> Iterator[str]:
    """What is left out of a path, as a whole, by its values, and percent-decoded."""
    for link in _LINK.split(path):
        scheme, separator, rest = link.partition("://")
        if not separator:
            scheme, rest = "file", link
        userinfo = rest.rpartition("@")[0] if separator and "@" in rest else ""
        parts = [userinfo, *userinfo.split(":", 1)]
        if scheme.lower() in _WITH_KEYS:
            tail = [rest[_signature_start(rest) + 1 :]]
        else:
            tail = re.split(r"[?#;]", rest, maxsplit=1)[1:]
        parts += tail
        for one in tail:
            pairs = parse_qsl(re.sub(r"[?#;/]", "&", one), keep_blank_values=True)
            parts += [value for _, value in pairs]
            parts += [pair.partition("=")[2] for pair in re.split(r"[?#;&/]", one)]
        for part in parts:
            for form in (part, unquote(part)):
                if len(form) >= _SHORTEST_SECRET:
                    yield form
