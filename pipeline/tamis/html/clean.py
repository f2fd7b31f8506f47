"""The one form in which text leaves extraction, whatever engine made it.

* Unicode NFC.
* Lines end in a line feed, never more than two in a row (but in Markdown's
  code), none at either end. Every character that Unicode breaks a line at counts as
  an end (CR, form feed, U+2028 ...).
* No white space at the end of a line. A tab, which only preformatted text still has,
  becomes four spaces; other space characters stay as they are, no-break spaces too.
* No control characters (Cc), no surrogates, no noncharacters.
* No characters that only tell where a line may break or that were left over from
  files glued together: soft hyphen, word joiner, byte order mark, and the zero-width
  space, except next to a letter of a script that writes no spaces between words
  (Thai, Lao, Burmese, Khmer): there it separates words. Joiners and direction marks
  change what is read and stay.
* Where text has to be normalised, no more than 30 combining marks on one character,
  as in Unicode's Stream-Safe Text Format (UAX #15, section 13): more is a prank, and
  putting them in order takes time with the square of their number.

Cleaning what is clean changes nothing. Each step takes time linear in the text.
"""

import re
import sys
import unicodedata
from functools import lru_cache

_MAX_MARKS = 30

_REMOVED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u2060\ufeff\ufdd0-\ufdef\ufffe\uffff"
    "\ud800-\udfff"
    + "".join(
        chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 17)
    )
    + "]"
)
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f"
_IDLE_ZERO_WIDTH_SPACE = re.compile(f"(?<![{_UNSPACED}])\u200b(?![{_UNSPACED}])")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str, *, is_markdown: bool = False) -> str:
    """The text in the form above; "" for text of nothing but white space."""
    lines = []
    for line in text.splitlines():
        # Looking whether there is anything to remove is 20 times as fast as removing.
        line = line if line.isprintable() else _without_odd_characters(line)
        lines.append(line.rstrip())
    text = "\n".join(lines).strip("\n")
    # Our Markdown has more than two nowhere but in fences, which no pattern finds:
    # what looks like one may be a line of the page's own.
    if "\n\n\n" in text and not is_markdown:
        text = _BLANK_LINES.sub("\n\n", text)
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", _too_many_marks().sub(r"\1", text))


def clean_title(title: str) -> str | None:
    """A title on one line with single spaces, or None where nothing is left."""
    return " ".join(clean(title).split()) or None


def _without_odd_characters(line: str) -> str:
    line = _REMOVED.sub("", line.replace("\t", "    "))
    return _IDLE_ZERO_WIDTH_SPACE.sub("", line) if "\u200b" in line else line


@lru_cache(maxsize=1)
def _too_many_marks() -> re.Pattern[str]:
    """The first marks of a character, as a group, and those beyond."""
    marks = "".join(
        chr(code)
        for code in range(0x300, sys.maxunicode)
        if unicodedata.combining(chr(code))
    )
    return re.compile(f"([{marks}]{{{_MAX_MARKS}}})[{marks}]+")
