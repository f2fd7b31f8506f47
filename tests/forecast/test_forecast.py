"""A sample of splits is run for real, and what it says of the whole holds."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from fixtures.recipes import OF_A_CORPUS

import tamis
from tamis.errors import ConfigError
from tamis.forecast import forecast as forecasting
from tamis.forecast import sample as sampling
from tamis.forecast.forecast import (
    Duplicates,
    forecast_of,
    money_of,
    population_of,
)
from tamis.forecast.sample import Result, all_splits, drawn, strata_of
from tamis.forecast.totals import Range
from tamis.inputs import resolve
from tamis.recipe.top import Prices
from tamis.stages.read_warc import ReadWarc

SAMPLES = [str(ROOT / "samples" / f"samples-0000{n}.warc.gz") for n in (0, 1)]
SEEDS = 50


@pytest.fixture
def recipe(tmp_path: Path) -> tamis.Recipe:
    path = tmp_path / "stages.yaml"
    path.write_text(
        f"output: out/\ninput: {json.dumps(SAMPLES)}\n{OF_A_CORPUS}", "utf-8"
    )
    return tamis.Recipe.load(path)


def test_the_draw_depends_on_the_seed_and_is_spread_over_the_inputs() -> None:
    splits = all_splits(resolve(SAMPLES), ReadWarc(), 4)
    assert len(splits) >= 16

    def chosen(seed: int, splits: Any = splits, wanted: int = 8) -> list[Any]:
        return drawn(strata_of(splits, wanted, seed), wanted, seed)

    one = chosen(1)
    assert one == chosen(1, list(reversed(splits)))
    assert one != chosen(2)
    assert len({place for _, place in one}) == 8
    assert set(Counter(place.file.name for _, place in one).values()) == {4}
    assert {place for _, place in chosen(1, wanted=10**6)} == set(splits)


def test_all_of_the_input_is_the_run(recipe: tamis.Recipe) -> None:
    """Of every split: exact numbers, which the run then confirms."""
    found = tamis.estimate(recipe, splits=1000, progress=False)
    assert found.splits[0] == found.splits[1]
    run = tamis.run(recipe, progress=False)
    assert found.pages == Range(*[run.summary["bill"]["pages"]] * 3)
    assert found.documents == Range(*[run.summary["bill"]["documents"]] * 3)
    languages = run.summary["barriers"]["mix_corpus"]["languages"]
    assert set(found.languages) == set(languages)
    # Nothing of the sample is left but what it found.
    out = Path(recipe.output)
    assert {p.name for p in (out / "estimate").rglob("*") if p.is_file()} <= {
        "lock.json"
    }
    estimated = run.summary["estimated"]
    assert estimated["pages"] == list(found.pages)
    assert 'id="bill"' in (out / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Result], list[Any], tamis.Recipe]:
    """What every split of the samples gave in one real run, with its place."""
    folder = tmp_path_factory.mktemp("recorded")
    path = folder / "stages.yaml"
    path.write_text(
        f"output: out/\ninput: {json.dumps(SAMPLES)}\n{OF_A_CORPUS}", "utf-8"
    )
    recipe = tamis.Recipe.load(path)
    kept: list[Result] = []
    patch = pytest.MonkeyPatch()
    patch.setattr(sampling, "_FEWEST_SPLIT_BYTES", 12 << 10)
    own, draw = forecasting.forecast_of, forecasting.drawn
    splits: list[Any] = []

    def noting(recipe: Any, results: Any, *more: Any) -> Any:
        kept.extend(results)
        return own(recipe, results, *more)

    def drawing(*arguments: Any) -> Any:
        found = draw(*arguments)
        splits.extend(place for _, place in found)
        return found

    patch.setattr(forecasting, "forecast_of", noting)
    patch.setattr(forecasting, "drawn", drawing)
    tamis.estimate(recipe, splits=1000, progress=False)
    patch.undo()
    assert len(kept) == len(splits) > 80
    return kept, splits, recipe


@pytest.mark.long  # many seeds
def test_of_fifty_seeds_nine_in_ten_intervals_hold_the_truth(
    recorded: tuple[list[Result], list[Any], tamis.Recipe],
) -> None:
    results, splits, recipe = recorded
    of = dict(zip(splits, results, strict=True))
    truth = forecast_of(
        recipe,
        [{**one, "stratum": 0} for one in results],
        population_of([splits]),
        None,
    )
    held: Counter[str] = Counter()
    names = ("pages", "documents", "tokens", "written", "stage_hours")
    for seed in range(SEEDS):
        strata = strata_of(splits, 32, seed)
        chosen: list[Any] = [
            {**of[place], "stratum": stratum}
            for stratum, place in drawn(strata, 32, seed)
        ]
        found = forecast_of(recipe, chosen, population_of(strata), None)
        for name in names:
            own, true = getattr(found, name), getattr(truth, name).total
            held[name] += own.low <= true <= own.high
        for code in ("fra", "eng"):
            own = found.languages[code]["documents"]
            held[code] += (
                own.low <= truth.languages[code]["documents"].total <= own.high
            )
    shares = {name: held[name] / SEEDS for name in (*names, "fra", "eng")}
    mean = sum(shares.values()) / len(shares)
    assert 0.80 <= mean <= 0.97, shares
    assert min(shares.values()) >= 0.74, shares  # 37 of 50: one name in a hundred at .9


def test_duplicates_are_those_of_the_last_run_where_there_was_one(
    recipe: tamis.Recipe,
) -> None:
    first = tamis.estimate(recipe, splits=8, progress=False)
    assert first.duplicates is not None
    assert first.duplicates.how == "sample"
    assert 0 <= first.duplicates.low <= first.duplicates.high <= 1
    run = tamis.run(recipe, progress=False)
    again = tamis.estimate(recipe, splits=8, progress=False)
    about = run.summary["stages"]["deduplicate"]
    share = 1 - about["documents_out"] / about["documents_in"]
    assert again.duplicates == Duplicates(*[pytest.approx(share)] * 2, "last run")


def test_money_is_by_the_prices_of_the_user(recipe: tamis.Recipe) -> None:
    found = tamis.estimate(recipe, splits=8, progress=False)
    assert found.money == {}
    prices = Prices(core_hour=2.0, gb_month=0.5, egress_gb=0.25, currency="EUR")
    money = money_of(found, prices)
    assert money["computing"].total == pytest.approx(2 * found.core_hours.total)
    month = money["a month of storage"]
    assert month.total == pytest.approx(found.written.total / 1e9 / 2)
    assert month.low <= month.total <= month.high
    assert found.wall_hours(10).total == pytest.approx(found.core_hours.total / 9.5)


def test_the_command_line_says_it_all(
    recipe: tamis.Recipe, tmp_path: Path, command: Callable[..., Any]
) -> None:
    own = tmp_path / "stages.yaml"
    prices = (
        "prices: {core_hour: .028, gb_month: .016, currency: EUR, as_of: 2026-10}\n"
    )
    own.write_text(prices + own.read_text("utf-8"), "utf-8")
    ended = command(
        *("estimate", str(own), "--splits", "8", "--cores", "64"),
        *("--parameters", "1e5"),
    )
    assert ended.code == 0, ended.stderr
    for said in (
        "sample     8 of ",
        "pages      ",
        "a range from two sample sizes",
        "hours on 64 cores",
        "  extract_text ",
        "mix        2 million tokens",
        "times this input for all of them",
        "EUR [",
        "as of 2026-10",
    ):
        assert said in ended.stdout, ended.stdout
    as_json = command("estimate", str(own), "--splits", "8", "--json")
    assert json.loads(as_json.stdout)["pages"][1] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--splits", "1"], "1 is not in the range x>=2"),
        (["--tokens", "1", "--parameters", "1"], "--tokens or --parameters, not both"),
        (["--tokens", "-5"], "none that a corpus has"),
        (["--tokens", "nan"], "none that a corpus has"),
    ],
)
def test_a_mistake_is_said(
    recipe: tamis.Recipe,
    tmp_path: Path,
    command: Callable[..., Any],
    arguments: list[str],
    said: str,
) -> None:
    ended = command("estimate", str(tmp_path / "stages.yaml"), *arguments)
    assert ended.code == 2
    assert said in ended.stderr


def test_one_split_is_refused(recipe: tamis.Recipe) -> None:
    with pytest.raises(ConfigError, match="two splits at least"):
        tamis.estimate(recipe, splits=1, progress=False)


def test_check_uses_what_a_page_cost_here(
    recipe: tamis.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    monkeypatch.setattr("tamis.runner.estimate._PAGES", 100)
    before = command("check", str(tmp_path / "stages.yaml"))
    assert "ms a page" not in before.stdout
    tamis.run(recipe, progress=False)
    after = command("check", str(tmp_path / "stages.yaml"))
    assert "ms a page as of the last 293 here" in after.stdout
