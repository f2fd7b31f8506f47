"""Count what there is to mix: documents, characters and tokens of each language.

The tokens of each document are written as a layer, so that a text is tokenized once.
The counts are those of a mix without language weights: a document that `rehydrate`
repeats counts as often as it is repeated, a dropped one does not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.documents.parts import Part
from tamis.errors import ConfigError
from tamis.mix.domains import write_domains
from tamis.mix.kernels.rehydration import times_of
from tamis.mix.kernels.tokens import estimated_tokens
from tamis.panics import panics_are_errors
from tamis.storage import Storage
from tamis.work.commits import Outputs

_BATCH_ROWS = 256  # with their texts, each of which may have megabytes
_TOKENIZED_AT_ONCE = 256

UNCOUNTED = -1
TOKENIZER_FAILED = "tokenizer_failed"
TOKENS = "work/tokens"
_TOKENS = pa.schema(
    [("id", pa.uint64()), ("drop_reason", pa.string()), ("tokens", pa.int64())]
)


def count_part(
    outputs: Outputs,
    part: Part,
    tokenizer: str | None,
    rehydration: Mapping[int, float],
    with_domains: bool,
) -> dict[str, Any]:
    """Write the part's tokens; count documents, characters and tokens by language.

    Dropped documents are not counted, and have no tokens. A document that the tokenizer
    fails at is dropped here. Tokens are summed also by domain, if `with_domains`.
    """
    columns = ["id", "language", "domain", "text_chars", "drop_reason"]
    table = part.read(outputs.storage, columns)
    is_open = pc.is_null(table["drop_reason"])
    times = repeats(outputs.storage, part, rehydration)
    tokens = _tokens(outputs.storage, part, is_open, tokenizer=tokenizer)
    is_uncounted = tokens == UNCOUNTED
    tokens[is_uncounted] = 0
    failed = pc.if_else(
        pa.array(is_uncounted), TOKENIZER_FAILED, pa.scalar(None, pa.string())
    )
    is_open = pc.and_(is_open, pc.is_null(failed))
    layer = [table["id"], failed, pa.array(tokens)]
    with outputs.parquet(TOKENS, _TOKENS) as writer:
        writer.write_table(pa.table(layer, schema=_TOKENS))
    counted = pa.table(
        {
            "language": pc.fill_null(table["language"], "unknown"),
            "domain": table["domain"],
            "documents": pa.array(times),
            # Whole numbers: their sums do not depend on the order of adding.
            "characters": pa.array(
                rounded(pc.fill_null(table["text_chars"], 0), times)
            ),
            "tokens": pa.array(rounded(tokens, times)),
        }
    ).filter(is_open)
    if with_domains:
        write_domains(outputs, counted)
    groups = counted.group_by("language").aggregate(
        [("documents", "sum"), ("characters", "sum"), ("tokens", "sum")]
    )
    return {
        "languages": {
            row["language"]: {
                "documents": row["documents_sum"],
                "characters": row["characters_sum"],
                "tokens": row["tokens_sum"],
            }
            for row in groups.to_pylist()
        },
        "uncounted": int(is_uncounted.sum()),
        "has_markdown": "markdown" in part.columns(outputs.storage),
    }


def repeats(
    storage: Storage, part: Part, rehydration: Mapping[int, float]
) -> NDArray[np.float64]:
    """How often each document is taken, by the number of its copies in the corpus."""
    if not rehydration or "cluster_size" not in part.columns(storage):
        return np.ones(part.rows)
    sizes = part.read(storage, ["cluster_size"])["cluster_size"]
    return times_of(np.asarray(pc.fill_null(sizes, 1)).astype(np.int64), rehydration)


def rounded(counts: Any, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts of documents that are taken so many times, as whole numbers."""
    known = np.asarray(counts).astype(np.float64)
    return np.rint(known * times).astype(np.int64)


def batches(
    storage: Storage, part: Part, names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The documents of a part with their layers, in order, a few at a time."""
    known = part.columns(storage)
    yield from part.batches(storage, [n for n in names if n in known], _BATCH_ROWS)


def _tokens(
    storage: Storage, part: Part, is_open: Any, *, tokenizer: str | None
) -> NDArray[np.int64]:
    """Tokens of each document of a part; 0 for dropped ones, whose text is not read."""
    if tokenizer is None:
        table = part.read(storage, ["text_chars", "language"])
        return np.where(np.asarray(is_open), _counted(table, None), 0)
    mask = np.asarray(is_open, dtype=bool)
    tokens = np.zeros(part.rows, np.int64)
    first = 0
    for batch in batches(storage, part, ["text"]):
        rows = mask[first : first + batch.num_rows]
        counted = _counted(batch.filter(pa.array(rows)), tokenizer)
        tokens[first : first + batch.num_rows][rows] = counted
        first += batch.num_rows
    return tokens


def _counted(rows: Any, tokenizer: str | None) -> NDArray[np.int64]:
    """Tokens of each row: counted if there is a tokenizer, else estimated.

    UNCOUNTED for a text at which the tokenizer fails.
    """
    if tokenizer is None:
        characters = np.asarray(pc.fill_null(rows["text_chars"], 0)).astype(np.int64)
        return estimated_tokens(
            characters, pc.fill_null(rows["language"], "unknown").to_pylist()
        )
    encoder = open_tokenizer(tokenizer)
    counts: list[int] = []
    for start in range(0, len(rows["text"]), _TOKENIZED_AT_ONCE):
        texts = rows["text"].slice(start, _TOKENIZED_AT_ONCE).to_pylist()
        counts += text_tokens(encoder, texts)
    return np.array(counts, np.int64)


def text_tokens(encoder: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of each text; UNCOUNTED for one at which the tokenizer fails."""
    try:
        with panics_are_errors():
            found = encoder.encode_batch_fast(texts, add_special_tokens=False)
            return [len(encoding.ids) for encoding in found]
    except Exception:  # the library raises the bare class
        if len(texts) == 1:
            return [UNCOUNTED]
        return [count for text in texts for count in text_tokens(encoder, [text])]


@lru_cache(maxsize=1)
def open_tokenizer(path: str) -> Any:
    """The tokenizer of a tokenizer.json. Raises ConfigError if it cannot be read.

    It counts whole texts: what the file says of batches, padding and a longest length,
    is left out.
    """
    from tokenizers import Tokenizer  # only recipes with a tokenizer load it

    try:
        with panics_are_errors():
            tokenizer = Tokenizer.from_file(path)
            tokenizer.no_padding()
            tokenizer.no_truncation()
            return tokenizer
    except Exception as error:  # the library raises the bare class
        raise ConfigError(f"mix_corpus.tokenizer: {path}: {error}") from error
