"""How much of each language the mix takes.

    available   {language: tokens there are}
    share       {language: part of the mix it should have}, sums to 1
    epochs      {language: how often its tokens are taken}; 0.25 = a quarter
    tokens      {language: tokens of its documents that are taken}

Tokens of one document are never split: `tamis.mix.kernels.places` says which documents
make up so many tokens.
"""

from collections.abc import Mapping
from math import ceil

import numpy as np
from numpy.typing import NDArray


def temperature_shares(
    available: Mapping[str, float], alpha: float
) -> dict[str, float]:
    """q = p^alpha / sum p^alpha: 1 keeps the proportions, 0 makes all languages equal.

    Conneau et al. 2020 (XLM-R, section 3.1) use alpha = 0.3. A language without
    tokens has no share.
    """
    total = sum(available.values())
    powers = {
        language: (tokens / total) ** alpha
        for language, tokens in available.items()
        if tokens > 0
    }
    norm = sum(powers.values())
    return {language: power / norm for language, power in powers.items()}


def explicit_shares(
    available: Mapping[str, float], weights: Mapping[str, float]
) -> dict[str, float]:
    """`weights` scaled to 1, also over languages without tokens; unnamed ones get 0."""
    norm = sum(weights.values())
    named = {language: weight / norm for language, weight in weights.items()}
    return {**dict.fromkeys(available, 0.0), **named}


def epochs_of(
    available: Mapping[str, float],
    share: Mapping[str, float],
    *,
    budget: float | None,
    max_epochs: float,
) -> dict[str, float]:
    """How often each language is taken, so that its part of `budget` tokens is its share.

    Without a budget nothing is left out: the language with the most tokens for its
    share is taken once, the others are repeated up to `max_epochs`. With a budget,
    tokens that a language at `max_epochs` cannot fill go to the others in proportion
    (the water-filling of UniMax, Chung et al. 2023, algorithm 1, with shares).
    """
    wanted = {k: s for k, s in share.items() if s > 0 and available.get(k, 0) > 0}
    epochs = dict.fromkeys(available, 0.0)
    if not wanted:
        return epochs
    if budget is None:
        whole = max(available[k] / s for k, s in wanted.items())
        for language, part in wanted.items():
            epochs[language] = min(max_epochs, part * whole / available[language])
        return epochs
    left, open_languages = budget, dict(wanted)
    while open_languages:
        norm = sum(open_languages.values())
        full = {
            language
            for language, part in open_languages.items()
            if left * part / norm >= max_epochs * available[language]
        }
        if not full:
            for language, part in open_languages.items():
                epochs[language] = left * part / norm / available[language]
            break
        for language in full:
            epochs[language] = max_epochs
            left -= max_epochs * available[language]
            del open_languages[language]
    return epochs


def wanted_tokens(
    available: Mapping[str, float],
    share: Mapping[str, float],
    *,
    budget: float | None,
) -> dict[str, float]:
    """Tokens of each language that has a share, if nothing limited the mix."""
    wanted = {k: s for k, s in share.items() if s > 0}
    total = budget
    if total is None:
        full = (available[k] / s for k, s in wanted.items() if available.get(k, 0) > 0)
        total = max(full, default=0.0)
    return {language: part * total for language, part in wanted.items()}


def domain_cap(
    tokens: NDArray[np.float64], max_share: float, total: float | None = None
) -> float:
    """Most tokens that a domain may keep so that none exceeds `max_share` of the rest.

    tokens  (domains,)  tokens of each domain of one language, or of the `largest_needed`
                        largest ones
    total   tokens of the language, including those without a domain; null: of `tokens`

    The cap is the largest c with c <= max_share * sum(min(tokens, c)). With 1 /
    max_share domains or fewer, this would cut all domains to the size of the smallest,
    or to the few tokens without a domain; then c is `max_share` of the tokens before
    any cut. No domains: infinity.
    """
    if len(tokens) == 0:
        return float("inf")
    ordered = np.sort(tokens)[::-1]
    everything = float(ordered.sum()) if total is None else total
    as_they_were = float(max_share * everything)
    if max_share * len(tokens) <= 1:
        return as_they_were
    cut_off = np.concatenate([[0.0], np.cumsum(ordered)])
    # With the k largest cut to c: c = share * (k c + rest), c = share rest / (1 - share k)
    for cut in range(len(ordered)):
        if max_share * cut >= 1:
            break
        rest = everything - cut_off[cut]
        cap = float(max_share * rest / (1 - max_share * cut))
        if ordered[cut] <= cap:
            return cap if cap > 0 else as_they_were
    return as_they_were


def largest_needed(max_share: float) -> int:
    """Number of largest domains that decide a cap: no more can be over it."""
    return ceil(1 / max_share) + 1
