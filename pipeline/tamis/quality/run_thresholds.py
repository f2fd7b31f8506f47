"""Bounds of filter_quality from the documents of a finished run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from tamis.errors import ConfigError
from tamis.language.codes import canonical_language
from tamis.quality.calibrate import COLUMNS, Values, calibrated
from tamis.quality.names import Method, Preset
from tamis.quality.presets import Bounds, preset_bounds, usual_script
from tamis.storage import Storage

# If there are more documents, only those with the smallest ids (hashes) are read.
_MOST_DOCUMENTS = 5_000_000


@dataclass(frozen=True)
class Calibrated:
    """Bounds by language, and how many documents of each there were."""

    bounds: dict[str, Bounds]
    documents: Counter[str]
    about: str

    def to_yaml(self) -> str:
        """The table that `filter_quality: {thresholds: FILE}` reads."""
        lines = [
            f"# {self.about}",
            f"# Least and most of each column, for filter_quality. Of "
            f"{_said(self.documents)} documents.",
        ]
        for language, bounds in self.bounds.items():
            lines.append(f"{language}:")
            for column, bound in bounds.items():
                flow = yaml.safe_dump(list(bound), default_flow_style=True).strip()
                lines.append(f"  {column}: {flow}")
        return "\n".join(lines) + "\n"


def calibrate_documents(
    storage: Storage,
    files: Sequence[str],
    *,
    method: str,
    reference: str,
    preset: str,
    columns: tuple[str, ...],
    min_documents: int,
    saved: str,
) -> Calibrated:
    """Bounds of every language with `min_documents` or more documents in `files` of a save.

    Raises ConfigError if there is no such language, or for an unknown name.
    """
    for name, value, known in (
        ("method", method, get_args(Method)),
        ("preset", preset, get_args(Preset)),
    ):
        if value not in known:
            raise ConfigError(f"{name}: {value!r} is none of {', '.join(known)}")
    run = storage.shown
    try:
        language = canonical_language(reference)
    except ValueError as error:
        raise ConfigError(f"--reference: {error}") from error
    chosen = preset_bounds(cast(Preset, preset), language, usual_script(language))
    if not chosen:
        raise ConfigError(
            f"--preset {preset} has no bounds for {language}: name another --reference"
        )
    bounds = _chosen(chosen, columns, preset)
    table = _documents(storage, files, saved, tuple(bounds))
    counts = Counter(
        {
            row["values"]: row["counts"]
            for row in pc.value_counts(table["language"]).to_pylist()
        }
    )
    wanted = sorted(
        code for code, count in counts.items() if code and count >= min_documents
    )
    if method != "10tail" and language not in wanted:
        raise ConfigError(
            f"--method {method} needs {min_documents} documents in {language}, "
            f"{run} has {counts[language]}"
        )
    others = [code for code in wanted if method == "10tail" or code != language]
    if not others:
        raise ConfigError(
            f"no language to calibrate in {run}: of {min_documents} documents "
            f"and more there are none; {_said(counts)}"
        )
    # 10tail does not use the reference.
    of_reference = _values(table, language if language in wanted else others[0], bounds)
    found = {
        code: calibrated(
            _values(table, code, bounds),
            of_reference,
            bounds,
            method=cast(Method, method),
        )
        for code in others
    }
    source = "" if method == "10tail" else f" --reference {language}"
    about = f"tamis calibrate --method {method}{source}"
    return Calibrated(found, counts, about)


def _chosen(bounds: Bounds, columns: tuple[str, ...], preset: str) -> Bounds:
    unknown = set(columns) - set(bounds)
    if unknown:
        raise ConfigError(
            f"--column {min(unknown)}: {preset} has no bound for it; there are "
            + ", ".join(bounds)
        )
    wanted = columns or COLUMNS
    return {column: bounds[column] for column in bounds if column in wanted}


def _documents(
    storage: Storage, files: Sequence[str], saved: str, columns: tuple[str, ...]
) -> pa.Table:
    """`language` and `columns` of the saved documents, or of a uniform sample of them."""
    if not files:
        raise ConfigError(f"{storage.shown_path(saved)}: no documents there")
    rows = 0
    for name in files:
        with storage.table(name) as opened:
            known = opened.schema.names
            rows += opened.metadata.num_rows
    missing = [c for c in ("language", *columns) if c not in known]
    if missing:
        raise ConfigError(
            f"{storage.shown_path(saved)} has no column {missing[0]!r}: "
            "name a save below measure_text with --saved"
        )
    largest = int(2**64 * min(1.0, _MOST_DOCUMENTS / max(rows, 1))) - 1
    tables: list[pa.Table] = []
    for name in files:
        with storage.table(name) as opened:
            table = opened.read(["id", "language", *columns])
        is_drawn = pc.less_equal(table["id"], pa.scalar(largest, pa.uint64()))
        tables.append(table.filter(is_drawn).drop_columns(["id"]))
    return pa.concat_tables(tables)


def _values(table: pa.Table, language: str, bounds: Bounds) -> Values:
    rows = table.filter(pc.equal(table["language"], language))
    # A float32's 0.3 is more than 0.3: it is exact to seven places.
    return {
        column: np.round(rows[column].cast(pa.float64()).to_numpy(), 7)
        for column in bounds
    }


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{code} {count}" for code, count in counts.most_common())
