"""Estimate the tokens of a text from its length and language.

The table was measured (benchmarks/characters_per_token.py) with a byte-level BPE of
64,000 tokens trained on equal shares of some 300 languages. The ratios between
languages are right, but a model's own tokenizer has 10 to 40 % more characters a token
in its main languages. `mix_corpus.tokenizer` counts exactly.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

# The medians of the table, for a language that it does not have.
_OTHER_CHARACTERS_PER_TOKEN = 2.9
_OTHER_BYTES_PER_CHARACTER = 1.1


def estimated_tokens(
    characters: NDArray[np.int64], languages: Sequence[str]
) -> NDArray[np.int64]:
    """Tokens of each text, rounded up: at least one, but none for an empty text."""
    table = _table()
    other = (_OTHER_CHARACTERS_PER_TOKEN, _OTHER_BYTES_PER_CHARACTER)
    per_token = np.array([table.get(name, other)[0] for name in languages], np.float64)
    return np.ceil(characters / per_token).astype(np.int64)


def bytes_per_character(language: str) -> float:
    """Mean UTF-8 bytes of a character: 1.0 for English, near 3 for Chinese."""
    return _table().get(language, (0.0, _OTHER_BYTES_PER_CHARACTER))[1]


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[float, float]]:
    """{language: (characters per token, UTF-8 bytes per character)}."""
    lines = files("tamis.mix").joinpath("characters_per_token.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in lines.splitlines())
    return {language: (float(token), float(size)) for language, token, size in rows}
