from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.stages.filter_rights import FilterRights, build
from pipeline.stages.read_rights import ReadRights

NOTHING = {
    "rights_tdm": None,
    "rights_ai_train": None,
    "rights_license": None,
    "rights_license_count": 0,
}


def reasons(*rows: dict[str, Any], **settings: Any) -> list[str | None]:
    schema = ReadRights().columns_written()
    false = {
        name: False
        for name in schema.names
        if pa.types.is_boolean(schema.field(name).type)
    }
    values = [{**false, **NOTHING, **row} for row in rows]
    batch = pa.RecordBatch.from_pylist(
        [{**row, "drop_reason": None} for row in values],
        schema=schema.append(pa.field("drop_reason", pa.string())),
    )
    config = FilterRights(**settings)
    result = build(config)(batch.select([*config.columns_read(), "drop_reason"]))
    found: list[str | None] = result["drop_reason"].to_pylist()
    return found


def test_what_speaks_of_mining_or_training_drops() -> None:
    assert reasons(
        {},
        {"rights_tdm": True},
        {"rights_tdm": False},
        {"rights_ai_train": False},
        {"rights_ai_train": True},
        {"rights_noai": True},
        {"rights_rsl": True},
        {"rights_noindex": True, "rights_noimageai": True, "rights_noarchive": True},
    ) == [
        None,
        "rights_tdm_reserved",
        None,
        "rights_ai_train_refused",
        None,
        "rights_noai",
        "rights_rsl",
        None,
    ]


def test_the_policy_says_what_is_heeded_and_first() -> None:
    page = {"rights_noindex": True, "rights_tdm": True}
    assert reasons(page, refuse=("noindex", "tdm")) == ["rights_noindex"]
    assert reasons(page, refuse=()) == [None]


def test_no_rows_have_no_reasons() -> None:
    assert reasons() == []


@pytest.mark.parametrize(
    ("license", "count", "expected"),
    [
        ("cc-by-4.0", 1, None),
        ("cc-by-3.0-de", 1, None),
        ("cc-by", 1, None),
        ("cc0-1.0", 1, None),
        ("cc-by-sa-4.0", 1, "rights_license_other"),
        (None, 2, "rights_license_other"),
        (None, 0, "rights_license_missing"),
    ],
)
def test_only_licences_of_the_named_families_stay(
    license: str | None, count: int, expected: str | None
) -> None:
    row = {"rights_license": license, "rights_license_count": count}
    assert reasons(row, licenses=("cc0", "cc-by")) == [expected]


def test_a_reservation_outdoes_a_licence() -> None:
    row = {"rights_tdm": True, "rights_license": "cc-by-4.0", "rights_license_count": 1}
    assert reasons(row, licenses=("cc-by",)) == ["rights_tdm_reserved"]


def test_a_family_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match=r"no licence 'cc-by-4\.0'"):
        FilterRights(licenses=("cc-by-4.0",))
