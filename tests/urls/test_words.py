import re
from pathlib import Path

import pytest

from tamis.errors import ConfigError
from tamis.urls.normalise import address
from tamis.urls.words import UrlWords, fold, load_words

OWN = load_words((), with_own=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.essex.ac.uk/study",
        "https://sussex.example/essex/middlesex",
        "https://middlesex-hospital.example/",
        "https://analytics.example.com/analytics/canal",
        "https://www.scunthorpe.gov.uk/",
        "https://cockburn.example/cocktails/peacock",
        "https://pussycat-dolls.example/",
        "https://pussycatdolls.example/",
        "https://example.org/therapist/expertsexchange/assassin/classics",
        "https://siriporn-restaurant.example/Pornthip",
        "https://example.org/search?q=porn",
        "https://nhs.example/health/sex/anal-cancer/penis",
        "https://example.se/jag-fick-ett-slut",
        "https://example.fr/chatte-et-chatons/la-guerre-de-troie",
        "https://example.es/corridas-de-toros",
        "https://example.de/seifenblasen/blasen",
        "https://example.org/casino-royale",
        "https://example.org/gay-lesbian-rights",
        "https://пример.рф/страница",
        "https://例え.jp/記事",
        "",
    ],
)
def test_innocent_addresses_pass(url: str) -> None:
    assert OWN.rule(address(url)) is None


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://porn.example/", "strict"),
        ("https://example.org/Videos/PORNO/1", "strict"),
        ("https://freepornvideos.example/", "strict"),
        ("https://hd-porn24.example/", "strict"),
        ("https://example.org/p%6Frn", "strict"),
        ("https://pörn.example/", "strict"),
        ("https://xn--prn-sna.example/", "strict"),
        ("https://example.fr/videos-porno-gratuites", "strict"),
        ("https://example.de/kostenlose_pornofilme.html", "strict"),
        ("https://example.org/busty-gardeners", "hard"),
        ("https://example.fr/salopes", "hard"),
        ("https://example.es/coños", "hard"),
        ("https://sexy-nude-girls.example/", "soft"),
        ("https://example.it/sesso/nuda", "soft"),
        ("https://sexynude.example/", "soft"),
    ],
)
def test_words_give_a_site_away(url: str, rule: str) -> None:
    assert OWN.rule(address(url)) == rule


def test_the_rules_as_the_module_defines_them() -> None:
    words = UrlWords({"strict": ["red"], "hard": ["blue"], "soft": ["one", "two"]})

    def rule(path: str) -> str | None:
        return words.rule(address(f"http://example.org/{path}"))

    assert rule("red") == "strict"
    assert rule("redone") == "strict"  # every part is known
    assert rule("redder") is None
    assert rule("blue") == "hard"
    assert rule("bluetwo") is None  # hard words count alone only
    assert rule("one/one") is None  # two different ones
    assert rule("one-two") == "soft"
    assert rule("onetwo") == "soft"
    assert rule("blue-red") == "strict"
    assert rule("redone" * 7) is None  # 42 letters are no compound


def test_folding_takes_case_and_accents_away() -> None:
    assert fold("COÑO") == "cono"
    assert fold("Straße") == "strasse"
    assert fold("ПРИВЁТ") == "привет"
    assert fold("漢字") == "漢字"
    assert fold("") == ""


def test_a_table_of_your_own_adds_to_or_replaces_ours(tmp_path: Path) -> None:
    table = tmp_path / "words.tsv"
    table.write_text("# mine\nstrict\tКазино\n\nsoft\tbonus # why\n", encoding="utf-8")
    alone = load_words([str(table)], with_own=False)
    assert alone.strict == {"казино"}
    assert alone.rule(address("http://казино.рф/")) == "strict"
    assert alone.rule(address("http://porn.example/")) is None
    both = load_words([str(table)], with_own=True)
    assert both.rule(address("http://porn.example/")) == "strict"
    assert "bonus" in both.soft


def test_a_mistake_in_a_table_is_named_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "words.tsv"
    table.write_text("strict\tone\nstrickt\ttwo\n")
    with pytest.raises(ConfigError, match=r"words\.tsv, line 2: 'strickt\\ttwo'"):
        load_words([str(table)], with_own=False)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_words([str(tmp_path / "none")], with_own=False)


def test_no_word_of_our_table_stands_under_two_rules() -> None:
    rules = [OWN.strict, OWN.hard, OWN.soft, OWN.part]
    assert all(rules)
    assert len(frozenset().union(*rules)) == sum(map(len, rules))


class Counted(frozenset[str]):
    """A set that counts what it is asked."""

    asked = 0

    def __contains__(self, word: object) -> bool:
        self.asked += 1
        return super().__contains__(word)


@pytest.mark.parametrize(
    ("url", "most"),
    [
        # Four letters and "org": every run of letters, 4 * 5 / 2 and 3 * 4 / 2.
        pytest.param("http://porn.org/", 16, id="short"),
        pytest.param(f"http://{'sex' * 1_300}.org/{'porn' * 1_000}", 16, id="a run"),
        pytest.param(f"http://a.org/{'sexsexsexsex-' * 300}", 100, id="the same again"),
        pytest.param(f"http://a.org/{'z' * 40}", 100, id="no word at all"),
    ],
)
def test_a_long_address_is_looked_up_as_little_as_a_short_one(
    url: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Counted(OWN._known)
    monkeypatch.setattr(OWN, "_known", known)
    OWN.rule(address(url))
    assert 0 < known.asked <= most


def test_every_word_that_tells_passes_the_sieve() -> None:
    many = [f"{first}{second}x" for first in "abcdefghij" for second in range(100)]
    words = UrlWords({"strict": ["red.", "été"], "soft": many, "part": ["none"]})
    pattern = "|".join(words.sieve())
    assert all(re.search(pattern, f"http://{word}.org/") for word in [*many, "red."])
    assert not re.search(pattern, "http://redonenone.org/")
    assert max(map(len, words.sieve())) < 2_000
    assert UrlWords({}).sieve() == []
