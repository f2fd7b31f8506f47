"""Bytes that a run fetched are those that servers and stores sent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fixtures.recipes import OF_A_CORPUS
from prometheus_client.openmetrics import parser

from tamis.remote.opening import Access, open_input, read_input
from tamis.storage import Storage
from tamis.storage.fetched import fetched_by

Command = Callable[..., Any]


@pytest.fixture
def run(
    command: Command, s3: dict[str, dict[str, str]], tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """run.json of a run with these settings, held against its file of metrics."""

    def ran(*settings: str) -> dict[str, Any]:
        recipe, file = tmp_path / "stages.yaml", tmp_path / "tamis.prom"
        recipe.write_text(OF_A_CORPUS)
        output = f"output={tmp_path}/out"
        sets = [one for value in (output, *settings) for one in ("--set", value)]
        ended = command("run", str(recipe), "-q", "--metrics-file", str(file), *sets)
        assert ended.code == 0, ended.stderr
        where = next(s for s in (*settings, output) if s.startswith("output="))
        store = Storage(where.partition("=")[2], s3)
        summary: dict[str, Any] = json.loads(store.read("run.json"))
        exported = {
            sample.labels["step"]: sample.value
            for family in parser.text_string_to_metric_families(file.read_text("utf-8"))
            for sample in family.samples
            if sample.name == "tamis_fetched_bytes_total"
        }
        assert exported == summary["fetched"]
        return summary

    return ran


@pytest.mark.parametrize(
    "kind", ["inline", pytest.param("ray", marks=pytest.mark.long)]
)
def test_bytes_of_a_server_are_counted_by_step(
    site: Any, run: Callable[..., dict[str, Any]], small_archive: bytes, kind: str
) -> None:
    names = [f"{name}.warc.gz" for name in "ab"]
    site.files = dict.fromkeys(names, small_archive)
    site.files["all.paths"] = "".join(f"{name}\n" for name in names).encode()
    settings = [f"input={site.url('all.paths')}", f"executor.kind={kind}"]
    fetched = run(*settings, "executor.workers=1")["fetched"]
    assert sum(fetched.values()) == site.sent
    assert fetched["extracted"] >= 2 * len(small_archive)
    assert fetched["driver"] >= len(site.files["all.paths"])
    assert set(fetched) == {"driver", "extracted"}
    site.sent = 0
    again = run(*settings)["fetched"]
    assert sum(again.values()) == site.sent
    assert "extracted" not in again  # of this run: it had it


def test_bytes_that_are_sent_twice_count_twice(
    site: Any, faults: Any, hasty: Any, small_archive: bytes
) -> None:
    site.files["a.warc.gz"] = small_archive
    site.faults.extend([faults["breaks_after"](1000), faults["answers"](503)])
    with open_input(site.url("a.warc.gz"), Access()) as file:
        content, fetched = fetched_by(lambda: file.read(len(small_archive)))
    assert content == small_archive
    assert (
        fetched == site.sent == len(small_archive)
    )  # it went on behind the first 1000
    site.faults.append(faults["breaks_after"](500))
    site.sent = 0
    content, fetched = fetched_by(lambda: read_input(site.url("a.warc.gz"), Access()))
    assert content == small_archive
    assert fetched == site.sent == len(small_archive) + 500


def test_bytes_of_a_store_are_counted_by_step(
    s3: dict[str, dict[str, str]],
    run: Callable[..., dict[str, Any]],
    small_archive: bytes,
) -> None:
    place = "s3://bucket/fetched"
    store = Storage(place, s3)
    store.write("a.warc.gz", small_archive)
    options = f"storage_options={{s3: {{endpoint_url: '{s3['s3']['endpoint_url']}'}}}}"
    summary = run(f"input={place}/a.warc.gz", f"output={place}/out", options)
    fetched = summary["fetched"]
    assert fetched["extracted"] >= len(small_archive)
    saved = store.sizes("out/extracted")
    assert fetched["documents"] >= sum(saved.values())
    assert {"deduplicate-components", "driver", "dropped"} & set(fetched)


@pytest.mark.parametrize(
    ("read", "size"),
    [
        (lambda s: s.read("a"), 1000),
        (lambda s: s.read_range("a", 10, 30), 20),
        (lambda s: s.open("a").read(), 1000),
        (lambda s: s.names(""), 0),
        (lambda s: s.size("a"), 0),
    ],
)
def test_what_comes_from_a_store_is_counted_once(
    s3: dict[str, dict[str, str]], read: Any, size: int
) -> None:
    store = Storage("s3://bucket/fetched-once", s3)
    store.write("a", bytes(1000))
    assert fetched_by(lambda: read(store))[1] == size


@pytest.mark.parametrize("protocol", ["s3", "memory"])
def test_inputs_in_any_store_are_counted_once(
    s3: dict[str, dict[str, str]], protocol: str
) -> None:
    path = f"{protocol}://bucket/fetched-input"
    with fsspec.open(path, "wb", **s3.get(protocol, {})) as file:
        file.write(bytes(1000))
    access = Access(s3)
    assert fetched_by(lambda: read_input(path, access))[1] == 1000
    with open_input(path, access, size=1000, ranges=[(100, 300)]) as opened:
        opened.seek(100)
        assert fetched_by(lambda: opened.read(200))[1] == 200


def test_files_of_this_machine_are_not_fetched(
    run: Callable[..., dict[str, Any]], small_archive: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.warc.gz").write_bytes(small_archive)
    assert run(f"input={tmp_path}/a.warc.gz")["fetched"] == {}
