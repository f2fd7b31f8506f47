from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.stages.filter_rights import FilterRights
from tamis.stages.read_rights import ReadRights

NOTHING = {"tdm": None, "ai_train": None, "license": None, "license_count": 0}


def reasons(*rows: dict[str, Any], **settings: Any) -> list[str | None]:
    rights = ReadRights().columns_written().field("rights")
    false = {f.name: False for f in rights.type if pa.types.is_boolean(f.type)}
    batch = pa.RecordBatch.from_pylist(
        [{"rights": {**false, **NOTHING, **row}, "drop_reason": None} for row in rows],
        schema=pa.schema([rights, ("drop_reason", pa.string())]),
    )
    result = FilterRights(**settings).build()(batch)
    found: list[str | None] = result["drop_reason"].to_pylist()
    return found


def test_what_speaks_of_mining_or_training_drops() -> None:
    assert reasons(
        {},
        {"tdm": True},
        {"tdm": False},
        {"ai_train": False},
        {"ai_train": True},
        {"noai": True},
        {"rsl": True},
        {"noindex": True, "noimageai": True, "noarchive": True},
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
    page = {"noindex": True, "tdm": True}
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
    row = {"license": license, "license_count": count}
    assert reasons(row, licenses=("cc0", "cc-by")) == [expected]


def test_a_reservation_outdoes_a_licence() -> None:
    row = {"tdm": True, "license": "cc-by-4.0", "license_count": 1}
    assert reasons(row, licenses=("cc-by",)) == ["rights_tdm_reserved"]


def test_a_family_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match=r"no licence 'cc-by-4\.0'"):
        FilterRights(licenses=("cc-by-4.0",))
