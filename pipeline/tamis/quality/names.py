"""Names that commands and settings take: presets of bounds, and ways to find bounds."""

from typing import Literal

Preset = Literal["gopher", "c4", "fineweb", "fineweb2", "tamis"]
Method = Literal["quantile", "meanstd", "10tail"]
