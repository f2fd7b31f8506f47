"""A recipe's paths are relative to the recipe; the same files elsewhere are the same work."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tamis.errors import ConfigError
from tamis.recipe.load import Recipe, load_recipe
from tamis.stages.filter_url import FilterUrl
from tamis.work.fingerprints import stage_dependencies

RECIPE = """\
input: [crawl/*.warc.gz, "s3://b/x.warc.gz", ~/own.warc.gz]
output: out
languages: [fr]
stages:
  - read_warc: {select: {index: index/*.parquet, languages: [fr, nb]}}
  - filter_url: {lists: [lists], word_lists: [words.tsv]}
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - identify_language: {}
  - own.py:Shout: {}
  - score_toxicity: {model: [default, model.npz]}
  - save: documents
"""
OWN = """\
import pyarrow as pa
from tamis import Transform
class Shout(Transform):
    def build(self):
        return lambda batch: batch
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "recipes"
    (place / "lists").mkdir(parents=True)
    (place / "lists/press.txt").write_text("press.example\n")
    (place / "words.tsv").write_text("host\tword\n")
    (place / "own.py").write_text(OWN)
    (place / "stages.yaml").write_text(RECIPE)
    return place


def stage(recipe: Recipe, name: str) -> Any:
    return next(stage for stage in recipe.stages if stage.stage == name)


@pytest.mark.parametrize("is_relative", [True, False], ids=["relative", "absolute"])
def test_paths_are_relative_to_the_recipe(
    folder: Path, monkeypatch: pytest.MonkeyPatch, is_relative: bool
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", "/home/me")
    base = "recipes" if is_relative else str(folder)
    recipe = load_recipe(Path(base) / "stages.yaml")
    assert recipe.input == (
        f"{base}/crawl/*.warc.gz",
        "s3://b/x.warc.gz",
        "/home/me/own.warc.gz",
    )
    assert recipe.output == f"{base}/out"
    assert stage(recipe, "filter_url").lists == (f"{base}/lists",)
    assert stage(recipe, "filter_url").word_lists == (f"{base}/words.tsv",)
    assert stage(recipe, "read_warc").select.index == f"{base}/index/*.parquet"
    assert stage(recipe, "score_toxicity").model == ("default", f"{base}/model.npz")
    assert stage(recipe, "shout").build()


def test_what_the_command_line_sets_is_relative_to_where_one_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", "/home/me")
    Path("here.txt").write_text("a.example\n")
    overrides = ("input=a.warc.gz", "output=~/o", "filter_url.lists=[here.txt]")
    recipe = load_recipe(Path("recipes/stages.yaml"), overrides)
    assert (recipe.input, recipe.output) == (("a.warc.gz",), "/home/me/o")
    assert stage(recipe, "filter_url").lists == ("here.txt",)
    assert load_recipe(Path("recipes/stages.yaml"), (), {"output": "x"}).output == "x"


def test_languages_have_any_of_their_codes(folder: Path) -> None:
    recipe = load_recipe(folder / "stages.yaml")
    assert stage(recipe, "read_warc").select.languages == ("fra", "nob")


def test_the_home_of_nobody_is_a_mistake(folder: Path) -> None:
    with pytest.raises(ConfigError, match="~nobody-of-this-name/x"):
        load_recipe(folder / "stages.yaml", ("output=~nobody-of-this-name/x",))


def test_a_fingerprint_has_what_a_path_names_and_not_the_path(folder: Path) -> None:
    copy = folder.with_name("elsewhere")
    shutil.copytree(folder, copy)
    before, after = (
        [stage_dependencies(s) for s in load_recipe(place / "stages.yaml").stages[1:6]]
        for place in (folder, copy)
    )
    assert before == after
    (copy / "lists/press.txt").write_text("other.example\n")
    assert stage_dependencies(stage(load_recipe(copy / "stages.yaml"), "filter_url"))[
        "files"
    ] != list(before[0]["files"])


def test_the_name_of_a_list_is_part_of_the_fingerprint(folder: Path) -> None:
    """It is the reason of what the list drops."""
    before = stage_dependencies(FilterUrl(lists=(str(folder / "lists"),)))
    (folder / "lists/press.txt").rename(folder / "lists/own.txt")
    assert stage_dependencies(FilterUrl(lists=(str(folder / "lists"),))) != before
