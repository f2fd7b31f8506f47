"""What tests of several stages share."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

FastTextFile = Callable[..., str]


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
