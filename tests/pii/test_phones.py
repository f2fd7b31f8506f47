"""Numbers without their country: whose they are, and what stands around them."""

import pytest
from fixtures.patience import cpu_seconds

from tamis.pii.masking import every_mask, mask, mask_beginning, masked_text
from tamis.pii.regions import regions_of, regions_of_row, top_level_of


@pytest.mark.parametrize(
    ("language", "host", "regions"),
    [
        ("fra", "a.example.be", ("BE", "FR")),
        ("fra", "example.fr", ("FR",)),
        ("fra", "example.com", ("FR", "BE", "CH", "CA")),
        ("fra", "example.io", ("FR", "BE", "CH", "CA")),  # anybody's
        ("eng", "example.co.uk", ("GB", "US")),
        ("rus", "пример.рф", ("RU",)),
        ("deu", "81.2.69.142", ("DE", "AT", "CH")),
        (None, "example.pl", ("PL",)),
        (None, None, ()),
        ("tlh", "example.org", ()),
    ],
)
def test_countries_follow_from_language_and_host(
    language: str | None, host: str | None, regions: tuple[str, ...]
) -> None:
    assert regions_of(language, top_level_of(host)) == regions
    row = {"language": language, "host": host}
    assert regions_of_row(row) == regions
    url = {"language": language, "url": f"https://u:p@{host}:8080/a" if host else None}
    assert regions_of_row(url) == regions


def test_the_same_digits_are_a_number_where_a_country_has_it() -> None:
    text = "Praxis Weber, 069 90009-001, täglich"
    assert mask(text, ("DE",)) == "Praxis Weber, <PHONE>, täglich"
    assert mask(text, ("FR",)) == text
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("(020) 123 4567", "<PHONE>"),
        ("(bel 020 123 4567)", "(bel <PHONE>)"),
        ("(020 123 4567)", "(<PHONE>)"),
        ("（０２０）１２３　４５６７", "<PHONE>"),
        ("020 123 4567 / 020 123 4568", "<PHONE> / <PHONE>"),
        ("tel 020 123 4567.", "tel <PHONE>."),
        ("020 123 4567\n020 123 4568", "<PHONE>\n<PHONE>"),
    ],
)
def test_brackets_and_signs_around_a_number_stay(text: str, masked: str) -> None:
    assert mask(text, ("NL",)) == masked


@pytest.mark.parametrize(
    "text",
    [
        "020 123 4567 020 123 4568 020 123 4569",  # a row of a table
        "12 020 123 4567",
        "€ 020 123 4567",
        "020 123 4567 €",
        "020 123 4567 km",
        "x=0201234567",
        "/0201234567/",
        "id_0201234567",
        "0201234567890123",
        "0,0201234567",
        "020 123 4567,5",
    ],
)
def test_digits_that_go_on_or_count_something_stay(text: str) -> None:
    assert mask(text, ("NL",)) == text


@pytest.mark.parametrize(
    "unit",
    [
        "0612345678\n",
        "06 12 34 56 78 ",
        "(06) ",
        "٠٦ ",
        "a at a dot com ",
        "a (at) ",
        " @ ",
        "a dot ",
        "1850578006084\n",
        "RSSMRA85T10A562 ",
        "111.444.777-3 ",
    ],
)
def test_hostile_texts_cost_time_by_their_length(unit: str) -> None:
    def seconds(text: str) -> float:
        return cpu_seconds(
            lambda: masked_text(text, every_mask(), ("FR", "US", "EG")), runs=3
        )

    short = unit * (5_000 // len(unit))
    seconds(short)
    assert seconds(8 * short) / max(seconds(short), 1e-3) < 32


def test_masking_twice_changes_nothing_more() -> None:
    text = "Tél. 01 99 00 12 34, jean (at) exemple.fr, NIR 1 85 05 78 006 084 91"
    once = masked_text(text, every_mask(), ("FR",))
    assert once == "Tél. <PHONE>, <EMAIL>, NIR <NATIONAL_ID>"
    assert masked_text(once, every_mask(), ("FR",)) == once


def test_what_is_shown_of_a_text_has_no_half_of_a_number() -> None:
    text = "Tél. 01 99 00 12 34 ! " * 400
    shown = mask_beginning(text, 1000, ("FR",))
    assert "99" not in shown
    assert shown == mask(text, ("FR",))[: len(shown)]


def test_the_countries_are_those_of_the_library() -> None:
    import phonenumbers

    from tamis.pii.regions import KNOWN

    assert set(KNOWN) == set(phonenumbers.SUPPORTED_REGIONS)
