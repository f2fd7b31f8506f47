"""64-bit keys of list entries, and of everything an address could be listed as.

    DOMAIN  example.org      the host and every host below it
    SITE    www.example.org  that site, with and without www, but not blog.example.org
    URL     example.org/a/b  that page and every page below it
    WITHIN  example.org      some URL of the host is listed: worth a closer look

A key is xxh3_64 of the normalised entry, seeded by its kind. With 4.6 million entries
a look-up meets a stranger's key with odds of 2.5e-13.
"""

from collections.abc import Iterator

from xxhash import xxh3_64_intdigest

from pipeline.urls.normalise import Address, address

DOMAIN, SITE, URL, WITHIN = range(4)

# A host of more labels, a path of more segments, is matched by its nearest parents only.
_MAX_PARENTS = 16


def entry_keys(entry: str) -> tuple[int, ...]:
    """What one entry of a list is looked up by; empty where it names no host.

    A single label is no entry: `com` or a stray word would take half the web along.
    """
    where = address(entry)
    if "." not in where.host and not where.host.startswith("["):
        return ()
    if where.path:
        return _key(where.host + where.path, URL), _key(where.host, WITHIN)
    return (_key(where.host, SITE if where.is_www else DOMAIN),)


def domain_key(host: bytes) -> int:
    """Key of a DOMAIN entry whose host is normalised already."""
    return xxh3_64_intdigest(host, DOMAIN)


def host_keys(host: str) -> list[int]:
    """Keys that take the whole host: itself, as a site, then its parents."""
    name = host.encode("utf-8", "replace")
    keys = [xxh3_64_intdigest(name, DOMAIN), xxh3_64_intdigest(name, SITE)]
    # The last label is no parent: nothing lists `com`.
    for _ in range(min(name.count(b".") - 1, _MAX_PARENTS - 2)):
        name = name[name.find(b".") + 1 :]
        keys.append(xxh3_64_intdigest(name, DOMAIN))
    return keys


def within_key(host: str) -> int:
    """Key that tells whether any URL of exactly this host is listed."""
    return _key(host, WITHIN)


def url_keys(where: Address) -> Iterator[int]:
    """Keys of the page and of the folders above it, the page first."""
    path, _, query = where.path.partition("?")
    if query:
        yield _key(where.host + where.path, URL)
    path = path.rstrip("/")
    for _ in range(_MAX_PARENTS):
        if not path:
            return
        yield _key(where.host + path, URL)
        path = path[: path.rfind("/")].rstrip("/")


def _key(text: str, kind: int) -> int:
    # A lone surrogate cannot be encoded, and no entry has one.
    return xxh3_64_intdigest(text.encode("utf-8", "replace"), kind)
