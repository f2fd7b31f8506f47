"""Hashes of bytes depend on the bytes alone, not on where they are or what follows."""

import numpy as np
import pytest

from tamis.text.buffers import read_only
from tamis.text.hashing import bytes_hash


@pytest.mark.parametrize("size", range(1, 35))
def test_the_end_of_the_data_and_other_neighbours_change_no_hash(size: int) -> None:
    text = bytes(range(1, size + 1))
    found = {
        int(bytes_hash(read_only(np.frombuffer(data, np.uint8)), start, start + size))
        for data, start in [(text, 0), (b"x" * 9 + text, 9), (text + b"\xff" * 9, 0)]
    }
    assert len(found) == 1


def test_each_byte_and_the_number_of_zeros_matter() -> None:
    texts = [bytes(size) for size in range(1, 35)]
    for size in range(1, 35):
        for place in range(size):
            changed = bytearray(size)
            changed[place] = 128
            texts.append(bytes(changed))
    found = {
        int(bytes_hash(read_only(np.frombuffer(text, np.uint8)), 0, len(text)))
        for text in texts
    }
    assert len(found) == len(texts)
