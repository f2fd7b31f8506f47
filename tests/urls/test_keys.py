import random

import numpy as np
import pytest

from tamis.urls.keys import entry_keys, line_keys, places_of, starts_of
from tamis.urls.normalise import Address, address
from tamis.urls.spans import spelled


def takers(entries: list[str], urls: list[str]) -> list[str | None]:
    """The entry that takes each page, by keys alone."""
    owner = {int(key): entry for entry in entries[::-1] for key in entry_keys([entry])}
    hashes = np.array(sorted(owner), np.uint64)
    data, spans = spelled(map(address, urls))
    places = places_of(data, spans, hashes, starts=starts_of(hashes))
    return [None if x < 0 else owner[int(hashes[x])] for x in places.tolist()]


def takes(entry: str, url: str) -> bool:
    return takers([entry], [url]) == [entry]


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("a.org", "http://a.org/"),
        ("a.org", "https://www.a.org/x"),
        ("A.org.", "http://x.y.a.org:8080/"),
        ("https://a.org/", "http://a.org/x"),
        ("b.a.co.uk", "http://c.b.a.co.uk/"),
        ("www.a.org", "http://a.org/x"),
        ("www.a.org", "http://www.a.org/"),
        ("bücher.de", "http://shop.xn--bcher-kva.de/"),
        ("a.org/b", "http://a.org/b"),
        ("a.org/b/", "http://www.a.org/B/c/d.html?x=1"),
        ("http://a.org/b?id=3", "http://a.org/b?id=3#top"),
        ("a.org/привет", "http://a.org/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82/x"),
        ("192.0.2.1", "http://192.0.2.1/"),
        ("[2001:db8::1]", "http://[2001:db8::1]:80/"),
    ],
)
def test_an_entry_takes(entry: str, url: str) -> None:
    assert takes(entry, url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        pytest.param("a.org", "http://ba.org/", id="a suffix is no parent"),
        pytest.param("b.a.org", "http://a.org/", id="a parent is not its child"),
        pytest.param("www.a.org", "http://blog.a.org/", id="www is one site"),
        pytest.param("a.org/b", "http://a.org/bc", id="a path is cut at slashes"),
        pytest.param("a.org/b", "http://x.a.org/b", id="a URL is of one host"),
        pytest.param("a.org/b?id=3", "http://a.org/b?id=4", id="the query counts"),
        pytest.param("org", "http://a.org/", id="a top-level domain is no entry"),
        pytest.param("", "http://a.org/", id="nothing takes nothing"),
    ],
)
def test_an_entry_leaves(entry: str, url: str) -> None:
    assert not takes(entry, url)


def names_of(where: Address) -> list[str]:
    """What an address may be listed as, the nearest first, spelled out."""
    labels = where.host.split(".")
    names = [f"{where.host} and below", f"www.{where.host}"]
    names += [f"{'.'.join(labels[n:])} and below" for n in range(1, len(labels) - 1)]
    path, _, query = where.path.partition("?")
    names += [where.host + where.path] if query else []
    segments = path.split("/")
    return names + [
        where.host + "/".join(segments[:n])
        for n in range(len(segments), 0, -1)
        if segments[n - 1]
    ]


def name_of(where: Address) -> str:
    if where.path:
        return where.host + where.path
    return f"www.{where.host}" if where.is_www else f"{where.host} and below"


def test_the_nearest_entry_takes_a_page_as_names_spelled_out_would() -> None:
    rng = random.Random(3)

    def some(parts: list[str], most: int) -> list[str]:
        return rng.choices(parts, k=rng.randint(1, most))

    def host() -> str:
        www = rng.choice(["", "", "www."])
        return www + ".".join([*some([*"abcdefgh", "дом"], 3), "org"])

    def page() -> str:
        slash = rng.choice(["", "/", "/", "?", "/?q", "?q=1", "/?a=/b/"])
        return "/" + "/".join(some(["x", "y", "", "ж"], 4)) + slash

    entries = [host() + (page() if rng.random() < 0.9 else "") for _ in range(200)]
    urls = [f"http://{host()}{page()}" for _ in range(3_000)]
    of_name: dict[str, str] = {}
    for entry in entries:
        of_name.setdefault(name_of(address(entry)), entry)
    expected = [
        next(
            (of_name[name] for name in names_of(address(url)) if name in of_name), None
        )
        for url in urls
    ]
    assert takers(entries, urls) == expected
    by_page = sum("/" in taker for taker in expected if taker)
    assert 100 < by_page < len([x for x in expected if x]) < 2_900


def test_lines_of_nothing_but_a_domain_have_the_keys_of_entries() -> None:
    plain = [
        "a.org",
        "a-b.c_d.example",
        "1.2.3.4",
        "xn--p1ai.рф".encode("idna").decode(),
    ]
    odd = [
        "org",
        "www.a.org",
        "A.org",
        "a..org",
        ".a.org",
        "a.org.",
        "a.org/x",
        "дом.рф",
    ]
    blank = ["", " ", "\t\r"]
    lines = "\n".join([*blank, *plain, *odd, *blank, "e.org \r"]).encode()
    keys, others = line_keys(np.frombuffer(lines, np.uint8))
    assert keys.tolist() == entry_keys([*plain, "e.org"]).tolist()
    assert [lines[start:stop].decode() for start, stop in others.tolist()] == odd
    keys, others = line_keys(np.frombuffer(b"", np.uint8))
    assert (len(keys), len(others)) == (0, 0)


@pytest.mark.parametrize("entries", [0, 1, 2, 3, 100, 5_000])
def test_every_key_is_found_by_the_index(entries: int) -> None:
    hosts = [f"h{n}.example" for n in range(entries)]
    hashes = np.unique(entry_keys(hosts))
    assert len(hashes) == entries
    data, spans = spelled([Address(host, False, "") for host in [*hosts, "no.example"]])
    places = places_of(data, spans, hashes, starts=starts_of(hashes))
    assert sorted(places.tolist()) == [-1, *range(entries)]


def test_parents_and_folders_are_bounded() -> None:
    # The nearest sixteen of 100 parents and of 101 folders are looked up, and no more.
    host = "a." * 100 + "b.org"
    deep = f"http://{host}/" + "c/" * 100 + "d"
    sixteenth, next_one = "a." * 84 + "b.org", "a." * 83 + "b.org"
    assert takers([next_one, sixteenth], [deep]) == [sixteenth]
    assert takers([next_one, "b.org"], [deep]) == [None]
    sixteenth, next_one = f"{host}/" + "c/" * 86, f"{host}/" + "c/" * 85
    assert takers([next_one, sixteenth], [deep]) == [sixteenth]
    assert takers([next_one, f"{host}/c"], [deep]) == [None]
