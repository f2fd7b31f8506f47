"""Phone numbers as a country writes them at home: `01 99 00 12 34`, `(212) 555-0147`.

Digits alone say little, so three things decide:
    the country   one of the page's (see `regions`) has such numbers; they are cut as it cuts
                  them, with its trunk prefix if it writes one (libphonenumber's matcher)
    a word before `tél.`, `call`, `电话`: then any cut will do, and digits in a row
    a word or sign that says otherwise: prices, units, dates, ISBN, order numbers, rows of
                  a table
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from phonenumbers import Leniency, PhoneMetadata, PhoneNumberDesc, PhoneNumberMatcher

from tamis.pii.words import Kind, words_of

Span = tuple[int, int]

_LETTER = "A-Za-z\u00c0-\u024f\u0370-\u052f"
_DIGITS = re.compile(r"\d+", re.ASCII)
_WIDE_GAP = re.compile(r"(?<=\d)[ ./()-]{3}(?=\d)", re.ASCII)
_ODD_CUT = re.compile(r"[-./] ?[-./]|/.*/|\.  ?\d|\)[^)]*\)|\([^)]*$", re.ASCII)

_SIGN_OF_OTHER = re.compile(r"(?:[№#＃]|\bn[°º])[ \t:.]*$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[!?;。！？।]|[^\W\d]{5,}\.\s+[^\W\d]")
_REACH_OF_WORD = 32  # characters between a word and the number that it is about
_AMOUNT_BEFORE = re.compile(
    r"(?:[€$£¥₹₽₩฿=<>±~≈×*^+_\\]|(?<![A-Za-z])(?:EUR|USD|GBP|CHF|PLN|BRL|R\$|RMB|INR|RS\.?|RUB"
    r"|JPY|AED|SAR|EGP|DH|ZŁ))\s?$|\d[.,:]?[ \t]{1,4}$|[^\s(]/$|\d-$|[A-Z]-$|[%@]$",
    re.IGNORECASE,
)
_AMOUNT_AFTER = re.compile(
    rf"\s?[€$£¥₹₽₩฿%‰°º²³=×*^_@]|[.,]\d|:\d\d|[-/+]\d|[ \t]{{1,4}}\(?\d(?!\d?[.)])|[{_LETTER}_]"
)
_UNIT_AFTER = re.compile(r"[ \t]?([^\W\d_]+)")
_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:19|20)\d\d(?!\d)"
    r"|(?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])[-./ ](?:19|20)\d\d(?!\d)"
    r"|(?:19|20)\d\d(?: ?[-/. ] ?(?:19|20)\d\d)+(?!\d)|(?:19|20)\d{6}(?!\d)|(?:19|20)\d\d[ -]\d\d?[ -]\d\d? ",
    re.ASCII,
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:([ .])\d{3})(?:\1\d{3})+$", re.ASCII)
_BOOK = re.compile(r"97[89][ -]?\d")
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")
_RUSSIAN = re.compile(r"8[3489]\d{9}")
# Numbers for films and examples, which libphonenumber takes for invalid.
_RESERVED = {"FR": r"63998\d{4}", "GB": r"7700900\d{3}|1632960\d{3}"}
_KINDS_OF_NUMBERS = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("personal_number", "voip", "uan", "pager"),
)
_TWO_GROUPS = {"IN": (5, 5), "IT": (3, 7)}  # how mobile numbers are cut there
_LONGEST = 22  # characters between the first digit and the last


class Region(NamedTuple):
    """What a country's numbers look like, without their trunk prefix."""

    name: str
    valid: re.Pattern[str]
    mobile: re.Pattern[str] | None
    trunk: str
    lengths: frozenset[int]


@lru_cache(maxsize=300)
def region(name: str) -> Region:
    metadata = PhoneMetadata.metadata_for_region(name)
    assert metadata is not None, name
    valid = [_pattern(getattr(metadata, kind)) for kind in _KINDS_OF_NUMBERS]
    valid.append(_RESERVED.get(name, ""))
    mobile = _pattern(metadata.mobile)
    general = metadata.general_desc
    return Region(
        name,
        re.compile(
            "|".join(f"(?:{pattern})" for pattern in valid if pattern), re.ASCII
        ),
        re.compile(mobile, re.ASCII) if mobile else None,
        metadata.national_prefix or "",
        frozenset(general.possible_length if general else ()),
    )


def _pattern(description: PhoneNumberDesc | None) -> str:
    """The pattern of a kind of numbers; "" if the country has none of it."""
    pattern = description.national_number_pattern if description else None
    return "" if pattern in (None, "NA") else str(pattern)


def possible_ends(text: str, regions: tuple[str, ...]) -> list[int]:
    """Where a number of these countries may end that begins with `text`, longest first.

    `text` is folded and begins with a digit. What stands around it is not looked at.
    """
    return [stop for stop in _ends(text) if _may_be_one(text[:stop], regions)]


def national_span(
    text: str, before: str, after: str, regions: Sequence[str]
) -> Span | None:
    """The number of one of `regions` that `text` begins with, bracket included.

    `text` is folded and begins with a digit; `before` and `after` are on its sides.
    """
    is_open = before.endswith("(")
    lead = before[:-1] if is_open else before
    if _AMOUNT_BEFORE.search(lead[-8:]) or (is_open and lead[-1:].isalnum()):
        return None
    is_called = _is_called(lead)
    if not is_called and _is_of_other(lead):
        return None
    for stop in possible_ends(text, tuple(regions)):
        found = text[:stop]
        rest = text[stop:] + after
        has_bracket = is_open and ")" in found
        if is_open and not has_bracket and not rest.startswith(")"):
            continue
        if _ends_badly(rest, is_called) or not _is_cut_like_one(found, is_called):
            continue
        written = f"({found}" if has_bracket else found
        if any(_is_national(written, name, is_called) for name in regions):
            return 0 - has_bracket, stop
    return None


@lru_cache(maxsize=4096)
def _may_be_one(found: str, regions: tuple[str, ...]) -> bool:
    """Whether some country could have the number: most digits are settled here."""
    if _DATE.match(found) or _BOOK.match(found) or _ODD_CUT.search(found):
        return False
    digits = _digits(found)
    if len(found) > _LONGEST or len(set(digits)) < 3:
        return False
    return any(_valid_form(digits, region(name), True) for name in regions)


def _ends(text: str) -> list[int]:
    """Where a number may end: at the end, or before a gap as wide as ` / `."""
    wide = [match.start() for match in _WIDE_GAP.finditer(text)]
    return [len(text), *(end for end in wide if len(_digits(text[:end])) >= 8)]


def _is_called(lead: str) -> bool:
    """Whether a word for phone, or for calling, is in the lines right before."""
    near = lead[-_REACH_OF_WORD - 8 :]
    end = words_of("phone").end_of_last(near)
    if end < 0:
        return False
    between = near[end:]
    if len(between) > _REACH_OF_WORD or between.count("\n") > 1:
        return False
    if words_of("unit").end_of_last(between) >= 0:  # `mobile users: `
        return False
    return not _SENTENCE_END.search(between) and not _is_of_other(between, ("other",))


def _is_of_other(lead: str, kinds: tuple[Kind, ...] = ("other", "number")) -> bool:
    """Whether the last word of `lead`, or the one before a short one, names an order,
    an account or the like.
    """
    line = lead.rpartition("\n")[2][-_REACH_OF_WORD:].lower()
    found = re.findall(r"[^\W\d_]+", line)[-2:]
    if found and len(found[-1]) > 3:
        found = found[-1:]
    if "number" in kinds and _SIGN_OF_OTHER.search(line):
        return True
    words = words_of("other")
    numbers = words_of("number")
    if any(
        words.has(word) and not ("number" not in kinds and numbers.has(word))
        for word in found
    ):
        return True
    return not line.isascii() and any(
        word in line[-8:] for word in words.touching if "number" in kinds
    )


def _ends_badly(rest: str, is_called: bool) -> bool:
    """Whether what follows makes the digits an amount, or a part of something longer."""
    unit = _UNIT_AFTER.match(rest)
    units = words_of("unit")
    if unit is not None and units.has(unit.group(1).lower()):
        return True
    if not rest.isascii() and rest.lstrip(" ").startswith(units.touching):
        return True
    match = _AMOUNT_AFTER.match(rest)
    if match is None:
        return False
    return not (is_called and re.match(r"[-/]\d{1,4}(?!\d)", rest))


def _is_cut_like_one(found: str, is_called: bool) -> bool:
    """Whether the groups are not those of a date, an amount, a row of numbers."""
    groups = _DIGITS.findall(found)
    if is_called:
        return True
    if len(groups) == 1:
        return len(found) <= 11
    is_range = len(groups) == 2 and "-" in found and groups[0] < groups[1]
    if is_range and len(groups[0]) == len(groups[1]):
        return False
    if _THOUSANDS.match(found) or sum(len(group) == 1 for group in groups) > 1:
        return False
    numbers = [int(group) for group in groups]
    steps = {after - before for before, after in pairwise(numbers)}
    is_rising = len(groups) > 3 and min(steps) > 0
    return not (is_rising and (max(numbers) < 50 or steps == {1}))


@lru_cache(maxsize=4096)
def _is_national(written: str, name: str, is_called: bool) -> bool:
    """Whether the country has this number and, if no word calls it one, cuts it so."""
    own = region(name)
    digits = _digits(written)
    form = _valid_form(digits, own, is_called)
    if form is None or is_called:
        return form is not None
    national, has_trunk = form
    groups = _DIGITS.findall(written)
    if len(groups) == 1 and "(" not in written:
        return _is_plain(digits, national, own, has_trunk=has_trunk)
    is_mobile = own.mobile is not None and own.mobile.fullmatch(national) is not None
    has_sign = has_trunk or digits[0] == "0" or re.search(r"[(-]", written) is not None
    if not has_sign and (len(groups) < 3 or _has_even_groups(groups, name)):
        return is_mobile and tuple(map(len, groups)) == _TWO_GROUPS.get(name)
    # Where all numbers are about as long, three groups behind a 0 are no chance.
    is_clear = is_mobile or (len(groups) > 2 and max(own.lengths) < 11)
    return (has_trunk and own.trunk == "0" and is_clear) or _is_matched(written, name)


def _valid_form(digits: str, own: Region, is_called: bool) -> tuple[str, bool] | None:
    """The number without its trunk prefix, and whether it has one; None if it is not valid.

    Ranges are reserved, and given out, between two versions of the metadata: where a
    word calls it a phone number, the prefix and the length are enough.
    """
    has_trunk = bool(own.trunk) and digits.startswith(own.trunk)
    national = digits[len(own.trunk) :] if has_trunk else digits
    if own.valid.fullmatch(national):
        return national, has_trunk
    if has_trunk and own.valid.fullmatch(digits):
        return digits, False
    is_dialled = has_trunk and own.trunk == "0" and len(national) in own.lengths
    return (national, True) if is_called and is_dialled else None


def _is_plain(digits: str, national: str, own: Region, *, has_trunk: bool) -> bool:
    """Whether digits in a row are a number that needs no word before it."""
    if own.name == "CN":
        return _CHINESE_MOBILE.fullmatch(digits) is not None
    if own.name == "RU":
        return _RUSSIAN.fullmatch(digits) is not None
    is_mobile = own.mobile is not None and own.mobile.fullmatch(national) is not None
    return has_trunk and own.trunk == "0" and (is_mobile or own.name == "FR")


def _has_even_groups(groups: list[str], name: str) -> bool:
    """Pairs, or American groups between spaces: rows of a table look the same."""
    widths = {len(group) for group in groups}
    return len(widths) == 1 or name in ("US", "CA")


def _is_matched(written: str, name: str) -> bool:
    matcher = PhoneNumberMatcher(
        written, name, leniency=Leniency.STRICT_GROUPING, max_tries=1
    )
    return any(match.raw_string == written for match in matcher)


def _digits(text: str) -> str:
    return "".join(_DIGITS.findall(text))
