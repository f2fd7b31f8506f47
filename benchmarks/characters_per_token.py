r"""Measure the characters per token by language, for
pipeline/tamis/mix/kernels/tokens.py.

    python benchmarks/characters_per_token.py ../shared/data \
        > pipeline/tamis/mix/characters_per_token.tsv

Prints language, characters per token and UTF-8 bytes per character. Trains a byte-level
BPE of 64,000 tokens on half of the labelled sentences and texts, with equal weights for
all languages, and counts on the other half. A tokenizer trained on more text has more
characters in a token of a large language; give `mix_corpus` the tokenizer.json of your
model for exact numbers.
"""

import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

_VOCABULARY = 64_000
_CHARACTERS_PER_LANGUAGE = 60_000
_MIN_CHARACTERS = 4_000


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of the labelled sentences and of the gold texts."""
    two_to_three: dict[str, str] = {}
    with gzip.open(folder / "lid-dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            three = row.get("lang3", row["lang"])
            two_to_three[row["lang"]] = three
            if row["kind"] in ("sentence", "paragraph"):
                yield three, row["text"]
    with gzip.open(folder / "gold-dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row.get("text") and row.get("lang_ft_score", 0) > 0.8:
                language = two_to_three.get(row["lang_ft"])
                if language:
                    yield language, row["text"][:4000]


def main() -> None:
    halves: list[dict[str, list[str]]] = [defaultdict(list), defaultdict(list)]
    sizes: list[dict[str, int]] = [defaultdict(int), defaultdict(int)]
    for number, (language, text) in enumerate(texts(Path(sys.argv[1]))):
        half = number % 2
        if sizes[half][language] < _CHARACTERS_PER_LANGUAGE:
            halves[half][language].append(text)
            sizes[half][language] += len(text)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    training, held_out = halves
    tokenizer.train_from_iterator(
        (text for some in training.values() for text in some), trainer
    )
    for language in sorted(held_out):
        if min(sizes[0][language], sizes[1][language]) < _MIN_CHARACTERS:
            continue
        count = sum(
            len(encoding.ids) for encoding in tokenizer.encode_batch(held_out[language])
        )
        size = sum(len(text.encode()) for text in held_out[language])
        per_token = sizes[1][language] / count
        print(f"{language}\t{per_token:.2f}\t{size / sizes[1][language]:.2f}")


if __name__ == "__main__":
    main()
