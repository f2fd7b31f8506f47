"""Text that was UTF-8, was read as windows-1252, and was written as UTF-8 again.

`Ã©` stands for é then, and `ä¸­` for 中. A sequence is a character that windows-1252 has at
C2 to F4 and as many behind it, of those at 80 to BF, as UTF-8 wants there: prose has none, but
may quote one. So a text is repaired where it is certain: three sequences or more, and twice
as many as other characters beyond ASCII. ftfy's rules (Speer 2019, zenodo 2591652), for the one
case that is common on the web.
"""

import re
from typing import NamedTuple

_FEWEST = 3
# windows-1252's characters; where it has none, the control of that number stays.
_CHARACTERS = [
    bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte))
    for byte in range(256)
]
_BYTES = {character: byte for byte, character in enumerate(_CHARACTERS)}
_FOLLOWING = re.escape("".join(_CHARACTERS[0x80:0xC0]))
_SEQUENCE = re.compile(
    f"[Â-ß][{_FOLLOWING}]|[à-ï][{_FOLLOWING}]{{2}}|[ð-ô][{_FOLLOWING}]{{3}}"
)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
# A no-break space that became a space: `Ã ` is à.
_LOST_SPACE = re.compile("Ã (?=\\w|$)")


class Repaired(NamedTuple):
    """A text; whether it was repaired, or looks as if it should be."""

    text: str
    is_repaired: bool
    is_doubtful: bool


def repaired(text: str) -> Repaired:
    """The text as it was before it was read wrongly, where that is certain."""
    found = _SEQUENCE.findall(text)
    if len(found) < _FEWEST:
        return Repaired(text, False, False)
    others = len(_BEYOND_ASCII.findall(_SEQUENCE.sub("", text)))
    if 2 * others > len(found):
        return Repaired(text, False, True)
    better = _SEQUENCE.sub(_decoded, text)
    if any(sequence.startswith("Ã") for sequence in found):
        better = _LOST_SPACE.sub("à ", better)
    return Repaired(better, True, False)


def _decoded(match: re.Match[str]) -> str:
    sequence = match.group()
    try:
        return bytes(_BYTES[character] for character in sequence).decode("utf-8")
    except UnicodeDecodeError:  # overlong, or a surrogate
        return sequence
