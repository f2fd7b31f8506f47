"""The top of a recipe: everything but its stages."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from tamis.language.codes import canonical_language
from tamis.recipe.entries import explained, nul_in

_SECRET_NAMES = {"key", "secret", "token", "password", "aws_access_key_id"}
_SECRET_NAMES |= {"aws_secret_access_key", "aws_session_token", "access_key"}


class ExecutorSettings(BaseModel):
    """Where tasks run. `workers`: by default all cores of the machine or the cluster.

    `stall_minutes`: how long a task may make no progress until the run says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ray", "inline"] = "ray"
    address: str = "local"
    workers: int | None = Field(None, ge=1)
    stall_minutes: float = Field(10.0, gt=0)


class DroppedSettings(BaseModel):
    """Which texts dropped/ keeps: 20 samples for each reason, or all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: bool = False


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class TopLevel(BaseModel):
    """Everything in a recipe except the stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Empty only where the source names what is read.
    input: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    output: str = Field(min_length=1)
    seed: int = Field(0, ge=0, lt=2**63)
    languages: Annotated[
        tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)
    ]
    executor: ExecutorSettings = ExecutorSettings()
    dropped: DroppedSettings = DroppedSettings()
    allow_missing_inputs: int = Field(0, ge=0)
    max_lost: float = Field(0.001, ge=0, le=1)
    ignore_free_space: bool = False
    storage_options: dict[str, Any] = Field({}, repr=False)

    @field_validator("executor", mode="before")
    @classmethod
    def _is_a_kind(cls, executor: Any) -> Any:
        """`executor: inline` is short for `executor: {kind: inline}`."""
        return {"kind": executor} if isinstance(executor, str) else executor


def validated(settings: Mapping[str, Any], mistakes: list[str]) -> TopLevel | None:
    """The top level of a recipe, with canonical languages; null after mistakes."""
    mistakes += _secrets(settings.get("storage_options"))
    nul = nul_in(settings)
    if nul:
        mistakes += nul
        return None
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
