"""Some pages that each stage dropped, with the numbers that say why.

dropped/ keeps the beginning of 20 texts per stage, reason and language, with personal
data masked; the page shows a few of them, of different languages if there are any. For
reasons found before the text is known (a blocklist, an empty body) it shows addresses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tamis.documents.of_run import InputTables
from tamis.pii.masking import mask_beginning
from tamis.pii.regions import regions_of_row
from tamis.pii.urls import masked_url
from tamis.report.funnel import funnel_rows
from tamis.report.reading import batches, schema_of, spread
from tamis.schema import DROPPED
from tamis.storage import Storage
from tamis.tally import RunSummary

MAX_INPUTS = 64
PER_REASON = 4
PER_LANGUAGE = 2
TEXT_CHARACTERS = 300

_SIGNALS_SHOWN = 6
Reason = tuple[str, str]  # stage, reason


@dataclass(frozen=True)
class Example:
    """One dropped page. `text` is None if it was not known or not kept."""

    url: str
    language: str
    place: str
    text: str | None
    is_cut: bool
    signals: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ReasonExamples:
    """`documents` counts all dropped for this reason; `is_toxic` hides the texts."""

    stage: str
    reason: str
    documents: int
    is_toxic: bool
    examples: list[Example]


@dataclass(frozen=True)
class Examples:
    reasons: list[ReasonExamples]
    inputs_read: int
    inputs: int


def examples(
    run_summary: RunSummary, storage: Storage, inputs: Sequence[InputTables]
) -> Examples:
    """Examples for every reason of the run, in the order of the funnel."""
    read = spread(inputs, MAX_INPUTS)
    found: dict[Reason, dict[str, list[Example]]] = {}
    for tables in read:
        _collect(storage, tables.dropped, found)
    reasons = [
        ReasonExamples(
            stage=row.stage,
            reason=reason,
            documents=documents,
            is_toxic="toxic" in row.stage or "toxic" in reason,
            examples=_in_turn(found.get((row.stage, reason), {})),
        )
        for row in funnel_rows(run_summary)
        for reason, documents in row.dropped.items()
    ]
    return Examples(reasons, len(read), len(inputs))


def _collect(
    storage: Storage, name: str, found: dict[Reason, dict[str, list[Example]]]
) -> None:
    """Add the rows of a file that are wanted: with a text first, few per language."""
    for batch in batches(storage, name, schema_of(storage, name).names):
        has_text = batch["text"].is_valid().to_pylist()
        columns = [batch[key].to_pylist() for key in ("stage", "reason", "language")]
        for row, (stage, reason, language) in enumerate(zip(*columns, strict=True)):
            some = found.setdefault((stage, reason), {}).setdefault(language, [])
            if len(some) == PER_LANGUAGE:
                if not has_text[row] or some[-1].text is not None:
                    continue
                del some[-1]
            some.append(_example(batch, row))
            some.sort(key=lambda example: example.text is None)


def _in_turn(by_language: Mapping[str, Sequence[Example]]) -> list[Example]:
    """One of each language, then the second of each; those with a text come first."""
    turns = [
        (some[turn].text is None, turn, -len(some), language)
        for language, some in by_language.items()
        for turn in range(len(some))
    ]
    chosen = sorted(turns)[:PER_REASON]
    return [by_language[language][turn] for _, turn, _, language in chosen]


def _example(batch: pa.RecordBatch, row: int) -> Example:
    (values,) = batch.slice(row, 1).to_pylist()
    text, own = values["text"], regions_of_row(values)
    return Example(
        url=masked_url(values["url"] or ""),
        language=values["language"],
        place=f"{values['warc_path']} {values['warc_offset']} {values['warc_length']}",
        text=None if text is None else mask_beginning(text, TEXT_CHARACTERS, own),
        is_cut=text is not None and len(text) > TEXT_CHARACTERS,
        signals=_signals(values),
    )


def _signals(values: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """The numbers: first the reason's column, then the stage's, then the others."""
    about = {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and name not in DROPPED.names
    }
    topic = values["stage"].rpartition(".")[2].partition("_")[2]
    # filter_toxicity decides by toxicity_max and by toxic_word_density.
    related = [name for name in about if topic and name.startswith(topic[:5])]
    usual = ["text_chars", "word_count", "language_score"]
    names = dict.fromkeys([values["reason"], *related, *usual])
    shown = [(name, about[name]) for name in names if name in about]
    return tuple(shown[:_SIGNALS_SHOWN])
