"""Put a placeholder where personal data stands: buffers in, buffers out.

Masking is idempotent as long as the placeholders hold no personal data themselves:
a masked text has nothing left to mask.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.pii.anchors import CARD, EMAIL, IBAN, IP, PHONE, anchors
from pipeline.pii.rules import fold, span_in
from pipeline.text.buffers import Bytes, Offsets

KINDS = {"email": EMAIL, "ip": IP, "iban": IBAN, "card": CARD, "phone": PHONE}
PLACEHOLDERS = {kind: f"<{kind.upper()}>" for kind in KINDS}

_CONTEXT_BYTES = 32  # read before and behind an anchor


class Findings(NamedTuple):
    """Personal data of a batch, in reading order, without overlaps; all int64."""

    document: NDArray[np.int64]
    kind: NDArray[np.int64]
    start: NDArray[np.int64]  # byte in data
    stop: NDArray[np.int64]

    def counts(self, kind: str, documents: int) -> NDArray[np.int32]:
        """How many of a kind each document has."""
        of_kind = self.document[self.kind == KINDS[kind]]
        return np.bincount(of_kind, minlength=documents).astype(np.int32)


def mask(text: str) -> str:
    """`text` with the default placeholders, for what is shown of a dropped page."""
    return masked_text(text, PLACEHOLDERS)


def masked_text(text: str, placeholders: Mapping[str, str]) -> str:
    """`text` with these placeholders in the place of their kinds."""
    # A lone surrogate has no UTF-8 form; it cannot be part of what is masked either.
    encoded = text.encode("utf-8", "surrogatepass")
    data = np.frombuffer(encoded, np.uint8)
    offsets = np.array([0, len(data)], np.int64)
    findings = find(data, offsets, placeholders)
    masked, _ = replace(data, offsets, findings, placeholders)
    return masked.decode("utf-8", "surrogatepass")


def find(data: Bytes, offsets: Offsets, kinds: Mapping[str, str]) -> Findings:
    """Every span of the wanted kinds. Where two overlap, an IBAN outranks a card."""
    wanted = {KINDS[kind] for kind in kinds}
    spans = []
    for document, kind, start, stop in zip(
        *(column.tolist() for column in anchors(data, offsets)), strict=True
    ):
        if kind not in wanted:
            continue
        text = _decoded(data, start, stop)
        before = behind = ""
        if kind == IP:
            first = max(int(offsets[document]), start - _CONTEXT_BYTES)
            before = fold(_decoded(data, first, start))
        elif kind == PHONE:
            last = min(int(offsets[document + 1]), stop + _CONTEXT_BYTES)
            behind = fold(_decoded(data, stop, last))
        is_ascii = (
            text.isascii()
        )  # of which each character is a byte, and folds to itself
        span = span_in(kind, text if is_ascii else fold(text), before, behind)
        if span is not None and is_ascii:
            spans.append((kind, document, start + span[0], start + span[1]))
        elif span is not None:
            begin = start + _byte_length(text[: span[0]])
            end = begin + _byte_length(text[span[0] : span[1]])
            spans.append((kind, document, begin, end))
    return _without_overlaps(spans)


def replace(
    data: Bytes, offsets: Offsets, findings: Findings, placeholders: Mapping[str, str]
) -> tuple[bytes, NDArray[np.int64]]:
    """UTF-8 and offsets (from 0 on) of the documents with placeholders in place."""
    encoded = {
        KINDS[kind]: placeholder.encode() for kind, placeholder in placeholders.items()
    }
    source = data.data  # slices of a memoryview copy nothing
    pieces: list[bytes | memoryview] = []
    position = int(offsets[0])
    for kind, start, stop in zip(
        findings.kind.tolist(),
        findings.start.tolist(),
        findings.stop.tolist(),
        strict=True,
    ):
        pieces += [source[position:start], encoded[kind]]
        position = stop
    pieces.append(source[position : int(offsets[-1])])
    growth = np.zeros(len(offsets), np.int64)
    sizes = np.array([len(encoded[kind]) for kind in findings.kind.tolist()], np.int64)
    np.add.at(growth, findings.document + 1, sizes - (findings.stop - findings.start))
    return b"".join(pieces), offsets - offsets[0] + np.cumsum(growth)


def _without_overlaps(spans: list[tuple[int, int, int, int]]) -> Findings:
    """Spans (kind, document, start, stop): the lower kind wins, then the earlier."""
    kept: list[tuple[int, int, int, int]] = []
    for span in sorted(spans, key=lambda span: (span[2], span[0])):
        if kept and span[2] < kept[-1][3]:
            if span[0] < kept[-1][0]:
                kept[-1] = span
            continue
        kept.append(span)
    columns = np.array(kept, np.int64).reshape(-1, 4).T
    return Findings(columns[1], columns[0], columns[2], columns[3])


def _decoded(data: Bytes, start: int, stop: int) -> str:
    # The range may begin or end inside a character: escapes keep the byte count.
    return data[start:stop].tobytes().decode("utf-8", "surrogateescape")


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
