"""Measure how fast a list of millions of addresses opens and answers, for `filter_url`.

    python benchmarks/url_lists.py                     # 4.6 million made entries
    python benchmarks/url_lists.py FILE [FILE ...]     # lists of your own, as UT1's

Made entries are hosts and, one in fifty, pages. A tenth of the made URLs is listed; one
in fifty is odd: user parts, capitals, hosts in Cyrillic. Prints the time to prepare
(once for the same bytes), to open a prepared list, and look-ups a second of CPU time:
with every URL of another host, with ten URLs a host, with all paths of escapes or
Cyrillic, and with all URLs odd.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from tamis.urls.blocklist import Blocklist, prepare
from tamis.urls.sources import Source

ENTRIES = 4_600_000
URLS = 200_000
BATCH = 1_000
ROUNDS = 5

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ENDINGS = ("com", "org", "net", "de", "fr", "co.uk", "ru", "com.br", "info", "jp")
_SHAPES = (
    *("http://{}/", "https://www.{}/a/b.html", "https://{}:8443/x?y=1"),
    *("https://a.b.{}/page/2", "https://blog.{}/2024/05/"),
)
_ODD_SHAPES = (
    *(
        "http://user:word@{}/",
        "HTTPS://WWW.{}/A",
        "http://пример.{}/",
        "http://{}./%7Eme",
    ),
)
_ESCAPED_SHAPES = ("https://{}/%D0%BF%D1%83%D1%82%D1%8C/", "http://www.{}/путь?q=")
_ODD_SHARE = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lists", type=Path, nargs="*")
    arguments = parser.parse_args()
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = arguments.lists or [made_list(folder / "made", rng)]
        sources = [Source(path.name, path) for path in paths]
        started = time.perf_counter()
        prepare(sources, folder)
        print(f"prepared in {time.perf_counter() - started:.1f} s, once")
        opened = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            blocklist = Blocklist(prepare(sources, folder))
            opened.append(time.perf_counter() - started)
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(
            f"{len(blocklist):,} entries of {size:.0f} MB of lists opened in"
            f" {min(opened):.3f} s, the lists' bytes compared"
        )
        for name, of_host, odd, shapes in (
            ("every URL of another host", 1, _ODD_SHARE, _ODD_SHAPES),
            ("ten URLs of a host", 10, _ODD_SHARE, _ODD_SHAPES),
            ("all with an escaped path", 1, 1.0, _ESCAPED_SHAPES),
            ("all of them odd", 1, 1.0, _ODD_SHAPES),
        ):
            rate, listed = look_ups(blocklist, made_urls(rng, of_host, odd, shapes))
            print(f"{name:26} {rate:9,.0f} look-ups a second, {listed:.1%} listed")


def made_list(path: Path, rng: random.Random) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for entry in range(ENTRIES):
            page = f"/{word(rng)}" if entry % 50 == 0 else ""
            file.write(f"{host_of(entry)}{page}\n")
    return path


def made_urls(
    rng: random.Random, of_host: int, odd: float, odd_shapes: tuple[str, ...]
) -> list[str]:
    """URLs as in a crawl's archives: grouped by host, hosts not in the list's order."""
    urls: list[str] = []
    while len(urls) < URLS:
        # A tenth of the numbers is below ENTRIES.
        host = host_of(rng.randrange(10 * ENTRIES))
        urls += [
            shape_of(rng, odd, odd_shapes).format(host) + f"{word(rng)}{page}"
            for page in range(of_host)
        ]
    return urls[:URLS]


def shape_of(rng: random.Random, odd: float, odd_shapes: tuple[str, ...]) -> str:
    return rng.choice(odd_shapes if rng.random() < odd else _SHAPES)


def host_of(number: int) -> str:
    """The same host for the same number, scattered over the alphabet."""
    ending = _ENDINGS[number % len(_ENDINGS)]
    scattered = number * 2654435761 % (1 << 40)
    letters = []
    while scattered:
        scattered, letter = divmod(scattered, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return f"{''.join(letters) or 'a'}.{ending}"


def word(rng: random.Random) -> str:
    return "".join(rng.choices(_LETTERS, k=6))


def look_ups(blocklist: Blocklist, urls: list[str]) -> tuple[float, float]:
    """URLs a second of CPU time, in batches as in a run, and the share that is listed."""
    batches = [pa.array(urls[at : at + BATCH]) for at in range(0, URLS, BATCH)]
    best, listed = float("inf"), 0
    for _ in range(ROUNDS):
        started = time.process_time()
        found = [blocklist.categories_of(batch) for batch in batches]
        best = min(best, time.process_time() - started)
        listed = sum(x is not None for batch in found for x in batch)
    return URLS / best, listed / URLS


if __name__ == "__main__":
    main()
