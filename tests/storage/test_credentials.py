"""Keys that are replaced while a run goes on are read again, from wherever they are."""

import http.client
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import pytest
from conftest import tamis_command
from fixtures.recipes import OF_A_CORPUS

from tamis.errors import StorageError
from tamis.inputs import expand
from tamis.remote.failures import AccessRefused
from tamis.remote.opening import Access, open_input
from tamis.storage import Storage

_SIGNED_BY = re.compile(r"Credential=([^/]+)/")


class Door(ThreadingHTTPServer):
    """Lets requests through to a store that are signed with one of the `keys`."""

    daemon_threads = True

    def __init__(self, store: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = urlsplit(store).netloc
        self.keys = {"first"}
        self.code = "ExpiredToken"
        self.refused = 0
        self.passed = 0
        self.changes: dict[int, Callable[[], None]] = {}  # before this request

    @property
    def options(self) -> dict[str, dict[str, str]]:
        return {"s3": {"endpoint_url": f"http://127.0.0.1:{self.server_port}"}}

    def handle_error(self, *_: object) -> None:
        """Clients hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Door

    def do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        door = self.server
        if self._key() in door.keys:
            door.passed += 1
            door.changes.pop(door.passed, lambda: None)()
        if self._key() not in door.keys:
            door.refused += 1
            self._answer(400 if "Expired" in door.code else 403, {}, self._refusal())
            return
        store = http.client.HTTPConnection(door.store, timeout=60)
        store.request(self.command, self.path, body, dict(self.headers))
        answer = store.getresponse()
        content = answer.read()
        self._answer(answer.status, dict(answer.getheaders()), content)
        store.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do

    def _key(self) -> str:
        found = _SIGNED_BY.search(self.headers.get("Authorization", ""))
        return found[1] if found else ""

    def _refusal(self) -> bytes:
        code = self.server.code
        return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    def _answer(self, status: int, fields: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in fields.items():
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, value)
        is_head = self.command == "HEAD"
        length = fields.get("Content-Length", "0") if is_head else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if not is_head:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


class Keys:
    """The file of credentials, which somebody replaces."""

    def __init__(self, path: Path, door: Door) -> None:
        self.path, self.door = path, door

    def write(self, key: str, profile: str = "default") -> None:
        text = f"[{profile}]\naws_access_key_id = {key}\naws_secret_access_key = of-{key}\n"
        self.path.write_text(f"{text}aws_session_token = token-of-{key}\n")

    def rotate(self, key: str) -> None:
        """The old key holds no more; the new one is in the file."""
        self.write(key)
        self.door.keys = {key}


@pytest.fixture
def door(s3: dict[str, dict[str, str]]) -> Iterator[Door]:
    door = Door(s3["s3"]["endpoint_url"])
    threading.Thread(target=door.serve_forever, args=(0.01,), daemon=True).start()
    yield door
    door.shutdown()
    door.server_close()


@pytest.fixture
def keys(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    found = Keys(tmp_path / "credentials", door)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(found.path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    found.write("first")
    return found


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "AccessDenied"])
@pytest.mark.parametrize(
    ("name", "ask", "answer"),
    [
        ("read", lambda s: s.read("a/b"), b"12345"),
        ("range", lambda s: s.read_range("a/b", 1, 3), b"23"),
        ("stream", lambda s: s.open("a/b").read(), b"12345"),
        ("list", lambda s: s.names("a"), ["a/b"]),
        ("head", lambda s: s.size("a/b"), 5),
        ("write", lambda s: s.write("a/b", b"1"), None),
        ("create", lambda s: s.create("a/b", b"1"), False),
        ("replace", lambda s: s.replace("a/c", b"1", '"no"'), None),
        ("remove", lambda s: s.remove(["a/b"]), None),
    ],
)
def test_a_request_with_a_replaced_key_is_made_again_with_the_new_one(
    door: Door, keys: Keys, code: str, name: str, ask: Any, answer: Any
) -> None:
    store = Storage(f"s3://bucket/keys-{name}-{code}", door.options)
    store.write("a/b", b"12345")
    door.code = code
    keys.rotate("second")
    assert ask(store) == answer
    refused = door.refused
    assert 1 <= refused <= 2  # size() asks twice for what may be a folder
    store.exists("a/b")
    assert door.refused == refused  # the new key is kept


def test_an_input_is_read_on_with_the_new_key(door: Door, keys: Keys) -> None:
    Storage("s3://bucket/keys-input", door.options).write("x", b"x" * 1000)
    with open_input("s3://bucket/keys-input/x", Access(door.options)) as file:
        assert file.read(10) == b"x" * 10
    keys.rotate("second")
    with open_input("s3://bucket/keys-input/x", Access(door.options)) as file:
        assert len(file.read()) == 1000


def test_a_file_system_that_was_connected_before_reads_the_new_key(
    door: Door, keys: Keys
) -> None:
    options = door.options["s3"]
    connected = fsspec.filesystem("s3", **options)
    connected.pipe_file("bucket/keys-before/x.warc.gz", b"1")
    store = Storage("s3://bucket/keys-before", door.options)
    assert store.filesystem is connected  # fsspec keeps one for the same options
    assert store.read("x.warc.gz") == b"1"
    keys.rotate("second")
    pattern = "s3://bucket/keys-before/*.warc.gz"
    assert list(expand(pattern, Access(door.options))) == [
        "s3://bucket/keys-before/x.warc.gz"
    ]


def test_a_worker_that_is_sent_the_folder_reads_the_new_key_too(
    door: Door, keys: Keys
) -> None:
    store = Storage("s3://bucket/keys-worker", door.options)
    store.write("a", b"1")
    keys.rotate("second")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"1"


def test_many_requests_that_are_refused_at_once_all_go_on(
    door: Door, keys: Keys
) -> None:
    store = Storage("s3://bucket/keys-many", door.options)
    for number in range(20):
        store.write(f"a/{number}", b"1")
    keys.rotate("second")
    found = store.filesystem.cat([store.path(f"a/{n}") for n in range(20)])
    assert list(found.values()) == [b"1"] * 20


def test_a_profile_is_read_again_and_keys_of_the_recipe_are_not(
    door: Door, keys: Keys
) -> None:
    keys.write("first", "mine")
    options = {"s3": {**door.options["s3"], "profile": "mine"}}
    store = Storage("s3://bucket/keys-profile", options)
    store.write("a", b"1")
    keys.write("second", "mine")
    door.keys = {"second"}
    assert store.read("a") == b"1"
    own = {"s3": {**door.options["s3"], "key": "third", "secret": "of-third"}}
    keys.write("second")
    with pytest.raises(StorageError, match=r"credentials that have expired"):
        Storage("s3://bucket/keys-profile", own).read("a")
    with pytest.raises(StorageError, match=r"the store refuses the credentials"):
        Storage("s3://bucket/keys-profile", own).read_range("a", 0, 1)


def test_keys_that_hold_no_more_are_a_line_and_end_the_run(
    door: Door, keys: Keys
) -> None:
    store = Storage("s3://bucket/keys-over", door.options)
    store.write("a", b"1")
    door.keys = {"another"}
    said = (
        r"keys-over/a: the store refuses the credentials \(ExpiredToken\): renew them"
    )
    with pytest.raises(StorageError, match=said):
        store.read_range("a", 0, 1)
    with pytest.raises(AccessRefused, match=said):
        open_input("s3://bucket/keys-over/a", Access(door.options), size=1).read()
    asked = door.refused
    with pytest.raises(StorageError):
        store.read_range("a", 0, 1)
    assert door.refused == asked + 1  # as they have not changed it is not asked again
    keys.path.write_text("[default")  # half written
    with pytest.raises(StorageError, match=said):
        store.read_range("a", 0, 1)


@pytest.mark.parametrize(
    "kind", ["inline", pytest.param("ray", marks=pytest.mark.long)]
)
def test_a_run_goes_on_through_several_replacements(
    door: Door, keys: Keys, small_archive: bytes, tmp_path: Path, kind: str
) -> None:
    source, output = f"s3://bucket/keys-{kind}-in", f"s3://bucket/keys-{kind}-out"
    Storage(source, door.options).write("a.warc.gz", small_archive)
    recipe = tmp_path / "stages.yaml"
    recipe.write_text(OF_A_CORPUS)

    endpoint = door.options["s3"]["endpoint_url"]
    there = f"storage_options={{s3: {{endpoint_url: '{endpoint}'}}}}"

    def shards(output: str) -> dict[str, bytes]:
        sets = [f"input={source}/a.warc.gz", f"output={output}", there]
        arguments = [
            one
            for value in (*sets, f"executor.kind={kind}")
            for one in ("--set", value)
        ]
        ended = tamis_command("run", str(recipe), "--quiet", *arguments)
        assert ended.code == 0, ended.stderr
        store = Storage(output, door.options)
        names = [one for one in store.names("mix") if one.endswith("parquet")]
        return {name: store.read(name) for name in names}

    expected = shards(f"{output}-whole")
    for number in range(8):
        at = door.passed + 15 * (number + 1)
        door.changes[at] = partial(keys.rotate, f"key-{number}")
    assert shards(output) == expected
    assert door.refused >= 8
    assert not door.changes
