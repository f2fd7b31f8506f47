"""Break archives at random and read them, for a given time: `make fuzz`.

    python benchmarks/fuzz_warc.py                       # ten minutes
    python benchmarks/fuzz_warc.py --minutes 1 --seed 7
    python benchmarks/fuzz_warc.py --case 12345          # one case again, in this process

A case is an archive (the samples, recompressed in eight ways, and ../shared/data/odd
if it exists), changed at one to eight places. A finding is

    crash      the process died: reading runs in a process of its own
    hang       more than 20 seconds of processor time
    error      any exception but InputError
    split      reading split by split gives other records than reading all at once
    invented   a record whose block is not where it says it is
    cut        a record with less of its block than it has

Findings are kept as archives under --folder; exit code 1 if there is any.
"""

import gzip
import io
import random
import sys
import traceback
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from fastwarc.stream_io import Lz4Reader, Lz4Writer, ZstdReader, ZstdWriter
from fuzzing import hunt

from tamis.errors import InputError
from tamis.warc.admission import Admitted, admit
from tamis.warc.document import block_limit, document
from tamis.warc.frames import MAGIC, open_archive
from tamis.warc.record import Record, is_wanted
from tamis.warc.records import read_records
from tamis.warc.source import Source
from tamis.warc.splits import Place, Split, plan_splits, reread

ROOT = Path(__file__).resolve().parents[1]
_MAX_ARCHIVE = 256 << 10
_MAX_HTML = 64 << 10  # low, so that limits are met
_LIMIT = block_limit(_MAX_HTML)
_LENGTHS = (1, 2, 7, 64, 1000, 20_000)
_SPLITS = (100, 700, 4096, 65_536)
_WORDS = [
    *MAGIC.values(),
    b"WARC/1.0\r\n",
    b"WARC/1.1\r\nContent-Length: 0\r\n\r\n",
    b"Content-Length: 99999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n",
    b"\r\n\r\n",
    b"\0" * 16,
    b"ffffffff\r\n",
    b"filedesc://x 0.0.0.0 20200101000000 text/plain 5\n",
    b"\x5d\x2a\x4d\x18\xff\xff\xff\xff",
]


@lru_cache(maxsize=1)
def archives() -> list[tuple[str, bytes]]:
    """Name and content of the archives to break, the same in every process."""
    found: list[tuple[str, bytes]] = []
    sample = (ROOT / "samples" / "samples-00000.warc.gz").read_bytes()
    inflated = gzip.decompress(sample)
    starts = _record_starts(inflated)
    for count, first in ((4, 0), (12, 30), (40, 100)):
        bounds = starts[first : first + count + 1]
        records = [inflated[start:stop] for start, stop in pairwise(bounds)]
        found += _packed(f"s{count}", records)
    odd = ROOT.parent / "shared" / "data" / "odd"
    for path in sorted(odd.glob("*arc*")):
        if 0 < path.stat().st_size <= _MAX_ARCHIVE:
            found.append((path.name, path.read_bytes()))
    return found


def _record_starts(inflated: bytes) -> list[int]:
    starts, at = [], inflated.find(b"WARC/1.")
    while at >= 0:
        starts.append(at)
        at = inflated.find(b"\r\n\r\nWARC/1.", at)
        at = at + 4 if at >= 0 else -1
    return starts


def _packed(name: str, records: list[bytes]) -> Iterator[tuple[str, bytes]]:
    whole = b"".join(records)
    yield f"{name}.warc", whole
    yield f"{name}.warc", whole.replace(b"\r\n", b"\n")
    yield f"{name}.warc.gz", b"".join(gzip.compress(r, mtime=0) for r in records)
    yield f"{name}.warc.gz", gzip.compress(whole, mtime=0)
    # Two records to a member, and members that end in the middle of a record.
    pairs = [b"".join(records[i : i + 2]) for i in range(0, len(records), 2)]
    yield f"{name}.warc.gz", b"".join(gzip.compress(pair, mtime=0) for pair in pairs)
    parts = [whole[i : i + 5000] for i in range(0, len(whole), 5000)]
    yield f"{name}.warc.gz", b"".join(gzip.compress(part, mtime=0) for part in parts)
    yield f"{name}.warc.zst", b"".join(_written(ZstdWriter, r) for r in records)
    yield f"{name}.warc.lz4", b"".join(_written(Lz4Writer, r) for r in records)


def _written(writer: type[ZstdWriter] | type[Lz4Writer], content: bytes) -> bytes:
    target = io.BytesIO()
    stream = writer(target)
    stream.write(content)
    stream.close()
    return target.getvalue()


def case(number: int) -> tuple[str, bytes]:
    """The same name and bytes for the same number."""
    chance = random.Random(number)
    name, content = chance.choice(archives())
    broken = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_CHANGES)(broken, chance)
    return name, bytes(broken)


def _flip(broken: bytearray, chance: random.Random) -> None:
    if broken:
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)


def _cut(broken: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(broken) + 1)
    del broken[start : start + chance.choice(_LENGTHS)]


def _end(broken: bytearray, chance: random.Random) -> None:
    del broken[chance.randrange(len(broken) + 1) :]


def _double(broken: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(broken) + 1)
    broken[start:start] = broken[start : start + chance.choice(_LENGTHS)]


def _move(broken: bytearray, chance: random.Random) -> None:
    start, target = (chance.randrange(len(broken) + 1) for _ in range(2))
    length = chance.choice(_LENGTHS)
    broken[target : target + length] = broken[start : start + length]


def _noise(broken: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(broken) + 1)
    length = chance.choice(_LENGTHS)
    broken[start : start + length] = chance.randbytes(length)


def _word(broken: bytearray, chance: random.Random) -> None:
    start, word = chance.randrange(len(broken) + 1), chance.choice(_WORDS)
    broken[start : start + chance.choice((0, len(word)))] = word


def _digit(broken: bytearray, chance: random.Random) -> None:
    """Change a number in a header, if the archive is not compressed."""
    places = [i for i, byte in enumerate(broken[:20_000]) if 48 <= byte < 58]
    if places:
        broken[chance.choice(places)] = 48 + chance.randrange(10)


_CHANGES = (_flip, _cut, _end, _double, _move, _noise, _word, _digit)


def finding(name: str, content: bytes, number: int) -> str | None:
    """What is wrong with reading this archive; None for nothing."""
    try:
        whole = records_of(name, content, None)
        for record in whole:
            _as_document(record)
        if _plain(whole) != _plain(
            records_of(name, content, random.Random(number).choice(_SPLITS))
        ):
            return "split"
    except InputError:
        return None  # not an archive any more
    except Exception:
        return "error\n" + traceback.format_exc()
    for record in whole:
        start = record.inner + record.header.length
        block = _bytes_of(content, record)[start : start + len(record.block)]
        if block != record.block:
            return f"invented\n{record.offset} {record.header}"
        if is_wanted(record.header) and len(record.block) < min(
            record.header.block_length, _LIMIT
        ):
            return f"cut\n{record.offset} {record.header}"
    return None


def records_of(name: str, content: bytes, split_bytes: int | None) -> list[Record]:
    """The records read as the runner does, each split begun where the last ended."""
    found: list[Record] = []
    start: int | None = None
    for range_ in plan_splits(len(content), split_bytes):
        split = Split(name, *range_, len(content))
        place, records = _split_of(content, split)
        again = None if start is None else reread(split, place, start)
        if again is not None:
            place, records = _split_of(content, again)
        start = max(start or 0, place.next_start)
        found += records
    return found


def _split_of(content: bytes, split: Split) -> tuple[Place, list[Record]]:
    place = Place()
    archive = open_archive(Source(io.BytesIO(content), len(content), split.path))
    steps = read_records(archive, split, place, max_block_bytes=_LIMIT)
    return place, [step for step in steps if isinstance(step, Record)]


def _as_document(record: Record) -> None:
    admission = admit(record)
    if isinstance(admission, Admitted):
        row = document(
            admission, name="x", path="x", crawl=None, max_html_bytes=_MAX_HTML
        )
        if row.html is not None and len(row.html) > _MAX_HTML:
            raise ValueError(f"{len(row.html)} bytes of html")


def _plain(records: list[Record]) -> list[tuple[object, ...]]:
    return [(r.offset, r.inner, r.length, r.header.fields, r.block) for r in records]


def _bytes_of(content: bytes, record: Record) -> bytes:
    """The bytes where the record says it is, inflated by another library.

    A damaged frame gives the bytes before the damage.
    """
    packed = content[record.offset : record.offset + record.length]
    if packed.startswith(MAGIC["gzip"]):
        return _inflated(packed)
    reader = {MAGIC["zstd"]: ZstdReader, MAGIC["lz4"]: Lz4Reader}.get(packed[:4])
    if reader is not None:
        # The reader gives nothing from a damaged frame.
        stream, parts = reader(io.BytesIO(packed)), []
        with suppress(OSError):
            while part := stream.read(1 << 16):
                parts.append(part)
        return b"".join(parts)
    return packed


def _inflated(packed: bytes) -> bytes:
    parts, inflater = [], zlib.decompressobj(31)
    for position in range(len(packed)):
        try:
            parts.append(inflater.decompress(packed[position : position + 1]))
        except zlib.error:
            break
        if inflater.eof:
            following = packed[position + 1 :].lstrip(b"\0\r\n")
            if following.startswith(MAGIC["gzip"]):
                parts.append(_inflated(following))
            break
    return b"".join(parts)


if __name__ == "__main__":
    about = (__doc__ or "").splitlines()[0]
    sys.exit(hunt(case, finding, about=about, folder=Path("out/fuzz")))
