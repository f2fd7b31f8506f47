"""Blocklists in the usual layouts: files of domains, hosts and URLs.

    FOLDER/CATEGORY/domains, FOLDER/CATEGORY/urls   the layout of UT1 and squidGuard
    FOLDER/domains, FOLDER/urls                     one category, named by its folder
    FOLDER/anything.txt, anything.txt               one list, named by its file

Any of them may end in .gz. There is one entry per line; `#` begins a comment. A line of
a hosts file (`0.0.0.0 example.org www.example.org`) has its hosts for entries, whatever
the address is. A leading `*.` or `.`, and a byte order mark are skipped.
"""

import codecs
import gzip
import ipaddress
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128

from tamis.cache import cached_arrays
from tamis.errors import ConfigError, StorageError, nearest
from tamis.urls.normalise import Address, address

if TYPE_CHECKING:
    from tamis.urls.keys import Keys

# Categories that UT1 (Universite Toulouse Capitole) lists for other reasons than harm:
# a school may block them, a corpus wants them. Any other category blocks.
UT1_HARMLESS = frozenset(
    {
        *("arjel", "associations_religieuses", "astrology", "audio-video", "bank"),
        *("bitcoin", "blog", "celebrity", "chat", "child", "cleaning", "cooking"),
        *("doh", "download", "dynamic-dns", "examen_pix", "filehosting", "financial"),
        *("forums", "games", "jobsearch", "lingerie", "liste_blanche", "liste_bu"),
        *("manga", "marketingware", "mobile-phone", "press", "publicite", "radio"),
        *("reaffected", "remote-control", "sexual_education", "shopping"),
        *("shortener", "social_networks", "special", "sports", "translation"),
        *("update", "vpn", "webhosting", "webmail"),
    }
)

_UT1_FILES = ("domains", "urls")
_UT1_TEXTS = frozenset({"usage", "expressions", "cc-by-sa-4-0.pdf", "global_usage"})
_CHUNK_BYTES = 1 << 24
# Part of the names of files in the cache; increase it when entries, their keys or the
# layout of prepared lists change.
_FORMAT = 4
# What `inet_aton` reads as an address besides `a.b.c.d`: `0`, `127.1`.
_SHORT_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,2}")
_UNDECODED = "\ufffd"


class Source(NamedTuple):
    """A list. `is_named`: the recipe names it; else it was found in a folder.

    `is_category`: its name is that of its folder, as UT1 has them.
    """

    category: str
    path: Path
    is_named: bool = True
    is_category: bool = False


def sources(lists: tuple[str, ...], categories: tuple[str, ...] = ()) -> list[Source]:
    """The files of `lists`, in their order, a folder's by name.

    A list that is named itself always counts. Of those in a folder the ones in
    `categories` count; without these, all except UT1's harmless ones. Raises
    ConfigError for a path that does not exist and for a category that no list has.
    """
    found = [source for path in lists for source in _expand(Path(path))]
    present = {source.category for source in found}
    for category in categories:
        if category not in present:
            raise ConfigError(
                f"no list has the category {category!r}; there are: "
                f"{', '.join(sorted(present)) or 'none'}{nearest(category, present)}"
            )
    return [source for source in found if _counts(source, categories)]


def harmless(lists: tuple[str, ...], categories: tuple[str, ...]) -> str:
    """Names of the categories that are left out because UT1 lists no harm there."""
    found = [source for path in lists for source in _expand(Path(path))]
    return ", ".join(
        dict.fromkeys(
            x.category for x in found if not categories and not _counts(x, categories)
        )
    )


def _counts(source: Source, categories: tuple[str, ...]) -> bool:
    if source.is_named:
        return True
    if categories:
        return source.category in categories
    return not (source.is_category and source.category in UT1_HARMLESS)


class Counts(NamedTuple):
    """How many entries a list has, and how many of its lines name no host."""

    entries: int
    skipped: int


class Entries(NamedTuple):
    """Keys of a list's entries, how many these are, and how many lines name no host.

    A listed page has two keys.
    """

    keys: "Keys"
    entries: int
    skipped: int


def entries_in(source: Source) -> Entries:
    """What is in one file; comments and empty lines are not counted."""
    from tamis.urls.keys import address_keys, line_keys
    from tamis.urls.normalise import names_host

    found = [np.empty(0, np.uint64)]
    count = skipped = 0
    try:
        with _opened(source.path) as file:
            for lines in _in_lines(file):
                keys, others = line_keys(np.frombuffer(lines, np.uint8))
                addresses: list[Address] = []
                for start, stop in others.tolist():
                    entries = _entries(lines[start:stop].decode("utf-8", "replace"))
                    own = [one for one in map(address, entries) if names_host(one)]
                    addresses += own
                    skipped += bool(entries) and not own
                count += len(keys) + len(addresses)
                found += [keys, address_keys(addresses)]
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"list {source.path} cannot be read: {error}") from error
    return Entries(np.concatenate(found), count, skipped)


def entries_of(lists: Sequence[Source]) -> list[tuple[Source, Entries]]:
    """Each list with its entries. Raises ConfigError for a list without any."""
    found = [(source, entries_in(source)) for source in lists]
    _refuse_empty([(source, own.entries) for source, own in found])
    return found


def counts_of(lists: Sequence[Source]) -> list[tuple[Source, Counts]]:
    """Each list with its counts, which the cache keeps by what is in the list.

    Raises ConfigError for a list without an entry.
    """
    found = [(source, _counts_in(source)) for source in lists]
    _refuse_empty([(source, own.entries) for source, own in found])
    return found


def _counts_in(source: Source) -> Counts:
    def counted() -> dict[str, NDArray[np.int64]]:
        own = entries_in(source)
        return {"counts": np.array([own.entries, own.skipped])}

    try:
        name = f"urls/{digest_of([source])}.lines"
    except StorageError as error:
        raise ConfigError(str(error)) from error
    entries, skipped = cached_arrays(name, counted)["counts"].tolist()
    return Counts(entries, skipped)


def _refuse_empty(found: Sequence[tuple[Source, int]]) -> None:
    """`domains` and `urls` of a category are one list: UT1 has many of which one is empty."""
    entries: dict[Path, int] = {}
    for source, count in found:
        place = source.path.parent if source.is_category else source.path
        entries[place] = entries.get(place, 0) + count
    for place, count in entries.items():
        if not count:
            raise ConfigError(f"list {place} has no entry: no line of it names a host")


def digest_of(lists: Sequence[Source]) -> str:
    """A hash of the lists' categories and bytes. Raises StorageError."""
    # It identifies, it need not resist attacks: sha256 would take half the time that
    # opening may take.
    digest = xxh3_128(f"{_FORMAT}".encode())
    for source in lists:
        digest.update(f"\0{source.category}\0{source.path.suffix == '.gz'}\0".encode())
        try:
            with source.path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise StorageError(f"list {source.path} cannot be read: {error}") from error
    return digest.hexdigest()


def _in_lines(file: BinaryIO) -> Iterator[bytes]:
    """The file in pieces of some megabytes, cut at line ends."""
    rest = b""
    begin = file.read(len(codecs.BOM_UTF8))
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise OSError("it is UTF-16: save it as UTF-8")
    if begin != codecs.BOM_UTF8:
        rest = begin
    while chunk := file.read(_CHUNK_BYTES):
        lines, feed, rest_of_chunk = chunk.rpartition(b"\n")
        if feed:
            yield rest + lines
            rest = rest_of_chunk
        else:
            rest += chunk
    yield rest


def _entries(line: str) -> list[str]:
    """The entries of a line, without comment, hosts-file address and wildcards.

    `#` inside a URL begins a fragment, which normalisation would remove anyway.
    """
    words = line.split("#", 1)[0].split()
    if len(words) > 1 and _is_address(words[0]):
        entries = list(takewhile(lambda word: word[0] not in ";!/", words[1:]))
    else:
        entries = [_bracketed(word) for word in words[:1]]
    # What is no UTF-8 would be a host that nobody has: it names none.
    return [
        "?" if _UNDECODED in one else one.removeprefix("*").removeprefix(".")
        for one in entries
    ]


def _is_address(word: str) -> bool:
    """Whether a word is an IP address, as hosts files begin their lines."""
    if _SHORT_ADDRESS.fullmatch(word):
        return True
    try:
        ipaddress.ip_address(word.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _bracketed(word: str) -> str:
    """An IPv6 address alone on a line as URLs have it; other words unchanged."""
    is_bare = ":" in word and not word.startswith("[") and _is_address(word)
    return f"[{word}]" if is_bare else word


def _expand(path: Path) -> Iterator[Source]:
    if path.is_file():
        yield Source(_category(path), path)
        return
    if not path.is_dir():
        raise ConfigError(f"list {path} does not exist")
    folders = {path} | {child for child in path.iterdir() if child.is_dir()}
    # UT1 has links as second names (porn -> adult): the real folder's name counts.
    real = {folder.resolve(): folder for folder in sorted(folders, key=_links_first)}
    found = [
        Source(folder.name, file, is_named=folder == path, is_category=True)
        for folder in sorted(real.values())
        for file in _in_folder(folder)
    ]
    loose = sorted(child for child in path.iterdir() if _is_loose_list(child))
    found += [Source(_category(child), child, is_named=False) for child in loose]
    if not found:
        raise ConfigError(f"folder {path} holds no lists")
    yield from found


def _in_folder(folder: Path) -> Iterator[Path]:
    for name in _UT1_FILES:
        for file in (folder / name, folder / f"{name}.gz"):
            if file.is_file():
                yield file


def _is_loose_list(path: Path) -> bool:
    """Whether a file next to the category folders is a list of its own."""
    if not path.is_file() or path.name.startswith("."):
        return False
    return _category(path) not in _UT1_FILES and path.name.lower() not in _UT1_TEXTS


def _links_first(path: Path) -> tuple[bool, Path]:
    # Later entries of a dict win, so real folders come last.
    return not path.is_symlink(), path


def _category(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    return path.open("rb")
