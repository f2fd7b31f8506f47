"""Where the weights of the package are."""

from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).with_name("weights.json")
