"""Numbers by which a country knows a person, each with its own check digits.

Where the form is digits alone, a word beside it must name the number too: one in ten
rows of eleven digits passes PESEL's check.
"""

import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Literal, NamedTuple, get_args

Name = Literal[
    "fr_nir",
    "it_codice_fiscale",
    "de_steuer_id",
    "es_dni",
    "es_nie",
    "pl_pesel",
    "br_cpf",
]
NAMES: tuple[Name, ...] = get_args(Name)

Span = tuple[int, int]

# Every form has one of these: a look by Arrow before anything is decoded.
_GAP = r"[ .\-\x{a0}\x{202f}\x{2010}-\x{2014}]?"
OUTLINE = "|".join(
    [
        rf"(?:[0-9]{_GAP}){{11}}|[12](?:{_GAP}[0-9]){{6}}{_GAP}2[ABab]",
        rf"[0-9]{{2}}\.?[0-9]{{3}}\.?[0-9]{{3}}{_GAP}[A-Za-z]|[0-9]\.[0-9]{{3}}\.[0-9]{{3}}{_GAP}[A-Za-z]",
        rf"[XYZxyz]{_GAP}[0-9]{{7}}",
        # Letters replace digits from the last one on, where two persons would have one code.
        r"(?i:[a-z]{3} ?[a-z]{3} ?[0-9][0-9l-np-v] ?[a-z] ?[0-9l-np-v]{2} ?[a-z] ?[0-9l-np-v]{3})",
        r"[０-９]{7}|[٠-٩۰-۹०-९]{7}",
    ]
)
_REACH = 48  # characters between a word and its number
_SIGN = r"[ .-]?"


class _Form(NamedTuple):
    pattern: str
    # What has to stand before it: always, never (None), or where it is digits in a row.
    words: str | None = None
    is_named_if: str = ""  # of the number itself: where this matches, words are needed


_FORMS: dict[Name, _Form] = {
    "fr_nir": _Form(
        rf"[12]{_SIGN}\d\d{_SIGN}\d\d{_SIGN}(?:\d\d|2[AB]){_SIGN}\d{{3}}{_SIGN}\d{{3}}{_SIGN}\d\d"
    ),
    "it_codice_fiscale": _Form(
        r"[A-Z]{3} ?[A-Z]{3} ?[\dL-NP-V]{2} ?[A-EHLMPR-T] ?[\dL-NP-V]{2} ?[A-Z] ?[\dL-NP-V]{3} ?[A-Z]"
    ),
    "de_steuer_id": _Form(
        rf"[1-9]\d{_SIGN}\d{{3}}{_SIGN}\d{{3}}{_SIGN}\d{{3}}",
        r"steuer|id-?nr|ident|\btin\b|tax",
        ".",
    ),
    "es_dni": _Form(
        r"(?:\d{8}|\d{1,2}\.\d{3}\.\d{3})[ -]?[A-HJ-NP-TV-Z]",
        r"\bdni|d\.n\.i|\bnif|n\.i\.f|identidad|identifica",
        r"\d{8} |.*[a-z]",
    ),
    "es_nie": _Form(r"[XYZ][ -]?\d{7}[ -]?[A-HJ-NP-TV-Z]"),
    "pl_pesel": _Form(r"\d{11}", "pesel", "."),
    "br_cpf": _Form(
        r"\d{3}([. ]?)\d{3}\1\d{3}[-. /]?\d\d",
        r"\bcpf|c\.p\.f|pessoas? f[íi]sicas?|contribuinte",
        r"(?!\d{3}\.\d{3}\.\d{3}-\d\d)",
    ),
}


def id_spans(text: str, names: Iterable[str]) -> Iterator[Span]:
    """Where numbers of these names are in a text that is folded (see `rules.fold`)."""
    for name in NAMES:
        if name in names:
            yield from _spans(text, name)


def _spans(text: str, name: Name) -> Iterator[Span]:
    form = _FORMS[name]
    module = _validator(name)
    pattern = re.compile(
        rf"(?<![\w+@/=.-])(?:{form.pattern})(?![\w@]|[.,-]?\d)",
        re.IGNORECASE | re.ASCII,
    )
    # Letters of any script may touch a number, those of ASCII may not.
    for match in pattern.finditer(text):
        found = match.group()
        if not module.is_valid(found.replace(".", "")):
            continue
        needs_word = form.words and re.match(form.is_named_if, found)
        before = text[max(0, match.start() - _REACH) : match.start()]
        if needs_word and not re.search(form.words or "", before, re.IGNORECASE):
            continue
        yield match.span()


def _validator(name: Name) -> ModuleType:
    from stdnum.br import cpf
    from stdnum.de import idnr
    from stdnum.es import dni, nie
    from stdnum.fr import nir
    from stdnum.it import codicefiscale
    from stdnum.pl import pesel

    modules: dict[Name, ModuleType] = {
        "fr_nir": nir,
        "it_codice_fiscale": codicefiscale,
        "de_steuer_id": idnr,
        "es_dni": dni,
        "es_nie": nie,
        "pl_pesel": pesel,
        "br_cpf": cpf,
    }
    return modules[name]
