"""py3langid's model as arrays: naive Bayes over byte sequences, for 140 languages.

Lui and Baldwin, "langid.py: An Off-the-shelf Language Identification Tool" (2012). An
automaton walks over a text's bytes, and some of its states are features. A language's score
is the sum over features of log(1 + count) times the feature's weight for that language.
Scores are divided by the root of the text's length before they become probabilities, as
py3langid does, to which this is equal but for rounding: its float16 weights are whole
numbers of 1/512 between 2 and 16, so that they are summed as integers here.

The model is a packed file of the package. It is unpacked once per installation, which takes
two seconds, and mapped from there.
"""

import io
import lzma
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.cache import cached_arrays
from tamis.compiled import kernel
from tamis.errors import StorageError
from tamis.text.buffers import Bytes, Offsets, joined

_MOST_BYTES = 1 << 28  # of the model, unpacked
_FORMAT = 2  # of the arrays below
_UNITS = 512  # of a weight in 1
_MOST_UNITS = (1 << 15) // 4  # four weights are summed in an int16
_ROW = 16  # columns: a multiple of what is added at once
_LANES = 8  # texts that are walked at once, as a walk waits for memory at each byte


class ByteSequences(NamedTuple):
    """The model.

    The 256 moves of a state lie in 16 blocks, which states share: 5 MB in place of 39.

    labels   of each column; of equal ones the first stands for all
    block    (states, 16)         uint16: the block of moves for bytes of these upper bits
    moves    (blocks, 16)         uint32: the next state, by the lower bits
    feature  (states,)            int32; -1 if the state is none
    weights  (features, 144)      int16: in 1/512; 0 behind the columns
    priors   (columns,)           float32
    """

    labels: tuple[str, ...]
    block: NDArray[np.uint16]
    moves: NDArray[np.uint32]
    feature: NDArray[np.int32]
    weights: NDArray[np.int16]
    priors: NDArray[np.float32]


class SequenceModel:
    """An open model; not for several threads at once."""

    def __init__(self, model: ByteSequences) -> None:
        self.labels = tuple(dict.fromkeys(model.labels))
        self._model = model
        places = [self.labels.index(label) for label in model.labels]
        self._label_of = np.array(places, np.int32)
        self._counts = np.zeros(len(model.weights), np.int32)

    def probabilities(self, lines: Sequence[str]) -> NDArray[np.float64]:
        """(lines, labels): their sum 1. All are equal if the line has no feature."""
        data, offsets = joined([_normal(line) for line in lines])
        model = self._model
        return _chances(
            data,
            offsets,
            model.block,
            model.moves,
            model.feature,
            model.weights,
            model.priors,
            self._label_of,
            self._counts,
        )


def _normal(line: str) -> bytes:
    """What py3langid reads of a line."""
    if line.isupper():
        line = line.lower()
    return unicodedata.normalize("NFC", line).encode("utf-8", "surrogatepass")


@kernel
def _chances(
    data: Bytes,
    offsets: Offsets,
    block: NDArray[np.uint16],
    moves: NDArray[np.uint32],
    feature: NDArray[np.int32],
    weights: NDArray[np.int16],
    priors: NDArray[np.float32],
    label_of: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> NDArray[np.float64]:
    """(texts, labels): probabilities. `counts` is zeros before and after."""
    chances = np.zeros((len(offsets) - 1, label_of.max() + 1), np.float64)
    longest = 0
    for text in range(len(chances)):
        longest = max(longest, offsets[text + 1] - offsets[text])
    met = np.empty((_LANES, longest + 1), np.int32)
    scores = np.empty(len(priors), np.float64)
    for first in range(0, len(chances), _LANES):
        starts = offsets[first : first + _LANES + 1]
        several = _walk(met, data, starts, block, moves, feature)
        for lane in range(len(starts) - 1):
            scores[:] = 0
            if several[lane]:
                _sum(scores, met[lane, : several[lane]], weights, counts)
                scores += priors
            size = max(starts[lane + 1] - starts[lane], 1)
            _soften(chances[first + lane], scores, label_of, np.sqrt(size))
    return chances


@kernel
def _soften(
    chances: NDArray[np.float64],
    scores: NDArray[np.float64],
    label_of: NDArray[np.int32],
    temperature: np.float64,
) -> None:
    """Write the labels' shares of the exponentials of scores divided by `temperature`."""
    largest = scores.max()
    total = 0.0
    for column in range(len(scores)):
        scores[column] = np.exp((scores[column] - largest) / temperature)
        total += scores[column]
    for column in range(len(scores)):
        chances[label_of[column]] += scores[column] / total


@kernel
def _walk(
    met: NDArray[np.int32],
    data: Bytes,
    offsets: Offsets,
    block: NDArray[np.uint16],
    moves: NDArray[np.uint32],
    feature: NDArray[np.int32],
) -> NDArray[np.int64]:
    """Write the features that each text meets, a text in a row; returns how many."""
    lanes = len(offsets) - 1
    state = np.zeros(_LANES, np.int64)
    several = np.zeros(_LANES, np.int64)
    for place in range(met.shape[1]):
        is_over = True
        for lane in range(lanes):
            here = offsets[lane] + place
            if here >= offsets[lane + 1]:
                continue
            is_over = False
            byte = data[here]
            state[lane] = moves[block[state[lane], byte >> 4], byte & 15]
            at = feature[state[lane]]
            met[lane, several[lane]] = at
            several[lane] += at >= 0
        if is_over:
            break
    return several


@kernel
def _sum(
    scores: NDArray[np.float64],
    events: NDArray[np.int32],
    weights: NDArray[np.int16],
    counts: NDArray[np.int32],
) -> None:
    """Add each feature's weights times log(1 + count), features of one count at once."""
    features = np.empty(len(events) + 1, np.int32)
    several = 0
    for at in events:
        features[several] = at
        several += counts[at] == 0
        counts[at] += 1
    totals = np.empty(weights.shape[1], np.int32)
    starts = np.zeros(len(events) + 2, np.int32)
    most = 0
    for at in features[:several]:
        starts[counts[at] + 1] += 1
        most = max(most, counts[at])
    for count in range(1, most + 2):
        starts[count] += starts[count - 1]
    ordered = np.empty(several, np.int32)
    for at in features[:several]:
        ordered[starts[counts[at]]] = at
        starts[counts[at]] += 1
        counts[at] = 0
    # What was the start of a count is now its end.
    for count in range(1, most + 1):
        group = ordered[starts[count - 1] : starts[count]]
        if len(group):
            _sum_rows(totals, group, weights)
            weight = np.float64(np.log1p(np.float32(count))) / _UNITS
            for column in range(len(scores)):
                scores[column] += weight * totals[column]


@kernel
def _sum_rows(
    totals: NDArray[np.int32], group: NDArray[np.int32], weights: NDArray[np.int16]
) -> None:
    """Write the sums of some rows. There are less than 2^31 / 2^13 rows."""
    totals[:] = 0
    place = 0
    while place + 4 <= len(group):
        a, b = weights[group[place]], weights[group[place + 1]]
        c, d = weights[group[place + 2]], weights[group[place + 3]]
        for column in range(len(totals)):
            four = np.int16(a[column] + b[column] + c[column] + d[column])
            totals[column] = np.int32(totals[column] + four)
        place += 4
    for at in group[place:]:
        for column in range(len(totals)):
            totals[column] = np.int32(totals[column] + weights[at, column])


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
        units = arrays["ptc"].astype(np.float64) * _UNITS
        weights = np.rint(units).astype(np.int16)
        priors = arrays["pc"].astype(np.float32)
        labels = " ".join(arrays["classes"].tolist()).encode()
    if (
        len(moves) > 1 << 16
        or len(feature) != len(block)
        or moves.max() >= len(block)
        or not -1 <= feature.min() <= feature.max() < len(weights)
        or weights.shape[1:] != priors.shape
        or not (units == weights).all()
        or not -_MOST_UNITS < units.min() <= units.max() <= 0
    ):
        raise StorageError(f"{path}: not the model of py3langid that is expected")
    # Features of many languages are met most: side by side, they share pages of memory.
    usual = np.array([np.bincount(-column).argmax() for column in weights.T])
    order = (weights == -usual).sum(axis=1).argsort(kind="stable")
    place = np.full(len(order) + 1, -1, np.int32)  # the last one, of -1, stays
    place[order] = np.arange(len(order))
    weights, feature = weights[order], place[feature]
    return {
        "labels": np.frombuffer(labels, np.uint8),
        "block": block.astype(np.uint16),
        "moves": moves,
        "feature": feature,
        "weights": np.pad(weights, ((0, 0), (0, -weights.shape[1] % _ROW))),
        "priors": priors,
    }
