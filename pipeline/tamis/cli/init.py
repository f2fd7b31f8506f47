"""tamis init: write a recipe to begin with, or the example."""

import os
import shlex
import sys
from pathlib import Path

import click

from tamis.errors import ConfigError


@click.command(
    "init",
    epilog="""\b
    Examples:
      tamis init                              # asks
      tamis init crawl/*.warc.gz --languages fra,eng
      tamis init cc://CC-MAIN-2024-51?limit=2 --languages swh --output s3://bucket/out
      tamis init crawl/*.warc.gz --like dclm   # a recipe of the field to change
      tamis init --example                    # 299 pages to try it with
    """,
)
@click.argument("archives", nargs=-1)
@click.option(
    "--input",
    "inputs",
    metavar="ARCHIVES",
    multiple=True,
    help="The same as ARCHIVES. Can be repeated.",
)
@click.option(
    "--languages",
    metavar="CODES",
    multiple=True,
    help="Languages to keep, as fra,eng (ISO 639). Can be repeated.",
)
@click.option("--output", metavar="FOLDER", help="The output folder. Default: out/.")
@click.option(
    "--recipe",
    default="stages.yaml",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The file to write.",
)
@click.option(
    "--like",
    metavar="NAME",
    help="A recipe of the field to begin with: dactory, dclm, fineweb2, pagnol, refinedweb.",
)
@click.option(
    "--example", is_flag=True, help="Bring sample pages, and a recipe for them."
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def command(
    archives: tuple[str, ...],
    inputs: tuple[str, ...],
    languages: tuple[str, ...],
    output: str | None,
    recipe: Path,
    like: str | None,
    example: bool,
    force: bool,
) -> None:
    """Write a recipe for archives of your own.

    ARCHIVES are paths, globs, https:// and s3:// addresses, lists (*.paths.gz), or
    crawls (cc://CC-MAIN-2024-51). On a terminal, what is not given is asked for. Nothing
    that is there is replaced without --force.
    """
    from tamis.recipe.starting import example_files, starting_recipe

    given = [*inputs, *archives]
    named = [code.strip() for some in languages for code in some.split(",")]
    named = [code for code in named if code]
    begin = _named_recipe(like, example=example)
    if example and given:
        raise ConfigError("--example brings its own archives: give no others with it")
    _refuse_existing([recipe], force=force)
    if not example:
        given = given or shlex.split(_asked("ARCHIVES", _ARCHIVES))
        if not like:
            named = named or _asked("--languages", _LANGUAGES).replace(",", " ").split()
        output = output or _asked("--output", _OUTPUT, _BESIDE)
    output = None if output == _BESIDE else output
    text = starting_recipe(recipe.parent, given, named, output, **begin)
    samples = example_files() if example else {}
    changed = {
        recipe.parent / name: path.read_bytes() for name, path in samples.items()
    }
    others = [path for path, content in changed.items() if not _has(path, content)]
    _refuse_existing(others, force=force)
    for path in others:
        _write(path, changed[path], force=force)
    _write(recipe, text.encode(), force=force)
    if example:
        click.echo(f"{recipe.parent / 'samples'}: {len(samples)} files")
    name = shlex.quote(str(recipe))
    click.echo(f"{recipe}: written; next: tamis check {name} && tamis run {name}")


def _named_recipe(like: str | None, *, example: bool) -> dict[str, Path]:
    """The file of the package's recipe that was asked for; {} for the default one."""
    from tamis.recipes import names, packaged

    if like is None:
        return {}
    if example:
        raise ConfigError("--example brings its own recipe: give no --like with it")
    found = packaged(Path(like)) if like in names() else None
    if found is None:
        raise ConfigError(f"--like {like}: there are {', '.join(names())}")
    return {"like": found}


_ARCHIVES = "Archives: paths, globs or addresses, several with spaces between them"
_LANGUAGES = "Languages to keep, as fra,eng"
_OUTPUT = "Output folder"
_BESIDE = "out/"  # beside the recipe, as the package's recipe has it


def _asked(name: str, question: str, default: str | None = None) -> str:
    """The answer on a terminal; elsewhere the default, or ConfigError without one."""
    if sys.stdin is not None and sys.stdin.isatty():
        answer: str = click.prompt(question, default=default, type=str)
        return answer
    if default is None:
        raise ConfigError(f"init: {name} is missing: see `tamis init --help`")
    return default


def _refuse_existing(paths: list[Path], *, force: bool) -> None:
    for path in paths:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder")
        if os.path.lexists(path) and not force:
            raise ConfigError(f"{path}: is there already; --force replaces it")


def _has(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _write(path: Path, content: bytes, *, force: bool) -> None:
    """Write a file. One that came into being just now is not replaced either."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb" if force else "xb") as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
