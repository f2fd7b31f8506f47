"""What `input` names becomes a sorted list of files, or a clear complaint."""

import gzip
import os
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from tamis import inputs
from tamis.errors import ConfigError, InputError
from tamis.inputs import resolve
from tamis.remote.opening import Access, open_input
from tamis.warc.names import content_stamp, listed_name
from tamis.warc.splits import UNKNOWN_SIZE


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    for name in ("b.warc.gz", "a.warc.gz", "sub/c.warc.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%7s" % name[-9:-8].encode())
    return tmp_path


def names(*patterns: str) -> list[str]:
    """Names without stamps."""
    return [listed_name(file.name, file.stamp) for file in resolve(patterns)]


def test_a_glob_is_sorted_by_name(archives: Path) -> None:
    assert names(f"{archives}/*.warc.gz") == ["a.warc.gz", "b.warc.gz"]


def test_the_order_given_changes_nothing(archives: Path) -> None:
    given = [
        f"{archives}/b.warc.gz",
        f"{archives}/sub/c.warc.gz",
        f"{archives}/a.warc.gz",
    ]
    assert (
        names(*given)
        == names(*reversed(given))
        == ["a.warc.gz", "b.warc.gz", "c.warc.gz"]
    )


def test_size_and_stamp_are_told(archives: Path) -> None:
    (file,) = resolve([f"{archives}/a.warc.gz"])
    assert (file.size, file.problem) == (7, None)
    content = (archives / "a.warc.gz").read_bytes()
    assert file.stamp == content_stamp(7, content, b"")
    assert file.name == f"a.warc.gz-{file.stamp}"


def test_the_stamp_of_a_long_file_is_of_its_ends(tmp_path: Path) -> None:
    """`touch` changes nothing; a byte of the first or last MiB does, with size and time."""
    path = tmp_path / "long.warc.gz"
    content = bytearray(b"a" * (1 << 20) + b"-" * 1000 + b"z" * (1 << 20))
    path.write_bytes(content)
    time = path.stat().st_mtime_ns
    (before,) = resolve([str(path)])
    assert before.stamp == content_stamp(
        len(content), b"a" * (1 << 20), b"z" * (1 << 20)
    )
    os.utime(path, ns=(time, time + 10**9))
    assert resolve([str(path)]) == [before]
    for place in (0, (1 << 20) - 1, len(content) - 1, len(content) - (1 << 20)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        os.utime(path, ns=(time, time))
        assert resolve([str(path)])[0].stamp != before.stamp


def test_two_days_of_one_name_are_two_inputs(archives: Path) -> None:
    for day in ("d1", "d2"):
        (archives / day).mkdir()
        (archives / day / "data.warc.gz").write_bytes(day.encode())
    first, second = resolve([f"{archives}/d?/data.warc.gz"])
    assert first.name != second.name
    assert {first.path[-15:-13], second.path[-15:-13]} == {"d1", "d2"}
    # The name of one does not depend on the other.
    assert resolve([first.path]) == [first]


def test_one_name_and_one_content_count_once(archives: Path) -> None:
    (archives / "copy").mkdir()
    shutil.copy(archives / "a.warc.gz", archives / "copy/a.warc.gz")
    assert names(f"{archives}/**/a.warc.gz", f"{archives}/a.warc.gz") == ["a.warc.gz"]


def test_files_that_are_not_there_are_each_named(archives: Path) -> None:
    found = resolve([f"{archives}/d1/data.warc.gz", f"{archives}/d2/data.warc.gz"])
    assert [file.problem is None for file in found] == [False, False]


def test_two_contents_under_a_name_of_common_crawl_are_refused(archives: Path) -> None:
    name = "CC-MAIN-20241201162023-20241201192023-00000.warc.gz"
    (archives / name).write_bytes(b"one")
    (archives / "sub" / name).write_bytes(b"two")
    with pytest.raises(ConfigError, match="and other content: leave one out"):
        resolve([f"{archives}/{name}", f"{archives}/sub/{name}"])


def test_a_pipe_is_no_archive(tmp_path: Path) -> None:
    """Opening it would wait for a writer for ever."""
    os.mkfifo(tmp_path / "a.warc.gz")
    (pipe,) = resolve([f"{tmp_path}/a.warc.gz"])
    message = f"{tmp_path}/a.warc.gz: no regular file"
    assert pipe.problem == message
    with pytest.raises(InputError, match=message):
        open_input(str(tmp_path / "a.warc.gz"), Access())


def test_a_settled_file_is_stamped_once(
    archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """90,000 archives have 180 GB of first and last MiB."""
    path = archives / "a.warc.gz"
    (new,) = resolve([str(path)])
    assert new.seen == ""  # the next write may be within the same tick
    monkeypatch.setattr(inputs, "_SETTLED_NS", -1)
    (first,) = resolve([str(path)])
    assert (first.name, first.stamp) == (new.name, new.stamp)
    stamped = {first.seen: first.stamp}
    read: list[str] = []
    stamp = inputs._stamp
    monkeypatch.setattr(
        inputs, "_stamp", lambda path, *more: read.append(path) or stamp(path, *more)
    )
    assert resolve([str(path)], stamped=stamped) == [first]
    assert read == []
    about, content = path.stat(), bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # size and time as before
    (other,) = resolve([str(path)], stamped=stamped)
    assert read == [first.path]
    assert other.stamp != first.stamp
    shutil.copy2(path, path.with_name("b.tmp"))
    path.with_name("b.tmp").rename(path)  # another file, the same content
    (copied,) = resolve([str(path)], stamped={other.seen: other.stamp})
    assert (copied.name, copied.stamp) == (other.name, other.stamp)
    assert len(read) == 2


def test_a_list_names_files_beside_it(archives: Path) -> None:
    listing = archives / "some.paths.gz"
    listing.write_bytes(gzip.compress(b"a.warc.gz\nsub/c.warc.gz\n"))
    assert names(str(listing)) == ["a.warc.gz", "c.warc.gz"]


def test_a_list_of_common_crawl_is_relative_to_its_server() -> None:
    absolute = inputs._absolute("crawl-data/CC-MAIN-2024-51/x.warc.gz", "/lists")
    assert (
        absolute == "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/x.warc.gz"
    )


def test_a_list_as_people_write_it(archives: Path) -> None:
    """A byte order mark, comments, Windows' line ends, a mistyped name."""
    listing = archives / "some.paths"
    listing.write_bytes(
        "\ufeffa.warc.gz\r\n# a comment\r\n\r\n  sub/c.warc.gz\r\nsbu/d.warc.gz".encode()
    )
    first, second, third = resolve([str(listing)])
    assert first.name.startswith("a.warc.gz-")
    assert second.name.startswith("c.warc.gz-")
    assert third.problem == f"{archives}/sbu/d.warc.gz: no such file"


@pytest.mark.parametrize("line", ["/etc/passwd", "file:///etc/passwd", "s3://a/b.gz"])
def test_a_list_from_elsewhere_names_nothing_here(line: str) -> None:
    listing = "memory://lists/some.paths"
    with fsspec.open(listing, "wb") as file:
        file.write(f"a.warc.gz\n{line}\n".encode())
    with pytest.raises(InputError, match="only files of its own protocol"):
        resolve([listing])


def test_a_list_of_zeros_is_refused(
    archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_MOST_LIST_BYTES", 1 << 20)
    (archives / "big.paths.gz").write_bytes(gzip.compress(bytes(2 << 20)))
    with pytest.raises(InputError, match=r"big\.paths\.gz: over 1\.0 MiB"):
        resolve([f"{archives}/big.paths.gz"])


def test_segments_are_counted_in_the_order_of_their_names() -> None:
    paths = [
        f"crawl/segments/{segment}/warc/{n}.gz"
        for segment in (30, 10, 20)
        for n in (1, 2)
    ]
    chosen = inputs._of_segments(paths, "0-1")
    assert {inputs._segment(path) for path in chosen} == {"10", "20"}
    assert len(chosen) == 4


def test_a_glob_that_matches_nothing_is_wrong(archives: Path) -> None:
    with pytest.raises(ConfigError, match="no file matches"):
        resolve([f"{archives}/*.arc"])


def test_a_missing_file_comes_with_its_problem(archives: Path) -> None:
    missing, found = resolve([f"{archives}/b.warc.gz", f"{archives}/Z.warc.gz"])
    assert missing.problem == (
        f"{archives}/Z.warc.gz: no such file; did you mean b.warc.gz?"
    )
    assert found.problem is None


def test_a_folder_is_no_file(archives: Path) -> None:
    (folder,) = resolve([f"{archives}/sub"])
    assert "a folder; name its files" in str(folder.problem)


def test_a_list_that_is_not_there_is_an_input_error(archives: Path) -> None:
    with pytest.raises(InputError, match="cannot read the list"):
        resolve([f"{archives}/none.paths.gz"])


@pytest.mark.parametrize(
    "query",
    [
        *("?kind=pdf", "?pages=3", "?limit=x", "?limit=0", "?limit=-1", "?limit=1e3"),
        *("?segments=a", "?segments=1-", "?segments=1-2-3", "?limit=٣"),
    ],
)
def test_an_unknown_word_of_a_crawl_address_is_wrong(query: str) -> None:
    with pytest.raises(ConfigError, match="known are limit=N"):
        resolve([f"cc://CC-MAIN-2024-51{query}"])


@pytest.mark.parametrize(
    "address",
    [
        *(
            "cc://",
            "cc://A,B",
            "cc://CC-NEWS",
            "cc://CC-NEWS/2021",
            "cc://CC-MAIN-24-51",
        ),
        *("cc://CC-MAIN-2024-51/extra", "cc://CC-MAIN-2024-51#x", "cc://../x"),
    ],
)
def test_what_is_no_crawl_is_not_asked_for(address: str) -> None:
    with pytest.raises(ConfigError, match="is no crawl: write cc://CC-MAIN-2024-51"):
        resolve([address])


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("cc://CC-NEWS/2021/09", "CC-NEWS/2021/09"),
        ("cc://CC-NEWS/2021/09/?limit=1", "CC-NEWS/2021/09"),
        ("cc://CC-MAIN-2009-2010", "CC-MAIN-2009-2010"),
        ("cc://CC-MAIN-2012", "CC-MAIN-2012"),
    ],
)
def test_a_crawl_is_asked_for_its_list(
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[tuple[str, str]],
    address: str,
    folder: str,
) -> None:
    monkeypatch.setattr(inputs, "COMMON_CRAWL", server)
    resolve([address])
    assert asked[0] == ("GET", f"/crawl-data/{folder}/warc.paths.gz")


@pytest.mark.parametrize(
    "path", ["foo://bucket/a.warc.gz", "foo://bucket/*.gz", "foo://u:pw@b/x.paths.gz"]
)
def test_a_protocol_that_nobody_knows_is_wrong(path: str) -> None:
    with pytest.raises(ConfigError, match="no such protocol as foo://") as said:
        resolve([path])
    assert "pw" not in str(said.value)
    assert "\n" not in str(said.value)


A, B = "CC-X/segments/1/warc/a.warc.gz", "CC-X/segments/2/warc/b.warc.gz"


class _Server(BaseHTTPRequestHandler):
    """A crawl with two files, the second of which is gone."""

    def do_GET(self) -> None:
        paths = b"crawl-data/CC-X/segments/1/warc/a.warc.gz\ncrawl-data/CC-X/segments/2/warc/b.warc.gz\n"
        self.server.asked.append((self.command, self.path))  # type: ignore[attr-defined]  # ours
        is_list = self.path.partition("?")[0].endswith("paths.gz")
        if is_list and "b.warc" not in self.path:
            self._answer(gzip.compress(paths))
        else:
            self._answer(b"" if "b.warc" in self.path else b"whole")

    do_HEAD = do_GET

    def _answer(self, content: bytes) -> None:
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def asked() -> list[tuple[str, str]]:
    """Method and path of each request."""
    return []


@pytest.fixture
def server(asked: list[tuple[str, str]]) -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    httpd.asked = asked  # type: ignore[attr-defined]  # ours
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}/"
    httpd.shutdown()
    httpd.server_close()


def test_a_crawl_resolves_to_its_list(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "COMMON_CRAWL", server)
    (one,) = resolve(["cc://CC-MAIN-2024-51?limit=1"])
    assert one.path == f"{server}crawl-data/CC-X/segments/1/warc/a.warc.gz"
    assert one.size == 5
    (second,) = resolve(["cc://CC-MAIN-2024-51?segments=1-9"])
    assert second.name == B
    with pytest.raises(ConfigError, match="segments=2: the crawl has 0-1"):
        resolve(["cc://CC-MAIN-2024-51?segments=2"])
    one, gone = resolve(["cc://CC-MAIN-2024-51"])
    assert gone.name == B
    assert gone.problem is not None


def test_a_signed_list_is_a_list_and_its_signature_stays_a_secret(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "COMMON_CRAWL", server)
    listing = (
        f"{server.replace('//', '//me:pw@')}crawl-data/CC-X/w.paths.gz?Signature=s1"
    )
    first, second = resolve([listing])
    for file in (first, second):
        assert file.name in (A, B)
        assert "s1" not in file.path
    with pytest.raises(InputError, match="cannot read the list") as said:
        resolve([listing.replace("w.paths.gz", "b.warc.paths.gz")])
    assert "s1" not in str(said.value)
    assert "pw" not in str(said.value)


def test_files_of_a_whole_crawl_are_not_asked_for_their_size(
    server: str, monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(inputs, "COMMON_CRAWL", server)
    monkeypatch.setattr(inputs, "_MOST_ASKED", 1)
    files = resolve(["cc://CC-MAIN-2024-51"])
    assert [(f.name, f.size, f.stamp) for f in files] == [
        (A, UNKNOWN_SIZE, ""),
        (B, UNKNOWN_SIZE, ""),
    ]
    assert [file.about_bytes for file in files] == [1 << 30, 1 << 30]
    assert [method for method, _ in asked] == ["GET"]  # the list
    (sized, gone) = resolve(["cc://CC-MAIN-2024-51"], are_all_asked=True)
    assert (sized.size, gone.problem is None) == (5, False)


def test_what_an_earlier_run_knew_of_a_crawl_is_not_asked_again(
    server: str,
    archives: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[tuple[str, str]],
) -> None:
    monkeypatch.setattr(inputs, "COMMON_CRAWL", server)
    known = {A: (77, '"etag"'), B: (78, "")}
    files = resolve(["cc://CC-MAIN-2024-51"], known=known)
    assert [(f.size, f.etag) for f in files] == [(77, '"etag"'), (78, "")]
    assert "HEAD" not in [method for method, _ in asked]
    # A file on the disk may change at any time.
    (file,) = resolve([f"{archives}/a.warc.gz"], known=known)
    assert file.size == 7


def test_a_file_outside_the_crawls_is_the_same_from_the_server_and_from_a_disk(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is asked for, whatever an earlier run knew and however many there are."""
    monkeypatch.setattr(inputs, "COMMON_CRAWL", server)
    monkeypatch.setattr(inputs, "_MOST_ASKED", 0)
    path = "parse-output/segment/1341690147253/1341708194999_10.arc.gz"
    (tmp_path / "copy.arc.gz").write_bytes(b"whole")
    (copy,) = resolve([str(tmp_path / "copy.arc.gz")])
    (there,) = resolve([server + path], known={"1341708194999_10.arc.gz": (7, "")})
    assert there.stamp == copy.stamp == content_stamp(5, b"whole", b"")
    assert there.name == f"1341708194999_10.arc.gz-{copy.stamp}"
    (mirrored,) = resolve([f"{server.replace('127.0.0.1', 'localhost')}x/{path}"])
    assert mirrored.name == there.name


@pytest.fixture
def deaf() -> Iterator[tuple[str, threading.Event]]:
    """A server that takes connections and answers when it is allowed to, and the permit."""
    allowed = threading.Event()

    class Deaf(_Server):
        def do_GET(self) -> None:
            if "deaf" in self.path:
                allowed.wait(60)
            self._answer(b"whole")

        do_HEAD = do_GET

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Deaf)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}/", allowed
    allowed.set()
    httpd.shutdown()
    httpd.server_close()


def test_a_place_that_does_not_answer_is_named_until_it_does(
    deaf: tuple[str, threading.Event],
    archives: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, allowed = deaf
    monkeypatch.setattr(inputs, "_SILENT_SECONDS", 0.3)
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            allowed.set()

    silent = f"{server}deaf.warc.gz?key=SECRET"
    found = resolve([silent, f"{archives}/a.warc.gz", f"{server}b.warc.gz"], note=note)
    assert [file.problem for file in found] == [None, None, None]
    line = r"input: no answer for \d+ s about http://127\.0\.0\.1:\d+/deaf\.warc\.gz"
    assert all(re.fullmatch(line, one) for one in said)
    assert len(said) >= 2
    allowed.clear()
    threading.Timer(1, allowed.set).start()
    # A list is waited for as well; without a note the line goes to stderr.
    with pytest.raises(InputError):
        resolve([f"{server}deaf.paths.gz"])
    assert re.search(
        r"tamis: input: no answer .*/deaf\.paths\.gz\n", capsys.readouterr().err
    )


def test_a_mistake_is_that_of_the_first_path_whichever_ends_first(
    deaf: tuple[str, threading.Event],
) -> None:
    server, allowed = deaf
    threading.Timer(0.5, allowed.set).start()
    with pytest.raises(InputError, match=r"deaf\.paths\.gz"):
        resolve([f"{server}deaf.paths.gz", f"{server}other.paths.gz"])


def test_a_file_that_exists_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "dump[1]?.warc.gz"
    path.write_bytes(b"x")
    (found,) = resolve([str(path)])
    assert (found.path, found.size) == (str(path), 1)
    assert found.name.startswith("dump[1]?.warc.gz-")


def test_a_tilde_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.warc.gz").write_bytes(b"x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [file.path for file in resolve(["~/*.warc.gz"])] == [
        str(tmp_path / "a.warc.gz")
    ]
