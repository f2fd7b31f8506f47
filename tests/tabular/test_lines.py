"""A split of a file of lines owns the lines that begin in it."""

import gzip
import io
import itertools
import random
from collections.abc import Callable

import pyarrow as pa
import pytest

from tamis.tabular.lines import Broken, Line, lines_of

MOST = 1 << 20
Pack = Callable[[bytes], bytes]


def read(
    content: bytes, start: int = 0, stop: int | None = None, most: int = MOST
) -> list[Line]:
    stop = len(content) if stop is None else stop
    return list(lines_of(io.BytesIO(content), start, stop, most_bytes=most))


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(content)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_line_is_in_exactly_one_split_whatever_the_cuts(end: bytes) -> None:
    draw = random.Random(4)
    lines = [("x" * draw.choice([0, 1, 5, 40])).encode() for _ in range(200)]
    lines += [
        "ça va".encode(),
        "как дела".encode(),
        "كيف".encode(),
        "你好".encode(),
        "नमस्ते".encode(),
    ]
    content = end.join(lines) + draw.choice([b"", end])
    whole = read(content)
    assert [line.content for line in whole][: len(lines)] == lines
    for _ in range(300):
        cuts = sorted({0, len(content), *draw.choices(range(len(content)), k=4)})
        parts = [read(content, a, b) for a, b in itertools.pairwise(cuts)]
        assert [line for part in parts for line in part] == whole


def test_a_file_without_bytes_has_no_lines() -> None:
    assert read(b"") == []


def test_offsets_and_sizes_are_those_of_the_file() -> None:
    content = b"\xef\xbb\xbfone\ntwo\r\nthree"
    assert read(content) == [
        Line(0, 7, b"one"),
        Line(7, 5, b"two"),
        Line(12, 5, b"three"),
    ]


def test_a_long_line_is_counted_and_not_held() -> None:
    content = b"a\n" + b"b" * 3_000_000 + b"\nc\n"
    assert read(content) == [
        Line(0, 2, b"a"),
        Line(2, 3_000_001, None),
        Line(3_000_003, 2, b"c"),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_packed_file_is_read_by_the_split_of_its_start_alone(pack: Pack) -> None:
    content = b"one\ntwo\n" * 50_000
    packed = pack(content[:200_000]) + pack(content[200_000:])  # members end to end
    assert read(packed, 0, 10) == read(content)
    assert read(packed, 10, len(packed)) == []


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_packed_file_that_ends_early_gives_its_sound_lines(pack: Pack) -> None:
    draw = random.Random(2)
    content = b"".join(b"%d\n" % draw.getrandbits(64) for _ in range(200_000))
    packed = pack(content)
    half = packed[: len(packed) // 2]
    found: list[Line] = []
    reading = lines_of(io.BytesIO(half), 0, 1, most_bytes=MOST)
    with pytest.raises(Broken) as broken:
        found.extend(reading)  # keeps what comes before the error
    assert len(found) > 50_000
    assert found == read(content)[: len(found)]
    assert broken.value.offset <= len(content)
    assert 0 < broken.value.packed <= len(half)
