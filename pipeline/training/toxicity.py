"""A toxicity model from files of labelled comments and a folder of clean documents."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError
from pipeline.linear.model import Model
from pipeline.toxicity.figures import THRESHOLDS
from pipeline.toxicity.training import Example, train
from pipeline.training.corpus import (
    corpus_files,
    digests,
    drawn,
    language_of,
    rows_of,
    texts_of,
)

_LABELS = {
    **dict.fromkeys(("1", "1.0", "true", "toxic"), True),
    **dict.fromkeys(("0", "0.0", "false"), False),
}


def train_toxicity(
    labelled: Sequence[Path],
    clean: Path,
    *,
    licence: str,
    documents: int,
    bits: int,
    show: Callable[[dict[str, Any]], None],
) -> Model:
    """The fitted model; `show` is given the figures before it may be refused.

    Raises ConfigError for files that cannot be read, and where more than 1 % of clean
    prose is over 0.9.
    """
    clean_files = corpus_files(clean)
    comments = [example for file in labelled for example in labelled_examples(file)]
    pages = [
        Example(text, language, False, clean.name)
        for text, language, *_ in drawn(texts_of(clean_files), documents)
    ]
    card = {
        "licence": licence,
        "sources": sorted({example.source for example in comments}),
        "inputs": digests([*labelled, *clean_files]),
    }
    return train(comments, pages, card, bits=bits, show=show)


def labelled_examples(file: Path) -> Iterator[Example]:
    """Rows with `text`, `label` (1 toxic, 0 not), `language`; `source` where it is given.

    Rows in no known language are left out. Raises ConfigError for any other label.
    """
    for number, row in enumerate(rows_of(file), 1):
        label = _LABELS.get(str(row.get("label")).lower())
        text = row.get("text")
        if label is None or not isinstance(text, str):
            raise ConfigError(
                f"{file}: row {number}: `text` and a `label` of 0 or 1 are needed,"
                f" found label {row.get('label')!r}"
            )
        language = language_of(row)
        if language is not None:
            yield Example(text, language, label, str(row.get("source") or file.name))


def table_of(figures: dict[str, Any]) -> list[list[str]]:
    """Figures per language as rows of cells, the heading first."""
    over = [f"> {limit}" for limit in THRESHOLDS]
    rows = [
        [
            "language",
            "comments",
            "AUC",
            *(f"toxic {cell}" for cell in over),
            "clean windows",
        ]
        + [f"clean {cell}" for cell in over]
    ]
    for language, own in figures["languages"].items():
        shares = [
            [_percent(own[kind].get(str(limit))) for limit in THRESHOLDS]
            for kind in ("toxic_over", "clean_over")
        ]
        numbers = [str(own["comments"]), f"{own['auc']:.3f}", *shares[0]]
        windows = str(own["clean_windows"])
        rows.append([language, *numbers, windows, *shares[1]])
    everything = [_percent(figures["clean_over"].get(str(x))) for x in THRESHOLDS]
    blank = [""] * (2 + len(THRESHOLDS))
    rows.append(["all", *blank, str(figures["clean_windows"]), *everything])
    return rows


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
