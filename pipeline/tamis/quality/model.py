"""The quality model's file: a linear model that separates good documents from others.

A document's score is the mean of its windows' probabilities, in [0, 1]: how much of it
is like the good examples of its language. See `tamis.linear.model`.
"""

from pathlib import Path

from tamis.linear import model as linear
from tamis.linear.model import Model

FORMAT = "tamis-quality-1"


def save(model: Model, path: str | Path) -> None:
    """Write the model: the same model gives the same bytes."""
    linear.save(model, path, FORMAT)


def load(path: str | Path) -> Model:
    """Read a model. Raises ValueError if the file is no model, OSError if it is absent."""
    return linear.load(path, FORMAT)
