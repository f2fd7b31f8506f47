"""Replace personal data by placeholders: buffers in, buffers out.

Masking is idempotent as long as the placeholders hold no personal data themselves:
a masked text has nothing left to mask.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.pii import national_ids, obfuscated, outlines
from tamis.pii.kinds import EMAIL, EVERY, IP, KINDS, NATIONAL_ID, PHONE, PLACEHOLDERS
from tamis.pii.outlines import may_have
from tamis.text.buffers import Bytes, Offsets

_CONTEXT_BYTES = 48  # read before and after an anchor
_NATIONAL_BYTES = 120  # before a number without its country: a word of any script
_COLON, _SLASH = 0x3A, 0x2F
_LONGEST_VALUE = 320  # characters: an e-mail address of 64, an at sign, 253 and some


Regions = Sequence[tuple[str, ...]]  # of each document: see `tamis.pii.regions`


class Masks(NamedTuple):
    """What is masked by what.

    placeholders  by kind; a kind without one stays
    national_ids  which of `national_ids.NAMES`; none without a placeholder
    obfuscated    whether addresses that are spelled out are masked too
    """

    placeholders: Mapping[str, str]
    national_ids: tuple[str, ...] = ()
    obfuscated: bool = False


class Findings(NamedTuple):
    """Personal data of a batch, in reading order, without overlaps; all int64."""

    document: NDArray[np.int64]
    kind: NDArray[np.int64]
    start: NDArray[np.int64]  # byte in data
    stop: NDArray[np.int64]

    def counts(self, kind: str, documents: int) -> NDArray[np.int32]:
        """Number of findings of a kind in each document."""
        of_kind = self.document[self.kind == KINDS[kind]]
        return np.bincount(of_kind, minlength=documents).astype(np.int32)


def every_mask() -> Masks:
    """All kinds, in all forms: for what is shown to somebody."""
    return Masks(EVERY, national_ids.NAMES, obfuscated=True)


def mask(text: str, regions: tuple[str, ...] = ()) -> str:
    """`text` with the default placeholders."""
    return masked_text(text, Masks(PLACEHOLDERS), regions)


def mask_beginning(text: str, characters: int, regions: tuple[str, ...] = ()) -> str:
    """The first characters of the text, everything masked; no half of a value at their end."""
    window = text[: 2 * characters + _LONGEST_VALUE]
    masked = masked_text(window, every_mask(), regions)
    if len(window) < len(text):
        # A value that the window cuts in two is not recognised; it is at the end, and
        # comes into what is kept where placeholders are much shorter than the values.
        masked = masked[: max(0, len(masked) - _LONGEST_VALUE)]
    return masked[:characters]


def masked_text(text: str, masks: Masks, regions: tuple[str, ...] = ()) -> str:
    """`text` with personal data replaced by the placeholders of their kinds."""
    if not may_have(text, _more_outlines(masks, regions)):
        return text
    # A lone surrogate has no UTF-8 form; personal data never contain one.
    encoded = text.encode("utf-8", "surrogatepass")
    data = np.frombuffer(encoded, np.uint8)
    offsets = np.array([0, len(data)], np.int64)
    findings = find(data, offsets, masks, [regions])
    masked, _ = replace(data, offsets, findings, masks.placeholders)
    return masked.decode("utf-8", "surrogatepass")


def _more_outlines(masks: Masks, regions: tuple[str, ...]) -> list[str]:
    """Outlines of the forms that are not looked for always."""
    return [
        *([outlines.NATIONAL] if regions else []),
        *([obfuscated.OUTLINE] if masks.obfuscated else []),
        *([national_ids.OUTLINE] if masks.national_ids else []),
    ]


def find(
    data: Bytes, offsets: Offsets, masks: Masks, regions: Regions | None = None
) -> Findings:
    """Every span of the wanted kinds. An IBAN counts, not a card that overlaps it.

    `regions`: whose national phone numbers are looked for in each document; none if None.
    """
    from tamis.pii.anchors import NATIONAL, Anchors, anchors
    from tamis.pii.emails import NONE, ODD, ascii_emails

    wanted = [KINDS[kind] for kind in masks.placeholders]
    own = regions if regions is not None and PHONE in wanted else ()
    has_national = np.array([bool(names) for names in own], np.bool_)
    found = anchors(data, offsets, has_national if len(own) else None)
    found = Anchors(
        *(column[np.isin(found.kind, [*wanted, NATIONAL])] for column in found)
    )
    spans = np.full((len(found.kind), 2), ODD, np.int64)
    is_email = found.kind == EMAIL
    spans[is_email] = ascii_emails(data, found.start[is_email], found.stop[is_email])
    for row in np.flatnonzero(spans[:, 0] == ODD).tolist():
        place = tuple(int(column[row]) for column in found)
        if place[1] == NATIONAL:
            spans[row] = _national_span(data, offsets, place, own[place[0]])
        else:
            spans[row] = _span_of(data, offsets, *place)
    _leave_accounts(
        data, offsets, found.document, spans, is_email & (spans[:, 0] != NONE)
    )
    is_real = spans[:, 0] != NONE
    kinds = np.where(found.kind == NATIONAL, PHONE, found.kind)
    findings = Findings(found.document[is_real], kinds[is_real], *spans[is_real].T)
    return _without_overlaps(_with_more(data, offsets, masks, findings))


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


def _leave_accounts(
    data: Bytes,
    offsets: Offsets,
    documents: NDArray[np.int64],
    spans: NDArray[np.int64],
    are_emails: NDArray[np.bool_],
) -> None:
    """Take out what is an account on a host: `git@host:path`, `ssh://git@host`."""
    from tamis.pii.emails import NONE
    from tamis.pii.rules import is_account

    padded = np.append(data, np.zeros(1, np.uint8))
    rows = np.flatnonzero(are_emails)
    follows = padded[np.minimum(spans[rows, 1], len(data))] == _COLON
    leads = padded[np.maximum(spans[rows, 0] - 1, 0)] == _SLASH
    for row in rows[follows | leads].tolist():
        start, stop = int(spans[row, 0]), int(spans[row, 1])
        first = max(int(offsets[documents[row]]), start - _CONTEXT_BYTES)
        last = min(int(offsets[documents[row] + 1]), stop + _CONTEXT_BYTES)
        if is_account(_decoded(data, first, start), _decoded(data, stop, last)):
            spans[row] = NONE


def _with_more(
    data: Bytes, offsets: Offsets, masks: Masks, findings: Findings
) -> Findings:
    """The findings, and those of the forms that a recipe must ask for."""
    rows: list[tuple[int, int, int, int]] = []
    if masks.obfuscated and "email" in masks.placeholders:
        spans = obfuscated.obfuscated_spans
        rows += _in_texts(data, offsets, EMAIL, obfuscated.OUTLINE, spans)
    if masks.national_ids and "national_id" in masks.placeholders:
        rows += _in_texts(
            data,
            offsets,
            NATIONAL_ID,
            national_ids.OUTLINE,
            lambda text: national_ids.id_spans(text, masks.national_ids),
        )
    if not rows:
        return findings
    more = np.array(rows, np.int64).T
    return Findings(
        *(np.concatenate(pair) for pair in zip(findings, more, strict=True))
    )


def _in_texts(
    data: Bytes,
    offsets: Offsets,
    kind: int,
    outline: str,
    spans_of: Callable[[str], Iterable[tuple[int, int]]],
) -> Iterator[tuple[int, int, int, int]]:
    """Document, kind, first byte and end of what is in those texts that have an outline."""
    from tamis.pii.rules import fold

    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    texts = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
    may_have_some = pc.match_substring_regex(texts, outline)
    for document in np.flatnonzero(np.asarray(may_have_some)).tolist():
        start, stop = int(offsets[document]), int(offsets[document + 1])
        text = _decoded(data, start, stop)
        place = 0
        for first, end in sorted(spans_of(fold(text))):
            start += _byte_length(text[place:first])
            place = first
            yield document, kind, start, start + _byte_length(text[first:end])


def _national_span(
    data: Bytes,
    offsets: Offsets,
    anchor: tuple[int, ...],
    regions: tuple[str, ...],
) -> tuple[int, int]:
    """First byte and end of a phone number without its country; twice NONE if it is none."""
    from tamis.pii.emails import NONE
    from tamis.pii.phones import national_span, possible_ends
    from tamis.pii.rules import fold

    document, _, start, stop = anchor
    text = _decoded(data, start, stop)
    folded = fold(text)
    if not possible_ends(folded, regions):
        return NONE, NONE
    first = max(int(offsets[document]), start - _NATIONAL_BYTES)
    last = min(int(offsets[document + 1]), stop + _CONTEXT_BYTES)
    before = fold(_decoded(data, first, start))
    after = fold(_decoded(data, stop, last))
    span = national_span(folded, before, after, regions)
    if span is None:
        return NONE, NONE
    end = start + _byte_length(text[: span[1]])
    if span[0] < 0:  # an opening bracket, of one byte or three
        start -= _byte_length(_decoded(data, first, start)[-1])
    return start, end


def _span_of(
    data: Bytes, offsets: Offsets, document: int, kind: int, start: int, stop: int
) -> tuple[int, int]:
    """First byte and end of an anchor's personal data; twice NONE if it has none."""
    from tamis.pii.emails import NONE
    from tamis.pii.rules import fold, span_in

    text = _decoded(data, start, stop)
    before = after = ""
    if kind in (IP, PHONE):
        first = max(int(offsets[document]), start - _CONTEXT_BYTES)
        before = fold(_decoded(data, first, start))
        last = min(int(offsets[document + 1]), stop + _CONTEXT_BYTES)
        after = fold(_decoded(data, stop, last))
    span = span_in(kind, fold(text), before, after)
    if span is None:
        return NONE, NONE
    begin = start + _byte_length(text[: span[0]])
    return begin, begin + _byte_length(text[span[0] : span[1]])


def _without_overlaps(found: Findings) -> Findings:
    """Findings in text order; of two that overlap the lower kind, then the earlier."""
    order = np.lexsort((found.kind, found.start))
    ordered = Findings(*(column[order] for column in found))
    if (ordered.start[1:] >= ordered.stop[:-1]).all():
        return ordered
    kept: list[int] = []
    kinds, starts, stops = (
        column.tolist() for column in (ordered.kind, ordered.start, ordered.stop)
    )
    for row, start in enumerate(starts):
        if kept and start < stops[kept[-1]]:
            if kinds[row] < kinds[kept[-1]]:
                kept[-1] = row
            continue
        kept.append(row)
    return Findings(*(column[kept] for column in ordered))


def _decoded(data: Bytes, start: int, stop: int) -> str:
    # The range may begin or end inside a character: escapes keep the byte count.
    return data[start:stop].tobytes().decode("utf-8", "surrogateescape")


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
