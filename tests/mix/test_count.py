"""Tokens are those of the whole text, whatever a tokenizer.json says of batches."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from tamis.mix.count import open_tokenizer, text_tokens

TEXTS = ["ein Wort", "und noch ein paar Wörter mehr, alle zusammen", ""]


@pytest.fixture
def tokenizer() -> Tokenizer:
    found = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    found.pre_tokenizer = Whitespace()
    return found


@pytest.mark.parametrize(
    ("padding", "truncation"),
    [
        pytest.param({}, None, id="padded to the longest of a batch"),
        pytest.param({"length": 20}, None, id="padded to a length"),
        pytest.param(None, 4, id="cut"),
        pytest.param({}, 4, id="both, as models for sentences have it"),
    ],
)
def test_a_tokenizer_that_pads_or_cuts_counts_the_words_of_each_text(
    tmp_path: Path,
    tokenizer: Tokenizer,
    padding: dict[str, int] | None,
    truncation: int | None,
) -> None:
    if padding is not None:
        tokenizer.enable_padding(**padding)
    if truncation is not None:
        tokenizer.enable_truncation(truncation)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    # The comma is a token of its own.
    assert text_tokens(open_tokenizer(str(path)), TEXTS) == [2, 9, 0]
