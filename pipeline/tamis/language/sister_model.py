"""A second opinion on sister languages: which one of a group is a text in?

lid.176 takes all Ladino for Spanish, and has never heard of it. Here each language of a
group (see `sisters`) has a linear model over hashed character and word n-grams, which
was trained on texts of that group alone. What the first model answered counts, too:
`answers` has how often it gave each answer to texts of each language. So Spanish that it
called Spanish needs strong signs to be Ladino; Danish, which it hardly ever mistakes,
needs stronger ones to be Norwegian.

    log odds = log P(answer | language) + strength * (the language's linear model)

Some pairs cannot be told apart by n-grams: right in fewer than .86 of held-out texts.
Then the first answer stays, and `language_group` names those it may be.

The file is a zip of .npy arrays:
    weights  (2**bits, languages)  int8   of all groups side by side, in units of a scale
    header   (bytes,)              uint8  JSON in UTF-8: the groups, and the card
"""

import json
import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.language.sisters import Group
from tamis.linear.features import SEEDS, buckets, whole_documents
from tamis.linear.model import archive_arrays
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment

FORMAT = "tamis-language-1"

READ_CHARACTERS = 300
# Below this share of held-out texts two languages are not told apart.
LEAST_TOLD_APART = 0.86
# `language_group` has the likeliest languages, until together they have this chance.
SURE_FROM = 0.9

# A sister is rare on the web, and who loses a page of the language that is asked for loses
# more. With .05, 2 of 9,453 paragraphs of real pages in the 15 languages go to a sister that
# they are not in; with this none, and .6 % more of the paragraphs of sisters are let in.
_LOG_ODDS_OF_OTHERS = math.log(0.001)
_UNSEEN = 0.5  # texts that are added to each count of answers
_LEAST_CHANCE = 1e-6  # that a model of your own gives to any language
_LARGEST = np.iinfo(np.int8).max
_MOST_BITS = 24


class GroupModel(NamedTuple):
    """What tells the languages of a group apart.

    first      column of the first language's weights
    answers    {the first model's answer: how many texts of each language got it}
    texts      how many texts of each language there were
    undivided  pairs of languages, by place, that are not told apart
    """

    name: str
    script: str
    languages: tuple[str, ...]
    first: int
    strength: float
    scales: tuple[float, ...]
    intercepts: tuple[float, ...]
    answers: dict[str, list[int]]
    texts: tuple[int, ...]
    undivided: frozenset[tuple[int, int]]


class SisterModel(NamedTuple):
    """The models of all groups. `card` says where they come from, and their figures."""

    weights: NDArray[np.int8]
    groups: tuple[GroupModel, ...]
    card: dict[str, Any]

    def group_of(self, language: str | None, script: str | None) -> GroupModel | None:
        """The group in which this first answer has to be checked."""
        for group in self.groups:
            if group.script == script and language in group.answers:
                return group
        return None

    def not_told_from(self, language: str, name: str) -> list[str]:
        """This language of a group, and those that n-grams do not tell from it."""
        group = next((group for group in self.groups if group.name == name), None)
        if group is None or language not in group.languages:
            return []
        own = group.languages.index(language)
        pairs = [pair for pair in sorted(group.undivided) if own in pair]
        return [language, *(group.languages[sum(pair) - own] for pair in pairs)]


class Sister(NamedTuple):
    """A language of a group, its chance against its sisters, and all those it may be."""

    language: str
    score: float
    group: str | None


def second_opinions(
    lines: pa.Array,
    languages: Sequence[str | None],
    scripts: Sequence[str | None],
    model: SisterModel,
    asked: Collection[str] = (),
) -> dict[int, Sister]:
    """By row, what the model says of the lines whose language lies in a group.

    languages, scripts  the first answers
    asked               the recipe's languages, see `told_apart`
    """
    found: dict[int, Sister] = {}
    named: dict[tuple[str | None, str | None], list[int]] = {}
    for row, own in enumerate(zip(languages, scripts, strict=True)):
        named.setdefault(own, []).append(row)
    for (first, script), rows in named.items():
        group = model.group_of(first, script)
        if group is not None and first is not None:
            logits = logits_of(lines.take(pa.array(rows)), group, model.weights)
            told = told_apart(group, first, logits, asked)
            found.update(zip(rows, told, strict=True))
    return found


def logits_of(
    lines: pa.Array, group: GroupModel, weights: NDArray[np.int8]
) -> NDArray[np.float64]:
    """(lines, languages): the linear models of a group."""
    data, offsets = utf8_buffers(views(lines))
    words = segment(data, offsets)
    bits = len(weights).bit_length() - 1
    found, starts = buckets(data, words, whole_documents(words), bits)
    last = group.first + len(group.languages)
    sums = _sums(found, starts, weights, group.first, last)
    counts = np.maximum(np.diff(starts), 1)[:, None]
    scaled = sums * (np.array(group.scales) / np.sqrt(counts))
    logits: NDArray[np.float64] = scaled + np.array(group.intercepts)
    return logits


def views(lines: pa.Array) -> pa.Array:
    """What the models read of each line: sisters differ in their commonest words."""
    return pc.utf8_slice_codeunits(
        lines.cast(pa.large_string()), start=0, stop=READ_CHARACTERS
    )


def told_apart(
    group: GroupModel,
    first: str,
    logits: NDArray[np.float64],
    asked: Collection[str] = (),
) -> list[Sister]:
    """The language of each text, which the first model took for `first`.

    logits  (texts, languages)

    The chance does not depend on `asked`; the language does. A first answer stays unless
    another is a thousand times as likely, if the recipe names it or names no language. A
    language that cannot be told from the first answer replaces it only if the recipe
    names it, and not the first: a recipe for Malay keeps what may be Malay.
    """
    odds = log_odds(group, first, logits)
    chances = np.exp(odds - odds.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    is_like = _is_like(group, first)
    is_wanted = np.array([x in (asked or (first,)) for x in group.languages])
    best = np.where(is_wanted, odds, odds + _LOG_ODDS_OF_OTHERS).argmax(axis=1)
    if asked and first not in asked:
        # Cantonese stays Cantonese where the recipe names Mandarin alone.
        best = np.where(is_like[best], best, odds.argmax(axis=1))
        stays = is_like[best] & ~is_wanted[best]
    else:
        stays = is_like[best]
    if stays.any():
        best[stays] = group.languages.index(first)
    scores = np.take_along_axis(chances, best[:, None], axis=1)[:, 0].tolist()
    told = zip(best.tolist(), scores, _may_be(group, chances), strict=True)
    return [Sister(group.languages[place], score, may) for place, score, may in told]


def _is_like(group: GroupModel, first: str) -> NDArray[np.bool_]:
    """(languages,): which ones cannot be told from the first answer."""
    is_like = np.zeros(len(group.languages), bool)
    if first in group.languages:
        own = group.languages.index(first)
        is_like[[sum(pair) - own for pair in group.undivided if own in pair]] = True
    return is_like


def of_chances(group: Group, first: str, chances: NDArray[np.float32]) -> Sister:
    """What a model of your own says of a text in `first`, from its chances in a group."""
    own = chances.astype(np.float64) + _LEAST_CHANCE
    own = own / own.sum()
    place = group.languages.index(first)
    (may_be,) = _may_be(group, own[None])
    return Sister(first, float(own[place]), may_be)


def log_odds(
    group: GroupModel, first: str, logits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of each language of the group, but for a constant; for one text or many."""
    counts = np.array(group.answers.get(first, [0] * len(group.languages)))
    texts = np.array(group.texts)
    prior = np.log((counts + _UNSEEN) / (texts + 10 * _UNSEEN))
    odds: NDArray[np.float64] = prior + group.strength * logits
    return odds


def _may_be(
    group: Group | GroupModel, chances: NDArray[np.float64]
) -> list[str | None]:
    """The languages that each text may be in, as "bos+hrv"; None if that is one."""
    order = np.argsort(-chances, axis=1, kind="stable")
    together = np.cumsum(np.take_along_axis(chances, order, axis=1), axis=1)
    needed = 1 + (together < SURE_FROM).sum(axis=1)
    found: list[str | None] = [None] * len(chances)
    for row in np.flatnonzero(needed > 1).tolist():
        places = order[row, : needed[row]].tolist()
        found[row] = "+".join(sorted(group.languages[place] for place in places))
    return found


@kernel
def _sums(
    found: NDArray[np.int32],
    starts: NDArray[np.int64],
    weights: NDArray[np.int8],
    first: int,
    last: int,
) -> NDArray[np.float64]:
    """(texts, last - first): the sums of the weights of each text's n-grams."""
    sums = np.zeros((len(starts) - 1, last - first))
    own = np.zeros(last - first, np.int64)  # integers: exact in any order
    for row in range(len(sums)):
        own[:] = 0
        for gram in range(starts[row], starts[row + 1]):
            bucket = found[gram]
            for column in range(last - first):
                own[column] += weights[bucket, first + column]
        sums[row] = own
    return sums


def quantised(
    coefficients: NDArray[np.float64],
) -> tuple[NDArray[np.int8], tuple[float, ...]]:
    """Weights of 8 bits, and the scale of each language's: (languages, 2**bits) given."""
    largest = np.abs(coefficients).max(axis=1, initial=0.0)
    scales = np.where(largest > 0, largest / _LARGEST, 1.0)
    weights = np.round(coefficients / scales[:, None]).astype(np.int8)
    return np.ascontiguousarray(weights.T), tuple(scales.tolist())


def save(model: SisterModel, path: str | Path) -> None:
    """Write the model; the same model gives the same bytes."""
    groups = [
        group._asdict() | {"undivided": sorted(group.undivided)}
        for group in model.groups
    ]
    header = {"format": FORMAT, "seeds": SEEDS, "groups": groups, "card": model.card}
    text = json.dumps(header, ensure_ascii=False, indent=1, sort_keys=True)
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            weights=model.weights,
            header=np.frombuffer(text.encode(), np.uint8),
        )


def load(path: str | Path) -> SisterModel:
    """Read a model. Raises ValueError if the file is none, OSError if it is missing."""
    weights, header = archive_arrays(path, FORMAT)
    try:
        return _model_of(weights, header)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a model of format {FORMAT}: {error}") from error


def _model_of(weights: NDArray[Any], header: Any) -> SisterModel:
    groups = tuple(map(_group, header["groups"]))
    bits = len(weights).bit_length() - 1
    ends = np.cumsum([0, *(len(group.languages) for group in groups)]).tolist()
    is_sized = weights.shape == (1 << bits, ends[-1]) and 1 <= bits <= _MOST_BITS
    if weights.dtype != np.int8 or not is_sized:
        raise ValueError(f"weights of shape {weights.shape} and type {weights.dtype}")
    # The kernel does not check where it reads.
    if [group.first for group in groups] != ends[:-1]:
        raise ValueError("its groups are not side by side")
    return SisterModel(np.ascontiguousarray(weights), groups, dict(header["card"]))


def _group(row: dict[str, Any]) -> GroupModel:
    group = GroupModel(
        name=str(row["name"]),
        script=str(row["script"]),
        languages=tuple(map(str, row["languages"])),
        first=int(row["first"]),
        strength=float(row["strength"]),
        scales=tuple(map(float, row["scales"])),
        intercepts=tuple(map(float, row["intercepts"])),
        answers={key: list(map(int, own)) for key, own in row["answers"].items()},
        texts=tuple(map(int, row["texts"])),
        undivided=frozenset((int(a), int(b)) for a, b in row["undivided"]),
    )
    size = len(group.languages)
    lengths = {*map(len, (group.scales, group.intercepts, group.texts))}
    lengths |= set(map(len, group.answers.values()))
    numbers = (group.strength, *group.scales, *group.intercepts)
    if lengths != {size} or not all(map(math.isfinite, numbers)):
        raise ValueError(f"not a model of format {FORMAT}: the group {group.name}")
    return group


@lru_cache(maxsize=2)
def opened(path: str) -> SisterModel:
    """A model, read once."""
    return load(path)
