"""What each language of the mix should have, beside what it has, and why not as much.

max_epochs            it is repeated as often as is allowed
max_share_per_domain  so it is, and would have been enough without this bound
no_documents          no document is in the language
others                it has more, because others have less than they should
whole_documents       a document is not divided, and has much of so small a share
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MOST_OFF = 0.02  # of the wanted share: 0.1 points for a language that should have 5 %
_COUNTS = ("documents", "rows", "characters", "tokens")
_NAMED = 5
_BECAUSE = {
    "max_epochs": "max_epochs",
    "max_share_per_domain": "max_share_per_domain",
    "no_documents": "no documents",
    "others": "others have less",
}


class Wanted(NamedTuple):
    """A language's share and tokens, if nothing limited the mix, and what it is given.

    target       tokens to take, to one document
    epochs       how often its tokens are taken for that
    before_caps  tokens there would be at most without max_share_per_domain
    is_full      whether `max_epochs` allows no more
    """

    share: float
    tokens: int
    target: int
    epochs: float
    before_caps: float
    is_full: bool


def shares_of(
    wanted: Mapping[str, Wanted], counted: Iterable[Mapping[str, Mapping[str, int]]]
) -> dict[str, dict[str, Any]]:
    """Counts of each language, `wanted` beside `got`, and the reason if these differ.

    counted  {language: counts of the mix's rows} of each task
    """
    found: dict[str, dict[str, Any]] = {
        language: dict.fromkeys(_COUNTS, 0)
        for language, about in sorted(wanted.items())
        if about.share > 0
    }
    for languages in counted:
        for language, counts in languages.items():
            for name in _COUNTS:
                found[language][name] += counts[name]
    total = sum(about["tokens"] for about in found.values())
    for language, about in found.items():
        own, tokens = wanted[language], about["tokens"]
        about["epochs"] = round(own.epochs, 6)
        about["wanted"] = {"share": round(own.share, 6), "tokens": own.tokens}
        share = round(tokens / total, 6) if total else 0.0
        about["got"] = {"share": share, "tokens": tokens}
    is_short = any(_limit(wanted[language]) for language in found)
    for language, about in found.items():
        about["reason"] = _reason(wanted[language], about, is_short=is_short)
    return found


def share_alarms(languages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line if languages have a share that is off by more than 2 % of it, else none.

    Whole documents alone are no alarm: the mix is as exact as it can be.
    """
    off = sorted(
        (
            (-_off(about), language, about)
            for language, about in languages.items()
            if _off(about) > MOST_OFF and about["reason"] != "whole_documents"
        ),
        key=lambda one: one[:2],
    )
    if not off:
        return []
    named = [
        f"{language} {about['got']['share']:.2%} instead of "
        f"{about['wanted']['share']:.2%} ({_BECAUSE[about['reason']]})"
        for _, language, about in off[:_NAMED]
    ]
    more = f" and {len(off) - _NAMED} more" if len(off) > _NAMED else ""
    return [
        f"mix_corpus: {len(off)} of {len(languages)} languages are off their share by "
        f"more than {MOST_OFF:.0%} of it: {', '.join(named)}{more}"
    ]


def _off(about: Mapping[str, Any]) -> float:
    """By which part of it a share is missed."""
    wanted, got = about["wanted"]["share"], about["got"]["share"]
    return float(abs(got - wanted) / wanted) if wanted else 0.0


def _limit(wanted: Wanted) -> str | None:
    """What keeps a language below its tokens; null for nothing."""
    if wanted.target >= wanted.tokens:
        return None
    if wanted.before_caps == 0:
        return "no_documents"
    if not wanted.is_full:
        return None
    if wanted.before_caps >= wanted.tokens:
        return "max_share_per_domain"
    return "max_epochs"


def _reason(wanted: Wanted, about: Mapping[str, Any], *, is_short: bool) -> str | None:
    """Why a language has not what it should have; null if it has."""
    limit = _limit(wanted)
    if limit is not None or _off(about) <= MOST_OFF:
        return limit
    if is_short and about["got"]["share"] > about["wanted"]["share"]:
        return "others"
    return "whole_documents"
