"""`tamis robots`: from archives of robots.txt files to the table that read_rights asks."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tamis.errors import ConfigError, TamisError
from tamis.inputs import resolve
from tamis.remote.opening import Access
from tamis.rights import robots_archives as robots
from tamis.rights.robots import Robots
from tamis.rights.robots_archives import build_table
from tamis.rights.robots_table import RobotsTable
from tamis.work.executors import Call, InlineExecutor, Outcome
from tamis.work.processes import Death

ALL = "User-agent: *\nDisallow: /"


Record = Callable[[str, str, str, str], bytes]


@pytest.fixture
def record(response_record: Callable[[str, str, bytes], bytes]) -> Record:
    def robots_record(url: str, day: str, status: str, content: str) -> bytes:
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n\r\n"
        return response_record(url, f"2024-01-{day}", (head + content).encode())

    return robots_record


def archive(path: Path, *records: bytes) -> str:
    path.write_bytes(b"".join(records))
    return str(path)


def test_the_files_of_all_archives_become_one_table(
    command: Callable[..., Any], record: Record, tmp_path: Path
) -> None:
    first = archive(
        tmp_path / "a.warc.gz",
        record("https://a.example/robots.txt", "02", "200 OK", ALL),
        record("https://b.example/robots.txt", "01", "404 No", ALL),
        record(
            "https://c.example/robots.txt", "01", "200 OK", "User-agent: *\nDisallow:"
        ),
    )
    second = archive(
        tmp_path / "b.warc.gz",
        record("http://a.example/robots.txt", "01", "200 OK", ""),
        # Where a redirect ended, another port, no port: no file of the host.
        record("https://d.example/x/robots.txt", "01", "200 OK", ALL),
        record("https://d.example:8080/robots.txt", "01", "200 OK", ALL),
        record("https://d.example:x/robots.txt", "01", "200 OK", ALL),
        record("https://d.example/robots.txt?a=1", "01", "200 OK", ALL),
        record("https://пример.example:443/robots.txt", "01", "200 OK", ALL),
    )
    path = tmp_path / "new" / "robots.arrow"
    for archives in ((first, second), (second, first)):
        ended = command("robots", *archives, "-o", str(path))
        assert ended.code == 0, ended.stderr
        assert "2 of 4 hosts refuse" in ended.stdout
        table = RobotsTable(str(path))
        hosts = ("a.example", "b.example", "c.example", "d.example", "пример.example")
        refused = [table.verdict(host, "/x").is_refused for host in hosts]
        assert refused == [True, False, False, False, True]
    assert [file.name for file in path.parent.iterdir()] == ["robots.arrow"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param("404 Not Found", False, id="no such file"),
        pytest.param("410 Gone", False, id="gone"),
        pytest.param("403 Forbidden", False, id="any other 4xx, by RFC 9309"),
        pytest.param("429 Too Many Requests", True, id="asked too often"),
        pytest.param("503 Unavailable", True, id="out of order"),
        pytest.param("301 Moved", True, id="elsewhere"),
    ],
)
def test_a_host_that_has_no_file_any_more_refuses_nothing_any_more(
    command: Callable[..., Any],
    record: Record,
    tmp_path: Path,
    status: str,
    expected: bool,
) -> None:
    url = "https://a.example/robots.txt"
    archives = (
        archive(tmp_path / "a.warc.gz", record(url, "02", status, ALL)),
        archive(tmp_path / "b.warc.gz", record(url, "01", "200 OK", ALL)),
    )
    path = tmp_path / "robots.arrow"
    assert command("robots", *archives, "-o", str(path)).code == 0
    assert RobotsTable(str(path)).verdict("a.example", "/").is_refused is expected


def test_an_archive_that_cannot_be_read_is_named_and_the_others_are_read(
    command: Callable[..., Any], record: Record, tmp_path: Path
) -> None:
    own = record("https://a.example/robots.txt", "01", "200 OK", ALL)
    good = archive(tmp_path / "good.warc.gz", own)
    torn = archive(tmp_path / "torn.warc.gz", own.replace(b"a.e", b"b.e")[:-30])
    path = tmp_path / "robots.arrow"
    gone = str(tmp_path / "gone.warc.gz")
    ended = command("robots", good, torn, gone, "-o", str(path))
    assert ended.code == 1
    assert "2 archives were not read completely" in ended.stderr
    assert "torn.warc.gz" in ended.stderr
    assert "gone.warc.gz" in ended.stderr
    assert RobotsTable(str(path)).verdict("a.example", "/").is_refused


def test_an_unwritable_table_is_named(
    command: Callable[..., Any], record: Record, tmp_path: Path
) -> None:
    own = record("https://a.example/robots.txt", "01", "200 OK", ALL)
    good = archive(tmp_path / "good.warc.gz", own)
    ended = command("robots", good, "-o", f"{good}/robots.arrow")
    assert ended.code == 2
    assert "robots.arrow: cannot be written" in ended.stderr


def test_how_archives_are_shared_out_changes_no_byte(
    record: Record, tmp_path: Path
) -> None:
    paths = [
        archive(
            tmp_path / f"{number}.warc.gz",
            record(
                f"https://h{number % 4}.example/robots.txt", "01", "200 OK", content
            ),
        )
        for number, content in enumerate([ALL, "", f"{ALL}x", "", "", ALL, ""])
    ]
    files = resolve(paths, {}, are_all_asked=True)
    tables = []
    for workers in (1, 2, 50):
        executor = InlineExecutor()
        executor.workers = workers
        path = tmp_path / f"{workers}.arrow"
        build_table(files, path, ("ccbot",), access=Access(), executor=executor)
        tables.append(path.read_bytes())
    assert tables[0] == tables[1] == tables[2]


class Unlucky(InlineExecutor):
    """Loses what the first calls have read, with their workers or by an error."""

    def __init__(self, *losses: str | Exception) -> None:
        super().__init__()
        self.losses = list(losses)
        self.names: list[str] = []
        self.folders_at_close: list[Path] = []
        self.folder = Path()

    def submit(self, call: Call) -> None:
        self.folder = call.arguments[1]
        self.names.append(call.name)
        super().submit(call)

    def wait(self) -> Outcome:
        outcome = super().wait()
        if not self.losses:
            return outcome
        loss = self.losses.pop(0)
        if isinstance(loss, str):
            return Outcome(outcome.call, died=Death(loss))
        return Outcome(outcome.call, error=loss)

    def close(self) -> None:
        super().close()
        self.folders_at_close.extend(path for path in [self.folder] if path.is_dir())


@pytest.fixture
def one_host(record: Record, tmp_path: Path) -> str:
    own = record("https://a.example/robots.txt", "01", "200 OK", ALL)
    return archive(tmp_path / "a.warc.gz", own)


def built(path: str, executor: InlineExecutor) -> Path:
    output = Path(path).with_name("robots.arrow")
    files = resolve([path], {}, are_all_asked=True)
    build_table(files, output, ("ccbot",), access=Access(), executor=executor)
    return output


def test_a_call_that_failed_is_made_again(one_host: str) -> None:
    whole = built(one_host, InlineExecutor()).read_bytes()
    executor = Unlucky("killed", OSError("disk full"))
    assert built(one_host, executor).read_bytes() == whole
    assert executor.names == ["robots-0"] * 3


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [
        pytest.param("killed", "robots-0: .* 3 times: its worker died: killed"),
        pytest.param(OSError("disk full"), "robots-0: .* 3 times: disk full"),
    ],
)
def test_a_call_that_fails_for_good_ends_the_others_before_their_folder_goes(
    one_host: str, loss: str | Exception, complaint: str
) -> None:
    executor = Unlucky(loss, loss, loss)
    with pytest.raises(TamisError, match=complaint) as raised:
        built(one_host, executor)
    assert not isinstance(raised.value, ConfigError)  # the table was never reached
    assert executor.folders_at_close == [executor.folder]
    assert not executor.folder.exists()


def test_what_breaks_within_an_archive_is_said_of_the_archive(
    one_host: str,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = Path(one_host).with_name("robots.arrow")

    def broken(error: Exception) -> Callable[..., Any]:
        def read(*_: object, **__: object) -> None:
            raise error

        return read

    monkeypatch.setattr(robots, "parse", broken(ValueError("a bug")))
    ended = command("robots", one_host, "-o", str(output))
    assert ended.code == 1
    assert f"{one_host}" in ended.stderr
    assert "ValueError: a bug" in ended.stderr
    assert not output.exists()
    monkeypatch.setattr(robots, "open_archive", broken(OSError("stale handle")))
    ended = command("robots", one_host, "-o", str(output))
    assert ended.code == 1
    assert f"{one_host}: cannot be read: stale handle" in ended.stderr
    assert "cannot be written" not in ended.stderr


def test_ctrl_c_stops_between_two_records(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not in the middle of one, where a library may swallow it."""
    own = record("https://a.example/robots.txt", "01", "200 OK", ALL)
    path = archive(tmp_path / "a.warc.gz", own, own, own)
    parsed = []

    def parse(content: str, agents: tuple[str, ...]) -> Robots:
        os.kill(os.getpid(), signal.SIGINT)
        parsed.append(content)
        return Robots()

    monkeypatch.setattr(robots, "parse", parse)
    executor = Unlucky()
    with pytest.raises(KeyboardInterrupt):
        built(path, executor)
    assert parsed == [ALL]
    assert executor.folders_at_close == [executor.folder]
    assert [file.name for file in tmp_path.iterdir()] == ["a.warc.gz"]
