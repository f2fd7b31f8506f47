"""Whose phone numbers a page writes without a country code: by its language and host."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# The countries where most pages of a language come from, the likeliest first.
_OF_LANGUAGE = {
    "als": ("AL", "XK"),
    "arb": ("EG", "SA", "MA", "AE", "DZ", "JO"),
    "bel": ("BY",),
    "ben": ("BD", "IN"),
    "bul": ("BG",),
    "cat": ("ES", "AD"),
    "ces": ("CZ",),
    "cmn": ("CN", "TW"),
    "dan": ("DK",),
    "deu": ("DE", "AT", "CH"),
    "ekk": ("EE",),
    "ell": ("GR", "CY"),
    "eng": ("US", "GB", "AU", "IE", "IN", "NZ", "ZA"),
    "eus": ("ES",),
    "fin": ("FI",),
    "fra": ("FR", "BE", "CH", "CA"),
    "gle": ("IE",),
    "glg": ("ES",),
    "guj": ("IN",),
    "heb": ("IL",),
    "hin": ("IN",),
    "hrv": ("HR", "BA"),
    "hun": ("HU",),
    "ind": ("ID",),
    "isl": ("IS",),
    "ita": ("IT", "CH"),
    "jpn": ("JP",),
    "kor": ("KR",),
    "lit": ("LT",),
    "lvs": ("LV",),
    "mar": ("IN",),
    "mkd": ("MK",),
    "nld": ("NL", "BE"),
    "nno": ("NO",),
    "nob": ("NO",),
    "pes": ("IR",),
    "pol": ("PL",),
    "por": ("BR", "PT"),
    "ron": ("RO", "MD"),
    "rus": ("RU", "KZ", "BY"),
    "slk": ("SK",),
    "slv": ("SI",),
    "spa": ("ES", "MX", "AR", "CO", "CL", "PE"),
    "srp": ("RS", "BA"),
    "swe": ("SE", "FI"),
    "tam": ("IN", "LK"),
    "tel": ("IN",),
    "tha": ("TH",),
    "tur": ("TR",),
    "ukr": ("UA",),
    "urd": ("PK", "IN"),
    "vie": ("VN",),
    "zsm": ("MY", "SG"),
}
# Domains of countries that sites of any country take, and those with another name.
_OF_EVERYBODY = frozenset(
    {
        *("ac", "ad", "ag", "ai", "am", "cc", "cd", "co", "fm", "gg", "io", "la", "li"),
        *("ly", "me", "ms", "mu", "nu", "sh", "st", "tk", "to", "tv", "vc", "ws"),
    }
)
_HOST = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]+)", re.IGNORECASE)
_OF_DOMAIN = {"uk": "GB", "su": "RU", "xn--p1ai": "RU", "рф": "RU", "cat": "ES"}


@lru_cache(maxsize=4096)
def regions_of(language: str | None, top_level: str) -> tuple[str, ...]:
    """Countries (ISO 3166-1) whose national numbers a page may have, likeliest first.

    The country of the top-level domain, then the language's first one; of a domain of no
    country all those of the language.
    """
    import phonenumbers  # .2 s, which commands that mask nothing do not need

    spoken = _OF_LANGUAGE.get(language or "", ())
    country = _OF_DOMAIN.get(top_level, top_level.upper())
    is_country = (
        country in phonenumbers.SUPPORTED_REGIONS and top_level not in _OF_EVERYBODY
    )
    if not is_country:
        return spoken
    return (country, *(other for other in spoken[:1] if other != country))


def top_level_of(host: str | None) -> str:
    """The last label of a host name, in lower case; "" of an address or of nothing."""
    last = (host or "").rstrip(".").rpartition(".")[2].lower()
    return "" if last.isdigit() or ":" in last else last


def regions_of_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The countries of one row, by its language and host, or the host of its `url`."""
    found = _HOST.match(row.get("url") or "")
    host = row.get("host") or (found.group(1) if found else None)
    return regions_of(row.get("language"), top_level_of(host))


def regions_of_rows(rows: pa.RecordBatch | pa.Table) -> list[tuple[str, ...]]:
    """The countries of each row, by its columns `language` and `host`, where they are."""
    nothing = [None] * rows.num_rows
    names = rows.schema.names
    languages = rows["language"].to_pylist() if "language" in names else nothing
    tops: Sequence[Any] = nothing
    if "host" in names:
        tops = pc.utf8_slice_codeunits(rows["host"], -24).to_pylist()
    return [
        regions_of(language, top_level_of(top))
        for language, top in zip(languages, tops, strict=True)
    ]
