"""What somebody asked to be left out goes from everything, and never comes back."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, tamis_command
from fixtures.corpora import refreshed
from fixtures.recipes import own_recipe

import tamis
from tamis.denials.requests import read_requests
from tamis.forgetting.forget import forget
from tamis.storage import Storage
from tamis.storage.records import sealed

NOW = datetime(2026, 11, 30, tzinfo=UTC)
WHY = {"date": "2026-11-30", "reason": "asked by mail"}
DOMAIN = "uferblatt.example"
PAGE = "https://www.minato-yubin.example/2015/11/digest-03.html"


@pytest.fixture
def out(sample_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample_run, tmp_path / "out"))


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    rows = [{"domain": DOMAIN, **WHY}, {"url": PAGE, **WHY}]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@pytest.fixture
def two_releases(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "made"))


def hosts(path: Path) -> list[str]:
    found = []
    for shard in sorted(path.glob("shard-*.parquet")):
        found += pq.read_table(shard, columns=["host"])["host"].to_pylist()
    return found


def is_met(host: str | None) -> bool:
    return (host or "").endswith(DOMAIN)


def rerun(out: Path, *settings: str) -> dict[str, Any]:
    """Run the main recipe over its own folder again; the run summary."""
    recipe = out.parent / "stages.yaml"
    recipe.write_text(own_recipe(), "utf-8")
    arguments = [f"output={out}", "executor.kind=inline", *settings]
    sets = [part for one in arguments for part in ("--set", one)]
    ended = tamis_command("run", str(recipe), "--quiet", *sets)
    assert ended.code == 0, ended.stderr
    summary: dict[str, Any] = json.loads((out / "run.json").read_text("utf-8"))
    return summary


def reasons(summary: dict[str, Any]) -> dict[str, list[str]]:
    return {
        label: sorted(about["dropped"]) for label, about in summary["stages"].items()
    }


def texts_of(out: Path, host: str) -> list[str]:
    """Lines of the texts of a host, long enough to be nobody else's."""
    table = pa.concat_tables(map(pq.read_table, (out / "mix").glob("*.parquet")))
    own = table.filter(pc.match_substring(table["host"], host))
    lines = {line for text in own["text"].to_pylist() for line in text.split("\n")}
    others = table.filter(pc.invert(pc.match_substring(table["host"], host)))
    rest = "\n".join(others["text"].to_pylist())
    return [line for line in lines if len(line) > 60 and line not in rest]


def test_a_trial_counts_and_changes_nothing(
    out: Path, requests: Path, command: Callable[..., Any]
) -> None:
    before = {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    ended = command("forget", str(out), "--request", str(requests), "--dry-run")
    assert ended.code == 0, ended.stderr
    assert "2 requests, 2 of them new: they mean 11 documents" in ended.stdout
    after = {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    assert after == before


def test_nothing_is_left_of_what_was_asked(
    out: Path, requests: Path, command: Callable[..., Any]
) -> None:
    lines = texts_of(out, DOMAIN)
    assert lines
    rows = len(hosts(out / "mix"))
    met = sum(map(is_met, hosts(out / "mix")))
    assert met
    assert command("forget", str(out), "--verify").code == 0  # nothing is denied yet
    ended = command("forget", str(out), "--request", str(requests))
    assert ended.code == 0, ended.stderr
    assert "9 documents left the mix" in ended.stdout
    after = hosts(out / "mix")
    assert not any(map(is_met, after))
    assert rows - met - 3 <= len(after) < rows - met  # one page more, up to 3 times
    tables = {p: pq.read_table(p) for p in out.rglob("*.parquet")}
    everything = "\n".join(
        str(value)
        for table in tables.values()
        for name in table.column_names
        if pa.types.is_string(table.schema.field(name).type)
        for value in table[name].to_pylist()
        if value
    )
    assert not [line for line in lines if line in everything]
    assert PAGE not in everything
    words = [p for p in out.rglob("*") if p.suffix in (".json", ".html", ".jsonl")]
    for path in words:
        content = path.read_text("utf-8")
        if path.name not in ("denied.json", "forgotten.jsonl"):
            assert PAGE not in content
            assert not [line for line in lines if line in content]
    assert command("verify", str(out)).code == 0
    proof = command("forget", str(out), "--verify")
    assert proof.code == 0
    assert "none has anything left" in proof.stdout
    (line,) = (out / "forgotten.jsonl").read_text("utf-8").splitlines()
    logged = json.loads(line)
    assert [own["reason"] for own in logged["requests"]] == ["asked by mail"] * 2
    own = logged["folders"][""]
    assert own["documents"] == 9
    assert own["manifest_before"] != own["manifest_after"]
    assert json.loads((out / "forgotten.json").read_text("utf-8"))["documents"] == 9


def test_a_row_that_stays_has_its_id_its_host_and_hashes(
    out: Path, requests: Path
) -> None:
    tamis.forget(out, requests)
    left = []
    for path in (out / "documents").glob("*.parquet"):
        table = pq.read_table(path)
        left += table.filter(pc.is_null(table["url"])).to_pylist()
    assert len(left) == 11
    for row in left:
        there = {name for name, value in row.items() if value is not None}
        bands = {f"band_{number:02}" for number in range(14)}
        assert {"id", "host"} <= there <= {"id", "host", "text_hash", *bands}


def test_nobody_is_given_an_empty_row(
    out: Path, requests: Path, tmp_path: Path
) -> None:
    """Neither who opens the run, nor who exports it, nor another run that reads it."""
    before = tamis.Run(out).documents(kept=None).read_all().num_rows
    tamis.forget(out, requests)
    found = tamis.Run(out).documents(kept=None, columns=["id", "text"]).read_all()
    assert found.num_rows == before - 11
    assert found["text"].null_count == 0
    (path,) = [p for p in tamis.Run(out).export(tmp_path / "own") if "00000" in p.name]
    assert pq.read_table(path)["text"].null_count == 0
    other = tamis.Recipe(
        output=str(tmp_path / "other"),
        languages=["fra", "deu"],
        executor="inline",
        stages=[
            {"read_documents": {"runs": [str(out)], "documents": "all"}},
            {"save": "documents"},
            "mix_corpus",
        ],
    )
    summary = tamis.run(other, progress=False).summary
    assert summary["stages"]["read_documents"]["documents_in"] == before - 11


@pytest.mark.long  # kills
def test_a_card_is_made_again_by_whoever_repeats_a_killed_call(
    out: Path,
    requests: Path,
    command: Callable[..., Any],
    killing: Callable[[int], None],
) -> None:
    """Killed behind the manifest: the sums of the card are those of shards that are gone."""
    assert command("card", str(out)).code == 0
    manifest = out / "mix" / "_manifest.json"
    before = manifest.read_bytes()
    for at in range(12, 200):
        killing(at)
        try:
            tamis.forget(out, requests)
        except Killed:
            if manifest.read_bytes() != before:
                break
    killing(10**9)
    assert manifest.read_bytes() != before
    assert command("verify", str(out)).code == 1
    ended = command("forget", str(out), "--request", str(requests))
    assert "call `tamis card` again if it had a publisher" in ended.stdout
    assert command("verify", str(out)).code == 0
    assert command("forget", str(out), "--verify").code == 0


def test_the_same_requests_again_do_nothing(
    out: Path, requests: Path, command: Callable[..., Any]
) -> None:
    tamis.forget(out, requests)
    before = {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    ended = command("forget", str(out), "--request", str(requests))
    assert "0 documents left the mix, 0 files are new" in ended.stdout
    after = {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    assert after == before


def test_a_later_run_mixes_again_and_extracts_nothing(
    out: Path, requests: Path, command: Callable[..., Any]
) -> None:
    tamis.forget(out, requests)
    summary = rerun(out)
    executed = summary["tasks_executed"]
    assert not {"extracted", "documents", "deduplicate-gather"} & set(executed)
    assert reasons(summary)["deny"] == ["denied"]
    assert not any(map(is_met, hosts(out / "mix")))
    assert command("verify", str(out)).code == 0
    assert command("forget", str(out), "--verify").code == 0
    # Without a new request it is finished.
    assert rerun(out)["tasks_executed"] == {}


def test_another_setting_of_a_text_stage_meets_nothing_of_it(
    out: Path, requests: Path, command: Callable[..., Any]
) -> None:
    tamis.forget(out, requests)
    summary = rerun(out, "sign.bands=10")
    assert "documents" in summary["tasks_executed"]
    assert "extracted" not in summary["tasks_executed"]
    # What was forgotten is dropped by the first stage that would read its text.
    assert reasons(summary)["measure_text"] == ["denied"]
    assert command("verify", str(out)).code == 0
    assert command("forget", str(out), "--verify").code == 0


def test_another_threshold_is_compared_with_rows_that_have_no_numbers(
    out: Path, requests: Path, command: Callable[..., Any]
) -> None:
    tamis.forget(out, requests)
    summary = rerun(out, "filter_language.min_score=0.7", "filter_toxicity.agree=model")
    assert "decisions" in summary["tasks_executed"]
    assert "documents" not in summary["tasks_executed"]
    assert not any(map(is_met, hosts(out / "mix")))
    assert command("verify", str(out)).code == 0
    assert command("forget", str(out), "--verify").code == 0


def test_what_is_read_again_is_refused_at_the_door(
    out: Path, requests: Path, command: Callable[..., Any], tmp_path: Path
) -> None:
    """Another address of the archive, so that ids differ: only the addresses tell."""
    tamis.forget(out, requests)
    again = tmp_path / "again.warc.gz"
    shutil.copy(ROOT / "samples" / "samples-00000.warc.gz", again)
    summary = rerun(out, f"input={again}")
    assert "denied" in reasons(summary)["read_warc"]
    assert not any(map(is_met, hosts(out / "mix")))
    (dropped,) = {
        row["host"]
        for path in (out / "dropped").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
        if row["reason"] == "denied" and row["stage"] == "read_warc" and row["url"]
    } or {None}
    assert dropped is None
    assert command("verify", str(out)).code == 0
    assert command("forget", str(out), "--verify").code == 0


def test_every_release_and_every_run_of_a_corpus_is_cleared(
    two_releases: Path, requests: Path, command: Callable[..., Any]
) -> None:
    corpus = two_releases / "corpus"
    mixes = sorted(corpus.glob("releases/*/mix"))
    assert len(mixes) == 2
    assert all(any(map(is_met, hosts(mix))) for mix in mixes)
    latest = (corpus / "latest.json").read_bytes()
    done = tamis.forget(corpus, requests)
    assert done.ids == 11
    assert not any(is_met(host) for mix in mixes for host in hosts(mix))
    assert (corpus / "latest.json").read_bytes() == latest
    assert command("verify", str(corpus)).code == 0
    assert command("forget", str(corpus), "--verify").code == 0
    # The documents of the runs are those of before, so there is nothing to release.
    assert "nothing to do" in refreshed(two_releases).stdout


def test_a_later_crawl_with_the_same_pages_brings_nothing_back(
    two_releases: Path, requests: Path, command: Callable[..., Any]
) -> None:
    corpus = two_releases / "corpus"
    tamis.forget(corpus, requests)
    for number in (0, 1):
        again = two_releases / f"again-{number}.warc.gz"
        shutil.copy(ROOT / "samples" / f"samples-0000{number}.warc.gz", again)
    names = "again-0.warc.gz\nagain-1.warc.gz\n"
    (two_releases / "crawl-2.paths").write_text(names, "utf-8")
    refreshed(two_releases)
    summary = json.loads((corpus / "runs/crawl-2/run.json").read_text("utf-8"))
    assert "denied" in reasons(summary)["read_warc"]
    # Copies elsewhere of what was kept are known by their hashes: nothing comes in.
    assert summary["stages"]["deduplicate"]["documents_out"] == 0
    assert len(list(corpus.glob("releases/*/mix"))) == 3
    assert not any(
        is_met(host) for mix in corpus.glob("releases/*/mix") for host in hosts(mix)
    )
    assert command("verify", str(corpus)).code == 0
    assert command("forget", str(corpus), "--verify").code == 0


def test_a_domain_is_looked_up(
    two_releases: Path, requests: Path, command: Callable[..., Any]
) -> None:
    corpus = two_releases / "corpus"
    found = tamis.lookup(corpus, DOMAIN)
    assert not found.is_denied
    assert [mix.documents for mix in found.mixes] == [4, 9]
    assert [mix.is_latest for mix in found.mixes] == [False, True]
    assert found.mixes[-1].crawls == {"crawl-0": 4, "crawl-1": 5}
    page = command("lookup", str(corpus), PAGE)
    assert page.stdout.count("1 documents") == 2
    assert PAGE in page.stdout
    tamis.forget(corpus, requests)
    told = command("lookup", str(corpus), f"www.{DOMAIN}").stdout
    assert told.count(" 0 documents") == 2
    assert "denied: it was asked to be left out" in told
    assert command("lookup", str(corpus), "nonsense").code == 2


def test_after_a_run_without_an_archive_the_mix_of_before_is_cleared(
    out: Path, requests: Path, command: Callable[..., Any], tmp_path: Path
) -> None:
    """run.json is then that of the later run, which made no mix."""
    summary = json.loads((out / "run.json").read_text("utf-8"))
    summary.pop("digest")
    del summary["stages"]["mix_corpus"]
    summary["complete"] = False
    (out / "run.json").write_bytes(sealed(summary, indent=1))
    tamis.forget(out, requests)
    assert not any(map(is_met, hosts(out / "mix")))
    assert command("forget", str(out), "--verify").code == 0


def test_the_log_has_the_requests_of_a_call_that_was_killed(
    out: Path, requests: Path, killing: Callable[[int], None]
) -> None:
    killing(4)  # behind the list, before anything is taken out
    with pytest.raises(Killed):
        tamis.forget(out, requests)
    killing(10**9)
    assert (out / "denied.json").exists()
    tamis.forget(out, requests)
    lines = (out / "forgotten.jsonl").read_text("utf-8").splitlines()
    logged = [own["value"] for line in lines for own in json.loads(line)["requests"]]
    assert sorted(logged) == [
        "minato-yubin.example/2015/11/digest-03.html",
        DOMAIN,
    ]


def test_an_address_is_found_however_a_file_spells_it(
    out: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    asked = tmp_path / "requests.jsonl"
    url = "https://a.example/caf%C3%A9?x=1&y=2"
    asked.write_text(json.dumps({"url": url, **WHY}), "utf-8")
    tamis.forget(out, asked)
    page = out / "page.html"
    page.write_text('<a href="https://a.example/caf%C3%A9?x=1&amp;y=20">', "utf-8")
    assert command("forget", str(out), "--verify").code == 0  # another page
    page.write_text('<a href="https://a.example/caf%C3%A9?x=1&amp;y=2">', "utf-8")
    ended = command("forget", str(out), "--verify")
    assert ended.code == 1
    assert "page.html: the address https://a.example/caf" in ended.stdout


def test_proof_names_what_is_left(
    out: Path, requests: Path, command: Callable[..., Any]
) -> None:
    shard = next((out / "mix").glob("*.parquet"))
    kept = shard.read_bytes()
    tamis.forget(out, requests)
    shard.write_bytes(kept)
    page = out / "page.html"
    page.write_text(f"<a href='{PAGE}'>", "utf-8")
    ended = command("forget", str(out), "--verify")
    assert ended.code == 1
    assert f"mix/{shard.name}: id of denied documents" in ended.stdout
    assert "page.html: the address" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--request", "none.jsonl"], 2, "cannot be read"),
        ([], 2, "give either --request FILE, or --verify"),
        (["--verify", "--dry-run"], 2, "give either"),
    ],
)
def test_a_mistake_is_one_line(
    out: Path,
    command: Callable[..., Any],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    ended = command("forget", str(out), *arguments)
    assert ended.code == code
    assert said in ended.stderr


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, requests: Path, command: Callable[..., Any]
) -> None:
    (tmp_path / "empty").mkdir()
    ended = command("forget", str(tmp_path / "empty"), "--request", str(requests))
    assert ended.code == 2
    assert "there is no run, no release and no corpus" in ended.stderr


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """`killing(n)`: the n-th change of a folder from now on does not happen."""
    left = [10**9]

    def counted(name: str) -> None:
        own = getattr(Storage, name)

        def changing(self: Storage, *args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return own(self, *args, **kwargs)

        monkeypatch.setattr(Storage, name, changing)

    for name in ("write", "create", "remove", "writer", "replace"):
        counted(name)

    def kill(after: int) -> None:
        left[0] = after

    yield kill
    left[0] = 10**9


def test_killed_at_any_change_and_called_again_it_ends_the_same(
    out: Path,
    requests: Path,
    tmp_path: Path,
    killing: Callable[[int], None],
    command: Callable[..., Any],
) -> None:
    asked = read_requests(requests)
    whole = Path(shutil.copytree(out, tmp_path / "whole"))
    forget(Storage(str(whole)), asked, now=NOW)
    wanted = results(whole)
    at = 0
    kills = 0
    while True:
        spoiled = Path(shutil.copytree(out, tmp_path / f"killed-{at}"))
        killing(at)
        try:
            forget(Storage(str(spoiled)), asked, now=NOW)
        except Killed:
            kills += 1
        else:
            break
        killing(10**9)
        forget(Storage(str(spoiled)), asked, now=NOW)
        assert results(spoiled) == wanted, f"killed at change {at}"
        assert not (spoiled / "forgotten" / "going.json").exists()
        if at % 9 == 0:
            assert command("verify", str(spoiled)).code == 0
            assert command("forget", str(spoiled), "--verify").code == 0
        shutil.rmtree(spoiled)
        at += 2 + at
    assert kills > 3


def results(out: Path) -> dict[str, bytes]:
    """What a folder publishes, by name."""
    folders = ("mix", "documents", "extracted", "dropped", "mixed")
    files = [p for folder in folders for p in sorted((out / folder).glob("*"))]
    files += [out / "tables.json", out / "denied.json", out / "forgotten.json"]
    found = {str(path.relative_to(out)): path.read_bytes() for path in files}
    summary = json.loads((out / "run.json").read_text("utf-8"))
    return found | {"stages": json.dumps(summary["stages"]).encode()}


@pytest.mark.long
def test_a_corpus_whose_forgetting_is_killed_by_the_system(
    made: Path, requests: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    draw = random.Random(17)
    wanted: dict[str, bytes] | None = None
    for number in range(16):
        folder = Path(shutil.copytree(made, tmp_path / f"killed-{number}"))
        arguments = [sys.executable, "-m", "tamis", "forget", str(folder / "corpus")]
        arguments += ["--request", str(requests)]
        process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        if number:  # the first one comes to its end
            time.sleep(draw.uniform(0.3, 3.0))
            process.send_signal(signal.SIGKILL)
        process.wait()
        tamis.forget(folder / "corpus", requests)
        found = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.glob("corpus/*/*/mix/*"))
        }
        wanted = wanted or found
        assert found == wanted
        assert command("verify", str(folder / "corpus")).code == 0
        assert command("forget", str(folder / "corpus"), "--verify").code == 0
        shutil.rmtree(folder)
