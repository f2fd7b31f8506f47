"""Serbian in Latin letters, which models take for Croatian.

Most of the Serbian web is in Latin letters; most Serbian text that models learnt from
is in Cyrillic ones. A few common words distinguish the two standards: Serbian has e for
Croatian je or ije (gde and gdje, "where"; deca and djeca, "children"), ko for tko
("who"), opšti for opći ("common"), evropa for europa; Croatian has names of its own for
the months. Bosnian and Montenegrin write je and ije too. So a text with more Serbian
than Croatian words is Serbian; for others see `standard`.

serbo_croatian.tsv has the words, our own choice from grammars and the commonest words.
Words of both standards are left out: dela, pre- and svet, which is "holy" in Croatian.
"""

import csv
import re
from functools import cache
from importlib.resources import files

BOSNIAN, CROATIAN, SERBIAN = "bos", "hrv", "srp"
# A model's answer with one of these codes is checked here.
SISTERS = frozenset({BOSNIAN, CROATIAN, SERBIAN})

_WORD = re.compile(r"[^\W\d_]+")


def standard(line: str, language: str) -> str:
    """The standard of a line in Latin letters that a model took for `language`.

    Serbian if the line has more Serbian than Croatian words. Croatian if it has fewer
    and the model said Serbian. Else the model's answer.
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
