"""Bytes flipped, cut, doubled: the reader neither fails nor invents a record."""

import gzip
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import InputError

MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "double", "zero", "end"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([1, 2, 10, 100, 500]),
    ),
    min_size=1,
    max_size=5,
)


def mutated(content: bytes, mutations: list[tuple[str, float, int]]) -> bytes:
    changed = bytearray(content)
    for kind, place, length in mutations:
        start = int(place * len(changed))
        stop = min(start + length, len(changed))
        if kind == "flip" and start < stop:
            changed[start] ^= 1 << (length % 8)
        elif kind == "cut":
            del changed[start:stop]
        elif kind == "double":
            changed[start:start] = changed[start:stop]
        elif kind == "zero":
            changed[start:stop] = bytes(stop - start)
        elif kind == "end":
            del changed[start:]
    return bytes(changed)


@pytest.fixture(scope="module")
def contents(record):
    """The same eight records in four forms, and what is true of them."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    records = []
    for n, kind in enumerate(["response", "request", "metadata", "conversion"] * 2):
        body = b"<p>%d</p>" % n * 20 * n
        block = (head if kind == "response" else b"") + body
        digest = f"WARC-Block-Digest: sha1:{hashlib.sha1(block).hexdigest()}"
        records.append(record(f"{n}", body, type=kind, head=head, fields=(digest,)))
    return {
        "members.warc.gz": b"".join(map(gzip.compress, records)),
        "one.warc.gz": gzip.compress(b"".join(records)),
        "blocks.warc.gz": b"".join(
            gzip.compress(whole[start : start + 150])
            for whole in [b"".join(records)]
            for start in range(0, len(whole), 150)
        ),
        "plain.warc": b"".join(records),
    }


def read_or_refuse(read, content, name, split_bytes=None):
    """Records as tuples; None where the file is said to be no archive."""
    try:
        result = read(content, name, split_bytes)
    except InputError:
        return None
    return [
        (r.offset, r.inner, r.length, id_, r.header.type, r.block)
        for r, id_ in zip(result.records, result.ids, strict=True)
    ]


@pytest.mark.parametrize(
    "name", ["members.warc.gz", "one.warc.gz", "blocks.warc.gz", "plain.warc"]
)
@pytest.mark.parametrize(
    ("cases", "is_alike"),
    [
        pytest.param(150, True, id="the same ones"),
        pytest.param(5_000, False, id="other ones each time", marks=pytest.mark.long),
    ],
)
def test_no_mutation_crashes_or_invents(
    read, contents, name: str, cases: int, is_alike: bool
) -> None:
    content = contents[name]
    true = {row[3:] for row in read_or_refuse(read, content, name)}
    assert len(true) == 8

    @settings(max_examples=cases, deadline=None, derandomize=is_alike)
    @given(MUTATIONS, st.sampled_from([50, 300, 1000]))
    def holds(mutations, split_bytes: int) -> None:
        broken = mutated(content, mutations)
        rows = read_or_refuse(read, broken, name)
        if rows is not None:
            # However it is cut, the same comes out.
            assert read_or_refuse(read, broken, name, split_bytes) == rows
        for row in rows or []:
            if name == "members.warc.gz":
                # Its checksum vouches for every byte of a sound member, and the digest
                # where the checksum is out of reach.
                assert row[3:] in true
            elif name == "plain.warc":
                offset, length, block = row[0], row[2], row[5]
                assert block in broken[offset : offset + length]
                assert broken.startswith(b"WARC/", offset)

    holds()
