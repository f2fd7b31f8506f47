"""Records read by their places alone, in every codec."""

import gzip
import io

import numpy as np
import pytest
from fastwarc.stream_io import Lz4Writer, ZstdWriter

from tamis.warc.document import block_limit
from tamis.warc.record import Loss, Record
from tamis.warc.selected import groups, packed, read_selected


def written(writer, content: bytes) -> bytes:
    target = io.BytesIO()
    stream = writer(target)
    stream.write(content)
    stream.close()
    return target.getvalue()


PACK = {
    "warc": bytes,
    "warc.gz": gzip.compress,
    "warc.zst": lambda content: written(ZstdWriter, content),
    "warc.lz4": lambda content: written(Lz4Writer, content),
}


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("max_gap_bytes", [0, 1 << 20], ids=["apart", "together"])
def test_records_are_those_of_a_reading_of_all(
    record, read, suffix: str, max_gap_bytes: int
) -> None:
    name = f"a.{suffix}"
    content = b"".join(PACK[suffix](record(f"{n}", b"%d" % n * 900)) for n in range(8))
    everything = read(content, name).records
    wanted = [everything[n] for n in (0, 2, 3, 7)]
    places = np.array([[each.offset, each.length] for each in wanted], np.int64)
    found = list(
        read_selected(
            io.BytesIO(content),
            groups(packed(places), max_gap_bytes),
            name,
            max_block_bytes=block_limit(1 << 20),
        )
    )
    assert found == wanted


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("wrong", [(1, 50), (0, 60)], ids=["beside", "too short"])
def test_a_wrong_place_costs_itself(
    record, suffix: str, wrong: tuple[int, int]
) -> None:
    packed_record = PACK[suffix](record("a"))
    content = packed_record + PACK[suffix](record("b"))
    right = (len(packed_record), len(content) - len(packed_record))
    wanted = groups(packed(np.array([wrong, right], np.int64)), 0)
    bad, good = read_selected(
        io.BytesIO(content), wanted, "nameless", max_block_bytes=1 << 20
    )
    assert isinstance(bad, Loss)
    assert (bad.offset, bad.bytes, bad.records) == (*wrong, 1)
    assert isinstance(good, Record)
    assert good.header.fields["warc-record-id"] == "<urn:b>"
