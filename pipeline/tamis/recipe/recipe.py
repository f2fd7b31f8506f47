"""A checked recipe, from stages.yaml or from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
)

from tamis.errors import ConfigError
from tamis.language.codes import canonical_language
from tamis.recipe.entries import built_stages, explained
from tamis.recipe.plan import mistakes_of_order
from tamis.remote.failures import without_secrets
from tamis.stage import Stage
from tamis.stage_source import locator_of

_SECRET_NAMES = {"key", "secret", "token", "password", "aws_access_key_id"}
_SECRET_NAMES |= {"aws_secret_access_key", "aws_session_token", "access_key"}


class ExecutorSettings(BaseModel):
    """Where tasks run. `workers`: by default all cores of the machine or the cluster."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ray", "inline"] = "ray"
    address: str = "local"
    workers: int | None = Field(None, ge=1)


class DroppedSettings(BaseModel):
    """Which texts dropped/ keeps: 20 samples for each reason, or all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: bool = False


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class TopLevel(BaseModel):
    """Everything in a recipe except the stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
    output: str = Field(min_length=1)
    seed: int = Field(0, ge=0, lt=2**63)
    languages: Annotated[
        tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)
    ]
    executor: ExecutorSettings = ExecutorSettings()
    dropped: DroppedSettings = DroppedSettings()
    allow_missing_inputs: int = Field(0, ge=0)
    storage_options: dict[str, Any] = {}

    @field_validator("executor", mode="before")
    @classmethod
    def _is_a_kind(cls, executor: Any) -> Any:
        """`executor: inline` is short for `executor: {kind: inline}`."""
        return {"kind": executor} if isinstance(executor, str) else executor


class Recipe(TopLevel):
    """What a run does: inputs, output, and stages in their order.

        tamis.Recipe(
            input="crawl/*.warc.gz",
            output="out/",
            languages=["fra", "eng"],
            stages=[tamis.stages.ReadWarc(), ..., {"save": "documents"}],
        )

    A stage is an object, or an entry as in stages.yaml: `"mask_pii"`, `{"sign":
    {"bands": 20}}`. Stages with a setting `languages`, `seed` or `storage_options` are
    given the recipe's value if they set none. Raises ConfigError with one line per
    mistake.
    """

    stages: tuple[SerializeAsAny[Stage], ...] = Field(min_length=1)
    path: str = "recipe"  # where it was read from, for messages

    def __init__(self, **settings: Any) -> None:
        mistakes: list[str] = []
        given = settings.pop("stages", ())
        path = settings.pop("path", "recipe")
        top = validated(settings, mistakes)
        stages = built_stages(given, inherited_of(top), mistakes)
        if top is not None and not mistakes:
            mistakes = mistakes_of_order(stages, top.output)
        if mistakes or top is None:
            raise ConfigError("\n".join([f"{path} cannot be run:", *mistakes]))
        values: dict[str, Any] = {n: getattr(top, n) for n in TopLevel.model_fields}
        values |= {"stages": tuple(stages), "path": path}
        super().__init__(**values)

    @classmethod
    def load(
        cls,
        path: str | Path = "stages.yaml",
        overrides: Sequence[str] = (),
        **top_level: Any,
    ) -> "Recipe":
        """The recipe of a file; `overrides` are `key.path=value`, as for --set.

            Recipe.load("stages.yaml", output="elsewhere/", languages=["fra"])

        Raises ConfigError with one line per mistake, each with its line in the file.
        """
        from tamis.recipe.load import load_recipe

        return load_recipe(Path(path), overrides, top_level)

    def resolved(self) -> dict[str, Any]:
        """The recipe with every default filled in, as run.json keeps it."""
        return {
            "input": [without_secrets(path) for path in self.input],
            "output": without_secrets(self.output),
            "seed": self.seed,
            "languages": list(self.languages),
            "executor": self.executor.model_dump(),
            "dropped": self.dropped.model_dump(),
            "allow_missing_inputs": self.allow_missing_inputs,
            # Names only: the values may hold secrets.
            "storage_options": sorted(self.storage_options),
            "stages": [
                {
                    locator_of(stage): stage.model_dump(
                        mode="json", exclude={"stage", "storage_options"}
                    )
                }
                for stage in self.stages
            ],
        }


def validated(settings: Mapping[str, Any], mistakes: list[str]) -> TopLevel | None:
    """The top level of a recipe, with canonical languages; null after mistakes."""
    mistakes += _secrets(settings.get("storage_options"))
    try:
        top = TopLevel.model_validate(dict(settings))
    except ValidationError as error:
        mistakes += explained(error, "", list(TopLevel.model_fields))
        return None
    languages = []
    for index, code in enumerate(top.languages):
        try:
            languages.append(canonical_language(code))
        except ValueError as error:
            mistakes.append(f"languages[{index}]: {error}")
    return top.model_copy(update={"languages": tuple(languages)})


def inherited_of(top: TopLevel | None) -> dict[str, Any]:
    """The values that stages are given for settings that they do not set."""
    if top is None:
        return {"languages": ()}
    names = ("languages", "seed", "storage_options")
    return {name: getattr(top, name) for name in names}


def _secrets(options: Any, place: str = "storage_options") -> list[str]:
    """Mistakes for credentials in a recipe, which is copied, mailed and committed."""
    if not isinstance(options, Mapping):
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
