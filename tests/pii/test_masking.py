"""Tables of what is personal data and what only looks so, country by country.

Numbers are reserved for fiction or documentation where a country reserves some
(Arcep, Ofcom, BNetzA, NANP 555-01XX), else of the form of the country with zeros;
cards are the test numbers of payment services, IBANs the examples of the IBAN registry.
"""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from tamis.pii.kinds import PLACEHOLDERS
from tamis.pii.masking import Masks, find, mask, mask_beginning, replace
from tamis.text.buffers import utf8_buffers

TRUE = {
    "FR": [
        ("Tél. : +33 1 99 00 12 34, bureau 5", "Tél. : <PHONE>, bureau 5"),
        ("+33 (0)1 99 00 12 34", "<PHONE>"),
        ("+33199001234", "<PHONE>"),
        ("00 33 1 99 00 12 34", "<PHONE>"),
        ("+33\u202f1\u00a099.00.12.34.", "<PHONE>."),
        ("IBAN FR14 2004 1010 0505 0001 3M02 606 (banque)", "IBAN <IBAN> (banque)"),
        ("écrire à jean.dupont@exemple.fr.", "écrire à <EMAIL>."),
    ],
    "DE": [
        ("Tel. +49 30 23125 123", "Tel. <PHONE>"),
        ("+49 (0)30 23125-123", "<PHONE>"),
        ("0049-30-23125123", "<PHONE>"),
        ("DE89370400440532013000", "<IBAN>"),
        ("Konto:de89 3704 0044 0532 0130 00;", "Konto:<IBAN>;"),
        ("jürgen@müller.de schreibt", "<EMAIL> schreibt"),
    ],
    "ES": [
        ("Teléfono (+34) 600 000 001", "Teléfono <PHONE>"),
        ("+34 910 000 000", "<PHONE>"),
        ("0034 910 000 000, centralita", "<PHONE>, centralita"),
        ("ES91 2100 0418 4502 0005 1332", "<IBAN>"),
        ("niño@ejemplo.es o info@ejemplo.com.es.", "<EMAIL> o <EMAIL>."),
    ],
    "IT": [
        ("+39 06 0000 0001", "<PHONE>"),
        ("+39 320 000 0001", "<PHONE>"),
        ("0039 06 0000 0001", "<PHONE>"),
        ("IT60 X054 2811 1010 0000 0123 456", "<IBAN>"),
        ("scrivi a posta@esempio.it!", "scrivi a <EMAIL>!"),
    ],
    "UK": [
        ("(+44 20 7946 0123)", "(<PHONE>)"),
        ("+44 (0)20 7946 0123", "<PHONE>"),
        ("GB82 WEST 1234 5698 7654 32", "<IBAN>"),
        ("first.last+tag@example.co.uk", "<EMAIL>"),
    ],
    "US": [
        ("call +1 (212) 555-0147 now", "call <PHONE> now"),
        ("+1.202.555.0123", "<PHONE>"),
        ("001 202 555 0123 (toll)", "<PHONE> (toll)"),
        ("O'Neil: o'neil@example.com", "O'Neil: <EMAIL>"),
    ],
    "cards": [
        ("4242 4242 4242 4242", "<CARD>"),
        ("4000-0566-5566-5556", "<CARD>"),
        ("378282246310005", "<CARD>"),
        ("3782 822463 10005", "<CARD>"),
        ("5555 5555 5555 4444 12/27", "<CARD> 12/27"),
        ("2223003122003222", "<CARD>"),
        ("3530111333300000", "<CARD>"),
        ("6011111111111117", "<CARD>"),
        ("6200000000000005", "<CARD>"),
        ("30569309025904", "<CARD>"),
    ],
    "addresses": [
        ("from 81.2.69.142:8080", "from <IP>:8080"),
        ("http://81.2.69.142/path", "http://<IP>/path"),
        ("It was 81.2.69.142.", "It was <IP>."),
        ("[2a00:1450:4007:80f::200e]:443", "[<IP>]:443"),
        ("2a00:1450:4007:80f:0:0:0:200e", "<IP>"),
    ],
    "other scripts": [
        ("联系邮箱bob@example.com谢谢", "联系邮箱<EMAIL>谢谢"),
        ("メールはinfo＠example.co.jpまで", "メールは<EMAIL>まで"),
        ("ＴＥＬ＋８１－３－１２３４－５６７８です", "ＴＥＬ<PHONE>です"),
        ("пишите на почта@пример.рф сегодня", "пишите на <EMAIL> сегодня"),
        ("тел. +7 495 123-45-67", "тел. <PHONE>"),
        ("υποστήριξη: info@example.gr", "υποστήριξη: <EMAIL>"),
        ("اتصل +٩٦٦ ٥٠ ١٢٣ ٤٥٦٧ الآن", "اتصل <PHONE> الآن"),
        ("تماس: +۹۸ ۲۱ ۸۸۸۸ ۸۸۸۸", "تماس: <PHONE>"),
        ("फ़ोन +९१ ९८७६५ ४३२१०", "फ़ोन <PHONE>"),
        ("โทร +๖๖ ๒ ๑๒๓ ๔๕๖๗ ค่ะ", "โทร <PHONE> ค่ะ"),
        ("地址81.2.69.142中", "地址<IP>中"),
        ("카드 4242424242424242번", "카드 <CARD>번"),
    ],
}

FALSE = {
    "FR": [
        "01 42 68 53 00",
        "SIRET 732 829 320 00074",
        "le 17/05/2024 à 12h30",
        "FR14 2004 1010 0505 0001 3M02 607",
        "+33 1 99",
        "+33 0 12 34 56 78",
        "2 08 02 75 116 001 42",
    ],
    "DE": [
        "BLZ 370 400 44",
        "DIN 5008:2020-03",
        "Bestellnummer 0049302312512",
        "DE89 3704 0044 0532 0130 01",
        "USt-IdNr. DE 123456789",
        "+49 1 2",
    ],
    "ES": [
        "NIF 12345678Z",
        "1.234.567,89 €",
        "ES91 2100 0418 4502 0005 1333",
        "+34 123 456 789",
        "CIF B-12345678",
        "usuario@ejemplo",
    ],
    "IT": [
        "P. IVA 01234567890",
        "IT60 X054 2811 1010 0000 0123 45",
        "€ 1.234.567,00",
        "CF RSSMRA85T10A562S",
        "+39 1 234",
        "CAP 00184 Roma",
    ],
    "UK": [
        "020 7946 0123",
        "SW1A 2AA",
        "NI AB 12 34 56 C",
        "AB12 3CD and so on, no",
        "GB82 WEST 1234 5698 7654 33",
        "+44 20 7946",
        "NHS 943 476 5919",
        "VAT GB 123 4567 89",
    ],
    "US": [
        "(212) 555-0147",
        "078-05-1120",
        "+1 000 000",
        "12/31/1999 11:59:59 PM",
        "+1 (012) 555-0147",
        "+1 555 0147",
        "EIN 12-3456789",
        "ZIP 90210-1234",
        "call 1-800-FLOWERS",
    ],
    "books": ["ISBN 978-3-16-148410-0", "0-306-40615-2", "EAN 4006381333931"],
    "orders": [
        "order 4242424242424241",
        "order 20240517001234",
        "id=4242424242424242",
        "/item/4242424242424242/",
        "0.4242424242424242",
        "sku_4242424242424242",
        "1699999999999",
        "2001 2002 2003 2004 2005 2006",
        "4242 4242 4242 4242 4242",
        "42424242424242424242424242",
    ],
    "versions": [
        "v81.2.69.142",
        "version 81.2.69.142",
        'openjdk version "17.0.4.1"',
        "Versionsnummer: 81.2.69.142",
        "версия 81.2.69.142",
        "版本81.2.69.142",
        "Chrome/120.1.2.34",
        "Chrome 120.0.0.0",
        "see section 3.1.2.4",
        "81.2.69.142.5",
        "pkg-1.20.30.40",
        "lodash@4.17.21",
        "module@v1.3.4",
    ],
    "private addresses": [
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.9",
        "127.0.0.1",
        "169.254.1.1",
        "100.64.1.1",
        "203.0.113.7",
        "224.0.0.251",
        "999.10.10.10",
        "::1",
        "fe80::1",
        "fd00::1",
        "2001:db8::1",
        "00:1A:2B:3C:4D:5E",
        "12:30:45",
        "std::string a::b",
    ],
    "at signs": [
        "icon@2x.png",
        "@user.name",
        "user@localhost",
        "3@4.50",
        "a @ b.com",
        "@@@.com",
        "me@-bad-.com",
        "x@y..com",
    ],
    "plus signs": ["C++11 2003 1998", "UTC+02:00", "+12 345 678 901 €", "+100500"],
}

UNCHANGED = [text for texts in FALSE.values() for text in texts]
CHANGED = [case for cases in TRUE.values() for case in cases]


@pytest.mark.parametrize(("text", "masked"), CHANGED)
def test_personal_data_is_masked_and_the_text_around_it_stays(
    text: str, masked: str
) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", UNCHANGED)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert mask(text) == text
    assert mask(f"词{text}।") == f"词{text}।"


@pytest.mark.parametrize("text", ["", " ", "\n", "plain", "नमस्ते", "\ud800@\udfff.com"])
def test_text_without_personal_data_is_returned_whole(text: str) -> None:
    assert mask(text) == text


def test_masking_twice_changes_nothing_more() -> None:
    once = mask("\n".join(text for text, _ in CHANGED))
    assert mask(once) == once


def test_where_two_overlap_the_more_specific_one_wins() -> None:
    # A Romanian account made so that its last 16 digits are a card of their own.
    assert mask("4242 4242 4242 4242") == "<CARD>"
    assert mask("RO10 AAAA 4242 4242 4242 4242") == "<IBAN>"
    # The plus sign begins a phone number, and is no part of the address.
    assert mask("+33199001234@example.fr") == "+<EMAIL>"


def test_a_kind_without_a_placeholder_is_left_alone() -> None:
    data, offsets = utf8_buffers(pa.array(["a@b.fr 81.2.69.142"]))
    wanted = {"ip": "[address]"}
    masked, ends = replace(data, offsets, find(data, offsets, Masks(wanted)), wanted)
    assert masked == b"a@b.fr [address]"
    assert ends.tolist() == [0, 16]


def test_documents_do_not_run_into_each_other() -> None:
    texts = ["jean@", "example.fr", "", "x +33 1 99", "00 12 34", "y@z.fr"]
    data, offsets = utf8_buffers(pa.array(texts))
    findings = find(data, offsets, Masks(PLACEHOLDERS))
    assert findings.document.tolist() == [5]
    assert findings.counts("email", len(texts)).tolist() == [0, 0, 0, 0, 0, 1]


def test_a_document_reads_the_same_alone_and_between_others() -> None:
    texts = [text for text, _ in CHANGED] + UNCHANGED
    data, offsets = utf8_buffers(pa.array(texts))
    masked, ends = replace(
        data, offsets, find(data, offsets, Masks(PLACEHOLDERS)), PLACEHOLDERS
    )
    together = [masked[start:stop].decode() for start, stop in pairwise(ends)]
    assert together == [mask(text) for text in texts]


def test_counts_are_int32_and_zero_for_an_empty_batch() -> None:
    data, offsets = utf8_buffers(pa.array([], pa.string()))
    counts = find(data, offsets, Masks(PLACEHOLDERS)).counts("email", 0)
    assert (counts.dtype, len(counts)) == (np.int32, 0)


@pytest.mark.parametrize("characters", [1, 300, 1000])
@pytest.mark.parametrize("between", [" ", "，", " и ", " و", ", "])
def test_the_beginning_of_a_text_has_no_half_of_an_address(
    characters: int, between: str
) -> None:
    """Placeholders are shorter than what they replace: the cut of the text moves up."""
    address = f"{'jane.doe' * 6}@{'sub' * 20}.{'mail' * 15}.example.org"
    for shift in range(0, len(address) + len(between), 7):
        text = "." * shift + between + between.join([address] * 200)
        masked = mask_beginning(text, characters)
        assert "example" not in masked
        assert "jane" not in masked
        assert masked == mask(text)[: len(masked)]
        assert len(masked) <= characters


def test_the_beginning_of_a_short_text_is_all_of_it() -> None:
    assert mask_beginning("", 10) == ""
    assert mask_beginning("a@b.fr 天", 100) == "<EMAIL> 天"
    assert mask_beginning("абв" * 2000, 1000) == ("абв" * 2000)[:1000]


@pytest.mark.parametrize(
    "text",
    [
        "Clone it with git clone git@github.com:octo/boat.git now.",
        "ssh://git@github.com/octo/boat and rsync me@host.example.org:backup/",
        "read clause 12.34.56.78 of the contract",
        "nach § 12.3.4.15 und Tabelle 11.12.13.14 und Abschnitt 51.12.13.14",
        "voir l'article 51.12.13.14 et la section 51.12.13.15",
        "véase la tabla 51.12.13.14; vedi il capitolo 51.12.13.14",
        "раздел 51.12.13.14, таблица 51.12.13.14, статья 51.12.13.14",
        "المادة 51.12.13.14",
        "第51.12.13.14条 表51.12.13.14",
        "ตาราง 51.12.13.14 धारा 51.12.13.14",
        "block 51.12.13.0/24 and 51.12.0.0/16",
        "The row reads 00 11 22 33 44 55 66 and 00 44 55 66 77 88 99",
        "a + 4915112345678 b and (x) + 4915112345678",
        "3 + 4915112345678",
    ],
)
def test_places_sums_accounts_and_networks_stay(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail octo@github.com: or call", "mail <EMAIL>: or call"),
        ("octo@github.com:8080", "<EMAIL>:8080"),
        ("the host 51.12.13.14 answers", "the host <IP> answers"),
        ("Tel. + 49 151 12345678", "Tel. <PHONE>"),
        ("Telefon + 49 151 12345678", "Telefon <PHONE>"),
        ("00 33 1 42 68 53 00", "<PHONE>"),
        ("0049 30 901820", "<PHONE>"),
    ],
)
def test_what_is_personal_beside_such_signs_goes(text: str, masked: str) -> None:
    assert mask(text) == masked
