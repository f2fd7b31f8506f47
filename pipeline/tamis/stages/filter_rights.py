"""Drop documents whose publisher reserves this use of them.

Reads  the fields of `rights` that the policy names
Writes drop_reason  rights_tdm_reserved, rights_ai_train_refused, rights_noai, rights_rsl,
                    ...: what the publisher said; rights_license_missing,
                    rights_license_other if the policy requires licences

The default refuses signals about text and data mining or AI. `noindex` and similar ones
are about search engines; to refuse these too, list them.
"""

from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from tamis.stage import BatchFunction, Transform, drop

Signal = Literal[
    "tdm",
    "ai_train",
    "noai",
    "noimageai",
    "noindex",
    "nosnippet",
    "noarchive",
    "nocache",
    "rsl",
    "robots",
]
# A directive of read_rights refuses by being true, ai_train by being false.
REASONS = {
    "tdm": "rights_tdm_reserved",
    "ai_train": "rights_ai_train_refused",
    "robots": "rights_robots_refused",
    "rsl": "rights_rsl",
}


class FilterRights(Transform):
    """Which signals drop a document, and which licences it must have.

    EU law (Directive 2019/790, article 4) lets a rightholder reserve mining "in an
    appropriate manner, such as machine-readable means": the default respects all four
    that a page or its response can carry. An RSL licence counts as a reservation, since
    its terms are not in the archive. `robots` needs the table that read_rights names.
    """

    refuse: tuple[Signal, ...] = ("tdm", "ai_train", "noai", "rsl")
    # Such as [cc0, cc-pdm, cc-by, cc-by-sa]: only documents under one of them, in any
    # version, stay. Null requires no licence.
    licenses: tuple[str, ...] | None = None

    @field_validator("licenses")
    @classmethod
    def _is_a_family(cls, licenses: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in licenses or ():
            if name not in FAMILIES:
                raise ValueError(
                    f"no licence {name!r}; there are {', '.join(FAMILIES)}"
                )
        return licenses

    def columns_read(self) -> tuple[str, ...]:
        licenses = ("license", "license_count") if self.licenses is not None else ()
        return tuple(f"rights.{field}" for field in (*self.refuse, *licenses))

    def build(self) -> BatchFunction:
        """Return a transform that fills `drop_reason`; see `reasons`."""

        def filter_rights(batch: pa.RecordBatch) -> pa.RecordBatch:
            return drop(batch, reasons(batch, self))

        return filter_rights


FAMILIES = (
    *("cc0", "cc-pdm", "cc-by", "cc-by-sa", "cc-by-nd", "cc-by-nc"),
    *("cc-by-nc-sa", "cc-by-nc-nd"),
)


def reasons(batch: pa.RecordBatch, stage: FilterRights) -> pa.StringArray:
    """The first refusal, in the order of `refuse`, of each row; null keeps the row."""
    rights = batch["rights"]
    found = pa.nulls(batch.num_rows, pa.string())
    for signal in stage.refuse:
        said = pc.struct_field(rights, signal)
        is_refused = pc.equal(said, signal != "ai_train")
        reason = REASONS.get(signal, f"rights_{signal}")
        found = pc.coalesce(found, _where(is_refused, reason))
    if stage.licenses is not None:
        is_missing = pc.equal(pc.struct_field(rights, "license_count"), 0)
        license_ = pc.struct_field(rights, "license")
        is_other = pc.invert(is_under(license_, stage.licenses))
        found = pc.coalesce(found, _where(is_missing, "rights_license_missing"))
        found = pc.coalesce(found, _where(is_other, "rights_license_other"))
    return found


def is_under(licenses: Any, families: tuple[str, ...]) -> Any:
    """Whether each licence is of one of the families, in any version; false for null."""
    pattern = rf"^(?:{'|'.join(families)})(?:-\d[a-z0-9.-]*)?$"
    return pc.fill_null(pc.match_substring_regex(licenses, pattern), False)


def _where(is_refused: Any, reason: str) -> pa.StringArray:
    return pc.if_else(is_refused, reason, pa.scalar(None, pa.string()))
