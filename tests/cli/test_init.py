"""`tamis init`: a recipe that `check` passes, from nothing but the package."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tamis.recipe.load import load_recipe
from tamis.recipe.starting import EXAMPLE
from tamis.recipe.yaml_file import parse_file

ROOT = Path(__file__).resolve().parents[2]
Init = Callable[..., Any]


@pytest.fixture
def init(tmp_path: Path, command: Callable[..., Any]) -> Init:
    """`tamis init` for a recipe in a folder of its own; paths are absolute."""

    def run(*arguments: str, recipe: str = "stages.yaml") -> Any:
        return command("init", "--recipe", str(tmp_path / recipe), *arguments)

    return run


def test_a_recipe_of_ones_own_passes_check(
    init: Init, tmp_path: Path, samples: Path, command: Callable[..., Any]
) -> None:
    archives = [str(path) for path in sorted(samples.glob("*.warc.gz"))]
    ended = init(*archives, "--languages", "fr,ENG", "--languages", "swh", "--force")
    assert ended.code == 0, ended.stderr
    recipe = tmp_path / "stages.yaml"
    written, original = recipe.read_text("utf-8"), (ROOT / "stages.yaml").read_text()
    loaded = load_recipe(recipe)
    assert list(loaded.input) == archives
    assert loaded.languages == ("fra", "eng", "swh")
    assert loaded.output == str(tmp_path / "out")
    # All else, with its comments, is the recipe of the repository.
    changed = {
        a
        for a, b in zip(original.splitlines(), written.splitlines(), strict=True)
        if a != b
    }
    assert {line.split(":")[0].strip(" -") for line in changed} == {
        *("input", "languages", "filter_url")
    }
    assert [
        line.partition("#")[2] for line in original.splitlines() if line[:5] == "input"
    ] == [
        line.partition("#")[2] for line in written.splitlines() if line[:5] == "input"
    ]
    checked = command("check", str(recipe))
    assert checked.code == 0, checked.stderr
    assert "2 files" in checked.stdout


def test_the_example_is_the_samples_and_passes_check(
    init: Init, tmp_path: Path, samples: Path, command: Callable[..., Any]
) -> None:
    ended = init("--example", "--output", str(tmp_path / "elsewhere"))
    assert ended.code == 0, ended.stderr
    for name in ("samples-00000.warc.gz", "blocklists/gambling/domains"):
        assert (tmp_path / "samples" / name).read_bytes() == (
            samples / name
        ).read_bytes()
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 1.5e6
    assert load_recipe(tmp_path / "stages.yaml").output == str(tmp_path / "elsewhere")
    assert command("check", str(tmp_path / "stages.yaml")).code == 0


def test_the_example_s_recipe_is_the_repository_s(init: Init, tmp_path: Path) -> None:
    assert init("--example").code == 0
    assert (tmp_path / "stages.yaml").read_bytes() == (
        ROOT / "stages.yaml"
    ).read_bytes()
    assert (EXAMPLE / "stages.yaml").resolve() == ROOT / "stages.yaml"


@pytest.mark.parametrize(
    "value",
    [
        "s3://bucket/a b/*.warc.gz",
        "https://example.org/x.warc.gz?a=1&b=[2]",
        "cc://CC-MAIN-2024-51?limit=2&kind=wet",
        "s3://bucket/été/#1, {2}: \"'x'.warc.gz",
        "s3://bucket/\\1\\g<0>.warc.gz",
        "s3://bucket/yes: no",
    ],
)
def test_an_address_is_read_as_it_was_given(
    value: str, init: Init, tmp_path: Path
) -> None:
    ended = init("--input", value, "--languages", "eng", "--output", "s3://b/out: 1")
    assert ended.code == 0, ended.stderr
    document, _ = parse_file(tmp_path / "stages.yaml")
    assert document["input"] == value
    assert document["output"] == "s3://b/out: 1"
    assert document["languages"] == ["eng"]


def test_paths_are_as_seen_from_the_recipe(
    samples: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    recipe = tmp_path / "a" / "b" / "mine.yaml"  # its folders are made
    ended = command(
        *("init", "samples/*.warc.gz", "--languages", "eng", "--output", "some/out/"),
        *("--recipe", str(recipe)),
    )
    assert ended.code == 0, ended.stderr
    loaded = load_recipe(recipe)
    found = {p.resolve() for one in loaded.input for p in Path("/").glob(one[1:])}
    assert found == set(samples.glob("*.warc.gz"))
    assert Path(loaded.output).resolve() == ROOT / "some" / "out"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--languages", "eng"), 2, "ARCHIVES is missing"),
        (("s3://b/a.warc.gz",), 2, "--languages is missing"),
        (("s3://b/a.warc.gz", "--languages", " , "), 2, "--languages is missing"),
        (("s3://b/a.warc.gz", "--languages", "fra,frx"), 2, "did you mean fry"),
        (("--example", "s3://b/a.warc.gz"), 2, "brings its own archives"),
        (("no-such.warc.gz", "--languages", "eng"), 1, "no such file"),
        (("no-such-*.warc.gz", "--languages", "eng"), 2, "no-such-*.warc.gz"),
        (("s3://b/a.warc.gz", "--languages", "eng", "--output", ""), 0, ""),
    ],
)
def test_what_is_missing_or_wrong_is_one_line(
    arguments: tuple[str, ...], code: int, said: str, init: Init, tmp_path: Path
) -> None:
    ended = init(*arguments)
    assert ended.code == code
    assert said in ended.stderr
    assert ended.stderr.count("\n") == (1 if code else 0)
    assert (tmp_path / "stages.yaml").exists() == (code == 0)


def test_nothing_is_replaced_without_force(init: Init, tmp_path: Path) -> None:
    own = tmp_path / "samples" / "samples-00001.warc.gz"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    ended = init("--example")
    assert (ended.code, ended.stderr.count("\n")) == (2, 1)
    assert "samples-00001.warc.gz: is there already; --force" in ended.stderr
    assert own.read_bytes() == b"mine"
    assert not (tmp_path / "stages.yaml").exists()  # all or nothing
    assert init("--example", "--force").code == 0
    assert own.stat().st_size > 1000

    before = (tmp_path / "stages.yaml").read_bytes()
    ended = init("s3://b/a.warc.gz", "--languages", "eng")
    assert ended.code == 2
    assert "stages.yaml: is there already; --force replaces it" in ended.stderr
    assert (tmp_path / "stages.yaml").read_bytes() == before
    assert init("s3://b/a.warc.gz", "--languages", "eng", "--force").code == 0
    assert (tmp_path / "stages.yaml").read_bytes() != before


def test_a_place_that_cannot_be_written_is_one_line(init: Init, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for recipe, said in (("file/x.yaml", "cannot be written"), ("folder", "a folder")):
        ended = init("s3://b/a.warc.gz", "--languages", "eng", recipe=recipe)
        assert (ended.code, ended.stderr.count("\n")) == (2, 1)
        assert said in ended.stderr


def test_a_terminal_is_asked_for_what_is_not_given(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tamis", "init"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "dumb"},
    ) as process:
        os.close(theirs)
        os.write(ours, b"'s3://b/a b.warc.gz' s3://b/c.warc.gz\nfra, eng\n\n")
        assert process.wait(60) == 0
    os.close(ours)
    document, _ = parse_file(tmp_path / "stages.yaml")
    assert document["input"] == ["s3://b/a b.warc.gz", "s3://b/c.warc.gz"]
    assert document["languages"] == ["fra", "eng"]
    assert document["output"] == "out/"
