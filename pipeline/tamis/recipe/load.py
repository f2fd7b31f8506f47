"""A checked recipe: stages.yaml, or what a caller from Python says.

It is checked before any worker starts. Every mistake is reported at once, each with its
line and its place in the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, SerializeAsAny

from tamis.addresses import open_options, open_settings, without_secrets_in
from tamis.errors import ConfigError, nearest
from tamis.recipe.entries import built_stages, long_form, short_name
from tamis.recipe.places import beside
from tamis.recipe.plan import mistakes_of_order, names_inputs
from tamis.recipe.top import TopLevel, inherited_of, validated
from tamis.recipe.yaml_file import parse_file, parse_value, placed
from tamis.recipes import names, packaged
from tamis.stage import Stage
from tamis.stage_source import locator_of


class Recipe(TopLevel):
    """What a run does: inputs, output, and stages in their order.

        tamis.Recipe(
            input="crawl/*.warc.gz",
            output="out/",
            languages=["fra", "eng"],
            stages=[tamis.stages.ReadWarc(), ..., {"save": "documents"}],
        )

    A stage is an object, or an entry as stages.yaml has it: `"mask_pii"`,
    `{"sign": {"bands": 20}}`. Stages that know `languages`, `seed` or `storage_options`
    are given the recipe's where they set none. Raises ConfigError with one line per
    mistake.
    """

    stages: tuple[SerializeAsAny[Stage], ...] = Field(min_length=1)
    path: str = "recipe"  # where it was read from, for messages
    # The folder whose denial list holds for this run: its corpus; "" is the output.
    denials: str = ""

    def __init__(self, **settings: Any) -> None:
        mistakes: list[str] = []
        given = settings.pop("stages", ())
        path = settings.pop("path", "recipe")
        top = validated(settings, mistakes)
        stages = built_stages(given, inherited_of(top), mistakes)
        if top is not None and not mistakes:
            mistakes = top.mistakes(names_inputs(stages))
            mistakes += mistakes_of_order(stages, top.output, top.languages)
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
        """The recipe of a file; `overrides` are `key.path=value`, as --set takes them.

            Recipe.load("stages.yaml", output="elsewhere/", languages=["fra"])

        Raises ConfigError with one line per mistake, each with its line in the file.
        """
        return load_recipe(Path(path), overrides, top_level)

    def resolved(self) -> dict[str, Any]:
        """The recipe with every default filled in, as run.json keeps it: no secrets."""
        settings = {
            "input": list(self.input),
            "output": self.output,
            "seed": self.seed,
            "languages": list(self.languages),
            "executor": self.executor.model_dump(),
            "dropped": self.dropped.model_dump(),
            "allow_missing_inputs": self.allow_missing_inputs,
            "max_lost": self.max_lost,
            "ignore_free_space": self.ignore_free_space,
            "stages": [
                {
                    locator_of(stage): stage.model_dump(
                        mode="json", exclude={"stage", "storage_options"}
                    )
                }
                for stage in self.stages
            ],
        }
        if self.prices is not None:
            settings["prices"] = self.prices.model_dump()
        publisher = self.publisher.model_dump(exclude_defaults=True)
        if publisher:
            settings["publisher"] = publisher
        options = {"storage_options": open_options(self.storage_options)}
        return {**open_settings(settings), **options}

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # A notebook shows what a cell returns.
        yield from self.resolved().items()


def load_recipe(
    path: Path,
    overrides: Sequence[str] = (),
    top_level: Mapping[str, Any] | None = None,
) -> Recipe:
    """Read and check a recipe.

    `overrides` are `key.path=value`, as for --set; `top_level` replaces settings of the
    top level. Paths of the recipe are relative to its folder, those of `overrides` and
    `top_level` to the current one.

    A name of the package's recipes (`tamis.recipes`) is one where no file is called so.

    Raises ConfigError with one line per mistake, each naming its place:
    `stages.yaml:21: stages[3].filter_quality.word_count: input should be ...`.
    """
    parsed, lines, folder = _parsed(path)
    document = _merged(parsed, folder, overrides, top_level or {})
    mistakes: list[str] = []
    entries = document.get("stages")
    top = validated({k: v for k, v in document.items() if k != "stages"}, mistakes)
    if not isinstance(entries, list) or not entries:
        mistakes.append("stages: a list of one stage or more is needed")
        entries = []
    stages = built_stages(entries, inherited_of(top), mistakes)
    if top is not None and not mistakes:
        mistakes = top.mistakes(names_inputs(stages))
        mistakes += mistakes_of_order(stages, top.output, top.languages)
    if mistakes or top is None:
        raise ConfigError(
            "\n".join([f"{path} cannot be run:", *placed(path, lines, mistakes)])
        )
    values = {name: getattr(top, name) for name in TopLevel.model_fields}
    return Recipe.model_construct(**values, stages=tuple(stages), path=str(path))


def document_of(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The document of a recipe with overrides, its paths for the current folder."""
    parsed, _, folder = _parsed(path)
    return _merged(parsed, folder, overrides, {})


def _parsed(path: Path) -> tuple[dict[str, Any], dict[str, int], Path]:
    """A recipe's document, the lines of its places, and the folder of its paths."""
    own = packaged(path)
    if own is not None:  # its output is where one stands
        return *parse_file(own), Path()
    try:
        return *parse_file(path), path.parent
    except ConfigError as error:
        if path.exists() or path.suffix:
            raise
        raise ConfigError(
            f"{error}, or one of the package's: {', '.join(names())}"
        ) from error


def _merged(
    document: dict[str, Any],
    folder: Path,
    overrides: Sequence[str],
    top_level: Mapping[str, Any],
) -> dict[str, Any]:
    document = beside(document, folder) | dict(top_level)
    for override in overrides:
        _override(document, override)
    return beside(document, Path())


def _override(document: dict[str, Any], override: str) -> None:
    """Set one value: `seed=3`, `executor.kind=inline`, `raw.identify_language.on=html`."""
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(
            f"--set {without_secrets_in(override)}: write it as name=value or stage.name=value"
        )
    try:
        value = parse_value(text)
    except ValueError as error:
        if text.lstrip().startswith(("[", "{")):
            raise ConfigError(f"--set {path}: {error}") from error
        value = text  # `input=*.warc.gz` is not YAML, but its meaning is clear
    target: Any = document
    if keys[0] == "executor" and isinstance(document.get("executor"), str):
        document["executor"] = {"kind": document["executor"]}  # the short form
    if keys[0] not in (*TopLevel.model_fields, "stages"):
        target, keys = _stage_settings(document, keys, path)
    for key in keys[:-1]:
        target = target.setdefault(key, {}) if isinstance(target, dict) else None
    if not keys or not isinstance(target, dict):
        raise ConfigError(f"--set {path}: it is no setting")
    target[keys[-1]] = value


def _stage_settings(
    document: dict[str, Any], keys: list[str], path: str
) -> tuple[dict[str, Any], list[str]]:
    """The settings of the stage that `keys` begin with, and the keys below it."""
    names: list[str] = []
    entries = document.get("stages")
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or len(entry) != 1:
            continue
        ((stage, settings),) = entry.items()
        prefix = settings.get("as") if isinstance(settings, dict) else None
        name = [str(part) for part in (prefix, short_name(str(stage))) if part]
        names.append(".".join(name))
        if keys[: len(name)] == name:
            if not isinstance(settings, dict):
                settings = entry[stage] = long_form(stage, settings)
            return settings, keys[len(name) :]
    raise ConfigError(
        f"--set {path}: no stage or setting {keys[0]!r}; stages are {', '.join(names)}"
        f"{nearest(keys[0], [*names, *TopLevel.model_fields])}"
    )
