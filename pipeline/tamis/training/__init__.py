"""Models from the user's own documents: each training is a call that writes one file.

They need scikit-learn, or LightGBM for the extractor: pip install 'tamis[train]'.
"""

import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tamis.errors import ConfigError

if TYPE_CHECKING:
    from tamis.language.sister_model import SisterModel
    from tamis.linear.model import Model
    from tamis.quality.prose import Prose

Show = Callable[[dict[str, Any]], None]


def train_toxicity(
    labelled: Sequence[str | Path],
    clean: str | Path,
    output: str | Path,
    *,
    licence: str = "not stated",
    documents: int = 2_000,
    bits: int = 20,
    show: Show = lambda figures: None,
) -> "Model":
    """Fit the model that score_toxicity reads, and write it to `output`.

    labelled   files of comments: text, label (1 toxic, 0 not), language
    clean      ordinary documents: a run's output folder, or files
    documents  clean documents per language
    show       is given the figures before the model may be refused

    Raises ConfigError where more than 1 % of clean prose scores over 0.9.
    """
    from tamis.toxicity.model import save
    from tamis.training import toxicity

    model = toxicity.train_toxicity(
        [Path(file) for file in labelled],
        Path(clean),
        licence=licence,
        documents=documents,
        bits=bits,
        show=show,
    )
    _write(Path(output), model, save)
    return model


def train_quality(
    positive: str | Path,
    negative: str | Path,
    output: str | Path,
    *,
    licence: str = "not stated",
    documents: int = 1_000,
    bits: int = 20,
    show: Show = lambda figures: None,
) -> "Model":
    """Fit the model that score_quality reads, and write it to `output`.

    positive   good documents, or a .txt of trusted domains within `negative`
    negative   a sample of the crawl: a run's output folder, or files
    documents  of either kind per language
    show       is given the figures
    """
    from tamis.quality.model import save
    from tamis.training import quality

    model = quality.train_quality(
        Path(positive),
        Path(negative),
        licence=licence,
        documents=documents,
        bits=bits,
        show=show,
    )
    _write(Path(output), model, save)
    return model


def train_prose(
    warcs: Sequence[str | Path],
    output: str | Path,
    *,
    gold: str | Path | None = None,
    licence: str = "not stated",
) -> "Prose":
    """Fit the model that score_quality has by default, and write it to `output`.

    warcs   pages to learn from: articles, and what is not
    output  its name ends in prose.npz
    gold    JSON Lines: url, and if known page_type, source, site

    Raises ConfigError where the pages have no articles, or nothing to hold against them.
    """
    from tamis.quality.names import PROSE
    from tamis.quality.prose import save
    from tamis.training import prose

    if not str(output).endswith(PROSE):
        raise ConfigError(f"{output}: the name of such a model ends in {PROSE}")
    model = prose.train_prose(
        [Path(warc) for warc in warcs], Path(gold) if gold else None, licence=licence
    )
    _write(Path(output), model, save)
    return model


def train_language(
    labelled: Sequence[str | Path],
    output: str | Path,
    *,
    licence: str = "not stated",
    bits: int = 14,
) -> "SisterModel":
    """Fit the second opinion on sisters that identify_language reads; write it to `output`.

    labelled  files of texts: text, language, and if known fold (what is held out together)
    """
    from tamis.language.sister_model import save
    from tamis.training import language
    from tamis.training.corpus import digests

    files = [Path(file) for file in labelled]
    card = {"licence": licence, "inputs": digests(files)}
    model = language.train(language.examples_of(files), card, bits=bits)
    _write(Path(output), model, save)
    return model


def train_extractor(
    warcs: Sequence[str | Path],
    output: str | Path,
    *,
    gold: str | Path | None = None,
    teachers: Sequence[str] = ("trafilatura", "resiliparse"),
    cache: str | Path | None = None,
) -> str:
    """Fit the weights that `extract_text: {engine: blocks}` reads; returns its figures as
    Markdown tables.

    gold      JSON Lines: url, text (the whole main text)
    teachers  whose texts label the pages without gold; trafilatura is needed
    cache     a file that keeps what the teachers say, for another training
    """
    from tamis.training.extractor import run

    if "trafilatura" not in teachers:
        raise ConfigError("--teacher: trafilatura must be one of the teachers")
    if find_spec("lightgbm") is None:
        raise ConfigError("training needs LightGBM: pip install 'tamis[train]'")
    asked = ["trafilatura", "trafilatura_comments"]
    asked += ["resiliparse"] * ("resiliparse" in teachers)
    for file in (output, cache):
        if file is not None:  # now, not after hours of asking the teachers
            _make_room(Path(file))
    return run.train_extractor(
        [Path(warc) for warc in warcs],
        Path(gold) if gold else None,
        out=Path(output),
        teachers=tuple(asked),
        cache=Path(cache) if cache else None,
    )


def _make_room(file: Path) -> None:
    """Make the file's folder; ConfigError where no file can be written there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error}") from error


def _write(output: Path, model: Any, save: Callable[[Any, Path], None]) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        save(model, output)
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error}") from error
