"""A linear model: one weight per bucket of `features`, scored by window.

The file is a zip of two .npy arrays (NumPy's .npz, read without pickle):
    weights  (2**bits,)  int16  weight of each bucket, in units of `scale`
    header   (bytes,)    uint8  JSON in UTF-8: what `Header` names, and the card

The header's `format` names what the model judges and the n-grams of `features`; `seeds`
are the constants of their hash. A file with other values is not read.

The probability of a window is the logistic function of
`intercept + scale * sum(weights of its n-grams) / sqrt(its n-grams)`.
"""

import json
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from tamis.linear.features import SEEDS, Windows, weighted_sums, windows_of
from tamis.text.buffers import Bytes
from tamis.text.words import Words

SHARE_OVER = 0.5  # Scores.share counts the windows above this

_MOST_BITS = 24
_MOST_BYTES = (2 << _MOST_BITS) + (1 << 20)  # of an array, with room for its head
_NO_ARCHIVE = (BadZipFile, zlib.error, RuntimeError, OverflowError)
_LARGEST = np.iinfo(np.int16).max


class Model(NamedTuple):
    """Weights, and the languages that they can score.

    `languages` (ISO 639-3) had examples; texts in others are not scored.
    `card` says where the weights come from: licences, inputs, figures per language.
    """

    weights: NDArray[np.int16]
    scale: float
    intercept: float
    languages: tuple[str, ...]
    card: dict[str, Any]


class Scores(NamedTuple):
    """Per document, in [0, 1]; NaN if it has no words or is not scored."""

    maximum: NDArray[np.float64]  # of its windows' probabilities
    mean: NDArray[np.float64]
    share: NDArray[np.float64]  # of its windows, those over SHARE_OVER


def quantised(
    coefficients: NDArray[np.float64],
    intercept: float,
    languages: tuple[str, ...],
    card: dict[str, Any],
) -> Model:
    """A model of 16-bit weights, each wrong by at most 1/65534 of the largest."""
    largest = float(np.abs(coefficients).max(initial=0.0))
    scale = largest / _LARGEST if largest else 1.0
    weights = np.round(coefficients / scale).astype(np.int16)
    return Model(weights, scale, float(intercept), languages, card)


def document_scores(
    data: Bytes, words: Words, model: Model, languages: Sequence[str | None]
) -> Scores:
    """Scores of the documents in the model's languages; one code per document."""
    words = only(words, [language in model.languages for language in languages])
    windows = windows_of(words)
    return scores_of(window_chances(data, words, windows, model), windows)


def scores_of(chances: NDArray[np.float64], windows: Windows) -> Scores:
    """Scores of the documents from the probabilities of their windows."""
    counts = np.diff(windows.documents)
    filled = counts > 0
    starts = windows.documents[:-1][filled]
    scores = Scores(*np.full((3, len(counts)), np.nan))
    if len(starts):
        scores.maximum[filled] = np.maximum.reduceat(chances, starts)
        scores.mean[filled] = np.add.reduceat(chances, starts) / counts[filled]
        over = (chances > SHARE_OVER).astype(np.float64)
        scores.share[filled] = np.add.reduceat(over, starts) / counts[filled]
    return scores


def only(words: Words, is_wanted: Sequence[bool]) -> Words:
    """The words without those of unwanted documents."""
    wanted = np.array(is_wanted, bool)
    counts = np.diff(words.documents)
    kept = np.repeat(wanted, counts)
    documents = np.concatenate([[0], np.cumsum(counts * wanted)])
    return Words(words.starts[kept], words.ends[kept], words.lengths[kept], documents)


def window_chances(
    data: Bytes, words: Words, windows: Windows, model: Model
) -> NDArray[np.float64]:
    """Probability of every window."""
    sums = weighted_sums(data, words, windows, model.weights)
    return probabilities(model.scale * sums + model.intercept)


def probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function; large numbers do not overflow."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))


def save(model: Model, path: str | Path, format_: str) -> None:
    """Write the model; the same model gives the same bytes."""
    header = {
        "format": format_,
        "seeds": SEEDS,
        "scale": model.scale,
        "intercept": model.intercept,
        "languages": list(model.languages),
        "card": model.card,
    }
    text = json.dumps(header, ensure_ascii=False, indent=1, sort_keys=True)
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            weights=model.weights,
            header=np.frombuffer(text.encode(), np.uint8),
        )


def load(path: str | Path, format_: str) -> Model:
    """Read a model. Raises ValueError if the file is none, OSError if it is missing.

    The file need not be trusted: no part of it may take more memory than in the largest
    model.
    """
    weights, header = archive_arrays(path, format_)
    try:
        return _model_of(weights, header)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not a model of format {format_}: {error}") from error


def archive_arrays(
    path: str | Path, format_: str, *, is_hashed: bool = True
) -> tuple[NDArray[Any], Any]:
    """Weights and header of a file. Raises ValueError if it has no such, or others' seeds.

    Without `is_hashed` the weights are not of hashed n-grams, and have no seeds.
    """
    try:
        with Path(path).open("rb") as file:
            _refuse_giants(file)
            weights, header = _arrays_in(np.load(file, allow_pickle=False), format_)
            if is_hashed and header["seeds"] != SEEDS:
                raise ValueError("its weights are for other seeds of the n-grams' hash")
            return weights, header
    # An archive may also be encrypted or packed in an unknown way, its arrays shorter
    # than declared, its JSON a thousand brackets deep.
    except (*_NO_ARCHIVE, EOFError, KeyError, TypeError, MemoryError) as error:
        raise ValueError(f"not a model of format {format_}: {error}") from error


def _refuse_giants(file: IO[bytes]) -> None:
    """Raise ValueError if a member would unpack to more bytes than a model has."""
    if is_zipfile(file):
        with ZipFile(file) as archive:
            largest = max((own.file_size for own in archive.infolist()), default=0)
        if largest > _MOST_BYTES:
            raise ValueError(f"not a model: {largest:,} bytes in one of its arrays")
    file.seek(0)


def _arrays_in(arrays: Any, format_: str) -> tuple[NDArray[Any], Any]:
    if not {"weights", "header"} <= set(getattr(arrays, "files", ())):
        raise ValueError(f"not a model of format {format_}: no weights and header")
    with arrays:
        weights, header = arrays["weights"], json.loads(arrays["header"].tobytes())
    if header["format"] != format_:
        raise ValueError(f"not a model of format {format_}")
    return weights, header


def _model_of(weights: NDArray[Any], header: Any) -> Model:
    bits = len(weights).bit_length() - 1
    # Of a single weight no bit of a hash is asked for, and a kernel cannot shift by 64.
    is_sized = weights.shape == (1 << bits,) and 1 <= bits <= _MOST_BITS
    if weights.dtype != np.int16 or not is_sized:
        raise ValueError(f"weights of shape {weights.shape} and type {weights.dtype}")
    scale, intercept = float(header["scale"]), float(header["intercept"])
    if not (math.isfinite(scale) and math.isfinite(intercept)):
        raise ValueError(f"a scale of {scale} and an intercept of {intercept}")
    languages, card = header["languages"], header["card"]
    if not isinstance(card, dict) or not isinstance(languages, list):
        raise ValueError("its languages are not a list, or its card is not an object")
    return Model(weights, scale, intercept, tuple(map(str, languages)), card)
