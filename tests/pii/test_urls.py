"""Addresses of pages as they are published: nothing personal behind the host."""

import pytest

from tamis.pii.urls import masked_url, masked_urls

MASKED = [
    ("http://a.org/?email=jane.doe@example.com", "http://a.org/?email=EMAIL"),
    ("http://a.org/?m=jane%40example.com&x=1", "http://a.org/?m=EMAIL&x=1"),
    ("http://a.org/?m=%6Aane%40example%2Ecom#x", "http://a.org/?m=EMAIL#x"),
    ("http://a.org/?m=jane%2540example.com", "http://a.org/?m=EMAIL"),
    ("http://a.org/?m=jane%252540example.com&y", "http://a.org/?m=EMAIL&y"),
    ("http://a.org/?q=hi%20jane@example.com", "http://a.org/?q=hi%20EMAIL"),
    ("http://a.org/?m=jane+tag@example.com", "http://a.org/?m=EMAIL"),
    ("http://a.org/#jane@example.com", "http://a.org/#EMAIL"),
    ("http://a.org/user/jane@example.com/posts", "http://a.org/user/EMAIL/posts"),
    ("http://a.org/a;m=jane@example.com/b", "http://a.org/a;m=EMAIL/b"),
    ("http://a.org/?u=mailto:jane@example.com", "http://a.org/?u=mailto:EMAIL"),
    ("http://jane:pw@a.org/b", "http://a.org/b"),
    ("http://jane%40example.com:pw@a.org/b", "http://a.org/b"),
    ("//jane@a.org/b", "//a.org/b"),
    ("http://jane:p@w@a.org:80", "http://a.org:80"),
    ("mailto:jane@example.com", "mailto:EMAIL"),
    ("http://a.org/?next=http%3A%2F%2Fjane%40example.com%2F", "http://a.org/?next=http%3A%2F%2FEMAIL%2F"),
    ("http://a.org/?tel=%2B33%201%2042%2068%2053%2000", "http://a.org/?tel=PHONE"),
    ("http://a.org/?tel=+33142685300", "http://a.org/?tel=PHONE"),
    ("http://a.org/?iban=DE89370400440532013000", "http://a.org/?iban=IBAN"),
    ("http://a.org/?card=4111111111111111", "http://a.org/?card=CARD"),
    ("http://a.org/?from=81.2.69.142&to=x", "http://a.org/?from=IP&to=x"),
    # Around the address: Cyrillic, Arabic, CJK, Devanagari and Thai, plain and encoded.
    ("http://a.org/?имя=jane@example.com", "http://a.org/?имя=EMAIL"),
    ("http://a.org/?q=بريد%20jane@example.com", "http://a.org/?q=بريد%20EMAIL"),
    ("http://a.org/邮箱jane@example.com", "http://a.org/邮箱EMAIL"),
    ("http://a.org/%E9%82%AE%E7%AE%B1jane@example.com", "http://a.org/%E9%82%AE%E7%AE%B1EMAIL"),
    ("http://a.org/?q=पता:jane@example.com", "http://a.org/?q=पता:EMAIL"),
    ("http://a.org/?q=อีเมลjane%40example.com", "http://a.org/?q=อีเมลEMAIL"),
    ("http://a.org/?m=иван@пример.рф", "http://a.org/?m=EMAIL"),
    ("http://a.org/?m=%D0%B8%D0%B2%D0%B0%D0%BD%40%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.%D1%80%D1%84", "http://a.org/?m=EMAIL"),
    # Bytes that are no UTF-8, and an escape that is none.
    ("http://a.org/%FF%FEjane@example.com%FF", "http://a.org/%FF%FEEMAIL%FF"),
    ("http://a.org/100%?m=jane@example.com", "http://a.org/100%?m=EMAIL"),
]  # fmt: skip
SAME = [
    "",
    "http://a.org",
    "http://a.org/",
    "http://81.2.69.142/index.html",
    "https://a.org/@jane/2024/05/18/icon@2x.png?v=1.2.3.4",
    "http://a.org/%E6%97%A5%E6%9C%AC%2520%FF?q=a+b%20c#d",
    "https://npm.example/lodash@4.17.21",
    "http://a.org/日本/ไทย?имя=значение",
    "no address at all",
]


@pytest.mark.parametrize(("url", "masked"), MASKED, ids=[url for url, _ in MASKED])
def test_what_is_personal_is_masked_and_nothing_around_it(
    url: str, masked: str
) -> None:
    assert masked_url(url) == masked
    assert masked_url(masked) == masked


@pytest.mark.parametrize("url", SAME)
def test_an_address_without_personal_data_does_not_change(url: str) -> None:
    assert masked_url(url) == url


def test_a_column_keeps_its_rows_and_its_nulls() -> None:
    urls = [None, *(url for url, _ in MASKED), "", *SAME, None]
    expected = [None, *(masked for _, masked in MASKED), "", *SAME, None]
    assert masked_urls(urls) == expected
    assert masked_urls([]) == []
    assert masked_urls([None]) == [None]


def test_only_the_kinds_that_are_asked_for_are_masked() -> None:
    url = "http://me@a.org/?m=jane@example.com&tel=+33142685300"
    assert masked_urls([url], ["phone"]) == [
        "http://a.org/?m=jane@example.com&tel=PHONE"
    ]
    assert masked_urls([url], []) == [
        "http://a.org/?m=jane@example.com&tel=+33142685300"
    ]
