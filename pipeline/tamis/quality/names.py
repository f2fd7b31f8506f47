"""Names that commands and settings take: presets of bounds, what they are for, and ways to find bounds."""

from typing import Literal

Preset = Literal["gopher", "c4", "fineweb", "fineweb2", "tamis"]
Profile = Literal["prose", "everything", "by_type"]
Method = Literal["quantile", "meanstd", "10tail"]
