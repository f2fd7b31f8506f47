import codecs

import pytest
import turbohtml.detect  # registers the codecs whatwg-*

from tamis.html.labels import ENCODINGS, REPLACEMENT, encoding_of

assert turbohtml.detect


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("utf8", "utf-8"),
        ("UTF-8", "utf-8"),
        ("iso-8859-1", "windows-1252"),
        ("  Latin1\n", "windows-1252"),
        ("us-ascii", "windows-1252"),
        ("iso-8859-9", "windows-1254"),
        ("tis-620", "windows-874"),
        ("gb2312", "gbk"),
        ("gb_2312-80", "gbk"),
        ("ks_c_5601-1987", "euc-kr"),
        ("x-sjis", "shift_jis"),
        ("utf-16", "utf-16le"),
        ("hz-gb-2312", "replacement"),
        ("utf-7", None),
        ("cp437", None),
        ("", None),
        ("utf-8\u00e9", None),
    ],
)
def test_a_label_means_what_browsers_take_it_for(
    label: str, encoding: str | None
) -> None:
    assert encoding_of(label) == encoding


def test_every_encoding_is_one_of_its_own_labels() -> None:
    assert [encoding_of(encoding) for encoding in ENCODINGS] == list(ENCODINGS)


def test_the_standard_has_40_encodings() -> None:
    assert len(ENCODINGS) == 40


def test_every_encoding_but_the_replacement_has_a_decoder_that_keeps_ascii() -> None:
    utf_16 = {"utf-16le", "utf-16be"}
    for encoding in set(ENCODINGS) - {REPLACEMENT} - utf_16:
        assert codecs.decode(b"plain <p>", f"whatwg-{encoding}") == "plain <p>"
