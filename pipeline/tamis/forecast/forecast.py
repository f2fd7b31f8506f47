"""`tamis estimate`: what a run of a recipe will give, take and cost.

Everything up to the last save and the filters behind it is scaled from a sample that was
run (`tamis.forecast.sample`, `tamis.forecast.totals`). Barriers have the bills of their
stages, which are measured on made corpora. Duplicates are a range, or those of the
folder's last run.
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from tamis.addresses import without_secrets
from tamis.errors import ConfigError, InputError
from tamis.forecast.repeats import Taken, plan_of
from tamis.forecast.sample import (
    HASHES,
    Kind,
    Place,
    Result,
    all_splits,
    drawn,
    run_sample,
    strata_of,
)
from tamis.forecast.totals import (
    Population,
    Range,
    Sampled,
    duplicate_range,
    total_of,
)
from tamis.inputs import InputFile, warc_paths
from tamis.recipe.load import Recipe
from tamis.recipe.plan import BarrierStep, plan_steps
from tamis.recipe.top import Prices
from tamis.runner.estimate import FORECAST
from tamis.runner.foreign import refuse_damaged_files
from tamis.runner.passes.splits import SplitTasks, selection_of, task_name
from tamis.runner.passes.work import PassWork
from tamis.runner.steps import Setting, kernels_of, pass_work, recipe_files
from tamis.runner.store import last_summary
from tamis.stage import Source
from tamis.stages.mix_corpus import MixCorpus
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.storage.lock import LOCK
from tamis.storage.records import sealed
from tamis.warc.splits import UNKNOWN_SIZE
from tamis.work.commits import Commit, fingerprint_of
from tamis.work.executors import Executor
from tamis.work.tasks import Progress, Task, Tasks

SPLITS = 48
_FOLDER = "estimate"
_BUSY = 0.95  # of the cores, outside barriers: benchmarks/cluster_scale.py
_GB = 1e9
_RESULT = TypeAdapter(Result)


@dataclass(frozen=True)
class Duplicates:
    """Shares of the documents that have a copy which stays.

    `how`: `sample`, a range from two sample sizes, or `last run`, whose share it is.
    """

    low: float
    high: float
    how: str


@dataclass(frozen=True)
class Forecast:
    """What a run will give and take. Ranges are totals with their 90 % intervals.

    splits      drawn, and in all; `bytes` of the archives
    languages   {code: {"documents", "tokens"}} before duplicates go
    stages      core hours by label
    stage_hours of all stages together
    barriers    core hours by label, from their bills
    written     bytes of saves, layers and dropped/
    memory      bytes of the largest task
    requests    about, to the store of the input and that of the output
    """

    splits: tuple[int, int]
    bytes: int
    fetched: int
    requests: int
    pages: Range
    documents: Range
    tokens: Range
    languages: dict[str, dict[str, Range]]
    stages: dict[str, Range]
    stage_hours: Range
    barriers: dict[str, float]
    core_hours: Range
    written: Range
    memory: int
    duplicates: Duplicates | None
    seconds_sampled: float = 0.0
    plan: dict[str, Taken] = field(default_factory=dict)
    money: dict[str, Range] = field(default_factory=dict)

    def wall_hours(self, cores: int) -> Range:
        """How long so many cores take, if all of them find work."""
        return self.core_hours.times(1 / (cores * _BUSY))

    def unique_tokens(self) -> dict[str, float]:
        """Tokens of each language behind duplicates, in the middle of their range."""
        share = (
            (self.duplicates.low + self.duplicates.high) / 2 if self.duplicates else 0.0
        )
        return {
            code: about["tokens"].total * (1 - share)
            for code, about in self.languages.items()
        }


def forecast(
    recipe: Recipe,
    executor: Executor,
    progress: Progress,
    *,
    splits: int = SPLITS,
    seed: int | None = None,
    tokens: float | None = None,
) -> Forecast:
    """Run a random sample of `splits` splits, and say what the whole will be.

    `tokens`: of a mix that is planned for. The result is kept as estimate.json in the output,
    so that a run can show its bill beside it. Raises ConfigError for a recipe, InputError
    for an input that cannot be sampled.
    """
    if splits < 2:
        raise ConfigError("estimate: a sample needs two splits at least")
    source = recipe.stages[0]
    assert isinstance(source, Source)
    refuse_damaged_files(recipe.stages)
    executor.kernels = kernels_of(recipe.stages)
    output = Storage(recipe.output, recipe.storage_options)
    files = [f for f in recipe_files(recipe, output, progress.note) if not f.problem]
    if not files:
        raise InputError("estimate: no input can be read")
    unknown = [file for file in files if file.size == UNKNOWN_SIZE]
    if unknown:
        raise InputError(
            f"estimate: {without_secrets(unknown[0].path)}: its server does not say how "
            f"large it is, so that nothing can be scaled: leave it out"
        )
    places = all_splits(files, source, splits)
    seed = recipe.seed if seed is None else seed
    strata = strata_of(places, splits, seed)
    chosen = drawn(strata, splits, seed)
    storage = Storage(f"{recipe.output.rstrip('/')}/{_FOLDER}", recipe.storage_options)
    with storage.lock(other="another `tamis estimate`", note=progress.note):
        tasks = Tasks(storage, executor, progress)
        commits = _sample(recipe, source, files, chosen, tasks, progress)
        results = [_RESULT.validate_python(dict(c.tally)["sample"]) for c in commits]
        hashes = [_hashes(storage, commit) for commit in commits]
        _remove(storage)
    population = population_of(strata)
    duplicates = _of_last_run(output) or _of_sample(hashes, results, population)
    found = forecast_of(recipe, results, population, duplicates)
    if tokens is not None:
        mix = next((s for s in recipe.stages if isinstance(s, MixCorpus)), MixCorpus())
        found = replace(found, plan=plan_of(found.unique_tokens(), tokens, mix))
    if recipe.prices is not None:
        found = replace(found, money=money_of(found, recipe.prices))
    output.write(FORECAST, sealed(as_json(found), indent=1))
    return found


def population_of(strata: Sequence[Sequence[Place]]) -> Population:
    """What the totals need to know of all splits."""
    bytes_ = sum(place.bytes for stratum in strata for place in stratum)
    return Population(float(bytes_), tuple(map(len, strata)))


def forecast_of(
    recipe: Recipe,
    results: Sequence[Result],
    population: Population,
    duplicates: Duplicates | None,
) -> Forecast:
    """What the whole will be, from what some of its splits gave."""
    sampled = Sampled(
        np.array([result["bytes"] for result in results], np.float64),
        np.array([result["stratum"] for result in results], np.int64),
    )

    def total(values: Sequence[float]) -> Range:
        return total_of(np.array(values, np.float64), sampled, population)

    codes = sorted({code for result in results for code in result["languages"]})
    languages = {
        code: {
            name: total([_of(result, code, name) for result in results])
            for name in ("documents", "tokens")
        }
        for code in codes
    }
    ran = {label for result in results for label in result["stages"]}
    labels = [stage.label for stage in recipe.stages if stage.label in ran]
    stages = {
        label: total([_seconds(result, label) for result in results]).times(1 / 3600)
        for label in labels
    }
    everything = total(
        [sum(about[2] for about in result["stages"].values()) for result in results]
    ).times(1 / 3600)
    documents = total([_sum(result, "documents") for result in results])
    barriers, memory = _barriers(recipe, round(documents.total))
    hours = sum(barriers.values())
    return Forecast(
        splits=(len(results), population.splits),
        bytes=round(population.bytes),
        fetched=round(population.bytes) if _reads_remotely(recipe) else 0,
        requests=_requests(recipe, population),
        pages=total([result["admitted"] for result in results]),
        documents=documents,
        tokens=total([_sum(result, "tokens") for result in results]),
        languages=dict(
            sorted(languages.items(), key=lambda own: -own[1]["tokens"].total)
        ),
        stages=stages,
        stage_hours=everything,
        barriers=barriers,
        core_hours=Range(*(end + hours for end in everything)),
        written=total([result["saved"] for result in results]),
        memory=max([memory, *(result["memory"] for result in results)]),
        duplicates=duplicates,
        seconds_sampled=float(
            sum(about[2] for result in results for about in result["stages"].values())
        ),
    )


def money_of(found: Forecast, prices: Prices) -> dict[str, Range]:
    """What it costs by the user's prices: computing, a month of storage, what is fetched."""
    stored = found.written.times(1 / _GB)
    money = {
        "computing": found.core_hours.times(prices.core_hour),
        "a month of storage": stored.times(prices.gb_month),
        "what leaves the store": stored.times(prices.egress_gb),
    }
    if prices.get_1000 or prices.put_1000:
        each = found.requests / 1000 * max(prices.get_1000, prices.put_1000)
        money["requests, at most"] = Range(each, each, each)
    return money


def as_json(found: Forecast) -> dict[str, Any]:
    """The forecast as JSON values; a range is [low, total, high]."""
    return asdict(found)


def _sample(
    recipe: Recipe,
    source: Source,
    files: Sequence[InputFile],
    chosen: Sequence[tuple[int, Place]],
    tasks: Tasks,
    progress: Progress,
) -> list[Commit]:
    """Run the splits that were drawn; those that cannot be read are said and left out."""
    setting = Setting(recipe, tasks.storage, tasks, files)
    steps = [s for s in plan_steps(recipe.stages) if not isinstance(s, BarrierStep)]
    passes: list[tuple[Kind, PassWork]] = [
        (step.kind, pass_work(setting, step)) for step in steps
    ]
    selection = selection_of(
        source,
        files,
        tasks.storage,
        options=recipe.storage_options,
        is_kept=False,
        note=progress.note,
    )
    makers = SplitTasks(
        passes[0][1],
        source,
        "",
        warc_paths=warc_paths(files),
        tasks=tasks.executor.workers,
        selection=selection,
    )
    mix = next((s for s in recipe.stages if isinstance(s, MixCorpus)), None)
    planned = []
    for stratum, place in chosen:
        split = makers.split(place.file, place.start, place.stop, place.start == 0)
        arguments = (
            passes,
            source,
            split,
            mix.tokenizer if mix else None,
            _hash_columns(recipe),
            stratum,
        )
        key = f"{task_name(place.file.name)}-{place.start}-{place.stop}"
        planned.append(Task(key, fingerprint_of(key), run_sample, arguments))
    each = tasks.run_each("estimate", planned)
    for task in planned:
        if not each[task.key]:
            progress.note(f"left out: {tasks.unreadable[task.key]}")
    found = [commit for task in planned for commit in each[task.key]]
    wanted = Counter(stratum for stratum, _ in chosen)
    read = Counter(dict(commit.tally.items())["sample"]["stratum"] for commit in found)
    if any(read[stratum] < min(2, wanted[stratum]) for stratum in wanted):
        raise InputError(
            "estimate: too few splits of an input can be read: leave it out, or draw more "
            "splits"
        )
    return found


def _remove(storage: Storage) -> None:
    """Take everything of the sample away but the lock, which is held."""
    storage.remove(name for name in storage.names("") if name != LOCK)
    if storage.is_local:
        for name in ("commits", HASHES, "work"):
            shutil.rmtree(storage.path(name), ignore_errors=True)


def _hash_columns(recipe: Recipe) -> tuple[str, ...]:
    """The columns of the hashes by which duplicates are told."""
    for stage in recipe.stages:
        if isinstance(stage, Sign):
            return tuple(
                field.name
                for field in stage.columns_written()
                if field.type == pa.uint64()
            )
    return ()


def _hashes(storage: Storage, commit: Commit) -> pa.Table | None:
    files = commit.of(HASHES)
    if not files:
        return None
    with storage.table(files[0].path) as opened:
        return opened.read()


def _of_last_run(output: Storage) -> Duplicates | None:
    """The share that the barriers of the folder's last run dropped as duplicates."""
    summary = last_summary(output)
    if summary is None or not summary.get("complete"):
        return None
    entered = gone = 0
    for about in summary.get("stages", {}).values():
        own = sum(
            amount["documents"]
            for reason, languages in about["dropped"].items()
            if reason.startswith("duplicate_") and "ratio" not in reason
            for amount in languages.values()
        )
        if own:
            entered, gone = entered or about["documents_in"], gone + own
    if not entered:
        return None
    return Duplicates(gone / entered, gone / entered, "last run")


def _of_sample(
    hashes: Sequence[pa.Table | None],
    results: Sequence[Result],
    population: Population,
) -> Duplicates | None:
    """A range from the duplicates among half of the sample and among all of it."""
    tables = [table for table in hashes if table is not None]
    if len(tables) < 2:
        return None
    whole = _duplicate_share(tables)
    half = (_duplicate_share(tables[::2]) + _duplicate_share(tables[1::2])) / 2
    sampled = sum(result["bytes"] for result in results) / population.bytes
    low, high = duplicate_range(half, whole, min(1.0, sampled))
    return Duplicates(low, high, "sample")


def _duplicate_share(tables: Sequence[pa.Table]) -> float:
    """Share of documents that an earlier one has a hash in common with, any of them."""
    table = pa.concat_tables(tables)
    if not table.num_rows:
        return 0.0
    is_copy = np.zeros(table.num_rows, bool)
    for column in table.columns:
        is_known = np.asarray(column.is_valid())
        values = np.asarray(column.fill_null(0)).astype(np.uint64)
        _, first = np.unique(values, return_index=True)
        is_first = np.zeros(len(values), bool)
        is_first[first] = True
        is_copy |= is_known & ~is_first
    return float(is_copy.mean())


def _barriers(recipe: Recipe, documents: int) -> tuple[dict[str, float], int]:
    """Core hours of each barrier, and the memory of its largest task."""
    hours, memory = {}, 0
    for place, stage in enumerate(recipe.stages):
        bill = stage.bill(documents, recipe.stages[:place])
        if bill is not None and stage.kind == "barrier":
            hours[stage.label] = bill.core_hours
            memory = max(memory, bill.memory_bytes)
    return hours, memory


def _requests(recipe: Recipe, population: Population) -> int:
    """About how many requests a run makes: a look at each file and a read of each split,
    and for each split a save, its dropped rows and a record, of every pass; on disks none.
    """
    passes = sum(not isinstance(s, BarrierStep) for s in plan_steps(recipe.stages))
    written = 3 * passes * population.splits if "://" in recipe.output else 0
    return written + (2 * population.splits if _reads_remotely(recipe) else 0)


def _reads_remotely(recipe: Recipe) -> bool:
    return any("://" in path for path in recipe.input)


def _of(result: Result, code: str, name: str) -> float:
    return float(result["languages"].get(code, {}).get(name, 0))


def _sum(result: Result, name: str) -> float:
    return float(sum(about[name] for about in result["languages"].values()))


def _seconds(result: Result, label: str) -> float:
    return result["stages"].get(label, (0, 0, 0.0))[2]
