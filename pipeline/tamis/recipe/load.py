"""stages.yaml, parsed and checked before any worker starts.

Every mistake is reported at once, each with its line and its place in the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from importlib.metadata import entry_points
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tamis.errors import ConfigError
from tamis.language.codes import canonical_language
from tamis.recipe.plan import mistakes_of_index, mistakes_of_order
from tamis.recipe.yaml_file import parse_file, parse_value, placed
from tamis.remote.failures import without_secrets
from tamis.stage import StageConfig
from tamis.stages.clean_lines import CleanLines
from tamis.stages.decode_html import DecodeHtml
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.deduplicate_lines import DeduplicateLines
from tamis.stages.deduplicate_substrings import DeduplicateSubstrings
from tamis.stages.deduplicate_urls import DeduplicateUrls
from tamis.stages.extract_text import ExtractText
from tamis.stages.filter_language import FilterLanguage
from tamis.stages.filter_quality import FilterQuality
from tamis.stages.filter_rights import FilterRights
from tamis.stages.filter_toxicity import FilterToxicity
from tamis.stages.filter_url import FilterUrl
from tamis.stages.identify_language import IdentifyLanguage
from tamis.stages.mask_pii import MaskPii
from tamis.stages.measure_text import MeasureText
from tamis.stages.mix_corpus import MixCorpus
from tamis.stages.read_rights import ReadRights
from tamis.stages.read_warc import ReadWarc
from tamis.stages.save import Save
from tamis.stages.score_borderline import ScoreBorderline
from tamis.stages.score_quality import ScoreQuality
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.stages.sign import Sign

# Adding a stage: write its file, import its config, add it here.
STAGES: tuple[type[StageConfig], ...] = (
    ReadWarc,
    FilterUrl,
    DecodeHtml,
    ReadRights,
    ExtractText,
    IdentifyLanguage,
    FilterLanguage,
    FilterRights,
    CleanLines,
    DeduplicateUrls,
    DeduplicateLines,
    DeduplicateSubstrings,
    MeasureText,
    ScoreQuality,
    ScoreToxicity,
    ScoreBorderline,
    MaskPii,
    Sign,
    Save,
    FilterQuality,
    FilterToxicity,
    Deduplicate,
    MixCorpus,
)

_SECRET_NAMES = {"key", "secret", "token", "password", "aws_access_key_id"}
_SECRET_NAMES |= {"aws_secret_access_key", "aws_session_token", "access_key"}


class ExecutorSettings(BaseModel):
    """Where tasks run. `workers` defaults to the machine's, or the cluster's, cores."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ray", "inline"] = "ray"
    address: str = "local"
    workers: int | None = Field(None, ge=1)


class DroppedSettings(BaseModel):
    """What dropped/ keeps of the text: 20 samples a reason, or all of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: bool = False


class _TopLevel(BaseModel):
    """Everything in the file but the stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: str | Annotated[list[str], Field(min_length=1)]
    output: str = Field(min_length=1)
    seed: int = Field(0, ge=0, lt=2**63)
    languages: list[str] = Field(min_length=1)
    executor: ExecutorSettings = ExecutorSettings()
    dropped: DroppedSettings = DroppedSettings()
    allow_missing_inputs: int = Field(0, ge=0)
    storage_options: dict[str, Any] = {}
    stages: list[Any] = Field(min_length=1)


@dataclass(frozen=True)
class Recipe:
    """A checked stages.yaml. `stages` carry the recipe's languages and seed."""

    path: str
    input: tuple[str, ...]
    output: str
    seed: int
    languages: tuple[str, ...]
    executor: ExecutorSettings
    dropped: DroppedSettings
    allow_missing_inputs: int
    storage_options: dict[str, Any]
    stages: tuple[StageConfig, ...]


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe; `overrides` are `key.path=value`, as --set takes them.

    Raises ConfigError with one line per mistake, each naming its place:
    `stages.yaml:21: stages[3].filter_quality.word_count: input should be ...`.
    """
    document, lines = parse_file(path)
    for override in overrides:
        _override(document, override)
    mistakes: list[str] = []
    top = _validated(_TopLevel, document, mistakes)
    mistakes += _secrets(document.get("storage_options"))
    raw_stages = document.get("stages")
    languages = tuple(_languages(top.languages if top else [], mistakes))
    inherited: dict[str, Any] = {"languages": languages}
    if top:
        inherited |= {"seed": top.seed, "storage_options": top.storage_options}
    stages = _stages(
        raw_stages if isinstance(raw_stages, list) else [], inherited, mistakes
    )
    if not mistakes:
        mistakes = mistakes_of_order(stages)
        mistakes += mistakes_of_index(stages, top.output if top else "")
    if mistakes or top is None:
        raise ConfigError(
            "\n".join([f"{path} cannot be run:", *placed(path, lines, mistakes)])
        )
    return Recipe(
        path=str(path),
        input=(top.input,) if isinstance(top.input, str) else tuple(top.input),
        output=top.output,
        seed=top.seed,
        languages=languages,
        executor=top.executor,
        dropped=top.dropped,
        allow_missing_inputs=top.allow_missing_inputs,
        storage_options=top.storage_options,
        stages=tuple(stages),
    )


def resolved(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every default filled in, as run.json keeps it."""
    return {
        "input": [without_secrets(path) for path in recipe.input],
        "output": without_secrets(recipe.output),
        "seed": recipe.seed,
        "languages": list(recipe.languages),
        "executor": recipe.executor.model_dump(),
        "dropped": recipe.dropped.model_dump(),
        "allow_missing_inputs": recipe.allow_missing_inputs,
        "storage_options": sorted(
            recipe.storage_options
        ),  # names only: may hold secrets
        "stages": [
            {
                config.stage: config.model_dump(
                    mode="json", exclude={"stage", "storage_options"}
                )
            }
            for config in recipe.stages
        ],
    }


@lru_cache(maxsize=1)
def stage_classes() -> dict[str, type[StageConfig]]:
    """Our stages by name, then those of installed packages' `tamis.stages` entry points."""
    classes = {_stage_name(cls): cls for cls in STAGES}
    for entry in entry_points(group="tamis.stages"):
        cls = entry.load()
        if not (isinstance(cls, type) and issubclass(cls, StageConfig)):
            raise ConfigError(
                f"entry point {entry.name} of {entry.dist}: not a StageConfig"
            )
        if _stage_name(cls) in classes:
            raise ConfigError(
                f"entry point {entry.name}: there is a stage {_stage_name(cls)!r}"
            )
        classes[_stage_name(cls)] = cls
    return classes


def _stage_name(cls: type[StageConfig]) -> str:
    return str(cls.model_fields["stage"].default)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Any]:
    union: Any = reduce(or_, stage_classes().values())
    tagged: Any = Annotated[union, Field(discriminator="stage")]
    return TypeAdapter(tagged)


def _override(document: dict[str, Any], override: str) -> None:
    """Set one value: `seed=3`, `executor.kind=inline`, `raw.identify_language.on=html`."""
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(
            f"--set {override}: write it as name=value or stage.name=value"
        )
    try:
        value = parse_value(text)
    except ValueError as error:
        if text.lstrip().startswith(("[", "{")):
            raise ConfigError(f"--set {override}: {error}") from error
        value = text  # `input=*.warc.gz` is no YAML, and clear all the same
    target: Any = document
    if keys[0] not in _TopLevel.model_fields:
        target, keys = _stage_settings(document, keys, override)
    for key in keys[:-1]:
        target = target.setdefault(key, {}) if isinstance(target, dict) else None
    if not keys or not isinstance(target, dict):
        raise ConfigError(f"--set {override}: {path} is no setting")
    target[keys[-1]] = value


def _stage_settings(
    document: dict[str, Any], keys: list[str], override: str
) -> tuple[dict[str, Any], list[str]]:
    """The settings of the stage that `keys` begin with, and the keys below it."""
    names: list[str] = []
    entries = document.get("stages")
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or len(entry) != 1:
            continue
        ((stage, settings),) = entry.items()
        prefix = settings.get("as") if isinstance(settings, dict) else None
        name = [str(part) for part in (prefix, stage) if part]
        names.append(".".join(name))
        if keys[: len(name)] == name:
            if not isinstance(settings, dict):
                settings = entry[stage] = _long_form(stage, settings)
            return settings, keys[len(name) :]
    raise ConfigError(
        f"--set {override}: no stage or setting {keys[0]!r}; stages are {', '.join(names)}"
    )


def _long_form(stage: str, settings: Any) -> dict[str, Any]:
    """`save: extracted` as `save: {name: extracted}`; nothing as no settings."""
    if settings is None:
        return {}
    return {"name": settings} if stage == "save" else {"": settings}


def _stages(
    entries: list[Any], inherited: Mapping[str, Any], mistakes: list[str]
) -> list[StageConfig]:
    stages: list[StageConfig] = []
    for index, entry in enumerate(entries):
        place = f"stages[{index}]"
        if not isinstance(entry, dict) or len(entry) != 1:
            mistakes.append(
                f"{place}: one stage name with its settings, as `- sign: {{}}`"
            )
            continue
        ((stage, settings),) = entry.items()
        if stage not in stage_classes():
            known = ", ".join(stage_classes())
            mistakes.append(f"{place}.{stage}: no such stage; there are {known}")
            continue
        if not isinstance(settings, dict):
            settings = _long_form(stage, settings)
        if "stage" in settings:
            mistakes.append(f"{place}.{stage}.stage: extra inputs are not permitted")
            continue
        fields = stage_classes()[stage].model_fields
        shared = {key: value for key, value in inherited.items() if key in fields}
        tagged = {**shared, **settings, "stage": stage}
        try:
            stages.append(_adapter().validate_python(tagged))
        except ValidationError as error:
            mistakes += _explain(error, f"{place}.{stage}", skip=1)
    return stages


def _languages(codes: Sequence[str], mistakes: list[str]) -> Iterator[str]:
    for index, code in enumerate(codes):
        try:
            yield canonical_language(code)
        except ValueError as error:
            mistakes.append(f"languages[{index}]: {error}")


def _secrets(options: Any, place: str = "storage_options") -> list[str]:
    """Credentials belong in the environment: a recipe is copied, mailed and committed."""
    if not isinstance(options, dict):
        return []
    found = []
    for name, value in options.items():
        if str(name).lower() in _SECRET_NAMES:
            found.append(
                f"{place}.{name}: credentials come from the environment "
                f"(AWS_ACCESS_KEY_ID ...) or the usual files, not from a recipe"
            )
        found += _secrets(value, f"{place}.{name}")
    return found


def _validated(
    model: type[_TopLevel], document: Mapping[str, Any], mistakes: list[str]
) -> _TopLevel | None:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        mistakes += _explain(error, "", skip=0)
        return None


def _explain(error: ValidationError, place: str, skip: int) -> list[str]:
    """One line per mistake. `skip` leaves out what the union put before the keys."""
    explained = []
    for mistake in error.errors():
        where = place
        for key in mistake["loc"][skip:]:
            where += f"[{key}]" if isinstance(key, int) else f".{key}"
        message = mistake["msg"][0].lower() + mistake["msg"][1:]
        explained.append(f"{where.lstrip('.')}: {message}")
    return explained
