"""Any fastText classifier, read from a .bin or .ftz file: labels and probabilities.

fastText reads one line. A text is given to it as one line, or line by line. Then the
result is the mean of the lines, weighted by bytes, so that a menu's many short lines
count little (as in dactory).
"""

from collections.abc import Collection
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tamis.linear.fasttext_file import open_fasttext
from tamis.linear.features import Windows
from tamis.text.buffers import Bytes
from tamis.text.words import Words


class FastTextLabels:
    """An open model. Raises ValueError if the file is no model."""

    def __init__(self, path: str) -> None:
        self._model = open_fasttext(path)
        # Only an answer shows the labels; k = -1 gives all of them.
        labels, _ = self._model.predict("a", k=-1, threshold=-1.0)
        self.labels: tuple[str, ...] = tuple(sorted(labels))

    def chance(self, text: str, labels: Collection[str], *, by_line: bool) -> float:
        """Probability that the label is one of `labels`, in [0, 1]; 0 for no text."""
        lines = text.split("\n") if by_line else [" ".join(text.split("\n"))]
        total = weight = 0.0
        for line in lines:
            size = len(line.encode("utf-8", "replace"))
            if not line.strip():
                continue
            total += size * self._of_line(line, labels)
            weight += size
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

    def _of_line(self, line: str, wanted: Collection[str]) -> float:
        labels, scores = self._model.predict(line, k=-1, threshold=-1.0)
        found = sum(
            score
            for label, score in zip(labels, scores, strict=True)
            if label in wanted
        )
        # fastText's rounded sums can exceed 1.
        return min(max(float(found), 0.0), 1.0)
