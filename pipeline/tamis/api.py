"""The commands of the command line as Python calls: `tamis.run`, `tamis.apply` ..."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tamis.addresses import without_secrets, without_secrets_in
from tamis.errors import ConfigError, InputError, SchemaError, StageError
from tamis.recipe.load import Recipe
from tamis.recipe.top import Publisher
from tamis.rights.agents import REPRESENTED_AGENTS
from tamis.runner.progress import progress_of
from tamis.schema import TIMESTAMP
from tamis.stage import Source, Stage, Transform
from tamis.text.columns import WORDS
from tamis.work.executors import Executor, deferred_executor
from tamis.work.ray_start import available_cpus
from tamis.work.tasks import STAGE_NOTE, Progress

if TYPE_CHECKING:
    from tamis.corpus.refresh import Plan, Refreshed
    from tamis.dedup.index.folder import Entry, Generation
    from tamis.dedup.index.turn import Reservation
    from tamis.finished_run import Run
    from tamis.forecast.forecast import Forecast
    from tamis.forgetting.forget import Forgot
    from tamis.forgetting.lookup import LookedUp
    from tamis.forgetting.scan import Scanned
    from tamis.html.blocks.explain import Block
    from tamis.publishing.compare import Comparison
    from tamis.publishing.summary import Declared
    from tamis.publishing.trace import Traced
    from tamis.publishing.verify import Verified
    from tamis.quality.run_thresholds import Calibrated
    from tamis.rights.robots_archives import Built
    from tamis.runner.live import Status
    from tamis.runner.outlook import Outlook
    from tamis.runner.replay import Step
    from tamis.runner.run import Outcome
    from tamis.runner.store import Cleaning
    from tamis.work.ray_jobs import Job
    from tamis.work.transforms import Applied

_ROW = "_row"


def run(
    recipe: Recipe,
    *,
    progress: bool | Progress | None = None,
    metrics_file: str | Path | None = None,
) -> "Run":
    """Run a recipe and open the result. What an earlier run finished is not redone.

    `progress`: True shows a bar for each step, False shows nothing, null shows bars on a
    terminal. `metrics_file`: where the run's numbers are written as OpenMetrics text. If inputs could not be read and the recipe does not allow for it, or more of the
    records are lost than `max_lost`, raises InputError after everything else is done.
    """
    from tamis.finished_run import Run

    with progress_of(progress) as watching:
        run_recipe(recipe, watching, metrics_file).raise_if_incomplete()
    return Run(
        recipe.output,
        recipe.storage_options,
        stages=recipe.stages,
        addresses=recipe.input,
    )


def run_recipe(
    recipe: Recipe, progress: Progress, metrics_file: str | Path | None = None
) -> "Outcome":
    """Run with the executor that the recipe names; the outcome has unreadable inputs."""
    from tamis.runner.run import run as run_on

    settings = recipe.executor
    with _executor(settings.kind, settings.address, settings.workers) as executor:
        metrics = None if metrics_file is None else Path(metrics_file)
        return run_on(recipe, executor, progress, metrics_file=metrics)


def status(
    output: str, *, storage_options: Mapping[str, Any] | None = None
) -> "Status":
    """How far the last run in an output folder is, from any machine, or how it ended.

    Raises StorageError where no run has been.
    """
    from tamis.runner.live import status_of
    from tamis.storage import Storage

    return status_of(Storage(output, storage_options))


def submit(
    recipe: str | Path,
    overrides: Sequence[str] = (),
    *,
    address: str | None = None,
    shared: Sequence[str] = (),
    wheel: str | Path | None = None,
) -> "Job":
    """The job of a Ray cluster that runs the recipe of a file; one at work is joined.

    `address` is the dashboard of the head, `http://HEAD:8265`; `shared` are folders that
    all nodes have under the same path. Raises ConfigError for files that they lack.
    """
    from tamis.runner.jobs import submission_of, submit
    from tamis.work.ray_jobs import Jobs

    own = None if wheel is None else Path(wheel)
    asked = submission_of(Path(recipe), overrides, shared=shared, wheel=own)
    return submit(Jobs(address), asked)[0]


def stop(
    recipe: str | Path,
    overrides: Sequence[str] = (),
    *,
    address: str | None = None,
    shared: Sequence[str] = (),
    wheel: str | Path | None = None,
) -> "Job | None":
    """The job that ran the recipe and is asked to stop; null if none is at work."""
    from tamis.runner.jobs import submission_of
    from tamis.work.ray_jobs import Jobs

    own = None if wheel is None else Path(wheel)
    asked = submission_of(Path(recipe), overrides, shared=shared, wheel=own)
    jobs = Jobs(address)
    known = [job for job in jobs.of(asked.fingerprint) if job.is_at_work]
    return known[-1] if known and jobs.stop(known[-1]) else None


def estimate(
    recipe: Recipe,
    *,
    splits: int = 48,
    seed: int | None = None,
    tokens: float | None = None,
    parameters: float | None = None,
    progress: bool | Progress | None = None,
) -> "Forecast":
    """What a run of the recipe will give and cost, from a random sample that is run.

    `tokens` of a mix, or `parameters` of a model at 20 tokens each, are planned for. The
    result is kept as estimate.json in the output. Raises ConfigError and InputError.
    """
    from tamis.forecast.forecast import forecast
    from tamis.forecast.repeats import TOKENS_PER_PARAMETER

    settings = recipe.executor
    wanted = tokens if parameters is None else parameters * TOKENS_PER_PARAMETER
    with (
        progress_of(progress) as watching,
        _executor(settings.kind, settings.address, settings.workers) as executor,
    ):
        return forecast(
            recipe, executor, watching, splits=splits, seed=seed, tokens=wanted
        )


def check(recipe: Recipe) -> "Outlook":
    """What a run would do: the rest of each step and why, and what it needs.

    Checks the inputs and the output folder; writes nothing.
    """
    from tamis.runner.outlook import outlook

    return outlook(recipe, recipe.executor.workers or available_cpus())


def refresh(
    recipe: Recipe,
    *,
    redo: Sequence[str] | None = None,
    progress: bool | Progress | None = None,
) -> "Refreshed":
    """Bring the corpus of the recipe's `refresh` section up to date, or find that it is.

    `redo`: crawls that the present recipe is applied to again; an empty list is all.
    Raises InUse while another refresh has the corpus.
    """
    from tamis.corpus.refresh import refresh as refresh_on

    settings = recipe.executor
    with (
        progress_of(progress) as watching,
        _executor(settings.kind, settings.address, settings.workers) as executor,
    ):
        return refresh_on(recipe, executor, watching, redo=redo)


def refresh_plan(recipe: Recipe) -> "Plan":
    """What `refresh` would do, and what it needs. Writes nothing."""
    from tamis.corpus.refresh import plan

    return plan(recipe, recipe.executor.workers or available_cpus())


def give_up_redo(
    recipe: Recipe, *, progress: bool | Progress | None = None
) -> list[str]:
    """Leave a redo that has begun; the names of the runs that are put back.

    Raises ConfigError where no redo is open, or what was before it is gone.
    """
    from tamis.corpus.refresh import give_up_redo as give_up_on

    settings = recipe.executor
    with (
        progress_of(progress) as watching,
        _executor(settings.kind, settings.address, settings.workers) as executor,
    ):
        return give_up_on(recipe, executor, watching)


def switch_release(
    recipe: Recipe, release: str, *, progress: bool | Progress | None = None
) -> None:
    """Give a release to the readers, whether it is held or old.

    Raises ConfigError for one that the corpus has not, StorageError for one that is not
    whole any more.
    """
    from tamis.corpus.refresh import switch

    with progress_of(progress) as watching:
        switch(recipe, release, watching)


def apply(stages: Any, documents: Any) -> pa.Table:
    """The documents in their order, with the columns that the stages write.

    Dropped documents stay, with their `drop_reason`.

    stages     a transform, an entry such as `"measure_text"`, or several of them
    documents  texts (str), pages (bytes), a pyarrow table, or what converts to one

    If the documents lack a column that a stage reads, default stages that write it run
    first: `filter_quality` of texts measures them first. Raises SchemaError, which
    names the column, if no default stage writes it; ConfigError for a stage that needs
    a whole corpus.
    """
    from tamis.recipe.entries import built_stages

    entries = list(stages) if isinstance(stages, list | tuple) else [stages]
    mistakes: list[str] = []
    asked = built_stages(entries, {}, mistakes)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    table = _as_table(documents)
    transforms: list[Transform] = []
    present = set(table.schema.names)
    for stage in asked:
        if not isinstance(stage, Transform) or stage.kind != "transform":
            why = (
                "sees a whole corpus" if stage.kind == "barrier" else "is no transform"
            )
            raise ConfigError(f"{stage.label} {why}: it needs a recipe and tamis.run")
        transforms += _missing_stages(stage, present, ())
        transforms.append(stage)
        present |= _written(stage)
    return _applied(transforms, table)


@dataclass(frozen=True)
class Explanation:
    """What each stage found in a page, and which blocks the engine `blocks` keeps.

    `steps` end with the stage that drops the page. Every page has `blocks`, whatever
    the recipe's engine.
    """

    page: str
    steps: "list[Step]"
    blocks: "list[Block]"

    @property
    def reason(self) -> str | None:
        """Why the page is dropped; null if no transform drops it."""
        return self.steps[-1].reason

    def _repr_html_(self) -> str:
        """The page with its blocks shaded: kept or left out, and why."""
        from tamis.html.blocks.explain import as_html

        return as_html(self.blocks, self.page)


def explain(recipe: Recipe, page: str | Path) -> Explanation:
    """What each transform of the recipe finds in one page.

    `page` is a file, or the URL of a record in the recipe's input. Raises InputError
    where there is no such page.
    """
    from tamis.html.blocks.explain import explain as explain_blocks
    from tamis.html.blocks.judge.shipped import SHIPPED
    from tamis.runner.replay import decoded, record_of_file, record_of_url, replay
    from tamis.stages.extract_text import ExtractText

    source = recipe.stages[0]
    assert isinstance(source, Source)
    if Path(page).is_file():
        record = record_of_file(Path(page))
    else:
        record = record_of_url(
            str(page), recipe.input, source, options=recipe.storage_options
        )
    extract = next((s for s in recipe.stages if isinstance(s, ExtractText)), None)
    extract = extract or ExtractText()
    blocks = explain_blocks(
        decoded(record, recipe.stages),
        keeps_comments=extract.comments == "keep",
        keeps_title=extract.title == "prepend",
        model=Path(extract.model) if extract.model else SHIPPED,
    )
    return Explanation(str(page), replay(record, recipe.stages), blocks)


def fetch_record(
    warc: str,
    offset: int,
    length: int,
    *,
    run: str | Path | None = None,
    root: str | Path | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> bytes:
    """The page at a place of an archive; only these bytes are read.

    `warc` is a path or an address. With `run`, an output folder, or with `root`, the
    folder of the archives, it is the `warc_path` of a document. Raises InputError.
    """
    from tamis.remote.opening import Access, open_input
    from tamis.runner.places import Places
    from tamis.storage import Storage
    from tamis.tally import SUMMARY
    from tamis.warc.fetch import fetch_record as fetch_record_from

    options = storage_options or {}
    summary = None
    if run is not None:
        summary = Storage(str(run), options).read_record("run.json", SUMMARY)
    place = Places(summary, str(root) if root else None).place_of(warc)
    name = without_secrets(place)
    ranges = [(offset, offset + length)]
    try:
        with open_input(place, Access(options), ranges=ranges) as file:
            found = fetch_record_from(file, offset, length, path=name)
    except OSError as error:
        why = without_secrets_in(error, place)
        raise InputError(f"{name}: cannot be read: {why}") from None
    return bytes(found.html or b"")


def calibrate(
    output: str | Path,
    *,
    method: str,
    reference: str = "eng",
    preset: str = "tamis",
    columns: Sequence[str] = (),
    min_documents: int = 50,
    saved: str = "documents",
    storage_options: Mapping[str, Any] | None = None,
) -> "Calibrated":
    """Bounds of filter_quality per language, from a run's own documents.

    `method` is quantile, meanstd or 10tail: see `tamis.quality.calibrate`. Raises
    ConfigError where there is no language to calibrate.
    """
    from tamis.quality.run_thresholds import calibrate_documents
    from tamis.runner.store import last_files
    from tamis.storage import Storage
    from tamis.tally import SUMMARY

    storage = Storage(str(output), storage_options)
    storage.read_record("run.json", SUMMARY)  # says clearly where there is no run
    return calibrate_documents(
        storage,
        last_files(storage, saved),
        method=method,
        reference=reference,
        preset=preset,
        columns=tuple(columns),
        min_documents=min_documents,
        saved=saved,
    )


def clean(
    output: str | Path,
    *,
    keep_last: int = 1,
    older_than: timedelta | None = None,
    unfinished: bool = False,
    dry_run: bool = True,
    storage_options: Mapping[str, Any] | None = None,
) -> "Cleaning":
    """Remove results that only earlier runs of an output folder used.

    The results of the last `keep_last` runs stay, and those of runs that ended within
    `older_than`. `unfinished`: also what no run that ended has used, such as the work of
    an interrupted run. With `dry_run` nothing is removed.
    """
    from tamis.runner.store import clean as remove_results
    from tamis.runner.store import plan_cleaning
    from tamis.storage import Storage

    storage = Storage(str(output), storage_options)

    def planned() -> "Cleaning":
        return plan_cleaning(
            storage,
            keep_last=keep_last,
            older_than=older_than,
            unfinished=unfinished,
            now=datetime.now(UTC),
        )

    found = planned()
    if not dry_run:
        with storage.lock():
            found = planned()
            remove_results(storage, found)
    return found


def verify(
    output: str | Path, *, storage_options: Mapping[str, Any] | None = None
) -> "Verified":
    """Everything that a run, a release or a corpus published, held against its records.

    `wrong` of the result has a line for each thing that is not as it should be. Raises
    StorageError where there is no run.
    """
    from tamis.publishing.verify import verify as verify_folder
    from tamis.storage import Storage

    return verify_folder(Storage(str(output), storage_options))


def compare(
    before: str | Path,
    after: str | Path,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> "Comparison":
    """What is different in the run or release `after`: `.page()`, `.as_json()`.

    Raises StorageError where no run has ended, ConfigError for a release of which the
    documents are gone.
    """
    from tamis.publishing.compare import compare as compare_folders
    from tamis.storage import Storage

    one, other = (Storage(str(place), storage_options) for place in (before, after))
    return compare_folders(one, other)


def card(
    output: str | Path,
    *,
    publisher: Publisher | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write README.md and croissant.json of a run or a release; what is to be provided.

    `publisher` replaces that of the run's recipe. Raises ConfigError where there is no mix.
    """
    from tamis.publishing.card import write_card
    from tamis.storage import Storage

    return write_card(Storage(str(output), storage_options), publisher)


def summary(
    output: str | Path,
    *,
    publisher: Publisher | None = None,
    declared: "Declared | None" = None,
    storage_options: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write the AI Act's public summary of a run or a release, and domains.parquet.

    Returns what the provider has yet to say. `declared` is "public" (the crawl is a public
    data set) or "own" (one's own crawl). Raises ConfigError where there is no mix.
    """
    from tamis.publishing.summary import DECLARED, write_summary
    from tamis.storage import Storage

    if declared not in (None, *DECLARED):
        raise ConfigError(f"declared: {declared!r} is none of {', '.join(DECLARED)}")
    storage = Storage(str(output), storage_options)
    return write_summary(storage, publisher, declared=declared)


def trace(
    output: str | Path,
    page: str | int,
    *,
    storage_options: Mapping[str, Any] | None = None,
    trusted_stages: Collection[str] = (),
) -> "list[Traced]":
    """All that a run, a release or a corpus has of the documents of an id or an address.

    One entry for each run or release that has the document, in the corpus' order. Raises
    ConfigError if none has.
    """
    from tamis.publishing.trace import trace as trace_page
    from tamis.storage import Storage

    storage = Storage(str(output), storage_options)
    return trace_page(storage, str(page), trusted_stages)


def forget(
    output: str | Path,
    request: str | Path,
    *,
    storage_options: Mapping[str, Any] | None = None,
    is_trial: bool = False,
    note: Callable[[str], None] = lambda line: None,
) -> "Forgot":
    """Take all documents out of a run, a release or a corpus that a file of requests means.

    They are denied for ever. A trial only counts. Raises ConfigError for a file or a folder
    that is wrong, StorageError while somebody else works there.
    """
    from tamis.denials.requests import read_requests
    from tamis.forgetting.forget import forget as forget_requests
    from tamis.storage import Storage

    return forget_requests(
        Storage(str(output), storage_options),
        read_requests(Path(request)),
        now=datetime.now(UTC),
        note=note,
        is_trial=is_trial,
    )


def find_denied(
    output: str | Path, *, storage_options: Mapping[str, Any] | None = None
) -> "Scanned":
    """Read every file of a run, a release or a corpus for what its denial list means."""
    from tamis.forgetting.scan import scan
    from tamis.storage import Storage

    return scan(Storage(str(output), storage_options))


def lookup(
    output: str | Path,
    asked: str,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> "LookedUp":
    """How much of a domain or of a page is in the mix of a run, or in a corpus' releases."""
    from tamis.forgetting.lookup import look_up
    from tamis.storage import Storage

    return look_up(Storage(str(output), storage_options), asked)


def minhash(
    text: str,
    *,
    ngram: int = 5,
    bands: int = 14,
    rows: int = 8,
) -> Any:
    """The MinHash of datasketch that `sign: {engine: datasketch}` gives a text.

    It is compared with those of a corpus, which datasketch loads from the column `minhash`:

        found = MinHash(hashvalues=row, seed=1, scheme="affine32")
        tamis.minhash(text).jaccard(found)

    Raises ConfigError if the library is not installed.
    """
    from tamis.dedup.datasketch import Sketcher
    from tamis.dedup.kernels.bands import Banding
    from tamis.text.buffers import utf8_buffers

    data, offsets = utf8_buffers(pa.array([text]))
    return Sketcher(ngram, Banding(bands, rows)).sketch(data, offsets)


def build_robots_table(
    archives: str | Sequence[str],
    output: str | Path,
    *,
    agents: Sequence[str] = REPRESENTED_AGENTS,
    workers: int = 1,
    storage_options: Mapping[str, Any] | None = None,
) -> "Built":
    """Read robots.txt responses and write the table that read_rights reads.

    `problems` of the result are archives that could not be read completely: their hosts
    may be missing from the table.
    """
    from tamis.inputs import resolve
    from tamis.remote.opening import Access
    from tamis.rights.robots_archives import build_table

    patterns = [archives] if isinstance(archives, str) else list(archives)
    options = storage_options or {}
    files = resolve(patterns, options, are_all_asked=True)
    lower = tuple(agent.lower() for agent in agents)
    with _executor("ray" if workers > 1 else "inline", "local", workers) as executor:
        return build_table(
            files,
            Path(output),
            lower,
            access=Access(options, tasks=workers),
            executor=executor,
        )


class Index:
    """The folder in which `deduplicate: {index: FOLDER}` remembers earlier runs.

    Raises ConfigError if there is none; creates none.
    """

    def __init__(
        self, folder: str | Path, storage_options: Mapping[str, Any] | None = None
    ) -> None:
        from tamis.dedup.index.folder import index_at

        self.storage = index_at(str(folder), storage_options)
        if not self.generations() and not self.holder():
            raise ConfigError(f"{self.storage.shown}: there is no index here")

    def generations(self) -> "list[Generation]":
        """The published generations, the oldest first; each has one run or several."""
        from tamis.dedup.index.folder import generations

        return generations(self.storage)

    def runs(self) -> "list[Entry]":
        """The runs that have published, the oldest first."""
        return [entry for own in self.generations() for entry in own.runs]

    def holder(self) -> "Reservation | None":
        """The run that has begun and not published, if there is one."""
        from tamis.dedup.index.turn import holder

        return holder(self.storage)

    def remove_newest(self) -> "Generation":
        """Remove the newest run and all that it added."""
        from tamis.dedup.index.turn import remove_newest

        return remove_newest(self.storage)

    def compact(self, workers: int = 1) -> "list[Generation]":
        """Merge generations of about the same size, except the newest two."""
        from tamis.dedup.index.compaction import compact

        kind = "ray" if workers > 1 else "inline"
        with _executor(kind, "local", workers) as executor:
            return compact(self.storage, executor)

    def unlock(self) -> "Reservation | None":
        """Give up a run that has begun and will never end; returns its reservation."""
        from tamis.dedup.index.turn import unlock

        return unlock(self.storage)


def _applied(transforms: Sequence[Transform], table: pa.Table) -> pa.Table:
    import numpy as np

    from tamis.work.transforms import chain_of, through

    pieces: list[pa.RecordBatch] = []

    def see(step: "Applied") -> None:
        if step.dropped.num_rows:
            pieces.append(step.dropped)

    chain = chain_of(transforms)
    first = 0
    for batch in table.combine_chunks().to_batches():
        rows = pa.array(np.arange(first, first + batch.num_rows))
        first += batch.num_rows
        try:
            pieces.append(through(chain, batch.append_column(_ROW, rows), see))
        except Exception as error:
            notes = getattr(error, "__notes__", [])
            if isinstance(error, SchemaError | ConfigError) or not notes:
                raise
            stage = notes[-1].removeprefix(STAGE_NOTE)
            cause = f"{type(error).__name__}: {error}"
            raise StageError(stage, "tamis.apply", cause) from error
    written = {
        f"{stage.prefix}_{field.name}" if stage.prefix else field.name: field.type
        for stage in transforms
        for field in stage.columns_written()
    }
    tables = [pa.Table.from_batches([piece]) for piece in pieces]
    whole = (
        pa.concat_tables(tables, promote_options="default").sort_by(_ROW)
        if tables
        else table
    )
    # Columns do not depend on the documents: null where every row was dropped before.
    for name, type_ in written.items():
        if name not in whole.column_names:
            whole = whole.append_column(name, pa.nulls(whole.num_rows, type_))
    return whole.drop_columns([n for n in (_ROW, WORDS) if n in whole.column_names])


def _missing_stages(
    stage: Transform, present: set[str], asked_by: tuple[str, ...]
) -> list[Transform]:
    """Default stages that write the missing columns of `stage`; adds to `present`."""
    found: list[Transform] = []
    for name in sorted(stage.columns_needed(present)):
        if name in present:
            continue
        provider = None if name in ("text", "html") else _provider(name)
        if provider is None or provider.stage in (*asked_by, stage.stage):
            raise SchemaError(
                f"{stage.label} reads {name!r}, which the documents lack and no default "
                f"stage writes: give a table with that column"
            )
        found += _missing_stages(provider, present, (*asked_by, stage.stage))
        found.append(provider)
        present |= _written(provider)
    return found


def _provider(column: str) -> Transform | None:
    """The first stage that needs no settings and writes the column."""
    from tamis.stages import NAMES, stage_class

    for name in NAMES:
        cls = stage_class(name)
        if cls is None or any(f.is_required() for f in cls.model_fields.values()):
            continue
        stage: Stage = cls()
        if isinstance(stage, Transform) and column in stage.columns_written().names:
            return stage
    return None


def _written(stage: Stage) -> set[str]:
    prefix = f"{stage.prefix}_" if stage.prefix else ""
    return {prefix + name for name in stage.columns_written().names}


def _as_table(documents: Any) -> pa.Table:
    """A table with `id`, `text_chars`, provenance that is null, and `drop_reason`."""
    import pyarrow.compute as pc
    import xxhash

    if isinstance(documents, str | bytes):
        documents = [documents]
    if isinstance(documents, pa.RecordBatch):
        documents = pa.Table.from_batches([documents])
    if isinstance(documents, list | tuple):
        strangers = [o for o in documents if not isinstance(o, str | bytes | None)]
        if strangers:
            kind = type(strangers[0]).__name__
            raise ConfigError(f"documents are texts (str) or pages (bytes), not {kind}")
        is_pages = any(isinstance(one, bytes) for one in documents)
        values = pa.array(documents, pa.binary() if is_pages else pa.string())
        documents = pa.table({"html" if is_pages else "text": values})
    table = _with_plain_types(pa.table(documents))
    content = next((n for n in ("text", "html") if n in table.column_names), None)
    added: dict[str, Any] = {"drop_reason": pa.nulls(table.num_rows, pa.string())}
    if content is not None:
        ids = [
            xxhash.xxh3_64_intdigest(value or b"")
            for value in table[content].cast(pa.binary()).to_pylist()
        ]
        added["id"] = pa.array(ids, pa.uint64())
    if "text" in table.column_names:
        text = table["text"].cast(pa.string())
        table = table.set_column(table.column_names.index("text"), "text", text)
        added["text_chars"] = pc.utf8_length(text)
    for name in ("url", "host", "domain", "http_content_type", "http_rights", "title"):
        added[name] = pa.nulls(table.num_rows, pa.string())
    added["fetched_at"] = pa.nulls(table.num_rows, TIMESTAMP)
    for name, column in added.items():
        if name not in table.column_names:
            table = table.append_column(name, column)
    return table


def _with_plain_types(table: pa.Table) -> pa.Table:
    """Strings and binaries of the widths that stages know, whatever library made them.

    Raises SchemaError for a name that is there twice, or that is reserved.
    """
    names = table.column_names
    for name in names:
        if names.count(name) > 1 or name in (_ROW, WORDS):
            raise SchemaError(f"documents: the column {name!r} cannot be told apart")
    fields = []
    for field in table.schema:
        type_ = field.type
        if type_ in (pa.large_string(), pa.string_view()) or (
            field.name == "drop_reason" and pa.types.is_null(type_)
        ):
            type_ = pa.string()
        elif type_ in (pa.large_binary(), pa.binary_view()):
            type_ = pa.binary()
        fields.append(pa.field(field.name, type_))
    return table.cast(pa.schema(fields))


@contextmanager
def _executor(kind: Any, address: str, workers: int | None) -> Iterator[Executor]:
    executor = deferred_executor(kind, address, workers)
    try:
        yield executor
    finally:
        executor.close()
