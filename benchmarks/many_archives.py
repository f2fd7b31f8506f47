"""Measure the driver over very many archives: planning, resuming, memory, a kill.

    python benchmarks/many_archives.py --archives 90000 --folder /tmp/many
    python benchmarks/many_archives.py --archives 9000 --folder /tmp/many --latency .03

The archives are links to a few of one page. Tasks write empty tables and a tally as a real
one's, by the code that writes and commits all tables; the driver is the real one, with the
recipe's passes up to the last filter. With `--latency` the output is a folder in which every
request takes so long, as in a store: a listing has a thousand names a request.
Each step is a process of its own: seconds, CPU seconds, peak memory. Exit code 1 if a run
that was killed and resumed lists other files than one that was not.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from tamis.recipe.load import Recipe
from tamis.runner.passes import units
from tamis.runner.run import run
from tamis.work import tasks
from tamis.work.commits import File, Outputs
from tamis.work.executors import Call, InlineExecutor, Outcome
from tamis.work.tasks import Silent

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
_LISTED = 1000  # names of an answer
_SEED = 20261130


class Delayed(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A disk whose every request takes `seconds`."""

    protocol = "delayed"
    seconds = 0.0

    def _wait(self, requests: int = 1) -> None:
        time.sleep(self.seconds * requests)

    def find(self, path: str, **options: Any) -> Any:
        found = super().find(path, **options)
        self._wait(1 + len(found) // _LISTED)
        return found

    def info(self, path: str, **options: Any) -> Any:
        self._wait()
        return super().info(path, **options)

    def cat_file(self, path: str, **options: Any) -> Any:
        self._wait()
        return super().cat_file(path, **options)

    def pipe_file(self, path: str, value: bytes, **options: Any) -> Any:
        self._wait()
        if options.pop("mode", "") == "create" and Path(path).exists():
            raise FileExistsError(path)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return super().pipe_file(path, value, **options)

    def put_file(self, source: str, path: str, **options: Any) -> Any:
        self._wait()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return super().put_file(source, path, **options)

    def rm_file(self, path: str) -> None:
        self._wait()
        super().rm_file(path)


class Empty(InlineExecutor):
    """Runs tasks that write empty tables in place of those that read pages."""

    workers = 64
    capacity = 64

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, tuple[Path, File]] = {}

    def submit(self, call: Call) -> None:
        storage, name, outputs, fingerprint, function, arguments = call.arguments
        made = _EMPTY.get(function.__name__)
        if made is None:
            super().submit(call)
            return
        call = Call(
            call.name,
            call.function,
            (storage, name, outputs, fingerprint, made, (self, *arguments)),
        )
        super().submit(call)

    def wait(self) -> Outcome:
        """Without a thread that watches: nothing takes long."""
        call = self._calls.popleft()
        return Outcome(call, value=call.function(*call.arguments))

    def table(self, outputs: Outputs, dataset: str, schema: pa.Schema) -> None:
        """An empty table: the first is written, the others are links to it."""
        known = self._written.get(dataset)
        storage = outputs.storage
        if known is None:
            with outputs.parquet(dataset, schema):
                pass
            file = outputs.files[-1]
            self._written[dataset] = Path(storage.path(file.path)), file
            return
        path, file = known
        name = f"{dataset}/{outputs.key}{file.path[-33:]}"
        target = Path(storage.path(name))
        target.unlink(missing_ok=True)
        try:
            os.link(path, target)
        except OSError:  # it has as many links as it may
            shutil.copy(path, target)
            self._written[dataset] = target, file
        outputs.files.append(File(dataset, name, file.rows, file.bytes))


def _split(outputs: Outputs, empty: Empty, work: Any, *rest: Any) -> dict[str, Any]:
    schema = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])
    empty.table(outputs, f"commits/{work.name}", schema)
    empty.table(outputs, work.name, work.saved)
    (split, *_) = rest[1] if len(rest) > 1 and rest[1] else (None,)
    tally = _tally([stage.label for stage in work.stages])
    if split is not None and hasattr(split, "stop"):
        tally["source"] = {
            "records": 90_000,
            "admitted": 30_000,
            "records_lost": 0,
            "bytes_lost": 0,
            "named": 0,
            "retries": 0,
            "dates_unread": 0,
            "losses": [],
            "first_start": 0,
            "next_start": split.stop,
            "refused": {"request": {"None": {"application/http": 30_000}}},
        }
        tally["split"] = [split.start, split.stop, split.exact, []]
    return tally


def _layer(outputs: Outputs, empty: Empty, work: Any, *rest: Any) -> dict[str, Any]:
    fields = [("id", pa.uint64()), ("drop_reason", pa.string())]
    empty.table(outputs, work.name, pa.schema([*fields, ("drop_stage", pa.string())]))
    return _tally([stage.label for stage in work.stages])


def _dropped(outputs: Outputs, empty: Empty, *rest: Any) -> dict[str, Any]:
    fields = [("id", pa.uint64()), ("reason", pa.string()), ("stage", pa.string())]
    empty.table(outputs, "dropped", pa.schema(fields))
    return {"pages_lost_to_limits": []}


def _smallest(outputs: Outputs, empty: Empty, *rest: Any) -> dict[str, Any]:
    return {"groups": []}


_EMPTY: dict[str, Any] = {
    "run_split": _split,
    "run_file": _split,
    "run_layer": _layer,
    "publish_dropped": _dropped,
    "smallest_keys": _smallest,
}


def _tally(labels: list[str]) -> dict[str, Any]:
    """As many numbers as a real task counts."""
    languages = ("eng", "fra", "deu", "rus", "cmn", "unknown")
    amounts = {name: {"documents": 3, "characters": 4000} for name in languages}
    return {
        "stages": {
            label: {
                "documents_in": 30_000,
                "documents_out": 29_000,
                "characters_in": 9_000_000,
                "characters_out": 8_000_000,
                "seconds": 12.5,
                "dropped": {"low": amounts},
            }
            for label in labels
        },
        "columns": {"language": dict.fromkeys(languages, 5000)},
    }


def recipe(folder: Path, latency: float) -> Recipe:
    text = (ROOT / "stages.yaml").read_text("utf-8")
    above = text[: text.index("  - deduplicate")]
    path = folder / "stages.yaml"
    path.write_text(above.replace("samples/", f"{SAMPLES}/"), "utf-8")
    output = f"{'delayed://' if latency else ''}{folder}/out"
    sets = [
        f"input={folder}/in/*.warc.gz",
        f"output={output}",
        "ignore_free_space=true",
    ]
    return Recipe.load(path, sets)


def make_archives(folder: Path, count: int) -> None:
    """Links to archives of one page, named as CommonCrawl names them."""
    import zlib

    content, pages = (SAMPLES / "samples-00000.warc.gz").read_bytes(), []
    while content:
        member = zlib.decompressobj(31)
        if b"WARC-Type: response" in member.decompress(content)[:400]:
            pages.append(content[: len(content) - len(member.unused_data)])
        content = member.unused_data
    (folder / "in").mkdir(parents=True)
    for number in range(count):
        stamp = f"2024{number:010d}"
        name = f"CC-MAIN-{stamp}-{stamp}-{number % 100_000:05d}.warc.gz"
        page = number % len(pages)
        first = (
            folder
            / "in"
            / f"CC-MAIN-2024{page:010d}-2024{page:010d}-{page:05d}.warc.gz"
        )
        if number < len(pages):
            first.write_bytes(pages[page])
        else:
            os.link(first, folder / "in" / name)


def step(folder: Path, name: str, latency: float) -> None:
    """One process: run or resume, or plan alone. Small archives are not read together here."""
    units.FEWEST_SMALL = sys.maxsize
    tasks.give_memory_back = lambda: None  # of empty tables there is none
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    made = recipe(folder, latency)
    if name == "plan":
        from tamis.runner.outlook import outlook

        plan = outlook(made, workers=64)
        ran = dict(plan.to_do)
    else:
        summary = run(made, Empty(), Silent()).summary
        ran = summary["tasks_executed"]
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "step": name,
                "seconds": round(seconds, 1),
                "cpu": round(used.ru_utime + used.ru_stime, 1),
                "memory_mb": used.ru_maxrss // 1024,
                "tasks": ran,
            }
        ),
        flush=True,
    )


def started(folder: Path, name: str, latency: float) -> "subprocess.Popen[bytes]":
    command = [sys.executable, __file__, "--folder", str(folder), "--step", name]
    return subprocess.Popen([*command, "--latency", str(latency)])


def listing(output: Path) -> Iterator[str]:
    """Names of everything but records, which may be gathered in other ways."""
    for path in sorted(output.rglob("*")):
        name = str(path.relative_to(output))
        is_run = name.startswith(("runs", "work", "lock")) or name.endswith(".json")
        if path.is_file() and not is_run and not name.endswith(".jsonl"):
            yield name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archives", type=int, default=90_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    Delayed.seconds = chosen.latency
    fsspec.register_implementation("delayed", Delayed, clobber=True)
    if chosen.step:
        step(chosen.folder, chosen.step, chosen.latency)
        return
    if not (chosen.folder / "in").exists():
        make_archives(chosen.folder, chosen.archives)
    for name in ("plan", "run", "resume"):
        if started(
            chosen.folder, name, 0.0 if name == "run" else chosen.latency
        ).wait():
            sys.exit(f"{name} failed")
    if not chosen.kills:
        return
    whole = list(listing(chosen.folder / "out"))
    rng = random.Random(_SEED)
    shutil.rmtree(chosen.folder / "out")
    for _ in range(chosen.kills):
        process = started(chosen.folder, "run", 0.0)
        time.sleep(rng.uniform(0.1, 0.3) * chosen.archives / 300)
        process.send_signal(signal.SIGKILL)
        process.wait()
    if started(chosen.folder, "run", 0.0).wait():
        sys.exit("the run after the kills failed")
    if list(listing(chosen.folder / "out")) != whole:
        sys.exit("after the kills other files are there")
    print("after the kills: the same files")


if __name__ == "__main__":
    main()
