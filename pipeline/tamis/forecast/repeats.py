"""How many crawls and epochs a number of tokens takes, language by language.

Repeated tokens are worth less each time: U unique tokens that are repeated R times beyond
the first are worth U + U R* (1 - exp(-R / R*)) unique ones, R* = 15.4 (Muennighoff et al. 2023,
section 5, equation 5). A model of P parameters is trained with 20 tokens each (Hoffmann
et al. 2022, section 3.4).
"""

from collections.abc import Mapping
from math import ceil, exp
from typing import NamedTuple

from tamis.mix.kernels.weights import (
    epochs_of,
    explicit_shares,
    temperature_shares,
    wanted_tokens,
)
from tamis.stages.mix_corpus import MixCorpus

HALF_LIFE = 15.4
TOKENS_PER_PARAMETER = 20


class Taken(NamedTuple):
    """A language of a mix. Tokens are millions of millions, or whatever they are given in.

    unique     there are, behind duplicates
    wanted     it should have
    epochs     how often it is taken, up to max_epochs
    effective  what its tokens are worth
    inputs     how many times this input it needs, without more than max_epochs
    """

    unique: float
    wanted: float
    epochs: float
    effective: float
    inputs: int


def effective_tokens(unique: float, epochs: float) -> float:
    """What `unique` tokens are worth that are taken `epochs` times; below one, no more."""
    if epochs <= 1:
        return unique * epochs
    return unique + unique * HALF_LIFE * (1 - exp(-(epochs - 1) / HALF_LIFE))


def plan_of(
    unique: Mapping[str, float], budget: float, mix: MixCorpus
) -> dict[str, Taken]:
    """What a mix of `budget` tokens takes of each language that it has."""
    share = (
        explicit_shares(unique, mix.weights)
        if mix.weights is not None
        else temperature_shares(unique, mix.alpha)
    )
    wanted = wanted_tokens(unique, share, budget=round(budget))
    epochs = epochs_of(unique, share, budget=round(budget), max_epochs=mix.max_epochs)
    found = {}
    for language in sorted(share, key=lambda code: (-share[code], code)):
        own, times = unique.get(language, 0.0), epochs.get(language, 0.0)
        if share[language] <= 0 or own <= 0:
            continue
        most = own * mix.max_epochs
        found[language] = Taken(
            unique=own,
            wanted=wanted[language],
            epochs=times,
            effective=effective_tokens(own, times),
            inputs=max(1, ceil(wanted[language] / most)),
        )
    return found
