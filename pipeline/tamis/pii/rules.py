"""Whether an anchor holds personal data, and exactly where: outline, then validation.

A rule takes the anchor's text (and, if it matters, a little of the text before or
after it) and returns the span [start, stop) of the personal data, in characters of that
text, or None.
The text is folded (see `fold`), so that the patterns are plain ASCII; folding replaces
one character by one, so spans hold for the original text. All patterns are linear.

What counts, and what only looks similar:
    e-mail  a local part and a domain whose top level exists (Public Suffix List), so
            `icon@2x.png` and `lodash@4.17.21` do not count
    IBAN    country, length, structure and check digits (ISO 13616, by python-stdnum)
    phone   +CC or 00 CC and a number that is valid for libphonenumber; 00 without any
            separator is an article number, 00 11 22 33 a row of numbers, `a + 49...` a sum
            (numbers without their country: see `phones`)
    card    14, 15, 16 or 19 digits, unbroken or in the grouping of the scheme, the
            scheme's prefix and Luhn's check; 13 digits are an EAN, not a Visa of 1990
    IP      globally reachable unicast (IANA's registries, by `ipaddress`); four single
            digits, a network's X.Y.0.0 or the word "version" before it are a version, a word
            such as "section", "table", a section sign before it or a title behind it a place
            in a document, and a slash with a number behind it makes a network
    e-mail  `git@host:path` and `ssh://user@host` are accounts
"""

import ipaddress
import re
from functools import lru_cache
from importlib.resources import files

import phonenumbers
from phonenumbers import PhoneMetadata
from stdnum import iban, luhn, numdb

from tamis.pii.kinds import CARD, EMAIL, IBAN, IP, PHONE

Span = tuple[int, int]

# Letters of the scripts that separate words by spaces and have domain names of their
# own: Latin, Greek, Cyrillic. Others often touch an address without a space.
_LETTERS = "A-Za-z\u00c0-\u024f\u0370-\u052f"
_NOT_LOCAL = re.compile(rf"[^{_LETTERS}0-9_.%+'-]")
_DOMAIN = re.compile(rf"[{_LETTERS}0-9-]+(?:\.[{_LETTERS}0-9-]+)+")
MOST_LOCAL_CHARACTERS = 64  # RFC 5321, section 4.5.3.1.1
MOST_LABELS = 8

_IBAN_SEPARATOR = re.compile(r"[ .-]")
_GROUP_LENGTH = re.compile(r"(\d+)!")

_DIGITS = re.compile(r"\d+", re.ASCII)
_MONEY_AFTER = re.compile(r" ?[%€$£¥]|,\d")
_MOST_PHONE_GROUPS = 9  # +49 (0) 1 23 45 67 89 has eight
_MOST_PHONE_ATTEMPTS = (
    3  # a validation takes 30 µs; the first one nearly always decides
)
_TRUNK_ZERO = re.compile(r"\(0\)")

# With another group of four after the last one, it is a table of numbers.
_CARD_GROUPINGS = (
    re.compile(r"\d{14,19}(?!\d)"),
    re.compile(r"(?:\d{4}([ -]))(?:\d{4}\1){2}\d{4}(?:\1\d{3})?(?![ -]?\d)"),
    re.compile(r"(?:\d{4}([ -]))(?:\d{4}\1){2}\d{4}(?![ -]?\d{4})"),
    re.compile(r"\d{4}([ -])\d{6}\1\d{4,5}(?!\d)"),  # American Express, Diners
    re.compile(r"\d{6}[ -]\d{13}(?!\d)"),  # UnionPay
)
# ISO/IEC 7812 prefixes in use: Visa, Mastercard, Amex, Diners, Discover, JCB, UnionPay.
_CARD_SCHEMES = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}"
    r"|35(?:2[89]|[3-8]\d)\d{12}|62(?:\d{14}|\d{17})"
)

# In 20 languages; compounds end with the word in German and its like (`Programmversion`).
# A word may stand between, as in `wersja programu 5.1.2.3`, unless it leads to a machine.
_VERSION_BEFORE = re.compile(
    rf"(?:(?:(?<![{_LETTERS}])(?:ver\b|vers\b|versi\w*|versã\w*|versao|verz(?:e|i)\w*|wersj\w*|верс\w*"
    rf"|верз\w*|έκδοσ\w*|sürüm\w*|firmware)|[{_LETTERS}](?:version|versie|utgåva))"
    r"[^\s\d\w]{0,2}(?:\s(?!from|ip|serv|host|adres|v[ao]n\b|vom|depuis|d[ea]\b|od|от|с\b|z\b)"
    r"[^\s\d:]{1,16})?"
    rf"|(?<![{_LETTERS}])(?:[vr]|rev|revision|releases?|build|firmware|fw|patch|updates?|upgrade|mise à jour"
    r"|güncelleme|ενημέρωση|сборк[аи]|обновлени[ея]|прошивк[аи]|aktualizacj[aię]|aktualisierung|actualización"
    r"|aggiornamento|atualização|uppdatering|выпуск|релиз|wydanie|edycja|édition|edición|edizione|edição|ausgabe|utgåva"
    # programs, which have versions and no addresses
    r"|windows|android|ios|macos|chrom(?:e|ium)|firefox|safari|opera|edge|java|openjdk|jdk|python|php|photoshop"
    r"|acrobat|reader|flash player|office|word|excel|itunes|skype|winrar|vlc"
    r"|kernel|driver|pilote|treiber|controlador|sterownik|драйвер)"
    rf"[^\s\d{_LETTERS}]{{0,2}}"
    r"|(?:版|バージョン|ビルド|更新|버전|إصدار|نسخة|نسخه|تحديث|संस्करण|वर्ज़न|वर्जन|เวอร์ชัน)[^\s\d]{0,12})"
    r"\s?(?:n[ro]\.?|n[°º]|number|nummer|numéro|número|номер|رقم)?\s?[:=#(]?\s?[\"'“„«]?$",
    re.IGNORECASE,
)
# A place in a document: languages of the default recipe and some more. Words of Latin,
# Greek, Cyrillic and Arabic script, then those of scripts without spaces.
_PLACE_BEFORE = re.compile(
    rf"(?:(?<![{_LETTERS}])(?:§§?|¶|alinéas?|al|ch|п|пп|ч|гл|abs|lit|nr|para|par|apdo|apartado|inciso|item|punkt\w*|punto|point|ust|kap|lid|cl|eq|ex|art(?:icle|icles|ikel|icolo|ículo|igo|ykuł)?|clauses?|klausel"
    r"|sections?|sect|secs?|sección|secção|seção|sezione|sectie|sekcj\w*|abschnitt\w*|absatz"
    r"|paragraphs?|paragraphe|párrafo|parágrafo|paragrafo|paragraaf"
    r"|tables?|tableau|tableaux|tabellen?|tab|tabla|tabela|tabella|tabel|rys|fig(?:ures?|ura|uur)?"
    r"|abbildung|abb|chapters?|chap|chapitre|kapitel|kap|capítulo|capitolo|hoofdstuk|rozdzia\w*"
    r"|appendix|annex\w*|anhang|anexo|allegato|bijlage|załącznik"
    r"|разд\w*|стат\w*|пункт\w*|табл\w*|глав\w*|рис\w*|приложен\w*"
    r"|ενότητα|άρθρο|πίνακας|κεφάλαιο|σχήμα|παράγραφος|bölüm|madde|tablo|şekil"
    r"|القسم|المادة|الجدول|البند|الفصل|धारा|तालिका|अनुभाग|अध्याय)"
    r"|第|表|图|圖|図|节|節|章|条|條|ตาราง|ส่วนที่|ข้อ|บทที่|มาตรา|§)"
    r"\.?\s?[(#:]?\s?$",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"[^\s\d,;|][ \t]{0,3}[^\w\n]{0,3}$")
# A heading: a number of small parts at the beginning of a line, then a title.
_HEADING_PARTS = re.compile(r"(?:[1-3]?\d\.){3}[1-3]?\d", re.ASCII)
_TITLE_AFTER = re.compile(r"[ \t]+[^\W\d_]{2}")
_NETWORK_AFTER = re.compile(r"/\d{1,2}(?!\d)")
# A sum: one letter, digits or a bracket before a plus with a space behind it.
_OPERAND_BEFORE = re.compile(rf"(?:(?:^|[^{_LETTERS}])(?:[{_LETTERS}]|\d+)|\))\s$")
_REMOTE_PATH = re.compile(r":(?!//)(?:[~/]|[\w.~-]+/|[\w.-]+\.git\b)")
_PATH_BEFORE = re.compile(r"(?:^|[^/])/$")
_VERSION_LIKE = re.compile(r"\d\.\d\.\d\.\d|.*\.0\.0")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

_ZEROS = "٠۰०০๐"  # Arabic, Persian, Devanagari, Bengali, Thai
_FOLDED = {
    **{ord(zero) + digit: 0x30 + digit for zero in _ZEROS for digit in range(10)},
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys([0xA0, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x2010)], 0x20),
    **dict.fromkeys(range(0x202A, 0x202F), 0x20),  # direction marks
    **dict.fromkeys([*range(0x2010, 0x2016), 0x2212], 0x2D),
}


def fold(text: str) -> str:
    """`text` with full-width forms, other digits, spaces and hyphens as ASCII.

    So a full-width at sign or phone number is read like its ASCII form, and so are
    phone numbers in Arabic, Persian, Devanagari, Bengali and Thai digits. Cards, IBANs
    and IP addresses are searched in ASCII digits only.
    """
    return text if text.isascii() else text.translate(_FOLDED)


def span_in(kind: int, text: str, before: str = "", after: str = "") -> Span | None:
    """Span of the personal data of `kind` in `text`; None if it only looks similar."""
    if kind == EMAIL:
        return email_span(text)
    if kind == IBAN:
        return iban_span(text)
    if kind == PHONE:
        return phone_span(text, after, before)
    if kind == CARD:
        return card_span(text)
    assert kind == IP
    return ip_span(text, before, after)


def is_account(before: str, after: str) -> bool:
    """Whether `user@host` between these texts names an account rather than a mailbox."""
    return (
        before.endswith(("ssh://", "git://")) or _REMOTE_PATH.match(after) is not None
    )


def email_span(text: str) -> Span | None:
    """An e-mail address around the one at sign of `text`."""
    at = text.index("@")
    local = _NOT_LOCAL.split(text[:at])[-1].rsplit("..", 1)[-1].lstrip(".'+%-")
    if not 1 <= len(local) <= MOST_LOCAL_CHARACTERS or local[-1] in ".'":
        return None
    domain = _DOMAIN.match(text, at + 1)
    if domain is None:
        return None
    # The start of each label, up to the first one that is not a name.
    place, labels = at + 1, []
    for label in domain.group().split(".")[:MOST_LABELS]:
        labels.append((place, label))
        if not _is_label(label):
            break
        place += len(label) + 1
    # The longest valid prefix: in `x@example.com.Then` a new sentence begins.
    for place, label in labels[:0:-1]:
        for top in (label, label.split("-", 1)[0]):
            if top.lower() in top_level_domains():
                return at - len(local), place + len(top)
    return None


def iban_span(text: str) -> Span | None:
    """An account number at the start of `text`; what follows it may be anything."""
    length = _iban_lengths().get(text[:2].upper(), 0)
    stop, characters = 0, 0
    while stop < len(text) and characters < length:
        characters += _IBAN_SEPARATOR.match(text, stop) is None
        stop += 1
    if characters < length or length == 0 or text[stop : stop + 1].isalnum():
        return None
    # The country's own check digits are not checked: some banks' numbers lack them.
    return (0, stop) if iban.is_valid(text[:stop], check_country=False) else None


def phone_span(text: str, after: str = "", before: str = "") -> Span | None:
    """The longest valid number at the start of `text`: +CC, (+CC or 00 CC.

    `before` shows a sum, where the plus adds something.
    """
    groups = list(_DIGITS.finditer(text))
    if text.startswith("+ ") and _OPERAND_BEFORE.search(before):
        return None
    if _is_row_of_numbers([group.group() for group in groups]):
        return None
    is_prefixed_by_zeros = text[0] == "0"
    if is_prefixed_by_zeros and len(groups) == 1:
        return None
    attempts = 0
    for count in range(min(len(groups), _MOST_PHONE_GROUPS), 0, -1):
        stop = groups[count - 1].end()
        if _MONEY_AFTER.match(text[stop:] + after):
            continue
        number = _TRUNK_ZERO.sub(" ", text[:stop])
        digits = "".join(_DIGITS.findall(number))[2 * is_prefixed_by_zeros :]
        if not _has_length_of_a_phone(digits):
            continue
        attempts += 1
        if _is_phone(digits):
            is_bracket_open = text[0] == "(" and text.count(")", 0, stop) == text.count(
                "(", 1, stop
            )
            return int(is_bracket_open), stop
        if attempts == _MOST_PHONE_ATTEMPTS:
            break
    return None


def card_span(text: str) -> Span | None:
    """A payment card's number at the start of `text`."""
    for grouping in _CARD_GROUPINGS:
        match = grouping.match(text)
        if match is None:
            continue
        digits = "".join(_DIGITS.findall(match.group()))
        if _CARD_SCHEMES.fullmatch(digits) and luhn.is_valid(digits):
            return 0, match.end()
    return None


def ip_span(text: str, before: str = "", after: str = "") -> Span | None:
    """A public address that is all of `text`, unless `before` calls it a version or a
    place in a document, or `after` makes it a network.
    """
    text = text if text.endswith("::") else text.rstrip(":")
    is_new = ":" in text
    if not is_new and (_VERSION_LIKE.fullmatch(text) or _PATH_BEFORE.search(before)):
        return None
    try:
        address = (ipaddress.IPv6Address if is_new else ipaddress.IPv4Address)(text)
    except ValueError:
        return None
    if not address.is_global or address.is_multicast:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return (0, len(text)) if address in _GLOBAL_UNICAST else None
    is_heading = (
        (not before or before.endswith("\n"))
        and _HEADING_PARTS.fullmatch(text)
        and _TITLE_AFTER.match(after)
    )
    if is_heading:
        return None
    lead = before.rpartition("\n")[2]
    # In a list of addresses there is no word before one; the patterns cost 100 µs.
    is_other = bool(_WORD_BEFORE.search(lead[-8:])) and (
        _VERSION_BEFORE.search(lead) or _PLACE_BEFORE.search(lead)
    )
    return None if is_other or _NETWORK_AFTER.match(after) else (0, len(text))


@lru_cache(maxsize=1)
def top_level_domains() -> frozenset[str]:
    """Top-level domains of the packaged Public Suffix List, Unicode and xn--."""
    rules = files("publicsuffixlist").joinpath("public_suffix_list.dat")
    names = set()
    for line in rules.read_text(encoding="utf-8").splitlines():
        rule = line.strip()
        if rule and not rule.startswith("//"):
            names.add(rule.rsplit(".", 1)[-1].lower())
    encoded = {name.encode("idna").decode() for name in names if not name.isascii()}
    return frozenset(names | encoded)


def _is_row_of_numbers(groups: list[str]) -> bool:
    """Whether groups of digits are `00`, then no country, or pairs of one digit each."""
    if len(groups) < 2 or groups[0] != "00":
        return False
    country = groups[1]
    is_country = any(
        int(country[:width]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        for width in range(1, min(len(country), 3) + 1)
        if len(country) > 3 or width == len(country)
    )
    pairs = groups[1:5]
    are_pairs = len(pairs) == 4 and all(len(p) == 2 and p[0] == p[1] for p in pairs)
    return not is_country or are_pairs


def _is_label(name: str) -> bool:
    return 1 <= len(name) <= 63 and name[0] != "-" and name[-1] != "-"


def _has_length_of_a_phone(digits: str) -> bool:
    """Whether the country's numbers have this many digits: validation costs 30 µs."""
    for width in (1, 2, 3):
        lengths = _phone_lengths(digits[:width])
        if lengths:
            national = len(digits) - width
            return national in lengths or national - 1 in lengths  # a trunk 0, 8, 1
    return False


@lru_cache(maxsize=1024)
def _is_phone(digits: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return False


@lru_cache(maxsize=1024)
def _phone_lengths(country_code: str) -> frozenset[int]:
    """Possible numbers of digits after this country code; empty for no such code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(country_code or 0), ())
    lengths: set[int] = set()
    for region in regions:
        metadata = PhoneMetadata.metadata_for_region_or_calling_code(
            int(country_code), region
        )
        if metadata is not None and metadata.general_desc is not None:
            lengths.update(metadata.general_desc.possible_length)
    return frozenset(lengths)


@lru_cache(maxsize=1)
def _iban_lengths() -> dict[str, int]:
    """Characters of an IBAN by country: two letters, two digits, the groups' sum."""
    lengths = {}
    for first in map(chr, range(65, 91)):
        for country in (first + chr(second) for second in range(65, 91)):
            structure = numdb.get("iban").info(country)[0][1].get("bban")
            if structure:
                groups = map(int, _GROUP_LENGTH.findall(structure))
                lengths[country] = 4 + sum(groups)
    return lengths
