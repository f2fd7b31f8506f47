"""Whether a block is whole, if its record's length is in doubt.

A digest in the header is the best evidence, the server's Content-Length the next best.
"""

import base64
import hashlib

from tamis.warc.headers import Header, is_length
from tamis.warc.http import parse_response

_ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
# What may be padding between a block and the next record.
_TRAILERS = (b"", b"\r\n\r\n", b"\n\n", b"\r\n", b"\n")


def digest_holds(header: Header, block: bytes) -> bool | None:
    """Whether the block has the digest that the header states; None if none is stated.

    Without a digest of the block, the payload's digest counts, which does not cover the
    HTTP head.
    """
    for field in ("warc-block-digest", "warc-payload-digest"):
        algorithm, _, stated = header.fields.get(field, "").partition(":")
        algorithm = algorithm.strip().lower().replace("-", "")
        stated = stated.strip().rstrip("=").upper()
        if not stated or algorithm not in _ALGORITHMS:
            continue
        is_block = field == "warc-block-digest"
        content = block if is_block else block[parse_response(block).body_start :]
        digest = hashlib.new(algorithm, content, usedforsecurity=False)
        encoded = base64.b32encode(digest.digest()).decode().rstrip("=")
        return stated in (encoded, digest.hexdigest().upper())
    return None


def whole_block(header: Header, found: bytes) -> bytes | None:
    """The block at the start of `found`, for a record whose declared length is wrong.

    `found` reaches to the next record or to the end of the stream. None if
    nothing proves that the block is whole.
    """
    verdicts = set()
    for trailer in _TRAILERS:
        if found.endswith(trailer):
            block = found[: len(found) - len(trailer)]
            verdicts.add(holds := digest_holds(header, block))
            if holds:
                return block
    if False in verdicts:
        return None
    response = parse_response(found)
    stated = response.fields.get("content-length", "")
    if not is_length(stated) or int(stated) == 0:
        return None
    end = response.body_start + int(stated)
    return found[:end] if end <= len(found) and found[end:] in _TRAILERS else None
