"""tamis estimate: what a recipe will give and cost, from a sample that is run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.options import recipe_argument, set_option

if TYPE_CHECKING:
    from tamis.forecast.forecast import Forecast
    from tamis.forecast.totals import Range
    from tamis.recipe.load import Recipe

_LANGUAGES = 30


@click.command(
    "estimate",
    epilog="""\b
    Examples:
      tamis estimate
      tamis estimate stages.yaml --splits 100 --cores 64
      tamis estimate stages.yaml --tokens 1.3e12          # crawls and epochs it takes
      tamis estimate stages.yaml --parameters 40e9        # 20 tokens a parameter
    """,
)
@recipe_argument
@set_option
@click.option(
    "--splits",
    type=click.IntRange(min=2),
    default=48,
    show_default=True,
    help="Splits of the input that are run.",
)
@click.option("--seed", type=int, help="Of the draw. Default: the recipe's.")
@click.option("--cores", type=click.IntRange(min=1), help="Say how long so many take.")
@click.option("--tokens", type=float, help="Plan a mix of so many tokens.")
@click.option(
    "--parameters", type=float, help="Plan for a model of so many parameters."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    splits: int,
    seed: int | None,
    cores: int | None,
    tokens: float | None,
    parameters: float | None,
    as_json: bool,
) -> None:
    """Say what RECIPE (default: stages.yaml) will give and cost, from a sample.

    Runs a random sample of splits through every pass, for real, and scales what it found
    to the whole input, each number with its 90 % interval: pages, documents and tokens by
    language, core hours by stage, memory, bytes, requests. With `prices` in the recipe,
    money. Nothing of the sample stays but estimate.json in the output, beside which the run
    then shows its bill.
    """
    from tamis import api
    from tamis.forecast.forecast import as_json as as_values
    from tamis.recipe.load import load_recipe

    if tokens is not None and parameters is not None:
        raise click.UsageError("give --tokens or --parameters, not both")
    for name, value in (("--tokens", tokens), ("--parameters", parameters)):
        if value is not None and not 0 < value < 1e18:
            raise click.BadParameter(
                f"{value:g} is none that a corpus has", param_hint=name
            )
    checked = load_recipe(recipe, overrides)
    found = api.estimate(
        checked, splits=splits, seed=seed, tokens=tokens, parameters=parameters
    )
    if as_json:
        click.echo(json.dumps(as_values(found), indent=1))
        return
    for line in _lines(found, checked, cores):
        click.echo(line)


def _lines(found: "Forecast", recipe: "Recipe", cores: int | None) -> Iterator[str]:
    from tamis.sizes import spelled

    ran, all_ = found.splits
    yield (
        f"sample     {ran:,} of {all_:,} splits, {found.seconds_sampled:,.0f} core seconds; "
        f"90 % intervals in brackets"
    )
    yield f"input      {spelled(found.bytes)}" + (
        f", fetched; about {found.requests:,} requests" if found.requests else ""
    )
    yield f"pages      {_count(found.pages)}"
    yield f"documents  {_count(found.documents)} before duplicates go"
    yield f"tokens     {_count(found.tokens)}"
    if found.duplicates is not None:
        yield f"duplicates {_duplicates(found)}"
    yield (
        f"disk       {spelled(round(found.written.total))} "
        f"[{spelled(round(found.written.low))}, {spelled(round(found.written.high))}]"
    )
    yield f"memory     {spelled(found.memory)} of a task at most"
    yield f"core hours {_hours(found.core_hours)}"
    if cores is not None:
        yield f"           {_hours(found.wall_hours(cores))} hours on {cores:,} cores"
    for label, hours in found.stages.items():
        if hours.total:
            yield f"  {label:22} {_hours(hours)}"
    for label, barrier in found.barriers.items():
        yield f"  {label:22} {barrier:.3g}, by what its stage was measured at"
    yield "language   documents, tokens"
    for code, about in list(found.languages.items())[:_LANGUAGES]:
        yield f"  {code:8} {_count(about['documents'])}, {_count(about['tokens'])}"
    if len(found.languages) > _LANGUAGES:
        yield f"  and {len(found.languages) - _LANGUAGES} more languages: --json"
    yield from _plan_lines(found)
    if recipe.prices is not None:
        dated = f" as of {recipe.prices.as_of}" if recipe.prices.as_of else ""
        for what, money in found.money.items():
            yield (
                f"money      {what}: {money.total:,.2f} {recipe.prices.currency} "
                f"[{money.low:,.2f}, {money.high:,.2f}]{dated}"
            )


def _plan_lines(found: "Forecast") -> Iterator[str]:
    if not found.plan:
        return
    wanted = sum(own.wanted for own in found.plan.values())
    worth = sum(own.effective for own in found.plan.values())
    yield (
        f"mix        {_short(wanted)} tokens: from this input they are worth "
        f"{_short(worth)} unique ones"
    )
    for code, own in found.plan.items():
        yield (
            f"  {code:8} {_short(own.wanted)} wanted, {_short(own.unique)} unique here: "
            f"{own.epochs:.2f} epochs, worth {_short(own.effective)}; "
            f"{own.inputs:,} times this input for all of them"
        )


def _duplicates(found: "Forecast") -> str:
    own = found.duplicates
    assert own is not None
    if own.how == "last run":
        return f"{own.low:.1%} of the documents, as in the last run"
    return (
        f"{own.low:.1%} to {own.high:.1%} of the documents: a range from two sample sizes, "
        f"no interval; more input has more copies"
    )


def _count(own: "Range") -> str:
    return f"{_short(own.total)} [{_short(own.low)}, {_short(own.high)}]"


def _hours(own: "Range") -> str:
    return f"{own.total:.3g} [{own.low:.3g}, {own.high:.3g}]"


def _short(number: float) -> str:
    """1,234 or 1.23 billion."""
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:,.0f}"
