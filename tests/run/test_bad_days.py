"""What goes wrong costs what it must and no more, and is said in one line."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fixtures.patience import patient, wait_until
from fixtures.recipes import own_recipe

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"

Command = Callable[..., Any]

_PLACE = ["id", "url", "warc_path", "warc_offset"]

POISON = """
import os, signal
from tamis.stage import Transform

class Poison(Transform):
    '''Ends its process at the page of one address, until it is mended.'''
    url: str
    signal: str = "SIGKILL"
    def columns_read(self): return ("url",)
    def build(self):
        def poison(batch):
            if self.url in batch["url"].to_pylist() and "MENDED" not in os.environ:
                os.write(2, b"poisoned\\n")
                os.kill(os.getpid(), signal.Signals[self.signal])
            return batch
        return poison
"""


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """An environment in which a package with a stage of its own is installed."""
    folder = tmp_path / "plugin"
    about = folder / "poison-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "poison.py").write_text(POISON, "utf-8")
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: poison\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text("[tamis.stages]\npoison = poison:Poison\n")
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'pipeline'}"}


def recipe_with(path: Path, stage: str) -> Path:
    """The recipe of the repository with one more stage before extract_text."""
    text = own_recipe()
    path.write_text(text.replace("  - extract_text", f"  - {stage}\n  - extract_text"))
    return path


def run_elsewhere(
    *arguments: str, env: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """In a process of its own, with its own environment."""
    return subprocess.run(
        [sys.executable, "-m", "tamis", "run", "--quiet", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def sets(*settings: str) -> list[str]:
    return [argument for value in settings for argument in ("--set", value)]


def dropped_rows(output: Path) -> list[dict[str, Any]]:
    return [
        row
        for path in (output / "dropped").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]


def url_in_the_mix(sample_run: Path) -> str:
    """The first page of the first archive that the mix has."""
    rows = [
        row
        for path in (sample_run / "mix").glob("*.parquet")
        for row in pq.read_table(path, columns=_PLACE).to_pylist()
        if row["warc_path"].startswith("samples-00000.warc.gz")
    ]
    return str(min(rows, key=lambda row: row["warc_offset"])["url"])


def mixed_bytes(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (output / "mix").iterdir()}


@pytest.mark.parametrize(
    "kind", [pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.long]), "inline"]
)
def test_a_page_that_ends_its_process_is_named_and_kept_when_the_stage_is_mended(
    tmp_path: Path, plugin: dict[str, str], sample_run: Path, kind: str
) -> None:
    """Inline the page ends the run itself: the next run finds it, and needs no third."""
    url = url_in_the_mix(sample_run)
    stage = f"poison: {{url: '{url}', signal: SIGSEGV}}"
    recipe = recipe_with(tmp_path / "stages.yaml", stage)
    output = tmp_path / "out"
    arguments = sets(
        f"input={SAMPLES}/*.warc.gz",
        f"output={output}",
        f"executor.kind={kind}",
        "read_warc.split_bytes=64KiB",  # a page at a time goes slowly
        *(["executor.workers=2"] if kind == "ray" else []),
    )
    command = [sys.executable, "-m", "tamis", "run", str(recipe), *arguments]

    def run(env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )

    if kind == "inline":
        assert run(plugin).returncode == -signal.SIGSEGV
    done = run(plugin)
    assert done.returncode == 0, done.stderr
    crashed = [row for row in dropped_rows(output) if row["reason"] == "worker_crash"]
    assert [(row["url"], row["stage"]) for row in crashed] == [(url, "poison")]
    assert f"{url} in poison ends a process that has nothing else" in done.stdout
    assert "SIGSEGV; its last words: poisoned" in done.stdout
    done = run({**plugin, "MENDED": "1"})
    assert done.returncode == 0, done.stderr
    assert f"{url} in poison does no harm now" in done.stdout
    assert mixed_bytes(output) == mixed_bytes(sample_run)


@pytest.mark.ray
@pytest.mark.long
def test_a_page_that_kills_its_worker_three_times_costs_that_page(
    tmp_path: Path, plugin: dict[str, str], sample_run: Path
) -> None:
    """No other page of the gzip member it is in: here one for the whole archive."""
    archive = tmp_path / "samples-00000.warc.gz"
    archive.write_bytes(
        gzip.compress(gzip.decompress((SAMPLES / archive.name).read_bytes()))
    )
    mixed, dropped = (
        [
            row
            for path in (sample_run / folder).glob("*.parquet")
            for row in pq.read_table(path, columns=_PLACE).to_pylist()
            if row["warc_path"].startswith(archive.name)
        ]
        for folder in ("mix", "dropped")
    )
    url = min(mixed, key=lambda row: row["warc_offset"])["url"]
    # The mix takes a document several times where its language is rare.
    pages = {row["id"] for row in (*mixed, *dropped)}
    recipe = recipe_with(tmp_path / "stages.yaml", f"poison: {{url: '{url}'}}")
    output = tmp_path / "out"
    done = run_elsewhere(
        str(recipe),
        *sets(
            f"input={archive}",
            f"output={output}",
            "executor.workers=1",
        ),
        env=plugin,
    )
    assert done.returncode == 0, done.stderr
    crashed = [row for row in dropped_rows(output) if row["reason"] == "worker_crash"]
    assert [(row["url"], row["stage"]) for row in crashed] == [(url, "poison")]
    book = json.loads((output / "run.json").read_text("utf-8"))
    assert book["source"]["admitted"] == len(pages)
    assert [page["url"] for page in book["pages_lost_to_limits"]] == [url]


def two_archives(folder: Path) -> Path:
    folder.mkdir()
    for path in SAMPLES.glob("*.warc.gz"):
        shutil.copy(path, folder)
    return folder


def test_an_unreadable_archive_is_set_aside_and_tried_again(
    tmp_path: Path, command: Command
) -> None:
    """No mix of half a corpus; when the archive is back only it is read."""
    archives = two_archives(tmp_path / "in")
    listing = tmp_path / "all.paths"
    listing.write_text("".join(f"{path}\n" for path in sorted(archives.iterdir())))
    hidden = archives / "samples-00001.warc.gz"
    hidden.rename(tmp_path / "elsewhere")
    arguments = sets(
        f"input={listing}",
        f"output={tmp_path / 'out'}",
        "executor.kind=inline",
    )
    done = command("run", "--quiet", *arguments)
    assert done.code == 1
    assert f"{hidden}: no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out/mix").exists()
    (tmp_path / "elsewhere").rename(hidden)
    assert command("run", "--quiet", *arguments).code == 0
    book = json.loads((tmp_path / "out/run.json").read_text("utf-8"))
    assert book["missing_inputs"] == {}
    first = json.loads((tmp_path / "out/plan.json").read_text("utf-8"))["files"]
    (own,) = (name for name in first if name.startswith("samples-00001.warc.gz-"))
    splits = len(first[own]["ranges"])
    assert book["tasks_executed"]["extracted"] == splits


def test_missing_inputs_may_be_allowed(tmp_path: Path, command: Command) -> None:
    archives = two_archives(tmp_path / "in")
    paths = [*archives.iterdir(), archives / "gone.warc.gz"]
    done = command(
        "run",
        "--quiet",
        *sets(
            f"input=[{', '.join(map(str, paths))}]",
            f"output={tmp_path / 'out'}",
            "executor.kind=inline",
            "allow_missing_inputs=1",
        ),
    )
    assert done.code == 0, done.stderr
    assert (tmp_path / "out/mix/_manifest.json").exists()


def _not_an_archive(folder: Path) -> str:
    (folder / "a.warc.gz").write_bytes(b"this is no archive\n" * 50)
    return f"input={folder}/a.warc.gz"


def _all_missing(folder: Path) -> str:
    return f"input={folder}/none.warc.gz"


def _empty(folder: Path) -> str:
    (folder / "a.warc.gz").write_bytes(b"")
    return f"input={folder}/a.warc.gz"


def _output_is_a_file(folder: Path) -> str:
    (folder / "out").write_text("")
    return "seed=7"


def _output_is_read_only(folder: Path) -> str:
    return "output=/proc/tamis"


@pytest.mark.parametrize(
    ("make", "code", "complaint"),
    [
        pytest.param(_not_an_archive, 1, "a.warc.gz", id="no archive"),
        pytest.param(_all_missing, 1, "none.warc.gz: no such file", id="missing"),
        pytest.param(_output_is_a_file, 1, "out", id="output is a file"),
        pytest.param(_output_is_read_only, 1, "/proc/tamis", id="nowhere to write"),
        pytest.param(lambda _: "input=*.nothing", 2, "no file matches", id="no match"),
        pytest.param(lambda _: "sign.bands=0", 2, "stages[11].sign.bands", id="recipe"),
        pytest.param(lambda _: "sing.bands=3", 2, "no stage or setting", id="argument"),
    ],
)
def test_one_clear_line_and_an_exit_code(
    tmp_path: Path,
    command: Command,
    make: Callable[[Path], str],
    code: int,
    complaint: str,
) -> None:
    done = command(
        "run",
        "--quiet",
        *sets(
            f"output={tmp_path / 'out'}",
            "executor.kind=inline",
            f"input={SAMPLES}/samples-00000.warc.gz",
            make(tmp_path),
        ),
    )
    assert done.code == code, done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out/mix").is_dir()


def test_an_empty_archive_makes_an_empty_mix(tmp_path: Path, command: Command) -> None:
    done = command(
        "run",
        "--quiet",
        *sets(
            f"output={tmp_path / 'out'}",
            "executor.kind=inline",
            _empty(tmp_path),
        ),
    )
    assert done.code == 0, done.stderr
    manifest = json.loads((tmp_path / "out/mix/_manifest.json").read_text("utf-8"))
    assert manifest["shards"] == []


def test_ctrl_c_leaves_a_state_that_resumes(tamis: Any, sample_run: Path) -> None:
    output = tamis.output
    settings = ("read_warc.split_bytes=64KiB",)
    with tamis.start(*settings, kind="inline") as driver:

        def has_committed() -> bool:
            assert driver.poll() is None
            return bool(list(output.glob("commits/extracted/*.json")))

        wait_until(has_committed, within=120)
        driver.send_signal(signal.SIGINT)
        _, complaint = driver.communicate(timeout=patient(60))
    assert driver.returncode == 130
    first, last = (line for line in complaint.splitlines() if line)
    assert first == "tamis: stopping after this step; once more to stop at once"
    assert last.startswith("tamis: stopped; what is finished is kept")
    assert "Traceback" not in complaint
    assert not (output / "mix").exists()
    tamis.run(*settings)
    mixed = [path.read_bytes() for path in sorted((output / "mix").iterdir())]
    assert mixed == [
        path.read_bytes() for path in sorted((sample_run / "mix").iterdir())
    ]


@pytest.fixture
def own_mounts() -> list[str]:
    """How to run a command that may mount file systems which nobody else sees."""
    prefix = ["unshare", "-rm"]
    tried = [*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    found = shutil.which("unshare")
    if not found or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    return prefix


def test_a_full_disk_stops_the_run_and_space_resumes_it(
    tmp_path: Path, own_mounts: list[str], sample_run: Path
) -> None:
    """A file system of 1 MiB of its own, which grows between the two runs."""
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    run = [sys.executable, "-m", "tamis", "run", "--quiet"]
    run += sets(f"output={disk}/out", "executor.kind=inline")
    script = f"""
        mount -t tmpfs -o size=1m tmpfs {disk}
        "$@"; echo "exit code $?"
        test -e {disk}/out/mix && echo "a mix"
        mount -o remount,size=200m {disk}
        "$@"; echo "exit code $?"
        cp -r {disk}/out/mix {kept}
    """
    done = subprocess.run(
        [*own_mounts, "bash", "-c", script, "bash", *run],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["exit code 1", "exit code 0"]
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tamis: cannot write {disk}/out/")
    assert line.endswith("the disk is full: free space, then run again to resume")
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {
        path.name: path.read_bytes() for path in (sample_run / "mix").iterdir()
    }
