"""tamis calibrate: bounds of filter_quality from a run's own documents."""

from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import yaml
from rich.console import Console
from rich.table import Table

from tamis.cli.options import run_argument
from tamis.errors import ConfigError
from tamis.language.codes import canonical_language
from tamis.quality.calibrate import COLUMNS, Method, Values, calibrated
from tamis.quality.presets import Bounds, preset_bounds
from tamis.storage import Storage

_PRESETS = ("fineweb2", "gopher", "fineweb", "c4")
_METHODS = ("quantile", "meanstd", "10tail")
# Of more documents a part is read: those with the smallest ids, which are hashes.
_MOST_DOCUMENTS = 5_000_000


@click.command(
    "calibrate",
    epilog="""\b
    Examples:
      tamis calibrate out/ --method quantile
      tamis calibrate out/ --method 10tail --column mean_word_length
    and in the recipe:
      - filter_quality: {preset: fineweb2, thresholds: thresholds.yaml}
    """,
)
@run_argument
@click.option("--method", type=click.Choice(_METHODS), required=True)
@click.option(
    "--reference",
    default="eng",
    show_default=True,
    metavar="CODE",
    help="Language whose bounds are carried over to the others.",
)
@click.option(
    "--preset",
    default="fineweb2",
    show_default=True,
    type=click.Choice(_PRESETS),
    help="Where its bounds come from.",
)
@click.option(
    "--column", "columns", multiple=True, help="Only this one; may stand several times."
)
@click.option(
    "--min-documents",
    default=50,
    show_default=True,
    type=click.IntRange(1),
    help="Languages with fewer are left out.",
)
@click.option(
    "--saved",
    default="documents",
    show_default=True,
    metavar="NAME",
    help="The `save:` of the run that has the columns.",
)
@click.option(
    "--out",
    default="thresholds.yaml",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
)
def command(
    run: str,
    method: Method,
    reference: str,
    preset: Any,
    columns: tuple[str, ...],
    min_documents: int,
    saved: str,
    out: Path,
) -> None:
    """Compute bounds per language from the documents of RUN, an output folder.

    Takes every document that was saved, dropped later or not: a bound says how far from
    the others a document may lie. 10tail and meanstd of a few hundred documents are
    rough. Columns with null for a language are left out.
    """
    console = Console()
    storage = Storage(run)
    storage.read_json("run.json")  # says clearly where there is no run
    try:
        language = canonical_language(reference)
    except ValueError as error:
        raise ConfigError(f"--reference: {error}") from error
    bounds = _chosen(preset_bounds(preset, language, "Latn"), columns, preset)
    table = _documents(storage, saved, tuple(bounds))
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
    # 10tail looks at no reference.
    of_reference = _values(table, language if language in wanted else others[0], bounds)
    found = {
        code: calibrated(_values(table, code, bounds), of_reference, bounds, method)
        for code in others
    }
    out.write_text(_yaml(found, counts, method, language, run), encoding="utf-8")
    console.print(_shown(found, counts))
    console.print(f"thresholds  {out}", highlight=False, soft_wrap=True)


def _chosen(bounds: Bounds, columns: tuple[str, ...], preset: str) -> Bounds:
    unknown = set(columns) - set(bounds)
    if unknown:
        raise ConfigError(
            f"--column {min(unknown)}: {preset} has no bound for it; there are "
            + ", ".join(bounds)
        )
    wanted = columns or COLUMNS
    return {column: bounds[column] for column in bounds if column in wanted}


def _documents(storage: Storage, saved: str, columns: tuple[str, ...]) -> pa.Table:
    """`language` and `columns` of the saved documents, or of an even part of them."""
    paths = [storage.path(n) for n in storage.names(saved) if n.endswith(".parquet")]
    if not paths:
        raise ConfigError(f"{storage.path(saved)}: no documents there")
    dataset = ds.dataset(paths, filesystem=storage.filesystem)
    missing = [c for c in ("language", *columns) if c not in dataset.schema.names]
    if missing:
        raise ConfigError(
            f"{storage.path(saved)} has no column {missing[0]!r}: "
            "name a save behind measure_text with --saved"
        )
    rows = dataset.count_rows()
    condition = None
    if rows > _MOST_DOCUMENTS:
        largest = int(2**64 * (_MOST_DOCUMENTS / rows)) - 1
        condition = pc.field("id") <= pa.scalar(largest, pa.uint64())
    table: pa.Table = dataset.to_table(["language", *columns], filter=condition)
    return table


def _values(table: pa.Table, language: str, bounds: Bounds) -> Values:
    rows = table.filter(pc.equal(table["language"], language))
    # A float32's 0.3 is more than 0.3: seven places are what it knows.
    return {
        column: np.round(rows[column].cast(pa.float64()).to_numpy(), 7)
        for column in bounds
    }


def _yaml(
    found: dict[str, Bounds],
    counts: Counter[str],
    method: str,
    reference: str,
    run: str,
) -> str:
    source = "" if method == "10tail" else f" --reference {reference}"
    lines = [
        f"# tamis calibrate {run} --method {method}{source}",
        f"# Least and most of each column, for filter_quality. Of {_said(counts)} documents.",
    ]
    for language, bounds in found.items():
        lines.append(f"{language}:")
        for column, bound in bounds.items():
            flow = yaml.safe_dump(list(bound), default_flow_style=True).strip()
            lines.append(f"  {column}: {flow}")
    return "\n".join(lines) + "\n"


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{code} {count}" for code, count in counts.most_common())


def _shown(found: dict[str, Bounds], counts: Counter[str]) -> Table:
    table = Table(title_justify="left", title="thresholds")
    table.add_column("column")
    for language in found:
        table.add_column(f"{language} ({counts[language]:,})", justify="right")
    columns = dict.fromkeys(column for bounds in found.values() for column in bounds)
    for column in columns:
        cells = [_side(bounds.get(column, (None, None))) for bounds in found.values()]
        table.add_row(column, *cells)
    return table


def _side(bound: tuple[float | None, float | None]) -> str:
    return " to ".join("" if side is None else f"{side:.3g}" for side in bound).strip()
