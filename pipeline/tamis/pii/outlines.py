"""Whether there can be personal data at all: a look that needs no kernel.

Most addresses, and most short texts, have nothing with the outline of an anchor (see
`anchors`). A command that shows ten of them need not load what finds them, for a second.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# What every anchor has, and little else: an at sign, a plus, an escape in an address;
# digits as in an IP address, a number after 00, a card's or an IBAN. A number's groups
# are three separators apart at most, a card's one.
_OUTLINES = (
    "[@+%＠＋]",
    r"[0-9]\.[0-9]{1,3}\.[0-9]",
    "[23][0-9A-Fa-f]{3}:",
    r"00(?:[^0-9A-Za-z]{0,3}\p{Nd}){5}",
    "[2-6](?:[^0-9A-Za-z]?[0-9]){13}",
    "[A-Za-z]{2}[0-9]{2}(?:[^0-9A-Za-z]?[0-9A-Za-z]){11}",
)
_ANY = "|".join(_OUTLINES)
# A number without its country: eight digits, three signs apart at most.
NATIONAL = r"(?:\p{Nd}[^0-9A-Za-z]{0,3}){7}\p{Nd}"


def may_have_any(texts: Any, more: Sequence[str] = ()) -> bool:
    """False if no text of an Arrow array has personal data; true if one may have some.

    `more`: the outlines of forms that are looked for besides.
    """
    outline = "|".join([_ANY, *more])
    return bool(pc.any(pc.match_substring_regex(texts, outline)).as_py())


def may_have(text: str, more: Sequence[str] = ()) -> bool:
    """The same for one text."""
    try:
        return may_have_any(pa.array([text]), more)
    except UnicodeEncodeError:  # a lone surrogate, which no Arrow string has
        return True
