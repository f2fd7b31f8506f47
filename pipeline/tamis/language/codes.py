"""One ISO 639-3 code for each of the ways in which people name a language.

A language is named by the ISO 639-3 code of an individual language, as in GlotLID and
FineWeb-2. For "Chinese", "Arabic" or "Norwegian" the standard has a macrolanguage (zho,
ara, nor). It is read as the member in which nearly all of its web text is written (cmn,
arb, nob), so that a page has the same code from every source.

    iso639.tsv   every individual language: code, ISO 639-1 code, English name of the
                 commoner ones (ISO 639-3 code tables, iso639-3.sil.org, February 2026)
    aliases.tsv  other codes for one of them: macrolanguages, the bibliographic codes of
                 ISO 639-2 (fre, ger), withdrawn ones (iw, mo)

Serbo-Croatian (hbs, sh) has no entry: it could be any of three written languages.
"""

import difflib
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib import resources
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")

_SERBO_CROATIAN = ("hbs", "sh", "scr", "scc")


class _Codes(NamedTuple):
    canonical: dict[str, str]  # every accepted code -> ISO 639-3
    names: dict[str, str]  # ISO 639-3 -> English name, of the commoner languages


def canonical_language(code: str) -> str:
    """ISO 639-3 code of the individual language that `code` names: `no` is `nob`.

    Accepts ISO 639-3, 639-2 and 639-1 codes in any case. Raises ValueError with a
    suggestion for anything else; a validator can show its message.
    """
    found = known_language(code)
    if found is None:
        raise ValueError(f"{code!r} is no ISO 639-3 code{_suggestion(code)}")
    return found


def by_language(
    values: Mapping[str, Value], others: Collection[str] = ()
) -> dict[str, Value]:
    """The values under their ISO 639-3 codes; keys in `others` do not change.

    Raises ValueError like `canonical_language`, and for two spellings of one language,
    because one of the two values would be lost.
    """
    written: dict[str, str] = {}
    for code in values:
        language = code if code in others else canonical_language(code)
        other = written.setdefault(language, code)
        if other != code:
            raise ValueError(f"{other} and {code} are one language: give it once")
    return {language: values[code] for language, code in written.items()}


def known_language(code: str) -> str | None:
    """Like `canonical_language`, but None for a code that names no language."""
    return _codes().canonical.get(code.strip().lower())


def language_name(code: str) -> str:
    """English name of an ISO 639-3 code, or the code where the table has no name."""
    return _codes().names.get(code, code)


def short_language(code: str) -> str:
    """ISO 639-1 code of an ISO 639-3 code, that of its macrolanguage too (`arb` is `ar`), or
    the code where there is none.
    """
    codes = _codes().canonical
    return next((s for s, own in codes.items() if own == code and len(s) == 2), code)


def _suggestion(code: str) -> str:
    """What the user may have meant: by a tag's first part, by name, by similarity."""
    written = code.strip().lower()
    if written in _SERBO_CROATIAN:
        return ": Serbo-Croatian is hrv, srp or bos, name those you want"
    codes = _codes()
    first = written.replace("_", "-").split("-")[0]
    if first != written and first in codes.canonical:
        return f"; did you mean {codes.canonical[first]}?"
    by_name = {name.lower(): code for code, name in codes.names.items()}
    close = difflib.get_close_matches(written, by_name, n=1, cutoff=0.8)
    if close:
        code = by_name[close[0]]
        return f"; did you mean {code} ({codes.names[code]})?"
    common = sorted(
        {codes.canonical[code] for code in codes.canonical if len(code) == 2}
    )
    close = difflib.get_close_matches(written, common, n=3, cutoff=0.6)
    if close:
        named = (f"{code} ({language_name(code)})" for code in close)
        return f"; did you mean {' or '.join(named)}?"
    return ""


@lru_cache(maxsize=1)
def _codes() -> _Codes:
    canonical: dict[str, str] = {}
    names: dict[str, str] = {}
    for code, iso639_1, name in _rows("iso639.tsv"):
        canonical[code] = code
        if iso639_1:
            canonical[iso639_1] = code
        if name:
            names[code] = name
    for alias, code, _why in _rows("aliases.tsv"):
        canonical[alias] = code
        names.pop(alias, None)
    return _Codes(canonical, names)


def _rows(file: str) -> list[tuple[str, str, str]]:
    """Lines of a table without its heading; cells missing at a line's end are empty."""
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    rows = []
    for line in text.splitlines()[1:]:
        first, second, third, *_ = *line.split("\t"), "", ""
        rows.append((first, second, third))
    return rows
