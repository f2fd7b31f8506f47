"""The toxicity model: the file that training writes, and the shipped one.

See `tamis.linear.model` for what the file holds and how a window is scored.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tamis.linear.model import Model


COLUMNS = ("toxicity_max", "toxicity_mean", "toxicity_share")  # as in linear's Scores
FORMAT = "tamis-toxicity-1"
DEFAULT = "default"
DEFAULT_PATH = str(Path(__file__).with_name("default.npz"))


def save(model: "Model", path: str | Path) -> None:
    """Write the model; the same model gives the same bytes."""
    from tamis.linear import model as linear

    linear.save(model, path, FORMAT)


def load(path: str | Path) -> "Model":
    """Read a model. Raises ValueError if the file is none, OSError if it is missing."""
    from tamis.linear import model as linear

    return linear.load(path, FORMAT)


@lru_cache(maxsize=1)
def default_model() -> "Model":
    """The model shipped with the package; see its card."""
    return load(DEFAULT_PATH)
