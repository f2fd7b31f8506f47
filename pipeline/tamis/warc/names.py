"""The names of archives, from which the ids of their documents are made.

A name is a function of the archive alone, whatever folder or store it lies in and whichever
other inputs a run has.

    CC-MAIN-20241201162023-20241201192023-00000.warc.gz   CommonCrawl made the base name
    CC-NEWS-20210901012345-00017.warc.gz                  unique: it is the name
    CC-MAIN-2016-36/segments/.../CC-MAIN-2016...gz        it did not: the path below
                                                          crawl-data/
    data.warc.gz-6f1c0a9b52de4417                         any other archive, CommonCrawl's
                                                          of 2008 to 2012 too: base name
                                                          and content stamp
"""

import hashlib
import posixpath
import re
from urllib.parse import unquote

from tamis.addresses import without_secrets

# Regular expressions that DuckDB reads too.
UNIQUE = r"CC-MAIN-[0-9]{14}-[0-9]{14}-[0-9]{5}[^0-9].*|CC-NEWS-[0-9]{14}-.+"
CRAWL_FOLDER = r"(?:^|/)crawl-data/(CC-[A-Z][^/]*/.+)"
# The same folders in a mirror that begins at the crawl.
_SEGMENT = (
    r"(?:^|/)(CC-MAIN-[0-9]{4}(?:-[0-9]{2,4})?/segments/[0-9]{10,}(?:\.[0-9]+)?/.+)"
)
STAMPED_BYTES = 1 << 20  # that a content stamp takes from each end


def base_name(path: str) -> str:
    """The last part of a path. `#` and `?` are part of it but in a web address."""
    return posixpath.basename(_place(path))


def _place(path: str) -> str:
    """The path as it may stand in published files: of an address no query, no secret."""
    # A byte that is no UTF-8 is `\xff`: names are text in published files.
    path = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    shown = without_secrets(path)
    shown = _file_of_chain(shown)
    if shown.rpartition("::")[2].startswith(("http://", "https://")):
        shown = unquote(re.split(r"[?#]", shown, maxsplit=1)[0])
    return shown


def _file_of_chain(shown: str) -> str:
    """`zip://FILE` of `zip://FILE::https://h/x.zip` or `zip://FILE::/x.zip`.

    Where a file lies in another one. Other addresses unchanged: a key may have two colons.
    """
    links = shown.split("::")
    first = next(
        n for n, link in enumerate(links) if "://" in link or n + 1 == len(links)
    )
    behind = links[first + 1 :]
    is_chain = any(link.startswith("/") or "://" in link for link in behind)
    return links[first] if is_chain else shown


def published_name(path: str) -> str | None:
    """The name of one of CommonCrawl's archives, wherever it lies; null for others.

    Outside crawl-data/ nothing in a path tells CommonCrawl's folders from a user's, as
    projects/ or contrib/: these archives have no such name, from its servers neither.
    """
    place = _place(path)
    name = posixpath.basename(place)
    if re.fullmatch(UNIQUE, name):
        return name
    found = re.search(CRAWL_FOLDER, place) or re.search(_SEGMENT, place)
    return found[1] if found else None


def archive_name(path: str, stamp: str) -> str:
    """The name of an archive whose content stamp is `stamp`, if it needs one."""
    own = base_name(path)
    return published_name(path) or (f"{own}-{stamp}" if stamp else own)


def listed_name(name: str, stamp: str) -> str:
    """The name as indexes and lists of archives have it: without the stamp."""
    return name.removesuffix(f"-{stamp}") if stamp else name


def without_stamp(name: str) -> tuple[str, str]:
    """The base name and the stamp in an archive's name; "" where it has none."""
    found = re.fullmatch(r"(.+)-([0-9a-f]{16})", name)
    return (found[1], found[2]) if found else (name, "")


def content_stamp(size: int, first: bytes, last: bytes) -> str:
    """16 hex digits of the size and of the first and last MiB of a file.

    SHA-256, cut. Files of one size that differ in their middle alone have one stamp.
    """
    content_hash = hashlib.sha256(size.to_bytes(8, "little"))
    content_hash.update(first)
    content_hash.update(last)
    return content_hash.hexdigest()[:16]
