"""What tests of several stages share."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from pipeline.commits import Outputs, fingerprint
from pipeline.documents import Part, Published
from pipeline.executors import InlineExecutor
from pipeline.schema import DUPLICATES, TIMESTAMP
from pipeline.stage import StageConfig, function_of
from pipeline.storage import Storage
from pipeline.tasks import Silent, Tasks
from pipeline.text.cuts import CUTS

FastTextFile = Callable[..., str]
OnnxFolder = Callable[..., str]
Message = list[tuple[int, "int | bytes | str | Message"]]
Document = dict[str, Any]

SAVED = pa.schema(
    [
        ("id", pa.uint64()),
        ("url", pa.string()),
        ("host", pa.string()),
        ("domain", pa.string()),
        ("fetched_at", TIMESTAMP),
        ("text", pa.string()),
        ("text_chars", pa.int32()),
    ]
)
_DECIDED = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])
_HASHED = pa.schema(
    [
        ("id", pa.uint64()),
        ("text_chars", pa.int64()),
        ("fetched_at", TIMESTAMP),
        ("language", pa.string()),
        ("text_hash", pa.uint64()),
        ("band_00", pa.uint64()),
        ("band_01", pa.uint64()),
    ]
)


class Listening(Silent):
    """Keeps what a barrier says before it starts."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@dataclass
class Barrier:
    """Runs a barrier over documents, and gives them back as a later pass reads them."""

    folder: Path
    result: Published = field(default_factory=lambda: Published(()))
    notes: list[str] = field(default_factory=list)

    def __call__(
        self,
        config: StageConfig,
        parts: Mapping[str, Sequence[Document]],
        *,
        splits: int = 1,
        dropped: Sequence[int] = (),
    ) -> dict[int, Document]:
        """By id, each with the columns of its layer. `dropped` are ids that are out."""
        storage = Storage(str(self.folder))
        saved = [
            _saved(storage, name, rows, splits, dropped) for name, rows in parts.items()
        ]
        watching = Listening()
        tasks = Tasks(storage, InlineExecutor(), watching)
        self.result = function_of(config)(config, saved, tasks)
        self.notes = watching.notes
        found = {}
        for part, layer in zip(saved, self.result.layers, strict=True):
            schema = pq.read_schema(storage.path(layer.path))
            names = [*SAVED.names, *(n for n in schema.names if n != CUTS)]
            table = part.with_layer(layer, "x").read(
                storage, list(dict.fromkeys(names))
            )
            found.update({row["id"]: row for row in table.to_pylist()})
        return found

    def bytes_of_layers(self) -> list[bytes]:
        return [(self.folder / layer.path).read_bytes() for layer in self.result.layers]


def _saved(
    storage: Storage,
    name: str,
    rows: Sequence[Document],
    splits: int,
    dropped: Sequence[int],
) -> Part:
    """The documents of one input in so many files, with one layer of decisions."""
    defaults = {
        "host": "h.example",
        "domain": "example",
        "fetched_at": datetime(2024, 1, 1),
    }
    filled = [
        {**defaults, "text": "", "text_chars": len(row.get("text") or ""), **row}
        for row in rows
    ]
    table = pa.Table.from_pylist(filled, SAVED)
    outputs = Outputs(storage, name)
    bounds = np.linspace(0, len(rows), splits + 1).astype(int).tolist()
    for number, (start, stop) in enumerate(pairwise(bounds)):
        with outputs.parquet("extracted", SAVED, f"{name}-{number}") as writer:
            writer.write_table(table.slice(start, stop - start))
    files = tuple(outputs.files)
    reasons = ["too_short" if row["id"] in dropped else None for row in rows]
    decided = pa.table([table["id"], pa.array(reasons, pa.string())], schema=_DECIDED)
    with outputs.parquet("decisions", _DECIDED, name) as writer:
        writer.write_table(decided)
    print_ = fingerprint([file.path for file in files])
    return Part(name, print_, files, (outputs.files[-1],))


def _hashed_part(
    storage: Storage,
    name: str,
    rows: Sequence[Document],
    *,
    splits: int = 1,
    reasons: Sequence[str | None] = (),
) -> Part:
    """Save rows as the documents of one input, in `splits` files, with one layer."""
    outputs = Outputs(storage, name)
    table = pa.Table.from_pylist(list(rows), _HASHED)
    bounds = np.linspace(0, len(rows), splits + 1).astype(int).tolist()
    for number, (start, stop) in enumerate(pairwise(bounds)):
        with outputs.parquet("documents", _HASHED, f"{name}-{number}") as writer:
            writer.write_table(table.slice(start, stop - start))
    files = tuple(outputs.files)
    dropped = pa.table(
        [table["id"], pa.array(reasons or [None] * len(rows), pa.string())],
        schema=_DECIDED,
    )
    with outputs.parquet("decisions", _DECIDED, name) as writer:
        writer.write_table(dropped)
    print_ = fingerprint([file.path for file in outputs.files])
    return Part(name, print_, files, (outputs.files[-1],))


class Hashed:
    """Documents of which there are numbers and no text, and what became of them."""

    part = staticmethod(_hashed_part)

    @staticmethod
    def published(storage: Storage, result: Published) -> list[Document]:
        rows: list[Document] = []
        for layer in result.layers:
            table = pq.read_table(storage.path(layer.path))
            assert table.schema.equals(DUPLICATES)
            rows += table.to_pylist()
        return rows


@pytest.fixture(scope="session")
def hashed() -> type[Hashed]:
    return Hashed


@pytest.fixture
def barrier(tmp_path: Path) -> Barrier:
    return Barrier(tmp_path / "out")


@pytest.fixture
def fasttext_file(tmp_path: Path) -> FastTextFile:
    """`fasttext_file("__label__a", "__label__b", good=2.0, bad=-2.0)`: a .bin file.

    A vector has one number. That of a line is the mean of its words', its end counting
    as one of 0; the first label's logit is that number, the second's its negative, any
    further one's 0.
    """

    def store(*labels: str, **words: float) -> str:
        vectors = {"</s>": 0.0, **words}
        entries = [(word, 0) for word in vectors] + [(label, 1) for label in labels]
        rows = [1.0, -1.0, *[0.0] * len(labels)][: len(labels)]
        content = struct.pack("<ii", 793712314, 12)  # magic number, version
        # dim, ws, epoch, minCount, neg, wordNgrams, loss (softmax), model (supervised),
        # bucket, minn, maxn, lrUpdateRate, t
        content += struct.pack("<12id", 1, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100, 1e-4)
        content += struct.pack("<3i", len(entries), len(vectors), len(labels))
        content += struct.pack("<qq", 100, -1)  # tokens; nothing pruned
        for word, kind in entries:
            content += word.encode() + b"\0" + struct.pack("<qb", 1, kind)
        for values in (list(vectors.values()), rows):
            content += struct.pack("<?qq", False, len(values), 1)
            content += struct.pack(f"<{len(values)}f", *values)
        path = tmp_path / "model.bin"
        path.write_bytes(content)
        return str(path)

    return store


@pytest.fixture
def onnx_folder(tmp_path: Path) -> OnnxFolder:
    """`onnx_folder(("fine", "toxic"), turnip=(0, 2))`: a classifier and its tokenizer.

    A label's logit is the sum of that column over the text's words; other words have
    zeros. Padding has hundreds, which the mask takes away.
    """

    def store(labels: tuple[str, ...], **words: tuple[float, ...]) -> str:
        folder = tmp_path / "classifier"
        folder.mkdir(exist_ok=True)
        vocabulary = {word: row for row, word in enumerate(["[PAD]", "[UNK]", *words])}
        tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = Lowercase()
        tokenizer.pre_tokenizer = Whitespace()
        tokenizer.save(str(folder / "tokenizer.json"))
        config = {"id2label": dict(enumerate(labels)), "pad_token_id": 0}
        (folder / "config.json").write_text(json.dumps(config))
        rows = [[100.0 + i for i in range(len(labels))], [0.0] * len(labels)]
        weights = [*rows, *map(list, words.values())]
        (folder / "model.onnx").write_bytes(_summing_model(weights))
        return str(folder)

    return store


_FLOAT, _INT64 = 1, 7  # of TensorProto.DataType
_OPSET = 17


def _summing_model(weights: list[list[float]]) -> bytes:
    """logits = sum over tokens of weights[input_ids] * attention_mask, as ONNX."""
    flat = [value for row in weights for value in row]
    graph: Message = [
        (1, _node("Gather", ["weights", "input_ids"], "embedded")),
        (1, _node("Cast", ["attention_mask"], "mask", to=_FLOAT)),
        (1, _node("Unsqueeze", ["mask", "last"], "column")),
        (1, _node("Mul", ["embedded", "column"], "masked")),
        (1, _node("ReduceSum", ["masked", "middle"], "logits", keepdims=0)),
        (2, "sum"),
        (5, _tensor("weights", _FLOAT, [len(weights), len(weights[0])], flat)),
        (5, _tensor("last", _INT64, [1], [2])),
        (5, _tensor("middle", _INT64, [1], [1])),
        (11, _value("input_ids", _INT64, ["batch", "tokens"])),
        (11, _value("attention_mask", _INT64, ["batch", "tokens"])),
        (12, _value("logits", _FLOAT, ["batch", len(weights[0])])),
    ]
    return _encoded([(1, 8), (7, graph), (8, [(1, ""), (2, _OPSET)])])


def _node(kind: str, inputs: list[str], output: str, **attributes: int) -> Message:
    named: Message = [(1, name) for name in inputs]
    named += [(2, output), (3, output), (4, kind)]
    for name, value in attributes.items():
        named.append((5, [(1, name), (3, value), (20, 2)]))  # 20: of type INT
    return named


def _tensor(name: str, type_: int, shape: list[int], values: list[float]) -> Message:
    code = "f" if type_ == _FLOAT else "q"
    raw = struct.pack(f"<{len(values)}{code}", *values)
    return [*[(1, size) for size in shape], (2, type_), (8, name), (9, raw)]


def _value(name: str, type_: int, shape: list[str | int]) -> Message:
    sizes: Message = [
        (1, [(1, size) if isinstance(size, int) else (2, size)]) for size in shape
    ]
    return [(1, name), (2, [(1, [(1, type_), (2, sizes)])])]


def _encoded(message: Message) -> bytes:
    """Protocol Buffers' wire format: numbers as varints, all else behind its length."""
    found = b""
    for number, value in message:
        if isinstance(value, int):
            found += _varint(number << 3) + _varint(value)
            continue
        content = _encoded(value) if isinstance(value, list) else value
        content = content.encode() if isinstance(content, str) else content
        found += _varint(number << 3 | 2) + _varint(len(content)) + content
    return found


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])
