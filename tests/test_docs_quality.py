"""docs/quality.md: its table of rules is what the presets say."""

from pathlib import Path

import pytest

from tamis.quality.names import Preset
from tamis.quality.presets import preset_bounds, preset_columns

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "quality.md").read_text("utf-8")
PRESETS: tuple[Preset, ...] = ("gopher", "fineweb", "fineweb2", "tamis")

# Languages of scripts that have no clamps of their own; the last two are far out.
SPOKEN = [
    *[("fra", "Latn"), ("deu", "Latn"), ("rus", "Cyrl"), ("hin", "Deva")],
    *[("abk", "Cyrl"), ("eml", "Latn")],
]


def rules() -> dict[str, list[str]]:
    """By column what the table says of PRESETS."""
    table = PAGE.partition("| rule | column |")[2].partition("\n\n")[0]
    rows = [
        [cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]
    ]
    return {row[2].strip("`"): row[3:7] for row in rows}


def sides(cell: str) -> tuple[str | None, str | None]:
    """What a cell says of the least and of the most: `≥ 50; 100000`."""
    parts = cell.split("; ")
    least = [part.removeprefix("≥ ") for part in parts if part.startswith("≥ ")]
    most = [part for part in parts if not part.startswith("≥ ")]
    return (least or [None])[0], (most or [None])[0]


def clamped(published: float | None, to: str) -> float:
    least, most = map(float, to.split(" to "))
    assert published is not None
    return min(max(published, least), most)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_table_has_each_preset_s_rules(preset: Preset) -> None:
    cells = {column: row[PRESETS.index(preset)] for column, row in rules().items()}
    named = {column for column, cell in cells.items() if cell not in ("", "off")}
    assert named == set(preset_columns(preset))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("language", SPOKEN, ids=lambda key: key[0])
def test_the_table_has_their_bounds(preset: Preset, language: tuple[str, str]) -> None:
    published = preset_bounds("fineweb2", *language)
    for column, bound in preset_bounds(preset, *language).items():
        said = sides(rules()[column][PRESETS.index(preset)])
        for side in (0, 1):
            figure, _, to = (said[side] or "").partition(", ")
            if not figure:
                assert bound[side] is None, column
            elif figure != "own":
                assert bound[side] == float(figure), column
            elif to:
                assert bound[side] == clamped(published[column][side], to), column
            else:
                assert bound[side] == published[column][side], column


def test_what_is_off_is_a_rule_of_gopher_or_fineweb_that_fineweb_2_has_not() -> None:
    off = {column for column, row in rules().items() if row[2] == "off"}
    earlier = {*preset_columns("gopher"), *preset_columns("fineweb")}
    assert off == earlier - set(preset_columns("fineweb2"))
    assert len(off) == 4
    assert [row[3] for row in rules().values() if row[2] == "off"] == ["off"] * 4
