"""A corpus is brought up to date with every crawl that a server announces."""

import gzip
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import ROOT, tamis_command
from fixtures.recipes import OF_A_CORPUS

from tamis import Run, api
from tamis.corpus.state import generation_at
from tamis.errors import InputError
from tamis.recipe.load import load_recipe
from tamis.recipe.top import HoldIf, RefreshSettings
from tamis.storage import Storage
from tamis.storage.records import sealed

RECIPE = f"""{OF_A_CORPUS}refresh:
  corpus: corpus/
  crawls: CRAWLS
  server: SERVER
  collinfo: SERVER/collinfo.json
"""
SINCE = "{since: CC-MAIN-2026-30}"
SENTENCES = [
    "Le moulin du village tourne encore quand le vent vient de la mer.",
    "Les enfants apportent du blé et repartent avec un sac de farine.",
    "On y parle du temps, des récoltes et du prix du pain.",
    "La rivière monte au printemps et laisse de la boue sur les chemins.",
    "Un vieux chien dort devant la porte et ne se lève pour personne.",
    "Le soir, la lampe du meunier se voit depuis la route de la ville.",
    "Personne ne sait plus qui a planté les trois tilleuls de la place.",
    "La cloche sonne sept fois et les ouvriers posent leurs outils.",
]


def page(number: int) -> bytes:
    """A page of its own text."""
    draw = random.Random(number)
    words = " ".join(SENTENCES).lower().replace(".", "").replace(",", "").split()
    paragraphs = [" ".join(draw.choices(words, k=60)) + "." for _ in range(4)]
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    html = f"<html><head><title>Page {number}</title></head><body>{body}</body></html>"
    content = html.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


@pytest.fixture(scope="module")
def archive(
    response_record: Callable[[str, str, bytes], bytes],
) -> Callable[..., bytes]:
    """An archive of the pages of these numbers."""

    def made(numbers: Sequence[int], day: str = "2026-07-21") -> bytes:
        return b"".join(
            response_record(f"https://moulin{n % 5}.example/{n}", day, page(n))
            for n in numbers
        )

    return made


class World:
    """A server with crawls, and a recipe that follows them."""

    def __init__(self, site: Any, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.recipe = folder / "stages.yaml"
        self.corpus = folder / "corpus"
        self.ids: dict[str, str] = {}
        self.write()

    def write(self, crawls: str = SINCE, **settings: Any) -> None:
        text = RECIPE.replace("SERVER", self.site.url("").rstrip("/")).replace(
            "CRAWLS", crawls
        )
        for name, value in settings.items():
            text += f"  {name}: {json.dumps(value)}\n"
        self.recipe.write_text(text, "utf-8")

    def announce(
        self, id_: str, archives: Sequence[bytes] | None, to: str = "2026-07-30"
    ) -> None:
        """A crawl in collinfo.json; its list answers if there are archives."""
        self.ids[id_] = to
        if archives is not None:
            names = []
            for number, content in enumerate(archives):
                stamp = f"{to.replace('-', '')}000000"
                name = f"crawl-data/{id_}/segments/1.{number}/warc/"
                name += f"{'CC-NEWS' if 'NEWS' in id_ else 'CC-MAIN'}-{stamp}-{stamp}-{number:05}.warc.gz"
                if "NEWS" in id_:
                    name = f"crawl-data/{id_}/CC-NEWS-{stamp}-{number:05}.warc.gz"
                self.site.files[name] = content
                names.append(name)
            self.site.files[f"crawl-data/{id_}/warc.paths.gz"] = gzip.compress(
                "\n".join(names).encode()
            )
        known = [{"id": one, "to": f"{day}T00:00:00"} for one, day in self.ids.items()]
        odd = [
            {"id": "CC-MAIN-2012"},
            {"id": "CC-SUPPLEMENTAL-2026-22"},
            {"id": 5},
            None,
        ]
        self.site.files["collinfo.json"] = json.dumps([*known, *odd]).encode()

    def refresh(self, *arguments: str, code: int = 0) -> str:
        """The last line that the command prints."""
        ended = tamis_command(
            "refresh", str(self.recipe), "--quiet", "--detailed-exitcode", *arguments
        )
        assert ended.code == code, (ended.stdout, ended.stderr)
        self.told = ended.stderr
        return ended.stdout.strip().splitlines()[-1] if ended.stdout.strip() else ""

    @property
    def latest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (self.corpus / "latest.json").read_text("utf-8")
        )
        return found

    @property
    def release(self) -> Path:
        return self.corpus / "releases" / self.latest["release"]

    def texts(self) -> list[str]:
        texts: list[str] = (
            Run(self.release).mix().to_table(["text"])["text"].to_pylist()
        )
        return sorted(set(texts))

    def files(self) -> dict[str, int]:
        """When each file of the corpus was written last."""
        return {
            str(path): path.stat().st_mtime_ns
            for path in self.corpus.rglob("*")
            if path.is_file() and path.name != "lock.json"
        }


def made_world(site: Any, folder: Path, archive: Callable[..., bytes]) -> World:
    """Two crawls, the second with a copy of a page of the first, and one announced."""
    world = World(site, folder)
    world.announce("CC-MAIN-2026-30", [archive(range(8)), archive(range(8, 12))])
    world.announce("CC-MAIN-2026-34", [archive([3, *range(20, 26)])], "2026-08-25")
    world.announce("CC-MAIN-2026-39", None, "2026-10-01")
    world.announce("CC-MAIN-2026-25", [archive([99])], "2026-06-25")
    return world


@pytest.fixture(scope="module")
def server(running: Any) -> Iterator[Any]:
    """One for all tests: a corpus says from where it came."""
    with running() as site:
        yield site


@pytest.fixture
def site(server: Any) -> Any:
    server.files.clear()
    server.asked.clear()
    return server


@pytest.fixture
def world(site: Any, tmp_path: Path, archive: Callable[..., bytes]) -> World:
    return made_world(site, tmp_path, archive)


@pytest.fixture(scope="module")
def corpus(
    server: Any, archive: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The corpus after its first refresh."""
    world = made_world(server, tmp_path_factory.mktemp("refreshed"), archive)
    world.refresh()
    return world.corpus


@pytest.fixture
def refreshed(corpus: Path, world: World) -> None:
    """The world's corpus is up to date."""
    shutil.copytree(corpus, world.corpus)


def test_new_crawls_become_runs_and_one_release(world: World) -> None:
    line = world.refresh()
    assert line == f"released {world.latest['release']}"
    runs = sorted(path.name for path in (world.corpus / "runs").iterdir())
    assert runs == ["CC-MAIN-2026-30", "CC-MAIN-2026-34"]
    assert len(world.texts()) == 12 + 6  # the copy is a duplicate of the first crawl's
    dropped = Run(world.corpus / "runs" / "CC-MAIN-2026-34").dropped().to_table()
    assert dropped["reason"].to_pylist() == ["duplicate_of_index"]
    assert world.latest["previous"] is None
    release = {path.name for path in world.release.iterdir()}
    assert release == {
        "mix",
        "dropped",
        "ids",
        "run.json",
        "report.html",
        "release.json",
        "lock.json",
    }
    crawls = Run(world.release).mix().to_table(["crawl"])["crawl"].unique().to_pylist()
    assert sorted(crawls) == ["CC-MAIN-2026-30", "CC-MAIN-2026-34"]


@pytest.mark.usefixtures("refreshed")
def test_a_refresh_with_nothing_new_writes_nothing(world: World) -> None:
    before = world.files()
    line = world.refresh(code=3)
    assert line.startswith(f"nothing to do: newest release {world.latest['release']}")
    assert "CC-MAIN-2026-39 not there yet" in line
    assert "the next crawl is expected about 2026-1" in line
    assert world.files() == before


def test_a_plan_says_what_would_be_done_and_writes_nothing(world: World) -> None:
    ended = tamis_command("refresh", str(world.recipe), "--plan")
    assert ended.code == 0
    assert "run     CC-MAIN-2026-30: 2 archives" in ended.stdout
    assert "core hours" in ended.stdout
    assert "release of all runs" in ended.stdout
    assert "awaited CC-MAIN-2026-39" in ended.stdout
    assert not world.corpus.exists()
    world.refresh()
    assert (
        "nothing to do" in tamis_command("refresh", str(world.recipe), "--plan").stdout
    )


@pytest.mark.usefixtures("refreshed")
def test_the_next_crawl_makes_a_release_that_says_what_changed(
    world: World, archive: Callable[..., bytes]
) -> None:
    first = world.latest["release"]
    world.announce("CC-MAIN-2026-39", [archive([5, *range(40, 44)])], "2026-10-01")
    world.refresh()
    assert world.latest["previous"] == first
    assert len(world.texts()) == 12 + 6 + 4
    made = json.loads((world.release / "release.json").read_text("utf-8"))
    assert made["against"] == first
    changes = {
        (of, name): (before, after) for of, name, before, after in made["changes"]
    }
    assert changes["documents", ""] == (18, 22)
    assert changes["entered", "fra, new: CC-MAIN-2026-39"] == (None, 4)
    assert changes["new_documents", ""] == (0, pytest.approx(4 / 22))
    report = (world.release / "report.html").read_text("utf-8")
    assert f"Since {first}" in report
    assert "new: CC-MAIN-2026-39" in report
    assert all(recipe in report for recipe in made["runs"].values())


@pytest.mark.usefixtures("refreshed")
def test_a_release_beyond_a_bound_is_made_and_held(
    world: World, archive: Callable[..., bytes]
) -> None:
    first = world.latest["release"]
    world.announce("CC-MAIN-2026-39", [archive(range(40, 60))], "2026-10-01")
    world.write(hold_if={"new_documents": 0.4, "tokens": 5})
    line = world.refresh(code=4)
    assert line.startswith("made and held")
    assert "new_documents: 0 -> 0.526316, over the bound 0.4" in world.told
    assert world.latest["release"] == first
    assert "(held)" in world.refresh(code=3)
    held = line.split()[3].rstrip(":")
    world.refresh("--release", held)
    assert (world.latest["release"], world.latest["previous"]) == (held, first)
    assert len(world.texts()) == 38
    world.refresh("--release", first)
    world.refresh(code=3)  # a choice by hand is left alone
    assert world.latest["release"] == first


@pytest.mark.usefixtures("refreshed")
def test_a_changed_recipe_holds_for_later_crawls_and_redo_applies_it(
    world: World, archive: Callable[..., bytes]
) -> None:
    first = world.texts()
    sizes = sorted(len(page(number).partition(b"<html>")[2]) for number in range(12))
    strict = ["--set", f"read_warc.max_html_bytes={sizes[9]}"]
    world.refresh(*strict, code=3)
    world.announce("CC-MAIN-2026-39", [archive(range(40, 44))], "2026-10-01")
    world.refresh(*strict)
    made = json.loads((world.release / "release.json").read_text("utf-8"))["runs"]
    assert made["CC-MAIN-2026-30"] == made["CC-MAIN-2026-34"] != made["CC-MAIN-2026-39"]
    both = world.texts()
    assert set(first) < set(both)
    line = world.refresh("--redo", *strict)
    assert line.startswith("released")
    made = json.loads((world.release / "release.json").read_text("utf-8"))["runs"]
    assert len(set(made.values())) == 1
    assert set(world.texts()) < set(both)
    assert [
        path.name
        for path in (world.corpus / "index").iterdir()
        if any(path.rglob("*.json"))
    ] == ["0002"]
    left = json.loads((world.release / "release.json").read_text("utf-8"))["changes"]
    assert any(of == "left" and "html_too_large" in name for of, name, *_ in left)
    world.refresh(*strict, code=3)


@pytest.mark.usefixtures("refreshed")
def test_redo_of_one_crawl_leaves_the_others_by_their_recipe(world: World) -> None:
    before = json.loads((world.release / "release.json").read_text("utf-8"))["runs"]
    world.refresh(
        "--redo", "CC-MAIN-2026-34", "--set", "filter_language.min_score=0.1", code=3
    )
    corpus = json.loads((world.corpus / "corpus.json").read_text("utf-8"))
    after = {run["name"]: run["recipe"] for run in corpus["runs"]}
    assert after["CC-MAIN-2026-30"] == before["CC-MAIN-2026-30"]
    assert after["CC-MAIN-2026-34"] != before["CC-MAIN-2026-34"]
    assert corpus["generation"] == 2


@pytest.mark.usefixtures("refreshed")
def test_saves_are_not_made_again_by_a_redo(world: World) -> None:
    world.refresh("--redo", "--set", "filter_language.min_score=0.1", code=3)
    for run in (world.corpus / "runs").iterdir():
        summary = json.loads((run / "run.json").read_text("utf-8"))
        assert not {"extracted", "documents"} & set(summary["tasks_executed"])


def test_a_second_refresh_says_who_runs(world: World) -> None:
    with Storage(str(world.corpus)).lock():
        world.refresh(code=5)
        assert "in use by another `tamis refresh` (process" in world.told
    ended = tamis_command("refresh", str(world.recipe), "--quiet")
    assert ended.code == 0


def test_a_month_of_news_that_grows_is_read_once(
    world: World, archive: Callable[..., bytes]
) -> None:
    world.write('["CC-NEWS/2026/10"]')
    world.announce("CC-NEWS/2026/10", [archive([1, 2])], "2026-10-03")
    world.refresh()
    world.announce(
        "CC-NEWS/2026/10", [archive([1, 2]), archive([2, 7, 8])], "2026-10-03"
    )
    world.site.asked.clear()
    world.refresh()
    runs = sorted(path.name for path in (world.corpus / "runs").iterdir())
    assert runs == ["CC-NEWS-2026-10", "CC-NEWS-2026-10-2"]
    second = json.loads(
        (world.corpus / "runs" / runs[1] / "run.json").read_text("utf-8")
    )
    assert len(second["inputs"]) == 1
    assert second["stages"]["read_warc"]["documents_in"] == 3
    assert len(world.texts()) == 4
    world.refresh(code=3)


def test_lists_of_ones_own_are_crawls(
    world: World, archive: Callable[..., bytes], tmp_path: Path
) -> None:
    for number in range(2):
        (tmp_path / f"own-{number}.warc.gz").write_bytes(archive([number, number + 1]))
        (tmp_path / f"week-{number}.paths").write_text(f"own-{number}.warc.gz\n")
    world.write("{lists: '*.paths'}")
    world.refresh()
    made = json.loads((world.release / "release.json").read_text("utf-8"))["runs"]
    assert list(made) == ["week-0", "week-1"]
    assert len(world.texts()) == 3
    crawls = Run(world.release).mix().to_table(["crawl"])["crawl"].unique().to_pylist()
    assert sorted(crawls) == ["week-0", "week-1"]


def listed(folder: Path, name: str, *archives: str) -> None:
    (folder / name).write_text("".join(f"{one}.warc.gz\n" for one in archives))


def test_lists_that_grow_and_overlap_lose_and_repeat_nothing(
    world: World, archive: Callable[..., bytes], tmp_path: Path
) -> None:
    for number, name in enumerate("xyzw"):
        (tmp_path / f"{name}.warc.gz").write_bytes(archive([number]))
    world.write("{lists: '*.paths'}")
    listed(tmp_path, "week.paths", "x")
    listed(tmp_path, "week-2.paths", "x", "y")
    world.refresh()
    for archives in (["x", "z"], ["x", "z", "w"]):
        listed(tmp_path, "week.paths", *archives)
        world.refresh()
    runs = sorted(path.name for path in (world.corpus / "runs").iterdir())
    assert runs == ["week", "week-2", "week-3"]
    assert len(world.texts()) == 4


def test_a_list_that_is_corrected_is_read_as_it_is_now(
    world: World, archive: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "x.warc.gz").write_bytes(archive([1]))
    world.write("{lists: '*.paths'}")
    listed(tmp_path, "week.paths", "x", "nowhere")
    world.refresh(code=1)
    assert "nowhere.warc.gz" in world.told
    listed(tmp_path, "week.paths", "x")
    world.refresh()
    assert len(world.texts()) == 1


def test_a_corpus_that_moves_with_its_lists_reads_nothing_again(
    world: World, archive: Callable[..., bytes], tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    (here / "x.warc.gz").write_bytes(archive([1]))
    listed(here, "week.paths", "x")
    world.write("{lists: '*.paths'}")
    world.recipe = world.recipe.rename(here / "stages.yaml")
    world.corpus = here / "corpus"
    world.refresh()
    here.rename(there)
    world.recipe, world.corpus = there / "stages.yaml", there / "corpus"
    world.refresh(code=3)


def test_a_redo_that_was_interrupted_follows_the_recipe_and_all_names(
    world: World, archive: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tamis.corpus import refresh as module

    world.refresh()
    made: list[str] = []
    run = module.run

    def once(recipe: Any, *arguments: Any) -> Any:
        if made:
            raise InputError("the power is gone")
        made.append(recipe.output)
        return run(recipe, *arguments)

    monkeypatch.setattr(module, "run", once)
    world.refresh(
        "--redo", "CC-MAIN-2026-30", "--set", "filter_language.min_score=0.9", code=1
    )
    monkeypatch.setattr(module, "run", run)
    world.refresh(
        "--redo", "CC-MAIN-2026-34", "--set", "filter_language.min_score=0.1", code=3
    )
    corpus = json.loads((world.corpus / "corpus.json").read_text("utf-8"))
    assert (
        len({one["recipe"] for one in corpus["runs"]}) == 1
    )  # both, by the second recipe
    assert corpus["generation"] == 3


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A refresh that ends before a run of these numbers, counted from 0."""
    from tamis.corpus import refresh as module

    def refresh(world: World, *arguments: str, after: int = 0) -> None:
        run = module.run
        made: list[str] = []

        def dies(recipe: Any, *more: Any) -> Any:
            if len(made) == after:
                raise InputError("the power is gone")
            made.append(recipe.output)
            return run(recipe, *more)

        with monkeypatch.context() as patch:
            patch.setattr(module, "run", dies)
            world.refresh(*arguments, code=1)

    return refresh


@pytest.mark.usefixtures("refreshed")
def test_a_plan_shows_an_open_redo_with_the_recipes_of_its_runs(
    world: World, interrupted: Callable[..., None]
) -> None:
    large = ["read_warc.max_html_bytes=2MB"]
    interrupted(world, "--redo", "CC-MAIN-2026-34", "--set", large[0])
    plan = api.refresh_plan(load_recipe(world.recipe, large))
    assert plan.makes_release
    to_do = {name: own.to_do["extracted"] for name, own in plan.runs.items()}
    assert to_do == {"CC-MAIN-2026-30": "done", "CC-MAIN-2026-34": "1 of 1 tasks"}


def test_each_list_is_asked_for_once(
    world: World, archive: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tamis.corpus import crawls

    asked: list[str] = []
    expand = crawls.expand

    def counted(pattern: str, access: Any) -> Any:
        asked.append(pattern)
        return expand(pattern, access)

    monkeypatch.setattr(crawls, "expand", counted)
    world.write('["CC-NEWS/2026/10", "CC-NEWS/2026/11"]')
    world.announce("CC-NEWS/2026/10", [archive([1, 2])], "2026-10-03")
    world.announce("CC-NEWS/2026/11", [archive([3])], "2026-11-03")
    world.refresh()
    assert len(asked) == len(set(asked)) == 2


@pytest.mark.parametrize(
    ("index", "generation"),
    [
        ("/a/corpus/index/0001", 1),
        ("s3://bucket/corpus/index/0012/", 12),
        ("/index/0002/corpus/index/0001", 1),
        ("/index/0002/of-mine", None),
        ("0002", None),
    ],
)
def test_the_generation_of_an_index_is_its_folder(
    index: str, generation: int | None
) -> None:
    assert generation_at(index) == generation


def test_a_choice_by_hand_is_given_to_the_readers_after_a_kill(
    world: World, archive: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tamis.corpus import refresh as module

    world.refresh()
    first = world.latest["release"]
    world.announce("CC-MAIN-2026-39", [archive([40])], "2026-10-01")
    world.refresh()

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_latest", dies)
        world.refresh("--release", first, code=1)
    assert world.latest["release"] != first
    assert world.refresh().startswith("released")
    assert world.latest["release"] == first


def state_of(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (world.corpus / "corpus.json").read_text("utf-8")
    )
    return {name: value for name, value in found.items() if name != "digest"}


def kept_files(world: World) -> dict[str, bytes]:
    """What readers, runs and the index are made of, without records and news of runs."""
    found = {path.relative_to(world.corpus): path for path in world.corpus.rglob("*")}
    return {
        str(name): path.read_bytes()
        for name, path in found.items()
        if name.name in ("tables.json", "latest.json", "release.json")
        or (name.parts[0] in ("index", "releases") and name.suffix == ".parquet")
    }


def dies(*_: Any) -> Any:
    raise InputError("the power is gone")


STRICTER = ("--set", "filter_language.min_score=0.9", "--set", "sign.ngram=4")


@pytest.mark.usefixtures("refreshed")
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_redo_that_is_given_up_leaves_what_was_before_it(
    world: World, interrupted: Callable[..., None], after: int
) -> None:
    """Before its first run, between two, and before its release."""
    before, files = state_of(world), kept_files(world)
    interrupted(world, "--redo", *STRICTER, after=after)
    assert state_of(world)["redo"]
    saves = {p for p in world.files() if "/extracted/" in p or "/documents/" in p}
    names = ["CC-MAIN-2026-30", "CC-MAIN-2026-34"][:after]
    said = f"{', '.join(names)} put back" if names else "no run had been made again"
    # By any recipe: what was before the redo is in the folders.
    assert world.refresh("--give-up-redo") == f"the redo is given up: {said}"
    assert state_of(world) == before
    assert kept_files(world) == files
    assert saves <= world.files().keys()
    world.refresh(code=3)
    assert kept_files(world) == files
    world.refresh("--give-up-redo", code=2)
    assert "no redo is open" in world.told
    # It can be begun again, and another one too.
    assert world.refresh("--redo", *STRICTER).startswith("released")


@pytest.mark.long  # kills
@pytest.mark.parametrize("step", ["put back", "index", "end"])
def test_giving_up_that_was_killed_is_ended_by_the_next_refresh(
    world: World,
    interrupted: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    from tamis.corpus import refresh as module

    world.refresh()
    before, files = state_of(world), kept_files(world)
    interrupted(world, "--redo", *STRICTER, after=2)
    calls = 0

    def dies_at(last: int, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            return dies() if calls == last else call(*arguments)

        return counted

    with monkeypatch.context() as patch:
        if step == "put back":
            patch.setattr(module, "run", dies_at(2, module.run))
        elif step == "index":
            patch.setattr(module, "index_folder", dies_at(3, module.index_folder))
        else:
            patch.setattr(module, "write_corpus", dies_at(4, module.write_corpus))
        world.refresh("--give-up-redo", code=1)
    redo = state_of(world)["redo"]
    assert redo["is_given_up"]
    world.refresh(code=3)
    assert state_of(world) == before
    assert kept_files(world) == files


@pytest.mark.usefixtures("refreshed")
def test_a_crawl_that_came_during_a_redo_is_run_anew_when_that_is_given_up(
    world: World, archive: Callable[..., bytes], interrupted: Callable[..., None]
) -> None:
    world.announce("CC-MAIN-2026-39", [archive([5, *range(40, 44)])], "2026-10-01")
    interrupted(world, "--redo", *STRICTER, after=3)
    world.refresh("--give-up-redo")
    assert [one["name"] for one in state_of(world)["runs"]] == [
        "CC-MAIN-2026-30",
        "CC-MAIN-2026-34",
    ]
    assert world.refresh().startswith("released")
    assert len(world.texts()) == 12 + 6 + 4
    assert {one["generation"] for one in state_of(world)["runs"]} == {1}


def test_a_redo_whose_past_is_gone_or_whose_release_is_made_is_not_given_up(
    world: World, interrupted: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tamis.corpus import refresh as module

    world.refresh()
    interrupted(world, "--redo", *STRICTER, after=1)
    ended = tamis_command(
        "clean", str(world.corpus / "runs" / "CC-MAIN-2026-30"), "--yes"
    )
    assert ended.code == 0, ended.stderr
    before = world.files()
    world.refresh("--give-up-redo", code=2)
    assert "run CC-MAIN-2026-30: what it was before the redo is gone" in world.told
    assert world.files() == before
    with monkeypatch.context() as patch:
        patch.setattr(module, "refuse_without_shards", dies)
        world.refresh(*STRICTER, code=1)
    world.refresh("--give-up-redo", code=2)
    assert "the redo has come to its release" in world.told
    assert world.refresh(*STRICTER).startswith("released")


@pytest.mark.usefixtures("refreshed")
@pytest.mark.parametrize("id_", ["../../../victim", "a/b", ".."])
def test_a_corpus_leads_nowhere_else(world: World, id_: str, tmp_path: Path) -> None:
    path = world.corpus / "corpus.json"
    corpus = json.loads(path.read_text("utf-8"))
    del corpus["digest"]
    corpus["releases"][0]["id"] = id_
    path.write_bytes(sealed(corpus, indent=1))
    world.refresh(code=1)
    assert str(path) in world.told


@pytest.mark.parametrize(
    "entry", [{"id": "CC-MAIN-0000-05"}, {"id": "CC-MAIN-2026-31", "to": "9999-12-31"}]
)
def test_odd_entries_of_collinfo_are_no_crash(
    world: World, entry: dict[str, str]
) -> None:
    known = json.loads(world.site.files["collinfo.json"])
    world.site.files["collinfo.json"] = json.dumps([entry, *known]).encode()
    world.refresh()


def test_old_releases_keep_their_manifest_and_their_report(
    world: World, archive: Callable[..., bytes]
) -> None:
    world.write(keep_releases=1)
    world.refresh()
    first = world.release
    for week, number in (("39", 40), ("43", 50), ("47", 60)):
        world.announce(
            f"CC-MAIN-2026-{week}", [archive([number])], f"2026-{int(week) // 4}-01"
        )
        world.refresh()
    left = {str(path.relative_to(first)) for path in first.rglob("*") if path.is_file()}
    assert left == {
        "mix/_manifest.json",
        "run.json",
        "report.html",
        "release.json",
        "lock.json",
    }
    previous = world.corpus / "releases" / world.latest["previous"]
    assert list((previous / "mix").glob("*.parquet"))
    world.refresh("--release", first.name, code=1)
    assert "is not there any more" in world.told


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("  - deduplicate: {}\n", "", 2, "refresh needs deduplicate"),
        ("  - mix_corpus: {}\n", "", 2, "refresh needs mix_corpus"),
        ("since: CC-MAIN-2026-30", "since: 2026", 2, "since"),
        ("collinfo.json", "nothing.json", 1, "no such file"),
        ("collinfo.json", "crawl-data/CC-MAIN-2026-30/warc.paths.gz", 1, "is no JSON"),
    ],
)
def test_what_cannot_be_refreshed_is_a_line(
    world: World, old: str, new: str, code: int, said: str
) -> None:
    text = world.recipe.read_text("utf-8")
    world.recipe.write_text(text.replace(old, new), "utf-8")
    world.refresh(code=code)
    assert said in world.told
    assert "Traceback" not in world.told


@pytest.mark.usefixtures("refreshed")
def test_names_that_the_corpus_has_not_are_told_with_those_that_it_has(
    world: World,
) -> None:
    world.refresh("--release", "nothing", code=2)
    assert f"there are {world.latest['release']}" in world.told
    world.refresh("--redo", "CC-MAIN-2020-01", code=2)
    assert "there are CC-MAIN-2026-30, CC-MAIN-2026-34" in world.told


@pytest.mark.usefixtures("refreshed")
def test_runs_with_other_signatures_are_refused(
    world: World, archive: Callable[..., bytes]
) -> None:
    world.announce("CC-MAIN-2026-39", [archive([40])], "2026-10-01")
    world.refresh("--set", "sign.bands=20", code=2)
    assert "their hashes do not meet" in world.told
    world.refresh()


@pytest.mark.usefixtures("refreshed")
def test_a_damaged_corpus_is_a_line_with_its_path(world: World) -> None:
    path = world.corpus / "corpus.json"
    path.write_bytes(path.read_bytes()[:-40])
    world.refresh(code=1)
    assert str(path) in world.told


def test_a_corpus_whose_state_is_gone_is_made_again_from_its_runs(
    world: World, archive: Callable[..., bytes]
) -> None:
    """Crawls that grow, several releases, one that is held, and a redo that has ended."""
    world.write('["CC-NEWS/2026/10", "CC-MAIN-2026-30"]', keep_releases=1)
    world.announce("CC-NEWS/2026/10", [archive([1, 2])], "2026-10-03")
    world.refresh()
    world.refresh("--redo", *STRICTER)
    added = [archive([1, 2]), archive([2, 70, 80])]
    world.announce("CC-NEWS/2026/10", added, "2026-10-03")
    world.refresh(*STRICTER)
    world.write('["CC-NEWS/2026/10", "CC-MAIN-2026-30"]', hold_if={"tokens": 0.01})
    world.announce("CC-NEWS/2026/10", [*added, archive([90])], "2026-10-03")
    world.refresh(*STRICTER, code=4)
    path, before, files = world.corpus / "corpus.json", state_of(world), world.files()
    path.unlink()
    plan = tamis_command("refresh", str(world.recipe), "--plan", *STRICTER)
    assert "nothing to do" in plan.stdout
    for option in (["--give-up-redo"], ["--release", world.latest["release"]]):
        world.refresh(*option, code=1)
        assert "corpus.json is gone: `tamis refresh` makes it again" in world.told
    assert not path.exists()
    assert "(held)" in world.refresh(*STRICTER, code=3)
    after = state_of(world)
    assert [one["generation"] for one in before["releases"]] == [1, 2, 2, 2]
    for one in before["releases"]:
        one["generation"] = 2  # the index before is gone
    assert after == before
    changed = {name for name, when in world.files().items() if files.get(name) != when}
    assert changed == {str(path)}
    chosen = world.latest["previous"]
    world.refresh("--release", chosen)
    before = state_of(world)
    path.unlink()
    world.refresh(*STRICTER, code=3)
    assert state_of(world) == before
    assert before["chosen"] == world.latest["release"] == chosen


def test_runs_that_leave_a_doubt_are_a_line_and_stay(
    world: World, archive: Callable[..., bytes], interrupted: Callable[..., None]
) -> None:
    world.write('["CC-NEWS/2026/10", "CC-MAIN-2026-30"]')
    world.announce("CC-NEWS/2026/10", [archive([1, 2])], "2026-10-03")
    world.refresh()
    path = world.corpus / "corpus.json"
    content = path.read_bytes()
    path.unlink()
    files = world.files()
    world.announce("CC-NEWS/2026/10", [], "2026-10-03")
    world.refresh(code=1)
    assert "CC-NEWS-20261003000000-00000.warc.gz of run CC-NEWS-2026-10" in world.told
    assert "is in no list: put it back from a copy" in world.told
    world.write('["CC-MAIN-2026-30"]')
    world.refresh(code=1)
    assert "the crawl of run CC-NEWS-2026-10 is not in the recipe" in world.told
    assert world.files() == files
    path.write_bytes(content)
    world.write('["CC-NEWS/2026/10", "CC-MAIN-2026-30"]')
    world.announce("CC-NEWS/2026/10", [archive([1, 2])], "2026-10-03")
    interrupted(world, "--redo", *STRICTER, after=1)
    path.unlink()
    world.refresh(code=1)
    assert "its runs stand in two indexes, as a redo was open" in world.told


def test_a_kill_at_the_very_beginning_leaves_a_corpus_that_is_none_yet(
    world: World, interrupted: Callable[..., None]
) -> None:
    interrupted(world, after=1)
    (world.corpus / "corpus.json").unlink()
    line = world.refresh()
    assert line.startswith("released")
    assert len(world.texts()) == 12 + 6


@pytest.mark.long  # test_run_s3.py and test_index_s3.py have its parts
@pytest.mark.usefixtures("refreshed")
def test_a_corpus_in_a_store_is_that_on_a_disk(
    world: World, s3: dict[str, dict[str, str]]
) -> None:
    endpoint = s3["s3"]["endpoint_url"]
    there = [
        *("--set", f"refresh.corpus=s3://bucket/refreshed-{time.time_ns()}"),
        *("--set", f"storage_options={{s3: {{endpoint_url: '{endpoint}'}}}}"),
    ]
    line = world.refresh(*there)
    assert line == f"released {world.latest['release']}"
    root = there[1].partition("=")[2]
    store = Storage(root, s3)
    name = f"releases/{world.latest['release']}"
    (shard,) = [one for one in store.names(f"{name}/mix") if one.endswith("parquet")]
    own = (world.release / shard.removeprefix(f"{name}/")).read_bytes()
    assert store.read(shard) == own
    world.refresh(*there, code=3)


def kill_often(world: World, kills: int) -> Iterator[None]:
    """Refreshes that are killed at any moment; what readers see is looked at meanwhile."""
    draw = random.Random(7)
    command = [sys.executable, "-m", "tamis", "refresh", str(world.recipe), "--quiet"]
    landed = 0
    while landed < kills:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(draw.uniform(0.8, 6.0))
        if process.poll() is None:
            process.send_signal(draw.choice([signal.SIGKILL, signal.SIGTERM]))
            landed += 1
        process.wait()
        yield


@pytest.mark.long
def test_killed_at_any_moment_it_ends_with_the_same_bytes(
    world: World, archive: Callable[..., bytes], tmp_path: Path, site: Any
) -> None:
    later = [archive([5, *range(40, 44)])]

    def shards() -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in (world.release / "mix").iterdir()
        }

    world.refresh()
    world.announce("CC-MAIN-2026-39", later, "2026-10-01")
    world.refresh()
    expected = shards()
    world.corpus = tmp_path / "killed"
    world.write()
    text = world.recipe.read_text("utf-8").replace("corpus: corpus/", "corpus: killed/")
    world.recipe.write_text(text, "utf-8")
    del site.files["crawl-data/CC-MAIN-2026-39/warc.paths.gz"]
    for number, _ in enumerate(kill_often(world, 30)):
        if number == 12:
            world.announce("CC-MAIN-2026-39", later, "2026-10-01")
        if (world.corpus / "latest.json").exists():
            for path in json.loads((world.release / "mix/_manifest.json").read_text())[
                "shards"
            ]:
                assert (
                    pq.read_table(world.release / path["path"]).num_rows == path["rows"]
                )
    ended = tamis_command("refresh", str(world.recipe), "--quiet")
    assert ended.code == 0, ended.stderr
    assert shards() == expected


def test_the_commands_of_the_page_work(
    world: World, interrupted: Callable[..., None]
) -> None:
    page = (ROOT / "docs" / "refresh.md").read_text("utf-8")
    lines = re.findall(r"^tamis (.*?)(?:  +#.*)?$", page, re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        if "--give-up-redo" in line:
            interrupted(world, "--redo", *STRICTER, after=1)
        arguments = line.replace("stages.yaml", str(world.recipe)).split()
        id_ = world.latest["release"] if "ID" in arguments else ""
        ended = tamis_command(*(id_ if one == "ID" else one for one in arguments))
        assert ended.code == 0, ended.stderr
    for name in (*RefreshSettings.model_fields, *HoldIf.model_fields):
        assert f"`{name}`" in page


def test_the_day_of_a_crawl_is_its_week() -> None:
    from tamis.corpus.crawls import _day_of

    assert _day_of("CC-MAIN-2026-30") == date(2026, 7, 20)
    assert _day_of("CC-MAIN-2012") == date(2012, 1, 1)
    assert _day_of("CC-MAIN-2020-53") <= date(2021, 1, 4)
