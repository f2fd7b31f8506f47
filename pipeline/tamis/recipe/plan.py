"""Cut the recipe's stages into steps: passes of fused transforms, and barriers.

source pass   the source and transforms up to the first save     (one task a split)
table pass    transforms between two saves                       (one task a saved file)
column pass   filters below the last save                        (one task an input file)
own pass      one stage below it, with resources of its own      (one task an input file)
barrier       sees the whole data set                            (deduplicate, mix_corpus)

Barriers and filters may also be between two saves: their decisions on the documents of
the first save are layers, and the table pass below reads both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from tamis.errors import ConfigError, nearest
from tamis.schema import DECISIONS, PROVENANCE
from tamis.stage import Barrier, Placement, Resources, Source, Stage, Transform
from tamis.stages.save import Save
from tamis.text.columns import WORDS

PassKind = Literal["source", "table", "column", "own"]
Columns = Mapping[str, pa.DataType]

# Folders that every run has. No `save:` can have these names or those of stages' folders.
_RUN_FOLDERS = {"commits", "dropped", "mix", "runs", "selections", "work"}
_DECISIONS = "decisions"
# Columns that a save does not publish: the page itself, and the reason, which is null.
_NOT_SAVED = ("html", "drop_reason")


@dataclass(frozen=True)
class Pass:
    """Consecutive transforms that run fused.

    `stages` of a source pass begin with the source. `saved` is the schema of the save, or
    of the layer that a column pass or an own pass writes. `end` is the position in the
    recipe after its last stage.
    """

    name: str
    kind: PassKind
    stages: tuple[Stage, ...]
    saved: pa.Schema
    end: int
    resources: Resources | None = None


@dataclass(frozen=True)
class BarrierStep:
    """A stage that needs all documents, and the number of stages above it."""

    name: str
    stage: Barrier
    position: int


Step = Pass | BarrierStep


def plan_steps(stages: Sequence[Stage]) -> list[Step]:
    """Cut a checked list of stages into steps, in the order in which they run."""
    steps: list[Step] = []
    waiting: list[Stage] = []
    columns: dict[str, pa.DataType] = {}
    has_saved = False

    def end_column_pass(end: int) -> None:
        if waiting:
            number = sum(isinstance(s, Pass) and s.kind == "column" for s in steps)
            name = f"{_DECISIONS}_{number + 1}" if number else _DECISIONS
            steps.append(Pass(name, "column", tuple(waiting), DECISIONS, end))
            waiting.clear()

    for index, stage in enumerate(stages):
        if isinstance(stage, Save):
            kind: PassKind = "table" if has_saved else "source"
            steps.append(
                Pass(stage.name, kind, tuple(waiting), _schema(columns), index)
            )
            waiting.clear()
            has_saved = True
            continue
        resources = _own_pass(stage)
        if isinstance(stage, Barrier) and stage.kind == "barrier":
            end_column_pass(index)
            steps.append(BarrierStep(stage.label, stage, index))
        elif resources is not None:
            end_column_pass(index)
            layer = pa.schema([*DECISIONS, *_written(stage).items()])
            steps.append(
                Pass(stage.label, "own", (stage,), layer, index + 1, resources)
            )
        else:
            waiting.append(stage)
        columns = _columns_after(stage, columns)
    end_column_pass(len(stages))
    return steps


def signal_columns(stages: Sequence[Stage], stop: int | None = None) -> pa.Schema:
    """The signals that dropped/ keeps: numeric columns that the first `stop` stages write.

    Provenance and hashes are not signals, nor are columns of barriers below the last save.
    """
    columns: dict[str, pa.DataType] = {}
    for index, stage in enumerate(stages[:stop]):
        if stage.kind != "barrier" or _has_save(stages[index:]):
            columns.update(_written(stage))
    fields = [
        pa.field(name, type_)
        for name, type_ in columns.items()
        if name not in PROVENANCE.names
        and (
            pa.types.is_floating(type_)
            or (pa.types.is_integer(type_) and type_ != pa.uint64())
        )
    ]
    return pa.schema(fields)


def mistakes_of_order(
    stages: Sequence[Stage], output: str = "", languages: tuple[str, ...] = ()
) -> list[str]:
    """Mistakes in the order of stages, and in what they name, one line each."""
    mistakes: list[str] = []
    columns: dict[str, pa.DataType] = {}
    names: set[str] = set()
    for index, stage in enumerate(stages):
        place = f"stages[{index}].{stage.stage}"
        label = stage.name if isinstance(stage, Save) else stage.label
        if label in names:
            mistakes.append(f"{place}: a second {label!r}; give one of them `as: name`")
        names.add(label)
        placement = Placement(
            tuple(stages[:index]),
            tuple(stages[index + 1 :]),
            columns,
            output,
            languages,
        )
        for mistake in _mistakes_of(stage, placement):
            is_of_setting = mistake.startswith(".")
            mistakes.append(f"{place}{'' if is_of_setting else ': '}{mistake}")
        columns = _columns_after(stage, columns)
    if not _has_save(stages):
        mistakes.append("stages: nothing is kept without a `save: NAME`")
    return mistakes


def names_inputs(stages: Sequence[Stage]) -> bool:
    """Whether the source says itself what is read, or there is none to say it."""
    source = stages[0] if stages else None
    return not isinstance(source, Source) or source.names_inputs


def _mistakes_of(stage: Stage, placement: Placement) -> Iterator[str]:
    yield from _misplaced(stage, placement)
    try:
        yield from stage.mistakes(placement)
    except ConfigError as error:  # such as a file that cannot be read
        yield str(error)


def _misplaced(stage: Stage, placement: Placement) -> Iterator[str]:
    """Mistakes that any stage of this kind would make at this place."""
    if (stage.kind == "source") != (not placement.above):
        yield "the first stage, and only the first, is read_warc or another source"
    if stage.kind == "source":
        yield from _not_a_source(stage)
    yield from _missing(stage, placement.columns)
    yield from _other_languages(stage, placement.languages)
    if WORDS in _written(stage):
        yield f"writes {WORDS!r}, which stages use internally: choose another name"
    if isinstance(stage, Save):
        yield from _misplaced_save(stage, placement)
    elif stage.kind == "barrier":
        yield from _misplaced_barrier(stage, placement)
    elif stage.kind == "transform":
        yield from _misplaced_transform(stage, placement)


def _not_a_source(stage: Stage) -> Iterator[str]:
    written = stage.columns_written().names
    missing = [n for n in (*PROVENANCE.names, "drop_reason") if n not in written]
    if missing:
        yield f"does not write {', '.join(missing)}, which every source has to"


def _missing(stage: Stage, columns: Columns) -> Iterator[str]:
    prefix = f"{stage.prefix}_" if stage.prefix else ""
    for name in stage.columns_read():
        column, _, field = name.partition(".")
        type_ = columns.get(prefix + column, columns.get(column))
        if type_ is None or (field and field not in [inner.name for inner in type_]):
            missing = name if type_ is not None else column
            hint = nearest(missing, list(columns)) if type_ is None else ""
            yield f"reads {missing!r}, which no stage above it writes{hint}"


def _other_languages(stage: Stage, languages: Sequence[str]) -> Iterator[str]:
    """Settings for a language of which the recipe keeps no document."""
    for name in stage.language_settings if languages else ():
        by_language = getattr(stage, name)
        for language in by_language if isinstance(by_language, dict) else ():
            if language not in (*languages, "default"):
                hint = nearest(language, languages)
                yield f".{name}.{language}: is not in `languages`{hint}"


def _misplaced_save(stage: Save, placement: Placement) -> Iterator[str]:
    above = placement.above[-1] if placement.above else None
    if above is None or above.kind in ("save", "barrier"):
        found = "the barrier" if above and above.kind == "barrier" else "the save"
        yield f"has no stage between it and {found} above it"
    taken = {folder for other in _all(placement, stage) for folder in other.folders}
    if stage.name in taken | _RUN_FOLDERS or stage.name.startswith(_DECISIONS):
        yield f"{stage.name!r} is a folder of every run; choose another name"


def _misplaced_barrier(stage: Stage, placement: Placement) -> Iterator[str]:
    if not _has_save(placement.above):
        yield "needs a `save:` above it to read from"
    if "text" not in _written(stage):
        return
    if not _has_save(placement.below):
        yield "changes the text, and no `save:` below it keeps what is left"
        return
    early = [other.label for other in placement.above if other.describes_text]
    if early:
        yield f"changes the text that {early[0]} has read: put it above {early[0]}"


def _misplaced_transform(stage: Stage, placement: Placement) -> Iterator[str]:
    if _own_pass(stage) is not None:
        if not _has_save(placement.above) or _has_save(placement.below):
            yield "is a pass of its own (resources): put it below the last `save:`"
        return
    written = [name for name in _written(stage) if name != "drop_reason"]
    if not written or not _has_save(placement.above):
        return
    ends = [other for other in placement.below if other.kind in ("save", "barrier")]
    if ends and ends[0].kind == "save":
        return
    if _has_save(ends):
        why = f"{ends[0].label} is between it and the next `save:`"
        yield f"writes {written[0]!r}, which is lost: {why}"
    else:
        yield f"writes {written[0]!r} below the last `save:`, where it is lost"


def _all(placement: Placement, stage: Stage) -> tuple[Stage, ...]:
    return (*placement.above, stage, *placement.below)


def _has_save(stages: Sequence[Stage]) -> bool:
    return any(stage.kind == "save" for stage in stages)


def _own_pass(stage: Stage) -> Resources | None:
    if isinstance(stage, Transform) and stage.kind == "transform":
        return stage.own_pass()
    return None


def _columns_after(stage: Stage, columns: Columns) -> dict[str, pa.DataType]:
    """The columns of a batch after this stage."""
    if stage.kind == "save":
        saved = {k: v for k, v in columns.items() if k not in _NOT_SAVED}
        return {**saved, "drop_reason": pa.string()}
    removed = stage.columns_removed()
    found = {**columns, **_written(stage)}
    return {name: type_ for name, type_ in found.items() if name not in removed}


def _written(stage: Stage) -> dict[str, pa.DataType]:
    prefix = f"{stage.prefix}_" if stage.prefix else ""
    return {prefix + field.name: field.type for field in stage.columns_written()}


def _schema(columns: Columns) -> pa.Schema:
    """The columns that a save publishes."""
    return pa.schema([(k, v) for k, v in columns.items() if k not in _NOT_SAVED])
