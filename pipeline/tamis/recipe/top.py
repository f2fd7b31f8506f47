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

from tamis.inputs import COMMON_CRAWL
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


class HoldIf(BaseModel):
    """Bounds on what changes from the last release to a new one; null for no bound.

    language_share  of the tokens, of any language, up or down
    drop_rate       of any stage, up or down
    score_mean      of any column whose name ends with `score`, up or down
    tokens          in the mix, as a share of what was there, up or down
    new_documents   share of the documents that the last release has not
    lost            share of the records that damage cost, in any run
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    language_share: float | None = Field(None, ge=0, le=1)
    drop_rate: float | None = Field(None, ge=0, le=1)
    score_mean: float | None = Field(None, ge=0)
    tokens: float | None = Field(None, ge=0)
    new_documents: float | None = Field(None, ge=0, le=1)
    lost: float | None = Field(None, ge=0, le=1)


class Since(BaseModel):
    """CommonCrawl's crawls from this one on, as its collinfo.json lists them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: str = Field(pattern=r"^CC-MAIN-[0-9]{4}-[0-9]{2}$")


class Lists(BaseModel):
    """Crawls of one's own: each list of archives that a glob finds is one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lists: str = Field(min_length=1)


CrawlId = Annotated[
    str,
    Field(
        pattern=r"^(CC-MAIN-[0-9]{4}(-[0-9]{2,4})?|CC-NEWS/20[0-9]{2}/(0[1-9]|1[0-2]))$"
    ),
]


class RefreshSettings(BaseModel):
    """What `tamis refresh` keeps up to date, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    corpus: str = Field(min_length=1)
    crawls: Since | Lists | tuple[CrawlId, ...]
    limit: int | None = Field(None, ge=1)
    segments: str | None = Field(None, pattern=r"^[0-9]{1,6}(-[0-9]{1,6})?$")
    keep_releases: int = Field(3, ge=1)
    hold_if: HoldIf = HoldIf()
    server: str = Field(COMMON_CRAWL, pattern=r"^(https?|s3)://[^?#@]+$")
    collinfo: str = "https://index.commoncrawl.org/collinfo.json"


class Statements(BaseModel):
    """What the provider of a model states in the AI Act's public summary, in its own words.

    The names are those of the template's fields; `crawler_...` are for a crawl of one's
    own alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    representative: str | None = Field(None, min_length=1)
    model_dependencies: str | None = Field(None, min_length=1)
    placed_on_market: str | None = Field(None, min_length=1)
    training_continues: str | None = Field(None, min_length=1)
    other_characteristics: str | None = Field(None, min_length=1)
    large_public_datasets: str | None = Field(None, min_length=1)
    licensed: str | None = Field(None, min_length=1)
    private: str | None = Field(None, min_length=1)
    crawler_names: str | None = Field(None, min_length=1)
    crawler_purposes: str | None = Field(None, min_length=1)
    crawler_captchas: str | None = Field(None, min_length=1)
    crawler_passwords: str | None = Field(None, min_length=1)
    crawler_paywalls: str | None = Field(None, min_length=1)
    crawler_robots: str | None = Field(None, min_length=1)
    crawler_protocols: str | None = Field(None, min_length=1)
    crawler_sources: str | None = Field(None, min_length=1)
    other_crawling: str | None = Field(None, min_length=1)
    user_data: str | None = Field(None, min_length=1)
    synthetic: str | None = Field(None, min_length=1)
    other_sources: str | None = Field(None, min_length=1)
    code_of_practice: str | None = Field(None, min_length=1)
    rights_measures: str | None = Field(None, min_length=1)
    illegal_content: str | None = Field(None, min_length=1)
    other_processing: str | None = Field(None, min_length=1)


class Publisher(BaseModel):
    """What only the publisher of a corpus knows, for its card; nothing of it is guessed.

    licence  an SPDX identifier (CC-BY-4.0), or the address of the licence
    title    what people call the corpus; address: where it can be had
    model    for which the corpus is made
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(None, min_length=1)
    contact: str | None = Field(None, min_length=1)
    licence: str | None = Field(None, min_length=1)
    title: str | None = Field(None, min_length=1)
    address: str | None = Field(None, pattern=r"^https?://[^\s/]+\S*$")
    date: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    version: str | None = Field(None, pattern=r"^\d+\.\d+\.\d+$")
    citation: str | None = Field(None, min_length=1)
    model: str | None = Field(None, min_length=1)
    summary: Statements = Statements()


class Prices(BaseModel):
    """What things cost the user, so that `tamis estimate` can add them up; none are shipped.

    core_hour, gb_month, egress_gb  of computing, of storage, of what leaves the store
    put_1000, get_1000              of a thousand requests
    as_of                           when these were the prices: `2026-10`
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    core_hour: float = Field(0.0, ge=0)
    gb_month: float = Field(0.0, ge=0)
    egress_gb: float = Field(0.0, ge=0)
    put_1000: float = Field(0.0, ge=0)
    get_1000: float = Field(0.0, ge=0)
    currency: str = Field("EUR", min_length=1, max_length=8)
    as_of: str | None = Field(None, pattern=r"^\d{4}-\d{2}(-\d{2})?$")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class TopLevel(BaseModel):
    """Everything in a recipe except the stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Empty only where the source names what is read.
    input: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    output: str = Field("", min_length=1)
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
    refresh: RefreshSettings | None = None
    publisher: Publisher = Publisher()
    prices: Prices | None = None

    @field_validator("executor", mode="before")
    @classmethod
    def _is_a_kind(cls, executor: Any) -> Any:
        """`executor: inline` is short for `executor: {kind: inline}`."""
        return {"kind": executor} if isinstance(executor, str) else executor

    def mistakes(self, names_inputs: bool) -> list[str]:
        """Mistakes in what is read and written; `names_inputs`: the source says what."""
        if self.refresh is not None:
            return []  # which gives every run its own
        found = []
        if names_inputs and self.input:
            found.append("input: the source names what is read: leave `input` out")
        if not names_inputs and not self.input:
            found.append("input: it is needed: archives, as paths or addresses")
        return found


def validated(settings: Mapping[str, Any], mistakes: list[str]) -> TopLevel | None:
    """The top level of a recipe, with canonical languages; null after mistakes."""
    mistakes += _secrets(settings.get("storage_options"))
    nul = nul_in(settings)
    if nul:
        mistakes += nul
        return None
    if "output" not in settings and not settings.get("refresh"):
        mistakes.append("output: field required")
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
