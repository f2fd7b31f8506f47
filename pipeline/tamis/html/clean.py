"""The form of the text that extraction returns, the same for every engine.

* Unicode NFC.
* Lines end in a line feed. There are never more than two in a row (except in
  Markdown's code), and none at either end. Every character at which Unicode breaks a
  line counts as a line end (CR, form feed, U+2028 ...).
* No white space at the end of a line. Other space characters do not change, no-break
  spaces and the tabs of preformatted text included: they are code's.
* No control characters (Cc), no surrogates, no noncharacters. C1 controls (U+0080 to U+009F)
  become the characters that windows-1252 has there, as HTML reads references to them: a page
  that has one was made from such bytes.
* No characters that only say where a line may break, or that are left from joining
  files: soft hyphen, word joiner, byte order mark, and the zero-width space. That one
  stays next to a letter of a script without spaces between words (Thai, Lao, Burmese,
  Khmer), where it separates words. Joiners and direction marks change what is read,
  and stay.
* Where text has to be normalised, no more than 30 combining marks on one character,
  as in Unicode's Stream-Safe Text Format (UAX #15, section 13): more is a prank, and
  the time to sort them grows with the square of their number.

Cleaning a clean text changes nothing. Each step takes time linear in the text.
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
_C1 = re.compile("[\x80-\x9f]")
_WINDOWS_1252 = {
    byte: character
    for byte in range(0x80, 0xA0)
    if (character := bytes([byte]).decode("cp1252", "ignore"))
}
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f"
_IDLE_ZERO_WIDTH_SPACE = re.compile(f"(?<![{_UNSPACED}])\u200b(?![{_UNSPACED}])")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str, *, is_markdown: bool = False) -> str:
    """The text in the form above; "" for text of white space only."""
    if _C1.search(text):
        text = text.translate(_WINDOWS_1252)
    lines = []
    for line in text.splitlines():
        # Checking whether there is anything to remove is 20 times as fast as removing.
        line = line if line.isprintable() else _without_odd_characters(line)
        lines.append(line.rstrip())
    text = "\n".join(lines).strip("\n")
    # Our Markdown has more than two only inside fences. No pattern finds fences
    # reliably: what looks like one may be a line of the page.
    if "\n\n\n" in text and not is_markdown:
        text = _BLANK_LINES.sub("\n\n", text)
    if unicodedata.is_normalized("NFC", text):
        return text
    if _may_have_too_many_marks(text):
        text = _too_many_marks().sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def clean_title(title: str) -> str | None:
    """A title on one line with single spaces, or None if nothing is left."""
    return " ".join(clean(title).split()) or None


def is_removed(character: str) -> bool:
    """Whether `clean` takes it out, in every place or in some."""
    return character == "\u200b" or _REMOVED.match(character) is not None


def _without_odd_characters(line: str) -> str:
    line = _REMOVED.sub("", line)
    return _IDLE_ZERO_WIDTH_SPACE.sub("", line) if "\u200b" in line else line


def _may_have_too_many_marks(text: str) -> bool:
    """False if no character has more than _MAX_MARKS; seldom True if none has.

    The pattern takes 2 µs a character. More marks than _MAX_MARKS take up one of the places
    looked at here, and half of _MAX_MARKS places before or after it.
    """
    half = _MAX_MARKS // 2
    for place in range(_MAX_MARKS, len(text), _MAX_MARKS + 1):
        if unicodedata.combining(text[place]) and any(
            all(map(unicodedata.combining, side))
            for side in (text[place - half : place], text[place + 1 : place + half + 1])
        ):
            return True
    return False


@lru_cache(maxsize=1)
def _too_many_marks() -> re.Pattern[str]:
    """Matches a character's first _MAX_MARKS marks, as a group, and the others."""
    marks = "".join(
        chr(code)
        for code in range(0x300, sys.maxunicode)
        if unicodedata.combining(chr(code))
    )
    return re.compile(f"([{marks}]{{{_MAX_MARKS}}})[{marks}]+")
