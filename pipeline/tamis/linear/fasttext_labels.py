"""Any fastText classifier, read from a .bin or .ftz file: labels and probabilities.

fastText reads one line. A text is given to it as one line, or line by line. Then the
result is the mean of the lines, weighted by bytes, so that a menu's many short lines
count little (as in dactory).
"""

from collections.abc import Collection
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tamis.linear.fasttext_model import FastTextModel
from tamis.linear.features import Windows
from tamis.text.buffers import Bytes
from tamis.text.words import Words


class FastTextLabels:
    """An open model. Raises ValueError if the file is no model."""

    def __init__(self, path: str) -> None:
        self._model = FastTextModel(path)
        self.labels = tuple(sorted(self._model.labels))

    def chance(self, text: str, labels: Collection[str], *, by_line: bool) -> float:
        """Probability that the label is one of `labels`, in [0, 1]; 0 for no text."""
        lines = text.split("\n") if by_line else [" ".join(text.split("\n"))]
        total = weight = 0.0
        for line in lines:
            if not line.strip():
                continue
            utf8 = np.frombuffer(line.encode("utf-8", "replace"), np.uint8)
            total += len(utf8) * self._of_line(utf8, labels)
            weight += len(utf8)
        return total / weight if weight else 0.0

    def window_chances(
        self, data: Bytes, words: Words, windows: Windows, labels: Collection[str]
    ) -> NDArray[np.float64]:
        """Probability that each window's label is one of `labels`, as one line."""
        chances = np.zeros(len(windows.words) - 1)
        for window, (first, last) in enumerate(pairwise(windows.words.tolist())):
            start, stop = int(words.starts[first]), int(words.ends[last - 1])
            text = data[start:stop].tobytes().decode("utf-8", "replace")
            chances[window] = self.chance(text, labels, by_line=False)
        return chances

    def _of_line(self, line: Bytes, wanted: Collection[str]) -> float:
        scores: list[float] = self._model.probabilities(line).tolist()
        found = sum(
            score
            for label, score in zip(self._model.labels, scores, strict=True)
            if label in wanted
        )
        return min(found, 1.0)  # fastText's rounded sums can exceed 1
