"""The recipe's stages as steps: passes of fused transforms, and barriers.

source pass   read_warc and transforms up to the first save    (one task a split)
table pass    transforms between two saves                     (one task a saved file)
column pass   filters behind the last save                     (one task an input file)
aligned pass  one stage behind it, with GPUs of its own        (one task an input file)
barrier       sees the whole data set                          (deduplicate, mix_corpus)

Barriers and filters may stand between two saves as well: what they say of the documents
of the first lies on these as layers, and the table pass behind them reads both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from tamis.schema import DECISIONS, RECORD
from tamis.stage import StageConfig, kind
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.save import Save
from tamis.text.word_column import WORDS

PassKind = Literal["source", "table", "column", "aligned"]
# Folders of the output that a save cannot be called.
_TAKEN = {"mix", "mixed", "dropped", "duplicates", "commits", "work"}
_TAKEN |= {"urls", "lines", "substrings"}
# Stages whose columns tell about a text as it stands, or change it before the reader.
_OF_TEXT = ("measure_", "score_", "mask_", "sign")

_SPANS = "repeated_spans"  # places in a text, as deduplicate_substrings found it


@dataclass(frozen=True)
class Pass:
    """Consecutive transforms that run fused. `saved` is the schema it publishes.

    Null for a column pass, whose layers all have the same one. `end` is the position
    in the recipe behind its last stage.
    """

    name: str
    kind: PassKind
    stages: tuple[StageConfig, ...]
    saved: pa.Schema | None
    end: int


@dataclass(frozen=True)
class BarrierStep:
    """One stage that needs all documents."""

    name: str
    config: StageConfig


Step = Pass | BarrierStep


def plan_steps(stages: Sequence[StageConfig]) -> list[Step]:
    """Cut a checked list of stages into steps, in the order in which they run."""
    steps: list[Step] = []
    waiting: list[StageConfig] = []
    columns = dict(_columns_of(RECORD))
    has_saved = False
    for index, config in enumerate(stages):
        if isinstance(config, Save):
            which: PassKind = "table" if has_saved else "source"
            steps.append(
                Pass(config.name, which, tuple(waiting), _schema(columns), index)
            )
            waiting, has_saved = [], True
        elif kind(config) == "barrier" or config.own_pass_gpus() is not None:
            if waiting:
                steps.append(_column_pass(steps, waiting, index))
                waiting = []
            steps.append(_step_of_its_own(config, index + 1))
            _apply(config, columns)
        else:
            waiting.append(config)
            _apply(config, columns)
    if waiting:
        steps.append(_column_pass(steps, waiting, len(stages)))
    return steps


def signal_columns(stages: Sequence[StageConfig], stop: int | None = None) -> pa.Schema:
    """Numeric columns written by transforms, and by barriers above a save, among the
    first `stop` stages: what dropped/ keeps. No hashes.
    """
    columns: dict[str, pa.DataType] = {}
    for index, config in enumerate(stages[:stop]):
        which = kind(config)
        if which == "transform" or (which == "barrier" and _save_below(stages, index)):
            columns.update(_written(config))
    fields = [
        pa.field(name, type_)
        for name, type_ in columns.items()
        if pa.types.is_floating(type_)
        or (pa.types.is_integer(type_) and type_ != pa.uint64())
    ]
    return pa.schema(fields)


def mistakes_of_order(stages: Sequence[StageConfig]) -> list[str]:
    """What is wrong with the order of stages, one line each; nothing where it is right."""
    mistakes: list[str] = []
    columns = dict(_columns_of(RECORD))
    saved: dict[str, pa.DataType] | None = None
    names: set[str] = set()
    for index, config in enumerate(stages):
        place = f"stages[{index}].{config.stage}"
        which = kind(config)
        if (which == "source") != (index == 0):
            mistakes.append(f"{place}: read_warc stands first, and only there")
        label = config.name if isinstance(config, Save) else config.label
        if label in names:
            mistakes.append(f"{place}: a second {label!r}; give one of them `as: name`")
        names.add(label)
        mistakes += [f"{place}: {text}" for text in _missing(config, columns)]
        mistakes += [f"{place}: {text}" for text in _without_order(config, columns)]
        mistakes += [f"{place}: {text}" for text in _misplaced(stages, index)]
        if which == "save":
            saved = {
                k: v for k, v in columns.items() if k not in ("html", "drop_reason")
            }
            columns = {**saved, "drop_reason": pa.string()}
        elif which == "barrier" and saved is None:
            mistakes.append(f"{place}: needs a `save:` above it to read from")
        elif which == "transform" and saved is not None:
            mistakes += _lost_columns(stages, index, place)
        _apply(config, columns)
    if not any(kind(config) == "save" for config in stages):
        mistakes.append("stages: nothing is kept without a `save: NAME`")
    return mistakes


def mistakes_of_index(stages: Sequence[StageConfig], output: str) -> list[str]:
    """What is wrong with the `index` of deduplicate: there is one, outside the run."""
    found = [
        (f"stages[{number}].{config.stage}.index", config.index)
        for number, config in enumerate(stages)
        if isinstance(config, Deduplicate) and config.index
    ]
    same = [place for place, index in found if _folder(index) == _folder(output)]
    return [
        *(f"{place}: is the output; an index is a folder of its own" for place in same),
        *(
            f"{place}: one stage of a recipe can have an index"
            for place, _ in found[1:]
        ),
    ]


def _folder(path: str) -> str:
    """The same for two spellings of one folder."""
    local = path.removeprefix("file://")
    return path.rstrip("/") if "://" in local else str(Path(local).resolve())


def _misplaced(stages: Sequence[StageConfig], index: int) -> list[str]:
    """What cannot stand at this place of the list."""
    config, above = stages[index], stages[:index]
    if WORDS in _written(config):
        return [f"writes {WORDS!r}, in which stages hand words on: choose another name"]
    if config.stage == "mix_corpus" and index + 1 < len(stages):
        return ["stands last: what it has mixed cannot be dropped any more"]
    if kind(config) == "barrier" and "text" in _written(config):
        return _text_too_late(stages, index)
    if config.own_pass_gpus() is not None and (
        not any(isinstance(other, Save) for other in above)
        or any(isinstance(other, Save) for other in stages[index:])
    ):
        return ["is a pass of its own (resources): it stands behind the last `save:`"]
    if _SPANS in _written(config):
        below = [c.label for c in stages[index + 1 :] if "text" in _written(c)]
        return [f"marks places in a text that {c} changes" for c in below[:1]]
    if not isinstance(config, Save):
        return []
    if not above or kind(above[-1]) in ("save", "barrier"):
        found = "the barrier" if above and kind(above[-1]) == "barrier" else "the save"
        return [f"has no stage between it and {found} above it"]
    if config.name in _TAKEN or config.name.startswith("decisions"):
        return [f"{config.name!r} is a folder of every run; choose another name"]
    return []


def _text_too_late(stages: Sequence[StageConfig], index: int) -> list[str]:
    """Why a barrier that changes texts cannot stand here."""
    if not _save_below(stages, index):
        return ["changes the text, and no `save:` below it keeps what is left"]
    early = [c.label for c in stages[:index] if c.stage.startswith(_OF_TEXT)]
    if early:
        return [f"changes the text that {early[0]} has read: stand above it"]
    return []


def _save_below(stages: Sequence[StageConfig], index: int) -> bool:
    return any(isinstance(config, Save) for config in stages[index:])


def _missing(config: StageConfig, columns: dict[str, pa.DataType]) -> list[str]:
    prefix = f"{config.prefix}_" if config.prefix else ""
    missing = [
        column
        for column in config.columns_read()
        if column not in columns and prefix + column not in columns
    ]
    for column, fields in config.fields_read().items():
        type_ = columns.get(prefix + column, columns.get(column))
        if type_ is not None:
            names = [field.name for field in type_]
            missing += [f"{column}.{name}" for name in fields if name not in names]
    return [f"reads {name!r}, which no stage above it writes" for name in missing]


def _without_order(config: StageConfig, columns: dict[str, pa.DataType]) -> list[str]:
    return [
        f"sorts by {column!r}, whose values ({columns[column]}) have no order"
        for column in config.columns_sorted()
        if column in columns and pa.types.is_nested(columns[column])
    ]


def _lost_columns(stages: Sequence[StageConfig], index: int, place: str) -> list[str]:
    """A column written where neither a later save nor an earlier pass keeps it."""
    config = stages[index]
    written = [name for name in _written(config) if name != "drop_reason"]
    below = [kind(other) for other in stages[index:]]
    ends = [which for which in below if which in ("save", "barrier")]
    if not written or ends[:1] == ["save"] or config.own_pass_gpus() is not None:
        return []
    if "save" in ends:
        barrier = stages[index + below.index("barrier")].label
        why = f"{barrier} stands between it and the next `save:`, and it is lost"
        return [f"{place}: writes {written[0]!r}, but {why}"]
    return [f"{place}: writes {written[0]!r} behind the last `save:`, where it is lost"]


def _step_of_its_own(config: StageConfig, end: int) -> Step:
    if kind(config) == "barrier":
        return BarrierStep(config.label, config)
    layer = pa.schema([*DECISIONS, *_written(config).items()])
    return Pass(config.label, "aligned", (config,), layer, end)


def _column_pass(
    steps: Sequence[Step], waiting: Sequence[StageConfig], end: int
) -> Pass:
    number = sum(isinstance(step, Pass) and step.kind == "column" for step in steps)
    name = "decisions" if number == 0 else f"decisions_{number + 1}"
    return Pass(name, "column", tuple(waiting), None, end)


def _apply(config: StageConfig, columns: dict[str, pa.DataType]) -> None:
    """What the batch looks like behind this stage."""
    columns.update(_written(config))
    for name in config.columns_removed():
        columns.pop(name, None)


def _written(config: StageConfig) -> dict[str, pa.DataType]:
    prefix = f"{config.prefix}_" if config.prefix else ""
    return {prefix + k: v for k, v in _columns_of(config.columns_written()).items()}


def _columns_of(schema: pa.Schema) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in schema}


def _schema(columns: dict[str, pa.DataType]) -> pa.Schema:
    """What a save publishes: all but the page itself and the reason it has not got."""
    kept = {k: v for k, v in columns.items() if k not in ("html", "drop_reason")}
    return pa.schema(list(kept.items()))
