"""What a file is that is no archive, by its first bytes."""

LONGEST = 512  # bytes that are looked at

# In none of these a scan could find records.
_PACKED = {
    b"\xfd7zXZ\0": "packed by xz: unpack it, or pack it by gzip",
    b"BZh": "packed by bzip2: unpack it, or pack it by gzip",
    b"7z\xbc\xaf\x27\x1c": "packed by 7-Zip: unpack it",
    b"Rar!\x1a\x07": "packed by RAR: unpack it",
    b"PK\x03\x04": "a ZIP, as a WACZ is: unzip it, and read its archive/*.warc.gz",
    b"PK\x05\x06": "an empty ZIP",
}
_TWICE = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
_OTHERS = {
    b"%PDF-": "a PDF",
    b"PAR1": "a Parquet file: read_documents reads its rows",
    b"SQLite format 3\0": "a SQLite database",
    b"<!doctype html": "an HTML page, such as a server's error message",
    b"<html": "an HTML page, such as a server's error message",
    b"<?xml": "an XML file, such as a store's error message",
    b"{": "a JSON file: read_documents reads lines of JSON",
}
_TAR = (257, b"ustar")


def packed_kind(head: bytes, inflated: bytes) -> str | None:
    """How a file is packed that begins so, and inflates to this; null for other files.

    `inflated` is empty where the file has no codec of archives.
    """
    content = inflated or head
    for start, kind in _PACKED.items():
        if content.startswith(start):
            return kind
    is_twice = inflated.startswith(_TWICE)
    return "packed twice: unpack it once" if is_twice else None


def other_kind(content: bytes) -> str | None:
    """What a file without any record is, by its unpacked bytes; null if unknown."""
    place, mark = _TAR
    if content[place : place + len(mark)] == mark:
        return "a tar archive: unpack it"
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, kind in _OTHERS.items():
        if content.startswith(start) or text.startswith(start):
            return kind
    return None
