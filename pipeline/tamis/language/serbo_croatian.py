"""Serbian in Latin letters, which models take for Croatian.

Most of the Serbian web is in Latin letters, most of what models learnt in Cyrillic ones.
What tells the two standards apart are a few common words: Serbian says e where Croatian
says je or ije (gde and gdje, "where"; deca and djeca, "children"), ko for tko ("who"),
opšti for opći ("common"), evropa for europa; Croatian has names of its own for the
months. Bosnian and Montenegrin write je and ije too: a text that only Serbian words
speak for is Serbian, any other stays what the model says.

serbo_croatian.tsv has the words, our own choice from grammars and the commonest words.
Left out is what is a word in both: dela, pre- and svet, which is "holy" in Croatian.
"""

import csv
import re
from functools import cache
from importlib.resources import files

BOSNIAN, CROATIAN, SERBIAN = "bos", "hrv", "srp"
# Codes of answers that this module looks at again.
SISTERS = frozenset({BOSNIAN, CROATIAN, SERBIAN})

_WORD = re.compile(r"[^\W\d_]+")


def standard(line: str, language: str) -> str:
    """The standard of a line in Latin letters that a model took for `language`.

    Serbian where more of its words than of Croatia's stand in the line, Croatian the
    other way round if the model said Serbian; with as many of both, as the model said.
    """
    words = _WORD.findall(line.lower())
    serbian = sum(word in _words_of(SERBIAN) for word in words)
    croatian = sum(word in _words_of(CROATIAN) for word in words)
    if serbian > croatian:
        return SERBIAN
    if croatian > serbian and language == SERBIAN:
        return CROATIAN
    return language


@cache
def _words_of(standard: str) -> frozenset[str]:
    path = files("tamis.language") / "serbo_croatian.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t")
    return frozenset(
        word
        for row in rows
        if row["standard"] == standard
        for word in row["words"].split()
    )
