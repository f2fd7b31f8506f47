"""Hash documents, so that later steps can compare them without their text.

Reads  text
Writes text_hash, band_00 ... (as many as `bands`); minhash with `engine: datasketch`

`text_hash` is equal for texts that differ only in case, punctuation, accents and the
like (pipeline/tamis/text/normalise.py); null without a text. A band is null for a text
of fewer than `ngram` words. Each band has a column of its own: deduplicate reads them
one at a time. They are random bits, 8 bytes for each band and document on disk.

With `engine: datasketch` the sketch is that library's MinHash, and `minhash` has its hash
values, uint32, which it loads as its own:
`MinHash(hashvalues=row, seed=1, scheme="affine32")`. `tamis.minhash(text)` makes the one
of a text to compare with. It takes some 30 times as long as the package's own sketch.
"""

from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tamis.dedup.kernels.bands import PRESETS, Banding, banding_for
from tamis.stage import BatchFunction, Transform, with_columns
from tamis.text.buffers import utf8_buffers

MINHASH = pa.field("minhash", pa.list_(pa.uint32()))


class Sign(Transform):
    """How a text is cut into shingles, and their sketch into bands.

    `preset` and `threshold` are other ways to give `bands` and `rows`: those of a published
    corpus, or those of at most 128 slots with the fewest errors around a similarity.
    """

    describes_text: ClassVar[bool] = True

    bands: int | None = Field(None, ge=1, le=1000)  # 14 if nothing else is given
    rows: int | None = Field(None, ge=1, le=100)  # 8
    ngram: int = Field(5, ge=1, le=100)
    preset: Literal["fineweb", "refinedweb", "dclm", "curator"] | None = None
    threshold: float | None = Field(None, gt=0.0, lt=1.0)
    engine: Literal["tamis", "datasketch"] = "tamis"

    @model_validator(mode="after")
    def _is_said_once(self) -> Self:
        ways = [
            self.bands is not None or self.rows is not None,
            self.preset is not None,
            self.threshold is not None,
        ]
        if sum(ways) > 1:
            raise ValueError(
                "give bands and rows, or preset, or threshold: one of them"
            )
        return self

    def banding(self) -> Banding:
        if self.preset is not None:
            return PRESETS[self.preset]
        if self.threshold is not None:
            return banding_for(self.threshold)
        default = PRESETS["fineweb"]
        return Banding(self.bands or default.bands, self.rows or default.rows)

    def columns_read(self) -> tuple[str, ...]:
        return ("text",)

    def libraries(self) -> tuple[str, ...]:
        return ("datasketch",) if self.engine == "datasketch" else ()

    def columns_written(self) -> pa.Schema:
        names = ["text_hash", *band_columns(self.banding().bands)]
        schema = pa.schema([(name, pa.uint64()) for name in names])
        return schema.append(MINHASH) if self.engine == "datasketch" else schema

    def build(self) -> BatchFunction:
        """Return a transform that appends the hashes; see `signatures`."""
        if self.engine == "datasketch":
            return _with_datasketch(self)
        from tamis.dedup.kernels.minhash import signatures

        banding = self.banding()
        names = band_columns(banding.bands)

        def sign(batch: pa.RecordBatch) -> pa.RecordBatch:
            data, offsets = utf8_buffers(batch["text"])
            texts, bands, is_signed = signatures(
                data, offsets, ngram=self.ngram, bands=banding.bands, rows=banding.rows
            )
            is_absent = np.asarray(batch["text"].is_null())
            columns = {"text_hash": _with_nulls(texts, is_absent)}
            columns |= {
                name: _with_nulls(hashes, ~is_signed)
                for name, hashes in zip(names, bands, strict=True)
            }
            return with_columns(batch, columns)

        return sign


def _with_datasketch(stage: Sign) -> BatchFunction:
    """Return a transform that appends the hashes of datasketch's MinHash."""
    from tamis.dedup.datasketch import Sketcher

    banding = stage.banding()
    sketcher = Sketcher(stage.ngram, banding)
    names = band_columns(banding.bands)

    def sign(batch: pa.RecordBatch) -> pa.RecordBatch:
        data, offsets = utf8_buffers(batch["text"])
        found = sketcher.signatures(data, offsets)
        is_absent = np.asarray(batch["text"].is_null())
        columns = {"text_hash": _with_nulls(found.texts, is_absent)}
        columns |= {
            name: _with_nulls(hashes, ~found.is_signed)
            for name, hashes in zip(names, found.bands, strict=True)
        }
        columns[MINHASH.name] = pa.array(found.minhashes, MINHASH.type)
        return with_columns(batch, columns)

    return sign


def band_columns(bands: int) -> list[str]:
    """`band_00`, `band_01` ... `band_99`, `band_100`."""
    return [f"band_{band:02}" for band in range(bands)]


def _with_nulls(hashes: NDArray[np.uint64], is_null: NDArray[np.bool_]) -> pa.Array:
    return pa.array(hashes, pa.uint64(), mask=is_null)
