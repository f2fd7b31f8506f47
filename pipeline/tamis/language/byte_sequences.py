"""py3langid's model as arrays: naive Bayes over byte sequences, for 140 languages.

Lui and Baldwin, "langid.py: An Off-the-shelf Language Identification Tool" (2012). An
automaton walks over a text's bytes, and some of its states are features. A language's score
is the sum over features of log(1 + count) times the feature's weight for that language.
Scores are divided by the root of the text's length before they become probabilities, as
py3langid does, to which this is equal but for the order of sums.

The model is a packed file of the package. It is unpacked once per installation, which takes
two seconds, and mapped from there.
"""

import io
import lzma
import math
import unicodedata
from functools import lru_cache
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.cache import cached_arrays
from tamis.compiled import kernel
from tamis.errors import StorageError
from tamis.text.buffers import Bytes

_MOST_BYTES = 1 << 28  # of the model, unpacked
_FORMAT = 1  # of the arrays below
# A half-precision number's bits, 13 to the left, are those of the float32 that is 2^112 too
# small: 112 = 127 - 15, the difference of the exponents' biases.
_REBIASED = np.float32(2.0**112)


class ByteSequences(NamedTuple):
    """The model.

    The 256 moves of a state lie in 16 blocks, which states share: 5 MB in place of 39.

    labels   of each column; of equal ones the first stands for all
    block    (states, 16)         uint16: the block of moves for bytes of these upper bits
    moves    (blocks, 16)         uint32: the next state, by the lower bits
    feature  (states,)            int32; -1 if the state is none
    weights  (features, columns)  uint16: float16 numbers as bits
    priors   (columns,)           float32
    """

    labels: tuple[str, ...]
    block: NDArray[np.uint16]
    moves: NDArray[np.uint32]
    feature: NDArray[np.int32]
    weights: NDArray[np.uint16]
    priors: NDArray[np.float32]


class SequenceModel:
    """An open model; not for several threads at once."""

    def __init__(self, model: ByteSequences) -> None:
        self.labels = tuple(dict.fromkeys(model.labels))
        self._model = model
        self._column = [self.labels.index(label) for label in model.labels]
        self._counts = np.zeros(len(model.weights), np.int32)

    def probabilities(self, line: str) -> NDArray[np.float64]:
        """(labels,): of each label, their sum 1. All are equal if the line has no feature."""
        if line.isupper():
            line = line.lower()
        text = unicodedata.normalize("NFC", line).encode("utf-8", "surrogatepass")
        model = self._model
        scores = _scores(
            np.frombuffer(text, np.uint8),
            model.block,
            model.moves,
            model.feature,
            model.weights,
            model.priors,
            self._counts,
        )
        chances = np.exp((scores - scores.max()) / math.sqrt(len(text) or 1))
        chances /= chances.sum()
        found = np.zeros(len(self.labels))
        np.add.at(found, self._column, chances)
        return found


@kernel
def _scores(
    text: Bytes,
    block: NDArray[np.uint16],
    moves: NDArray[np.uint32],
    feature: NDArray[np.int32],
    weights: NDArray[np.uint16],
    priors: NDArray[np.float32],
    counts: NDArray[np.int32],
) -> NDArray[np.float64]:
    """(columns,) scores; all 0 without a feature. `counts` is zeros before and after."""
    seen = np.empty(len(text), np.int32)
    several = state = 0
    for byte in text:
        state = moves[block[state, byte >> 4], byte & 15]
        at = feature[state]
        if at >= 0:
            if counts[at] == 0:
                seen[several] = at
                several += 1
            counts[at] += 1
    scores = np.zeros(len(priors), np.float64)
    for at in seen[:several]:
        weight = np.log1p(np.float32(counts[at]))
        counts[at] = 0
        _add_halves(scores, weights[at], weight)
    if several:
        scores += priors
    return scores


@kernel
def _add_halves(
    scores: NDArray[np.float64], halves: NDArray[np.uint16], weight: np.float32
) -> None:
    """Add float16 numbers, each times `weight`. There is no infinity among them."""
    for column in range(len(halves)):
        half = np.uint32(halves[column])
        bits = ((half & np.uint32(0x7FFF)) << np.uint32(13)) | (
            (half & np.uint32(0x8000)) << np.uint32(16)
        )
        scores[column] += weight * (np.uint32(bits).view(np.float32) * _REBIASED)


@lru_cache(maxsize=1)
def packaged_sequences() -> ByteSequences:
    """The model in the package py3langid, found without importing it.

    Raises StorageError if the package has another model than expected.
    """
    package = metadata.distribution("py3langid")
    path = str(package.locate_file("py3langid/data/model.npz.xz"))
    name = f"languages-{package.version}-{_FORMAT}"
    arrays = cached_arrays(name, lambda: _unpacked(path))
    labels = bytes(arrays["labels"]).decode().split()
    return ByteSequences(
        tuple(labels), *(arrays[name] for name in ByteSequences._fields[1:])
    )


def _unpacked(path: str) -> dict[str, NDArray[Any]]:
    with lzma.open(path) as file:
        content = file.read(_MOST_BYTES)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        rows = arrays["nextmove"].astype(np.uint32).reshape(-1, 16)
        moves, block = np.unique(rows, axis=0, return_inverse=True)
        block = block.reshape(-1, 16)[arrays["nextmove_row"]]
        feature = arrays["out_feat"].astype(np.int32)
        weights = arrays["ptc"].astype(np.float16)
        priors = arrays["pc"].astype(np.float32)
        labels = " ".join(arrays["classes"].tolist()).encode()
    if (
        len(moves) > 1 << 16
        or len(feature) != len(block)
        or moves.max() >= len(block)
        or not -1 <= feature.min() <= feature.max() < len(weights)
        or weights.shape[1:] != priors.shape
        or not np.isfinite(weights).all()
    ):
        raise StorageError(f"{path}: not the model of py3langid that is expected")
    return {
        "labels": np.frombuffer(labels, np.uint8),
        "block": block.astype(np.uint16),
        "moves": moves,
        "feature": feature,
        "weights": weights.view(np.uint16),
        "priors": priors,
    }
