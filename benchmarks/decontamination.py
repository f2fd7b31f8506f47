"""Seconds of one core that decontaminate takes beyond the words: `taskset -c 0 python FILE LANG ...`.

FILE has JSON lines with `text` and `lang` or `lang_ft` (plain or gzipped). Its texts of a language
are cut into documents of 10 kB. The index has 10^6 n-grams of words that no page has.
"""

import gzip
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from tamis.decontamination.overlap import index_of, overlaps
from tamis.text.buffers import utf8_buffers
from tamis.text.word_column import with_words

_BYTES, _DOCUMENTS, _ROUNDS = 10_000, 48, 31


def main(path: Path, languages: list[str]) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 50_000, (20_000, 57))
    instances = [" ".join(f"w{number}" for number in row) for row in numbers.tolist()]
    indexes = {ngram: index_of(instances, ngram) for ngram in (8, 13)}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for language in languages:
        own = [
            r.get("text") for r in rows if language in (r.get("lang"), r.get("lang_ft"))
        ]
        content = "\n".join(text for text in own if text).encode()
        content *= -(-_BYTES * _DOCUMENTS // max(len(content), 1))
        texts = [
            content[at : at + _BYTES].decode("utf-8", "ignore")
            for at in range(0, _BYTES * _DOCUMENTS, _BYTES)
        ]
        batch, words = with_words(pa.RecordBatch.from_pydict({"text": texts}))
        data, _ = utf8_buffers(batch["text"])
        for ngram, index in indexes.items():
            rounds = []
            for _ in range(_ROUNDS):
                started = time.process_time()
                overlaps(data, words, index)
                rounds.append((time.process_time() - started) / len(texts))
            middle, best = 1e6 * np.median(rounds), 1e6 * min(rounds)
            print(
                f"{language} {ngram}-grams: {middle:.0f} us a document, {best:.0f} at best"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
