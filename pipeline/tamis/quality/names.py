"""Names that commands and settings take: presets of bounds, what they are for, ways to find
bounds, and the packaged model."""

from pathlib import Path
from typing import Literal

Preset = Literal["gopher", "c4", "fineweb", "fineweb2", "tamis"]
Profile = Literal["prose", "everything", "by_type"]
Method = Literal["quantile", "meanstd", "10tail"]

# The packaged model, by its name in a recipe and by its file.
DEFAULT = "default"
PROSE = "prose.npz"  # what the name of such a file ends in
DEFAULT_PATH = str(Path(__file__).with_name(PROSE))

# The columns of measure_text that it reads.
MEASURED = (
    "uppercase_word_ratio",
    "top_2gram_char_ratio",
    "duplicate_5gram_char_ratio",
    "duplicate_line_char_ratio",
)
