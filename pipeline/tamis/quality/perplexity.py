"""How surprising a text is to a language model of Wikipedia, as CCNet measures it.

Wenzek et al. 2020, "CCNet", sections 3.3 and 4. The details are those of its code, which
its models and cutoffs depend on: the text is normalised as one string (which joins its
lines), cut into pieces by SentencePiece, and scored by a 5-gram KenLM model. Perplexity is
10^(-log10 probability / (pieces + 1)); a low one means close to Wikipedia.

Both libraries are optional, and imported when a model is opened.
"""

import math
import re
import unicodedata
from importlib import import_module
from importlib.util import find_spec

from tamis.errors import ConfigError

_DIGIT = re.compile(r"\d")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The models were trained with these in place of typographic and fullwidth marks. CCNet
# also maps a fullwidth 1 to a quotation mark, by mistake, after all digits became 0.
_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("„”“«»」「《》", '"'),
        **dict(zip("，。、：∶？！（）；～〈〉【】％", ",.,::?!();~<>[]%", strict=True)),
        **dict.fromkeys("´’", "'"),
        **dict.fromkeys("–━►", "-"),
        "—": " - ",
        "．": ". ",
        "…": "...",
    }
)


class LanguageModel:
    """An open KenLM model (.arpa or binary) and the SentencePiece model of its pieces.

    Without a SentencePiece model the words between spaces are the pieces. Raises
    ConfigError if a library is absent, OSError or RuntimeError for a bad file.
    """

    def __init__(self, path: str, sentencepiece: str | None) -> None:
        for name in ["kenlm"] if sentencepiece is None else ["kenlm", "sentencepiece"]:
            if find_spec(name) is None:
                raise ConfigError(f"{path} needs {name}: pip install {name}")
        self._model = import_module("kenlm").Model(path)
        self._pieces = None
        if sentencepiece is not None:
            module = import_module("sentencepiece")
            self._pieces = module.SentencePieceProcessor(model_file=sentencepiece)

    def perplexity(self, text: str) -> float:
        """Perplexity, at least 1, to one decimal as in CCNet; NaN without pieces."""
        line = normalised(text)
        if self._pieces is not None:
            line = " ".join(self._pieces.encode(line, out_type=str))
        pieces = len(line.split())
        if pieces == 0:
            return math.nan
        log_probability = float(self._model.score(line))
        return float(round(10.0 ** (-log_probability / (pieces + 1)), 1))


def normalised(text: str) -> str:
    """Lower case, no accents, 0 for every digit, plain marks, no control characters."""
    marked = unicodedata.normalize("NFD", text.strip().lower())
    bare = "".join(c for c in marked if unicodedata.category(c) != "Mn")
    return _CONTROL.sub("", _DIGIT.sub("0", bare).translate(_PUNCTUATION))


def bucket_of(perplexity: float, cutoffs: tuple[float, float] | None) -> str | None:
    """`head` below the first cutoff, `middle` below the second, else `tail`.

    None without a perplexity or without cutoffs. CCNet's are the 30th and 60th
    percentile of each language.
    """
    if cutoffs is None or math.isnan(perplexity):
        return None
    head, middle = cutoffs
    return "head" if perplexity < head else "middle" if perplexity < middle else "tail"
