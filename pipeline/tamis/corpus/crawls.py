"""Which crawls there are: those that CommonCrawl announces, or lists of one's own.

CommonCrawl's collinfo.json lists its crawls, the newest first. A crawl counts once its list
of archives answers: until then it is announced, and waited for. A month of CC-NEWS grows
until it is over.
"""

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any
from urllib.parse import urlencode

from tamis.addresses import without_secrets
from tamis.errors import ConfigError, InputError
from tamis.inputs import check_protocol, expand
from tamis.recipe.top import Lists, RefreshSettings, Since
from tamis.remote.failures import NoSuchFile
from tamis.remote.opening import Access, about_input, read_input
from tamis.storage import filesystem_of, options_for
from tamis.warc.names import published_name

_MAIN = re.compile(r"CC-MAIN-([0-9]{4})-([0-9]{2})")
_NEWS = re.compile(r"CC-NEWS/([0-9]{4})/([0-9]{2})")
_SUFFIX = re.compile(r"\.paths(\.gz)?$")
_MOST_ANNOUNCED = 10_000
_FIRST_YEAR = 1990
_LAST_CRAWLS = 8  # of which the cadence is taken


@dataclass(frozen=True)
class Crawl:
    """A crawl: its name, which a folder can have, its day, and what to read.

    `grows`: archives are added to it, so that its list is asked again.
    """

    name: str
    day: date
    input: str
    grows: bool = False


@dataclass(frozen=True)
class Announced:
    """The crawls that can be read, the oldest first; those that cannot be yet; and when
    the next one is expected, by the cadence of the last ones.
    """

    ready: tuple[Crawl, ...]
    awaited: tuple[str, ...] = ()
    expected: date | None = None


def announced(settings: RefreshSettings, access: Access) -> Announced:
    """The crawls that the recipe asks for. Raises InputError, ConfigError."""
    if isinstance(settings.crawls, Lists):
        return Announced(_own_lists(settings.crawls.lists, access))
    expected = None
    if isinstance(settings.crawls, Since):
        days = _collinfo(settings.collinfo, access)
        names = [name for name in sorted(days) if name >= settings.crawls.since]
        expected = _next(sorted(days.values()))
    else:
        names = list(dict.fromkeys(settings.crawls))
    crawls = sorted((_crawl(name, settings) for name in names), key=_order)
    ready = tuple(one for one in crawls if _is_there(one, settings, access))
    awaited = tuple(one.name for one in crawls if one not in ready)
    return Announced(ready, awaited, expected)


class Archives:
    """The archives of crawls, by a name that stays. Each list is asked for once."""

    def __init__(self, crawls: Sequence[Crawl], access: Access) -> None:
        self._crawls = {crawl.name: crawl for crawl in crawls}
        self._access = access
        self._known: dict[str, dict[str, str]] = {}

    def of(self, name: str) -> dict[str, str]:
        """The path of each archive of a crawl; none of a crawl that is there no more."""
        crawl = self._crawls.get(name)
        if crawl is None:
            return {}
        if name not in self._known:
            paths = list(expand(crawl.input, self._access))
            self._known[name] = archive_keys(crawl, paths)
        return self._known[name]


def archive_keys(crawl: Crawl, paths: Sequence[str]) -> dict[str, str]:
    """The archives of a crawl that grows by a name that stays: CommonCrawl's; or the path,
    without secrets, from the list's folder on, so that a corpus may move with its lists.
    """
    folder = posixpath.dirname(crawl.input) + "/"
    return {
        published_name(path) or without_secrets(path).removeprefix(folder): path
        for path in paths
    }


def _order(crawl: Crawl) -> tuple[date, str]:
    return crawl.day, crawl.name


def _crawl(id_: str, settings: RefreshSettings) -> Crawl:
    options: dict[str, Any] = {"limit": settings.limit, "segments": settings.segments}
    if settings.server != RefreshSettings.model_fields["server"].default:
        options["server"] = settings.server
    query = urlencode({k: v for k, v in options.items() if v is not None}, safe=":/")
    pattern = f"cc://{id_}" + (f"?{query}" if query else "")
    if news := _NEWS.fullmatch(id_):
        day = date(int(news[1]), int(news[2]), 1)
        return Crawl(id_.replace("/", "-"), day, pattern, grows=True)
    return Crawl(id_, _day_of(id_), pattern)


def _day_of(id_: str) -> date:
    """The Monday of a crawl's week; crawls of 2012 and before have a year alone."""
    found = _MAIN.fullmatch(id_)
    if found is None:
        year = re.search(r"\d{4}", id_)
        return date(max(int(year[0]) if year else 0, _FIRST_YEAR), 1, 1)
    week = min(max(int(found[2]), 1), 52)
    return date.fromisocalendar(max(int(found[1]), _FIRST_YEAR), week, 1)


def _is_there(crawl: Crawl, settings: RefreshSettings, access: Access) -> bool:
    """Whether the crawl's list of archives answers."""
    id_ = f"CC-NEWS/{crawl.day:%Y/%m}" if crawl.grows else crawl.name
    server = settings.server.rstrip("/")
    try:
        about_input(f"{server}/crawl-data/{id_}/warc.paths.gz", access)
    except NoSuchFile:
        return False
    return True


def _collinfo(address: str, access: Access) -> dict[str, date]:
    """The day on which each crawl ended, by id; ids that do not follow the pattern are
    left out.
    """
    content = read_input(address, access)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{address}: is no JSON: {error}") from error
    if not isinstance(found, list) or len(found) > _MOST_ANNOUNCED:
        raise InputError(f"{address}: is no list of crawls")
    days = {}
    for entry in found:
        id_ = entry.get("id") if isinstance(entry, Mapping) else None
        if isinstance(id_, str) and _MAIN.fullmatch(id_):
            days[id_] = _date(entry.get("to")) or _day_of(id_)
    if not days:
        raise InputError(f"{address}: lists no crawl of the form CC-MAIN-YYYY-WW")
    return days


def _date(text: Any) -> date | None:
    """The day of a moment in UTC; null for none between 1990 and 2100."""
    try:
        moment = datetime.fromisoformat(str(text))
        day = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return day.date() if _FIRST_YEAR <= day.year < 2100 else None


def _next(days: Sequence[date]) -> date | None:
    """When the next crawl is due, by the median distance of the last ones."""
    last = days[-_LAST_CRAWLS:]
    gaps = [(b - a).days for a, b in pairwise(last) if b > a]
    return last[-1] + timedelta(days=median(gaps)) if gaps else None


def _own_lists(pattern: str, access: Access) -> tuple[Crawl, ...]:
    """A crawl for each list that the glob finds, in the order of their names."""
    check_protocol(pattern)
    filesystem, stripped = filesystem_of(pattern, options_for(pattern, access.options))
    try:
        found = sorted(filesystem.glob(stripped))
    except OSError as error:
        raise InputError(f"refresh.crawls.lists: {pattern}: {error}") from error
    if not found:
        raise InputError(f"refresh.crawls.lists: no list matches {pattern}")
    scheme = pattern.partition("://")[0] + "://" if "://" in pattern else ""
    crawls: dict[str, Crawl] = {}
    for number, path in enumerate(found):
        base = path.rpartition("/")[2]
        name = re.sub(r"[^A-Za-z0-9._-]", "_", _SUFFIX.sub("", base)).lstrip(".")
        if not _SUFFIX.search(base) or not name or name in crawls:
            raise ConfigError(
                f"refresh.crawls.lists: {path}: a list is called NAME.paths or "
                f"NAME.paths.gz, and no two have one name"
            )
        day = date(1990, 1, 1) + timedelta(days=number)
        crawls[name] = Crawl(name, day, f"{scheme}{path}", grows=True)
    return tuple(crawls.values())
