"""Precision and recall on lines in twelve languages; half of these only look the part."""

from collections import Counter

import pytest
from fixtures.pii_lines import counted, found_in, read

LINES = list(read())
KINDS = ["phone", "email", "ip", "national_id"]


@pytest.fixture(scope="module")
def counts() -> dict[tuple[str, str], object]:
    return counted(LINES)


@pytest.mark.parametrize("kind", KINDS)
def test_of_each_kind_nearly_all_is_found_and_next_to_nothing_made_up(
    kind: str, counts
) -> None:
    found = counts[kind, "all"]
    assert found.precision >= 0.97
    assert found.recall >= 0.95


@pytest.mark.parametrize("language", sorted({line.language for line in LINES}))
def test_no_language_is_left_behind(language: str, counts) -> None:
    for kind in ("phone", "email", "ip"):
        found = counts[kind, language]
        assert found.precision >= 0.9, kind
        assert found.recall >= 0.9, kind


def test_half_of_the_lines_are_look_alikes() -> None:
    lines = Counter((line.kind, bool(line.spans)) for line in LINES)
    assert sum(lines.values()) >= 400
    assert len({line.language for line in LINES}) == 12
    assert sum(n for (_, real), n in lines.items() if not real) > 0.45 * len(LINES)
    for kind in KINDS:
        assert min(lines[kind, True], lines[kind, False]) >= 20


def test_a_number_without_its_country_stays_where_no_country_is_known() -> None:
    lines = [line._replace(language="") for line in LINES if line.kind == "phone"]
    for line in lines:
        # What has a country code, and spelled-out addresses, need no language.
        assert {kind for kind, _, _ in found_in(line)} <= {"phone", "email", "card"}
    assert sum(len(found_in(line)) for line in lines) < 0.1 * len(lines)
