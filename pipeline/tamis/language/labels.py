"""What the labels of language models mean.

    __label__fra_Latn   GlotLID, OpenLID, NLLB: ISO 639-3 and ISO 15924
    __label__fr         lid.176: ISO 639-1, or the name of the language's Wikipedia
    fr                  py3langid: ISO 639-1 where there is one, else ISO 639-3

Wikipedia's names are older than the standard and conflict with it: `als` is Alemannic
in lid.176 and Tosk Albanian in GlotLID. So a label with a script is read by the
standard; for one of lid.176 without a script, `_WIKIPEDIA` comes first.
"""

import re
from functools import lru_cache

from tamis.language.codes import known_language

# Answers that name no language: not a language, undetermined, several, uncoded.
_NO_LANGUAGE = frozenset({"zxx", "und", "mul", "mis", "unk", "other"})

# Names of Wikipedias that mean something else, or nothing, in ISO 639-3.
_WIKIPEDIA = {"als": "gsw", "eml": "egl", "nah": "nhe", "bh": "bho"}

# Serbo-Croatian: the text must show which of the three languages it is.
SERBO_CROATIAN = "hbs"

_WITH_SCRIPT = re.compile(r"([A-Za-z]{2,3})[_-][A-Z][a-z]{3}\b.*")


@lru_cache(maxsize=1 << 14)  # a model's labels: GlotLID has 2,102
def language_of_label(label: str) -> str | None:
    """ISO 639-3 code of a model's label; None if it means "no language".

    A label in no table is returned without its prefix: a model of your own may have
    labels of its own.
    """
    name = label.removeprefix("__label__")
    tagged = _WITH_SCRIPT.fullmatch(name)
    code = tagged[1].lower() if tagged else name
    if code.lower() in _NO_LANGUAGE:
        return None
    if not tagged and code in _WIKIPEDIA:
        return _WIKIPEDIA[code]
    if code in ("sh", "hbs"):
        return SERBO_CROATIAN
    return known_language(code) or code
