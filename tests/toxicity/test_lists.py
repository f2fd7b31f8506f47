from importlib.metadata import PackageNotFoundError, version

import pytest

from tamis.toxicity.lexicon import usable
from tamis.toxicity.lists import PACKAGE, entries_of, packaged_lists


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        pytest.param("", (), id="empty"),
        pytest.param(
            "\ufeffone\n\n two words \n# no\nthree # why\n",
            ("one", "two words", "three"),
            id="lines",
        ),
        pytest.param("репа\r\n萝卜\r\n", ("репа", "萝卜"), id="other scripts"),
        pytest.param('["one", "หัว"]', ("one", "หัว"), id="JSON array"),
        pytest.param(' {"words": ["one"], "x": 1}', ("one",), id="JSON object"),
    ],
)
def test_entries_of_a_list(text: str, entries: tuple[str, ...]) -> None:
    assert entries_of(text) == entries


@pytest.mark.parametrize(
    ("text", "message"),
    [('["one"', "delimiter"), ('{"one": 1}', "array"), ("[1, 2]", "array of strings")],
)
def test_what_is_no_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entries_of(text)


def test_the_package_brings_lists_that_can_match() -> None:
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")
    lists = packaged_lists()
    assert {"eng", "fra", "deu", "rus", "arb", "cmn", "jpn", "tha", "hin"} <= set(lists)
    for entries in lists.values():
        assert len(entries) > 10
        assert usable(entries) == entries
        assert all(len(entry) > 2 or not entry.isascii() for entry in entries)
