from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tamis.toxicity.lexicon import usable
from tamis.toxicity.lists import (
    PACKAGE,
    WEIGHTS_PATH,
    entries_of,
    packaged_lists,
    packaged_weights,
)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param(
            "\ufeffone\n\n two words \n# no\nthree # why\n",
            {"one": True, "two words": True, "three": True},
            id="lines",
        ),
        pytest.param(
            "репа\tambiguous\r\n萝卜\tslur\r\n",
            {"репа": False, "萝卜": True},
            id="other scripts, weights",
        ),
        pytest.param(
            "لفت\tanatomy # why\nशलजम\t obscenity",
            {"لفت": False, "शलजम": True},
            id="weights and comments",
        ),
        pytest.param("one\nONE\none\tanatomy", {"one": False, "ONE": True}, id="twice"),
        pytest.param('["one", "หัว"]', {"one": True, "หัว": True}, id="JSON array"),
        pytest.param(' {"words": ["one"], "x": 1}', {"one": True}, id="JSON object"),
    ],
)
def test_entries_of_a_list(text: str, entries: dict[str, bool]) -> None:
    assert entries_of(text) == entries


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["one"', "delimiter"),
        ('{"one": 1}', "array"),
        ("[1, 2]", "array of strings"),
        (
            "one\ntwo\tambigous",
            "two has the unknown weight ambigous; did you mean ambiguous?",
        ),
    ],
)
def test_what_is_no_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entries_of(text)


@pytest.fixture
def lists() -> dict[str, tuple[str, ...]]:
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")
    return packaged_lists()


def test_every_weight_is_of_an_entry_or_of_a_phrase_with_one(
    lists: dict[str, tuple[str, ...]],
) -> None:
    weights = packaged_weights()
    assert set(weights) <= set(lists)
    for language, mild in weights.items():
        entries = {entry.lower() for entry in lists[language]}
        assert usable(list(mild)) == tuple(mild)
        phrases = [entry for entry in mild if entry not in entries]
        idle = [p for p in phrases if not any(entry in p for entry in entries)]
        assert not idle, language


def test_weights_are_sorted_mild_and_in_lower_case() -> None:
    text = Path(WEIGHTS_PATH).read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line[0] != "#"]
    assert rows == sorted(rows)
    assert len({(language, entry) for language, entry, _ in rows}) == len(rows)
    assert {weight for _, _, weight in rows} == {"anatomy", "ambiguous"}
    assert all(entry == entry.lower() for _, entry, _ in rows)
    assert not any(
        counts for own in packaged_weights().values() for counts in own.values()
    )


def test_the_package_brings_lists_that_can_match(
    lists: dict[str, tuple[str, ...]],
) -> None:
    assert {"eng", "fra", "deu", "rus", "arb", "cmn", "jpn", "tha", "hin"} <= set(lists)
    for entries in lists.values():
        assert len(entries) > 10
        assert usable(entries) == entries
        assert all(len(entry) > 2 or not entry.isascii() for entry in entries)
