"""Any fastText classifier, read from a .bin or .ftz file: labels and probabilities.

fastText reads one line. A text is given to it as one line, or line by line. Then the
result is the mean of the lines, weighted by bytes, so that a menu's many short lines
count little (as in dactory).
"""

from collections.abc import Collection, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tamis.linear.fasttext_model import FastTextModel
from tamis.linear.features import Windows
from tamis.text.buffers import Bytes, joined
from tamis.text.words import Words

_AT_ONCE = 256  # lines: their probabilities are 2 MB if the model has 2,000 labels


class FastTextLabels:
    """An open model. Raises ValueError if the file is no model."""

    def __init__(self, path: str) -> None:
        self._model = FastTextModel(path)
        self.labels = tuple(sorted(self._model.labels))

    def chance(self, text: str, labels: Collection[str], *, by_line: bool) -> float:
        """Probability that the label is one of `labels`, in [0, 1]; 0 for no text."""
        lines = text.split("\n") if by_line else [text.replace("\n", " ")]
        some = [line.encode("utf-8", "replace") for line in lines if line.strip()]
        total = weight = 0.0
        for line, chance in zip(some, self._of_lines(some, labels), strict=True):
            total += len(line) * chance
            weight += len(line)
        return total / weight if weight else 0.0

    def window_chances(
        self, data: Bytes, words: Words, windows: Windows, labels: Collection[str]
    ) -> NDArray[np.float64]:
        """Probability that each window's label is one of `labels`, as one line."""
        lines = []
        for first, last in pairwise(windows.words.tolist()):
            start, stop = int(words.starts[first]), int(words.ends[last - 1])
            text = data[start:stop].tobytes().decode("utf-8", "replace")
            lines.append(text.replace("\n", " ").encode())
        return np.array(list(self._of_lines(lines, labels)), np.float64)

    def _of_lines(self, lines: list[bytes], wanted: Collection[str]) -> Iterator[float]:
        columns = [
            place for place, label in enumerate(self._model.labels) if label in wanted
        ]
        for start in range(0, len(lines), _AT_ONCE):
            some = joined(lines[start : start + _AT_ONCE])
            for found in self._model.probabilities(*some)[:, columns].tolist():
                yield min(sum(found), 1.0)  # fastText's rounded sums can exceed 1
