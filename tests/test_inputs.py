"""What `input` names becomes a sorted list of files, or a clear complaint."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from tamis import inputs
from tamis.errors import ConfigError, InputError
from tamis.inputs import resolve
from tamis.warc.splits import UNKNOWN_SIZE


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    for name in ("b.warc.gz", "a.warc.gz", "sub/c.warc.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 7)
    return tmp_path


def names(*patterns: str) -> list[str]:
    return [file.name for file in resolve(patterns)]


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
    assert float(file.stamp) == (archives / "a.warc.gz").stat().st_mtime


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
    assert (first.name, second.name) == ("a.warc.gz", "c.warc.gz")
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


def test_the_same_name_twice_is_refused(archives: Path) -> None:
    (archives / "sub" / "a.warc.gz").write_bytes(b"")
    with pytest.raises(ConfigError, match="have the same file name"):
        resolve([f"{archives}/**/*.warc.gz"])


def test_a_missing_file_comes_with_its_problem(archives: Path) -> None:
    missing, found = resolve([f"{archives}/b.warc.gz", f"{archives}/Z.warc.gz"])
    assert missing.problem == f"{archives}/Z.warc.gz: no such file"
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
    "path", ["foo://bucket/a.warc.gz", "foo://bucket/*.gz", "foo://u:pw@b/x.paths.gz"]
)
def test_a_protocol_that_nobody_knows_is_wrong(path: str) -> None:
    with pytest.raises(ConfigError, match="no such protocol as foo://") as said:
        resolve([path])
    assert "pw" not in str(said.value)
    assert "\n" not in str(said.value)


class _Server(BaseHTTPRequestHandler):
    """A crawl with two files, the second of which is gone."""

    def do_GET(self) -> None:
        paths = b"crawl-data/X/segments/1/warc/a.warc.gz\ncrawl-data/X/segments/2/warc/b.warc.gz\n"
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
    assert one.path == f"{server}crawl-data/X/segments/1/warc/a.warc.gz"
    assert one.size == 5
    (second,) = resolve(["cc://CC-MAIN-2024-51?segments=1-9"])
    assert second.name == "b.warc.gz"
    with pytest.raises(ConfigError, match="segments=2: the crawl has 0-1"):
        resolve(["cc://CC-MAIN-2024-51?segments=2"])
    one, gone = resolve(["cc://CC-MAIN-2024-51"])
    assert gone.name == "b.warc.gz"
    assert gone.problem is not None


def test_a_signed_list_is_a_list_and_its_signature_stays_a_secret(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "COMMON_CRAWL", server)
    listing = f"{server.replace('//', '//me:pw@')}crawl-data/X/w.paths.gz?Signature=s1"
    first, second = resolve([listing])
    for file in (first, second):
        assert file.name in ("a.warc.gz", "b.warc.gz")
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
        ("a.warc.gz", UNKNOWN_SIZE, ""),
        ("b.warc.gz", UNKNOWN_SIZE, ""),
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
    known = {"a.warc.gz": (77, "etag"), "b.warc.gz": (78, "")}
    files = resolve(["cc://CC-MAIN-2024-51"], known=known)
    assert [(f.size, f.stamp) for f in files] == [(77, "etag"), (78, "")]
    assert "HEAD" not in [method for method, _ in asked]
    # A file on the disk may change at any time.
    (file,) = resolve([f"{archives}/a.warc.gz"], known=known)
    assert file.size == 7


def test_a_file_that_exists_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "dump[1]?.warc.gz"
    path.write_bytes(b"x")
    (found,) = resolve([str(path)])
    assert (found.name, found.size) == ("dump[1]?.warc.gz", 1)


def test_a_tilde_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.warc.gz").write_bytes(b"x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [file.path for file in resolve(["~/*.warc.gz"])] == [
        str(tmp_path / "a.warc.gz")
    ]
