"""Replace e-mail addresses, public IPs, IBANs, card and phone numbers; ids if asked for.

Reads  text; language and host where they are
Writes text, text_chars, pii_email, pii_ip, pii_iban, pii_card, pii_phone, pii_national_id;
       title, markdown and http_content_type where they are

The counts are those of `text`. `url` stays as it is, since stages below may compare
addresses: mix_corpus and dropped/ mask it where they publish it.

`tamis.pii.rules` says what counts as one, and which look-alikes do not.
Phone numbers without a country code are those of the countries that a page's language and
host name stand for (`tamis.pii.regions`). Postal addresses and names are not masked:
patterns for them, applied to the text alone, destroy more prose than they protect people.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.pii.kinds import EVERY, KINDS, PLACEHOLDERS
from tamis.pii.masking import Masks, Regions, find, replace
from tamis.pii.national_ids import Name
from tamis.pii.regions import regions_of_rows
from tamis.stage import BatchFunction, Transform, with_columns
from tamis.text.buffers import utf8_buffers

# Other columns that a stranger wrote and that are published.
_OTHER_TEXTS = ("title", "markdown", "http_content_type")
# They tell whose phone numbers a page has.
_ABOUT_PAGES = ("language", "host")


class MaskPii(Transform):
    """The replacement of each kind; null leaves that kind as it is."""

    version: ClassVar[int] = 4
    describes_text: ClassVar[bool] = True

    email: str | None = PLACEHOLDERS["email"]
    ip: str | None = PLACEHOLDERS["ip"]
    iban: str | None = PLACEHOLDERS["iban"]
    card: str | None = PLACEHOLDERS["card"]
    phone: str | None = PLACEHOLDERS["phone"]
    national_id: str | None = EVERY["national_id"]

    # Which national ids are masked, and whether spelled-out mail addresses are.
    national_ids: tuple[Name, ...] = ()
    obfuscated: bool = False

    @property
    def masks(self) -> Masks:
        """What is wanted, and the placeholder of each kind."""
        chosen = {kind: getattr(self, kind) for kind in KINDS}
        if not self.national_ids:
            chosen["national_id"] = None
        placeholders = {kind: text for kind, text in chosen.items() if text is not None}
        return Masks(placeholders, self.national_ids, self.obfuscated)

    def libraries(self) -> tuple[str, ...]:
        return (
            "phonenumbers",
            "publicsuffixlist",
            "python",  # the standard library decides which addresses are public
            "python-stdnum",
        )

    def columns_read(self) -> tuple[str, ...]:
        return ("text", "text_chars")

    def columns_needed(self, available: set[str]) -> set[str]:
        return super().columns_needed(available) | available.intersection(_ABOUT_PAGES)

    def columns_written(self) -> pa.Schema:
        return pa.schema(
            [
                ("text", pa.string()),
                ("text_chars", pa.int32()),
                *((f"pii_{kind}", pa.int32()) for kind in KINDS),
            ]
        )

    def build(self) -> BatchFunction:
        """Return a transform that masks `text` and counts what it masked; see `masked`."""
        masks = self.masks

        def mask_pii(batch: pa.RecordBatch) -> pa.RecordBatch:
            regions = regions_of_rows(batch)
            text, counts = masked(batch["text"], masks, regions)
            if text is not None:
                characters = pc.utf8_length(text).cast(batch["text_chars"].type)
                batch = with_columns(batch, {"text": text, "text_chars": characters})
            for name in _OTHER_TEXTS:
                if name in batch.schema.names:
                    other, _ = masked(batch[name], masks, regions)
                    if other is not None:
                        batch = with_columns(batch, {name: other})
            return with_columns(batch, counts)

        return mask_pii


def together(masks: Sequence[Masks]) -> Masks:
    """What several stages of a recipe mask; the last one's placeholder counts."""
    return Masks(
        {kind: text for one in masks for kind, text in one.placeholders.items()},
        tuple(dict.fromkeys(name for one in masks for name in one.national_ids)),
        any(one.obfuscated for one in masks),
    )


def masked(
    column: pa.Array, masks: Masks, regions: Regions
) -> tuple[pa.Array | None, dict[str, pa.Array]]:
    """The masked column (None where nothing changes) and the count column per kind.

    A null text stays null and its counts are null. The count of a kind without a
    placeholder is null too, since it was not searched for.
    """
    documents = len(column)
    data, offsets = utf8_buffers(column)
    findings = find(data, offsets, masks, regions)
    is_null = np.asarray(column.is_null())
    counts = {
        f"pii_{kind}": pa.array(
            findings.counts(kind, documents),
            pa.int32(),
            mask=is_null if kind in masks.placeholders else np.ones(documents, bool),
        )
        for kind in KINDS
    }
    if len(findings.kind) == 0:
        return None, counts
    new_data, new_offsets = replace(data, offsets, findings, masks.placeholders)
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    validity = pa.array(~is_null).buffers()[1] if column.null_count else None
    text = pa.Array.from_buffers(
        column.type,
        documents,
        [validity, pa.py_buffer(new_offsets.astype(width)), pa.py_buffer(new_data)],
    )
    return text, counts
