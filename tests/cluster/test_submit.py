"""`tamis submit` and `tamis stop`: what travels, and which job runs it.

A server that knows jobs stands for a head; `test_jobs.py` asks a real one.
"""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import tamis
from tamis.errors import ConfigError, TamisError
from tamis.runner.jobs import follow, last_run, submission_of, submit
from tamis.runner.live import Live
from tamis.storage import Storage
from tamis.work.commits import Commit
from tamis.work.executors import InlineExecutor
from tamis.work.fingerprints import library_version
from tamis.work.ray_jobs import Jobs
from tamis.work.tasks import Silent

RECIPE = """
input: s3://bucket/in/*.warc.gz
output: s3://bucket/out
languages: [fra]
stages:
  - read_warc: {}
  - decode_html: {}
  - extract_text: {}
  - save: documents
"""


class Head(ThreadingHTTPServer):
    """The answers of a head's dashboard, as far as jobs go."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.packages: dict[str, bytes] = {}
        self.asks_for: str | None = None
        self.rival: str | None = None  # submitted just before the next one

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def know(self, name: str, status: str) -> None:
        about = {"type": "SUBMISSION", "submission_id": name, "entrypoint": "x"}
        self.jobs[name] = {**about, "status": status}


class Handler(BaseHTTPRequestHandler):
    server: Head

    def do_GET(self) -> None:
        *_, last = self.path.split("/")
        if self.server.asks_for and self.server.asks_for not in str(self.headers):
            self._answer(401, {"error": "Unauthorized: no authentication token"})
        elif self.path == "/api/version":
            about = {"version": "4", "ray_commit": "x", "session_name": "s"}
            self._answer(200, {**about, "ray_version": library_version("ray")})
        elif self.path == "/api/jobs/":
            self._answer(200, list(self.server.jobs.values()))
        elif last == "logs":
            self._answer(200, {"logs": "one\n\ntwo\n\x1b[2Jthree\n"})
        elif "/packages/" in self.path:
            self._answer(200 if last in self.server.packages else 404, {})
        elif last in self.server.jobs:
            self._answer(200, self.server.jobs[last])
        else:
            self._answer(404, {})

    def do_PUT(self) -> None:
        self.server.packages[self.path.split("/")[-1]] = self._body()
        self._answer(200, {})

    def do_POST(self) -> None:
        if self.path.endswith("/stop"):
            job = self.server.jobs[self.path.split("/")[-2]]
            is_on = job["status"] == "RUNNING"
            job["status"] = "STOPPED" if is_on else job["status"]
            self._answer(200, {"stopped": is_on})
            return
        asked = json.loads(self._body())
        name = asked["submission_id"]
        if self.server.rival:
            self.server.know(name, self.server.rival)
            self.server.rival = None
        if name in self.server.jobs:
            self._answer(500, f"Job with submission_id {name} already exists")
            return
        self.server.know(name, "PENDING")
        self.server.jobs[name] |= {k: asked[k] for k in ("entrypoint", "runtime_env")}
        self._answer(200, {"job_id": name, "submission_id": name})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def head() -> Iterator[Head]:
    server = Head()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "stages.yaml"
    path.write_text(RECIPE, "utf-8")
    return path


def test_the_first_job_is_submitted_and_the_second_call_joins_it(
    head: Head, recipe: Path, command: Callable[..., Any]
) -> None:
    first = command("submit", str(recipe), "--address", head.url)
    assert first.code == 0, first.stderr
    (name,) = head.jobs
    assert first.stdout == f"{name} is submitted\n"
    again = command("submit", str(recipe), "--address", head.url)
    assert (again.code, again.stdout) == (0, f"{name} is at work already\n")
    assert list(head.jobs) == [name]


@pytest.mark.parametrize("status", ["STOPPED", "SUCCEEDED", "FAILED"])
def test_a_job_that_has_ended_goes_on_as_the_next_number(
    status: str, head: Head, recipe: Path
) -> None:
    asked = submission_of(recipe)
    head.know(f"tamis-{asked.fingerprint}-9", status)
    head.know(f"tamis-{asked.fingerprint}-10", status)
    head.know("raysubmit_ABC", "RUNNING")
    head.know(f"tamis-{'0' * 16}-3", "RUNNING")
    job, is_new = submit(Jobs(head.url), asked)
    assert is_new
    assert job.id == f"tamis-{asked.fingerprint}-11"


def test_of_two_who_submit_at_once_one_joins_the_other(
    head: Head, recipe: Path
) -> None:
    head.rival = "RUNNING"
    job, is_new = submit(Jobs(head.url), submission_of(recipe))
    assert (job.number, is_new, job.phase) == (1, False, "RUNNING")


def test_another_setting_is_another_job(head: Head, recipe: Path) -> None:
    plain = submission_of(recipe).fingerprint
    assert submission_of(recipe).fingerprint == plain
    assert submission_of(recipe, ["seed=1"]).fingerprint != plain
    assert submission_of(recipe, ["input=s3://bucket/b.warc.gz"]).fingerprint != plain


def test_what_travels_is_the_recipe_with_its_overrides(
    head: Head, recipe: Path
) -> None:
    tamis.submit(recipe, ["seed=7"], address=head.url)
    (job,) = head.jobs.values()
    assert job["entrypoint"].startswith("python -m tamis run recipe.yaml --set ")
    assert "executor.address=auto" in job["entrypoint"]
    (package,) = head.packages.values()
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.namelist() == ["recipe.yaml"]
        sent = yaml.safe_load(archive.read("recipe.yaml"))
    assert sent == yaml.safe_load(RECIPE) | {"seed": 7}


def test_files_of_this_machine_are_refused_each_with_its_place(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    (tmp_path / "a.warc.gz").write_bytes(b"")
    (tmp_path / "lists").mkdir()
    (tmp_path / "own.py").write_text(
        "import tamis\n\n\nclass Own(tamis.Transform):\n"
        "    def build(self):\n        return lambda batch: batch\n"
    )
    path = tmp_path / "stages.yaml"
    text = RECIPE.replace("s3://bucket/in/*.warc.gz", "'*.warc.gz'")
    text = text.replace("s3://bucket/out", "out")
    text = text.replace(
        "  - extract_text", "  - filter_url: {lists: [lists]}\n  - extract_text"
    ).replace("  - save", "  - own.py:Own: {}\n  - save")
    path.write_text(text, "utf-8")
    refused = command("submit", str(path), "--address", "http://127.0.0.1:1")
    assert refused.code == 2
    for line in (
        f"  input: {tmp_path}/*.warc.gz",
        f"  output: {tmp_path}/out",
        f"  filter_url.lists: {tmp_path}/lists",
        f"  stages: {tmp_path}/own.py",
    ):
        assert line in refused.stderr.splitlines(), refused.stderr
    asked = submission_of(path, shared=[str(tmp_path)])
    assert asked.document["output"] == f"{tmp_path}/out"
    with pytest.raises(ConfigError, match="a cluster does not see"):
        submission_of(path, shared=[f"{tmp_path}/lists"])


def test_a_relative_path_is_resolved_before_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    text = RECIPE.replace("s3://bucket/out", "../out")
    (tmp_path / "folder" / "stages.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    asked = submission_of(Path("folder/stages.yaml"), shared=["."])
    assert Path(asked.document["output"]).is_absolute()
    assert Path(asked.document["output"]).resolve() == tmp_path / "out"


def test_a_path_that_leaves_a_shared_folder_is_not_in_it(tmp_path: Path) -> None:
    text = RECIPE.replace("s3://bucket/out", f"{tmp_path}/shared/../own/out")
    (tmp_path / "stages.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="a cluster does not see"):
        submission_of(tmp_path / "stages.yaml", shared=[f"{tmp_path}/shared"])


def test_one_process_is_no_use_of_a_cluster(recipe: Path) -> None:
    with pytest.raises(ConfigError, match=r"executor\.kind is inline"):
        submission_of(recipe, ["executor=inline"])


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_file_that_is_no_wheel_of_ours_is_refused(
    content: bytes | None, recipe: Path, head: Head, tmp_path: Path
) -> None:
    wheel = tmp_path / "other-1.0-py3-none-any.whl"
    if content is None:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("other/__init__.py", "")
    else:
        wheel.write_bytes(content)
    with pytest.raises(ConfigError, match="--wheel"):
        tamis.submit(recipe, address=head.url, wheel=wheel)
    assert not head.jobs


def test_a_wheel_travels_unpacked_beside_the_recipe(
    recipe: Path, head: Head, tmp_path: Path
) -> None:
    wheel = tmp_path / "tamis-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tamis/__init__.py", "")
        archive.writestr("tamis-9.9.dist-info/METADATA", "Version: 9.9")
    tamis.submit(recipe, address=head.url, wheel=wheel)
    (package,) = head.packages.values()
    with zipfile.ZipFile(io.BytesIO(package)) as sent:
        names = {name for name in sent.namelist() if not name.endswith("/")}
    assert names == {
        "recipe.yaml",
        "tamis/__init__.py",
        "tamis-9.9.dist-info/METADATA",
    }


def test_stop_stops_the_job_that_runs_the_recipe(
    head: Head, recipe: Path, command: Callable[..., Any]
) -> None:
    asked = submission_of(recipe)
    nobody = command("stop", str(recipe), "--address", head.url)
    assert (nobody.code, nobody.stdout) == (1, "")
    assert nobody.stderr == f"tamis: {recipe}: no job at work runs it\n"
    head.know(f"tamis-{asked.fingerprint}-1", "FAILED")
    head.know(f"tamis-{asked.fingerprint}-2", "RUNNING")
    done = command("stop", str(recipe), "--address", head.url)
    assert done.code == 0, done.stderr
    assert head.jobs[f"tamis-{asked.fingerprint}-2"]["status"] == "STOPPED"
    assert head.jobs[f"tamis-{asked.fingerprint}-1"]["status"] == "FAILED"


def test_a_job_is_followed_by_what_its_run_says(head: Head, tmp_path: Path) -> None:
    """What the run before it said is old, and not shown."""
    path = tmp_path / "stages.yaml"
    path.write_text(RECIPE.replace("s3://bucket/out", f"{tmp_path}/out"), "utf-8")
    jobs = Jobs(head.url)
    job, _ = submit(jobs, submission_of(path, shared=[str(tmp_path)]))
    storage = Storage(f"{tmp_path}/out")

    def live() -> Live:
        return Live(Silent(), storage, InlineExecutor(), ["documents"])

    old, new = live(), live()
    old.begin("documents", 9)
    old.say("complete")
    before = last_run(storage)
    shown: list[tuple[Any, ...]] = []

    class Shown(Silent):
        def over(self, group: str, pages: int) -> None:
            shown.append((group, "over", pages))

        def begin(self, group: str, total: int) -> None:
            shown.append((group, total))

        def inside(self, group: str, documents: int, shares: float) -> None:
            shown.append((group, documents, shares))

    turns = 0

    def sleep(seconds: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 2:
            new.begin("documents", 4)
            new.inside("documents", 50, 1.5)
            new.say("running")
            head.jobs[job.id]["status"] = "RUNNING"
        if turns == 3:
            stages = {"read_warc": {"documents_in": 20, "dropped": {}}}
            for name in "abcd":
                commit = Commit(name, "f", tally={"stages": stages})
                new.advance("documents", commit, redone=True)
            new.begin("deduplicate", 1)
            new.say("running")
        if turns == 4:
            head.jobs[job.id]["status"] = "SUCCEEDED"

    phase = follow(jobs, job, storage, Shown(), before=before, sleep=sleep)
    assert phase == "SUCCEEDED"
    assert shown[:2] == [("documents", 4), ("documents", 50, 1.5)]
    assert shown.count(("documents", "over", 80)) == 1
    assert ("deduplicate", 1) in shown


def test_a_job_that_fails_is_said_with_its_last_words(
    head: Head,
    tmp_path: Path,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "stages.yaml"
    path.write_text(RECIPE.replace("s3://bucket/out", f"{tmp_path}/out"), "utf-8")
    asked = submission_of(path, shared=[str(tmp_path)])
    head.rival = "RUNNING"
    whole = head.know

    def know(name: str, status: str) -> None:
        whole(name, status)
        threading.Timer(0.3, lambda: head.jobs[name].update(status="FAILED")).start()

    monkeypatch.setattr(head, "know", know)
    done = command(
        *("submit", str(path), "--address", head.url, "--follow"),
        *("--shared", str(tmp_path)),
    )
    assert done.code == 1
    (line,) = done.stderr.splitlines()
    name = f"tamis-{asked.fingerprint}-1"
    assert line == f"tamis: {name} has ended as failed: one; two; \ufffd[2Jthree"


def test_no_head_is_said_in_one_line(recipe: Path, command: Callable[..., Any]) -> None:
    for address, why in (
        ("http://127.0.0.1:1", "no Ray takes jobs there"),
        ("127.0.0.1:6379", "jobs go to the dashboard of the head"),
        ("http://user:word@127.0.0.1:1", "http://127.0.0.1:1: no Ray"),
    ):
        done = command("submit", str(recipe), "--address", address)
        assert (done.code, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert why in line
        assert "word" not in line


def test_a_head_that_asks_for_a_token_says_how_to_give_it(
    head: Head, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head.asks_for = "d" * 64
    with pytest.raises(TamisError, match="asks for a token: set RAY_AUTH_MODE=token"):
        Jobs(head.url)
