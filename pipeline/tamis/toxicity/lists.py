"""Word lists from text: the user's files and those that a package ships.

The package is glin-profanity (MIT): JSON dictionaries of 24 languages. Only its data
files are read; its code is never imported. It does not tell slurs from ordinary words
(Portuguese has beer and spider): our own `weights.tsv` names the entries that do not count.

An entry's weight says what it is:
    slur, obscenity   it counts; so does an entry without a weight
    anatomy           a body part, a term of medicine or sex education, a bodily function
    ambiguous         a word with an ordinary meaning (an animal, a tool, a crime in the
                      news), or a phrase that makes one of a listed word (maine coon)
"""

import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from unicodedata import unidata_version

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64

from tamis.cache import cached_arrays
from tamis.errors import nearest

PACKAGE = "glin-profanity"
WEIGHTS_PATH = str(Path(__file__).with_name("weights.tsv"))

# Whether an entry of this weight counts.
_WEIGHTS = {"slur": True, "obscenity": True, "anatomy": False, "ambiguous": False}

_FOLDER = "glin_profanity/data/dictionaries/"
_LANGUAGES = {
    "arabic": "arb",
    "chinese": "cmn",
    "czech": "ces",
    "danish": "dan",
    "dutch": "nld",
    "english": "eng",
    "esperanto": "epo",
    "finnish": "fin",
    "french": "fra",
    "german": "deu",
    "hindi": "hin",
    "hungarian": "hun",
    "italian": "ita",
    "japanese": "jpn",
    "korean": "kor",
    "norwegian": "nob",
    "persian": "pes",
    "polish": "pol",
    "portuguese": "por",
    "russian": "rus",
    "spanish": "spa",
    "swedish": "swe",
    "thai": "tha",
    "turkish": "tur",
}


def entries_of(text: str) -> dict[str, bool]:
    """Entries of a list, and whether each counts.

    A list is JSON (an array, or an object with `words`) or has one entry per line, with a
    weight after a tab or none; `#` begins a comment and blank lines do not count. Of an
    entry that comes twice, the later weight holds. Raises ValueError if JSON has another
    form, or a weight is unknown.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("[", "{")):
        document = json.loads(text)
        words = document.get("words") if isinstance(document, dict) else document
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise ValueError(
                "not an array of strings, nor an object with one as `words`"
            )
        return dict.fromkeys(words, True)
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return dict(_weighed(line) for line in lines if line)


def _weighed(line: str) -> tuple[str, bool]:
    entry, _, weight = map(str.strip, line.partition("\t"))
    if weight and weight not in _WEIGHTS:
        raise ValueError(
            f"{entry} has the unknown weight {weight}{nearest(weight, _WEIGHTS)}"
        )
    return entry, _WEIGHTS[weight or "obscenity"]


@lru_cache(maxsize=1)
def packaged_lists() -> dict[str, tuple[str, ...]]:
    """Entries by ISO 639-3 code; empty where the package is not installed.

    Entries that cannot match, Latin ones of one or two letters and others of one
    character are left out: the lists have `sm`, `ak`, `am`, and 性, 乳, 幹, which are also
    words of normal prose.
    """
    try:
        package = version(PACKAGE)
    except PackageNotFoundError:
        return {}
    libraries = (package, version("icu4py"), version("regex"))
    name = f"word-lists-{'-'.join(libraries)}-{unidata_version}-{_digest_of_sources()}"
    content = bytes(cached_arrays(name, _read)["json"])
    return {code: tuple(entries) for code, entries in json.loads(content).items()}


@lru_cache(maxsize=1)
def packaged_weights() -> dict[str, dict[str, bool]]:
    """The entries of `weights.tsv` by language, in lower case; none of them counts."""
    weights: dict[str, dict[str, bool]] = {}
    for line in Path(WEIGHTS_PATH).read_text(encoding="utf-8").splitlines():
        language, _, entry = line.partition("\t")
        if not line.startswith("#"):
            weights.setdefault(language, {}).update([_weighed(entry)])
    return weights


def _read() -> dict[str, NDArray[np.uint8]]:
    """The lists as JSON: to read and to sieve them takes a quarter of a second."""
    from tamis.toxicity.lexicon import usable

    lists = {}
    for path in files(PACKAGE) or []:
        name = path.as_posix()
        language = _LANGUAGES.get(path.stem)
        if name.startswith(_FOLDER) and path.suffix == ".json" and language:
            entries = tuple(entries_of(path.read_text(encoding="utf-8")))
            lists[language] = tuple(
                entry
                for entry in usable(entries)
                if len(entry) > 2 or (len(entry) == 2 and not entry.isascii())
            )
    return {"json": np.frombuffer(json.dumps(lists).encode(), np.uint8)}


def _digest_of_sources() -> str:
    """A hash of the code that decides which entries are usable."""
    names = (
        *("toxicity/lists.py", "toxicity/lexicon.py", "text/words.py"),
        *("text/breaks.py", "text/unicode.py", "text/utf8.py", "text/hashing.py"),
    )
    digest = xxh3_64()
    for name in names:
        digest.update(Path(__file__).parents[1].joinpath(name).read_bytes())
    return str(digest.hexdigest())
