"""Where zstd and LZ4 frames end, by their block headers, without inflating."""

import struct

import xxhash

from tamis.warc.source import Source

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LZ4_MAGIC = b"\x04\x22\x4d\x18"


def zstd_end(source: Source, offset: int) -> int | None:
    """Where a zstd frame ends, by its block headers (RFC 8878, section 3.1.1)."""
    head = source.at(offset, 6)
    if len(head) < 6 or head[:4] != ZSTD_MAGIC or head[4] & 0x08:
        return None
    is_single_segment = head[4] >> 5 & 1
    content_size = (is_single_segment, 2, 4, 8)[head[4] >> 6]
    dictionary_id = (0, 1, 2, 4)[head[4] & 3]
    offset += 5 + (not is_single_segment) + dictionary_id + content_size
    is_last = False
    while not is_last:
        block = source.at(offset, 3)
        if len(block) < 3:
            return None
        number = int.from_bytes(block, "little")
        is_last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
        if kind == 3:
            return None
        offset += 3 + (1 if kind == 1 else size)
    offset += 4 if head[4] & 4 else 0
    return offset if offset <= source.size else None


def lz4_end(source: Source, offset: int) -> int | None:
    """Where an LZ4 frame ends, by its block sizes (LZ4 frame format 1.6.1)."""
    head = source.at(offset, 19)
    if len(head) < 7 or head[:4] != LZ4_MAGIC or head[4] >> 6 != 1:
        return None
    flags = head[4]
    length = 2 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
    descriptor = head[4 : 4 + length]
    checksum = head[4 + length : 5 + length]
    if checksum != bytes([xxhash.xxh32_intdigest(descriptor) >> 8 & 0xFF]):
        return None
    offset += 5 + length
    while True:
        block = source.at(offset, 4)
        if len(block) < 4:
            return None
        size = struct.unpack("<I", block)[0] & 0x7FFFFFFF
        offset += 4
        if size == 0:
            break
        offset += size + (4 if flags & 16 else 0)
    offset += 4 if flags & 4 else 0
    return offset if offset <= source.size else None


def skippable_frame(source: Source, offset: int) -> tuple[int, int] | None:
    """Magic number and total length of the skippable frame at `offset`, if any."""
    head = source.at(offset, 8)
    if len(head) < 8:
        return None
    magic, length = struct.unpack("<II", head)
    return (magic, length + 8) if magic >> 4 == 0x184D2A5 else None
