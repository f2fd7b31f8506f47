"""Files of a web server, through everything that servers do."""

import itertools
import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest
from fixtures.patience import wait_until

from tamis.errors import ConfigError, InputError
from tamis.interrupts import held
from tamis.remote import ahead, opening, pace, web
from tamis.remote.failures import AccessRefused
from tamis.remote.opening import Access, about_input, open_input, read_input
from tamis.remote.retries import Patience

CONTENT = bytes(itertools.islice(itertools.cycle(range(251)), 300_000))


@pytest.fixture
def bad(faults) -> SimpleNamespace:
    return SimpleNamespace(**faults)


@pytest.fixture
def url(site, hasty) -> str:
    site.files["a.warc.gz"] = CONTENT
    return site.url("a.warc.gz")


def whole(url: str, access: Access | None = None, **settings) -> bytes:
    parts = []
    with open_input(url, access or Access(), **settings) as file:
        while part := file.read(50_000):
            parts.append(part)
    return b"".join(parts)


def test_a_file_is_read_whole(site, url: str) -> None:
    assert whole(url) == CONTENT
    assert site.gets() == ["bytes=0-299999"]


def test_only_the_ranges_planned_are_fetched(site, url: str) -> None:
    with open_input(url, Access(), ranges=[(1000, 2000), (9000, 9100)]) as file:
        file.seek(1000)
        assert file.read(10) == CONTENT[1000:1010]
        assert file.read() == CONTENT[1010:2000]
        file.seek(9000)
        assert file.read(100) == CONTENT[9000:9100]
    assert site.gets() == ["bytes=1000-1999", "bytes=9000-9099"]


def test_a_read_outside_the_plan_is_a_request_of_its_own(site, url: str) -> None:
    with open_input(url, Access(), size=len(CONTENT), ranges=[(5000, 6000)]) as file:
        assert file.read(100) == CONTENT[:100]
        file.seek(-7, 2)
        assert file.read() == CONTENT[-7:]
        assert file.read() == b""
    assert site.gets() == ["bytes=0-99", "bytes=299993-299999"]


def test_the_next_piece_comes_while_this_one_is_worked_on(
    site, url: str, monkeypatch
) -> None:
    monkeypatch.setattr(ahead, "PIECE_BYTES", 100_000)
    with open_input(url, Access()) as file:
        assert file.read(1) == CONTENT[:1]
        wait_until(lambda: len(site.gets()) >= 2, within=5)
        assert site.gets() == ["bytes=0-99999", "bytes=100000-199999"]


@pytest.mark.parametrize("is_rude", [False, True], ids=["closed", "reset"])
def test_a_broken_connection_goes_on_at_the_byte_reached(
    site, bad, url: str, is_rude: bool
) -> None:
    site.faults.append(bad.breaks_after(100_000))
    site.faults.append(bad.breaks_after(150_000, is_rude=is_rude))
    assert whole(url) == CONTENT
    first, second, third = site.gets()
    assert (first, second) == ("bytes=0-299999", "bytes=100000-299999")
    # A reset may take bytes with it that were on their way.
    assert third is not None
    assert third.startswith("bytes=")
    if not is_rude:
        assert third == "bytes=250000-299999"


def test_a_stalled_connection_goes_on_at_the_byte_reached(site, bad, url: str) -> None:
    site.faults.append(bad.stalls_after(123_456))
    assert whole(url) == CONTENT
    assert site.gets()[1] == "bytes=123456-299999"


def test_a_trickle_is_a_stall(site, bad, url: str) -> None:
    site.faults.append(bad.trickles)
    assert whole(url) == CONTENT
    first, second = site.gets()
    assert first == "bytes=0-299999"
    reached = int(second.removeprefix("bytes=").partition("-")[0])
    assert reached < 1_000  # 300,000 bytes would come all the same, in four hours


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(site, bad, url: str, status: int) -> None:
    site.faults += [bad.answers(status), bad.answers(status)]
    assert whole(url) == CONTENT
    assert len(site.gets()) == 3


def test_a_server_that_says_when_is_asked_then(site, bad, url: str) -> None:
    site.faults.append(bad.answers(503, Retry_After="1"))
    assert whole(url) == CONTENT
    (first, second) = [when for method, _, when in site.asked if method == "GET"]
    assert second - first >= 1


def test_patience_ends(site, bad, url: str) -> None:
    site.every = bad.answers(503)
    with pytest.raises(InputError, match=r"given up after 4 attempts: .*answers 503"):
        whole(url)
    assert len(site.gets()) == 4


def test_bytes_that_come_in_drops_end_it_too(site, bad, url: str) -> None:
    site.every = bad.breaks_after(10)
    with pytest.raises(InputError, match="given up after 4 attempts: cut off"):
        whole(url)


def test_progress_renews_patience(site, bad, url: str) -> None:
    site.faults += [bad.breaks_after(70_000)] * 4 + [bad.answers(500)] * 2
    assert whole(url) == CONTENT


def test_a_server_that_ignores_ranges_is_told_apart(site, bad, url: str) -> None:
    site.every = bad.ignores_ranges
    with open_input(url, Access(), ranges=[(1000, 2000)]) as file:
        file.seek(1000)
        with pytest.raises(InputError, match="the server ignores byte ranges"):
            file.read(10)
    # From the beginning on there is nothing wrong with all of it.
    assert whole(url) == CONTENT


@pytest.mark.parametrize(
    ("content_range", "message"),
    [
        pytest.param("bytes 0-299999/300001", "its size was 300000", id="other size"),
        pytest.param("bytes 5-300004/300000", "asked for bytes from 0", id="elsewhere"),
        pytest.param("bytes 0-300000/300000", "sends more than", id="too long"),
        pytest.param("", "asked for bytes from 0", id="not said"),
        pytest.param("words 1-2/3", "asked for bytes from 0", id="no range"),
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_refused(
    site, bad, url: str, content_range: str, message: str
) -> None:
    site.every = bad.claims(content_range)
    with pytest.raises(InputError, match=message):
        whole(url)
    assert len(site.gets()) == 1


def test_a_longer_body_than_is_said_adds_nothing(site, bad, url: str) -> None:
    site.faults.append(bad.claims("bytes 0-299999/300000", length=400_000))
    assert whole(url) == CONTENT


def test_a_file_that_is_shorter_than_its_size_is_refused(site, url: str) -> None:
    site.files["a.warc.gz"] = CONTENT[:1000]
    with pytest.raises(InputError, match="its size was 300000"):
        whole(url, size=300_000)


def test_a_file_that_changes_while_it_is_read_is_refused(site, bad, url: str) -> None:
    def changes(handler, part, start):
        bad.breaks_after(1000)(handler, part, start)
        site.etag = '"2"'

    site.faults.append(changes)
    with pytest.raises(InputError, match="it changed while it was read"):
        whole(url)


@pytest.mark.parametrize(
    ("status", "message"),
    [(403, "no permission"), (401, "no permission"), (410, "no such file")],
)
def test_what_will_not_get_better_is_asked_once(
    site, bad, url: str, status: int, message: str
) -> None:
    site.every = bad.answers(status)
    with pytest.raises(InputError, match=message) as caught:
        whole(url)
    assert not isinstance(caught.value, AccessRefused)
    assert len(site.gets()) == 1


def test_common_crawl_that_blocks_us_ends_the_run(
    site, bad, url: str, monkeypatch
) -> None:
    monkeypatch.setattr(web, "COMMON_CRAWL_HOSTS", frozenset({"127.0.0.1"}))
    site.every = bad.answers(403)
    with pytest.raises(AccessRefused, match=r"refuses access \(403\).*requests_per_s"):
        whole(url)
    assert len(site.gets()) == 1


def test_no_server_is_no_file(hasty) -> None:
    with pytest.raises(InputError, match="given up after 4 attempts: connection refu"):
        about_input("http://127.0.0.1:9/a.warc.gz", Access())


def test_a_missing_file_is_named(site, url: str) -> None:
    with pytest.raises(InputError, match=r"/gone\.gz: no such file"):
        about_input(site.url("gone.gz"), Access())


def test_size_and_stamp_are_asked_for(site, url: str) -> None:
    found = about_input(url, Access())
    assert (found.size, found.stamp) == (300_000, '"1"')
    assert site.gets() == []


def test_a_whole_list_is_read_through_a_cut(site, bad, url: str) -> None:
    def cut(handler, part, start):
        handler.head(200, len(part))
        handler.body(part[:500])
        handler.close_connection = True

    site.faults.append(cut)
    assert read_input(url, Access()) == CONTENT


def test_no_message_tells_a_secret(site, bad, url: str) -> None:
    address = url.replace("://", "://me:hunter2@") + "?X-Amz-Signature=s3cret&part=1"
    for fault in (bad.answers(404), bad.answers(503), bad.breaks_after(5)):
        site.every = lambda handler, part, start, fault=fault: (
            setattr(handler, "path", "/a.warc.gz"),
            fault(handler, part, start),
        )
        with pytest.raises(InputError) as caught:
            whole(address)
        error: BaseException | None = caught.value
        while error is not None:
            assert "hunter2" not in str(error)
            assert "s3cret" not in str(error)
            error = error.__cause__
        assert url in str(caught.value)


def test_a_warning_of_a_library_tells_no_secret_either(
    site, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(handler, part: bytes, start: int) -> None:
        size = len(site.files["a.warc.gz"])
        head = f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(part)}\r\n"
        head += f"Content-Range: bytes {start}-{start + len(part) - 1}/{size}\r\n"
        handler.wfile.write(f"{head}this is no header\r\n\r\n".encode() + part)
        handler.close_connection = True

    site.every = odd
    address = url.replace("://", "://me:hunter2@") + "?auth=hunter2"
    with open_input(address, Access(), size=len(site.files["a.warc.gz"])) as file:
        file.read(1)
    assert "Failed to parse headers" in caplog.text
    assert "hunter2" not in caplog.text


def test_an_unknown_option_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"storage_options\.https: \['blocksize'\]"):
        about_input("https://127.0.0.1:9/", Access({"https": {"blocksize": 1}}))


def test_own_headers_are_sent(site, url: str) -> None:
    seen = []
    site.every = lambda handler, part, start: (
        seen.append(handler.headers["X-Key"]),
        handler.head(200, 0),
    )
    read_input(url, Access({"https": {"headers": {"X-Key": "k"}}}))
    assert seen == ["k"]


def test_requests_keep_their_distance(site, url: str, monkeypatch) -> None:
    monkeypatch.setattr(pace, "_next_slot", {})
    access = Access(requests_per_second=40, tasks=4)
    start = time.time()
    with open_input(url, access, size=300_000, ranges=[]) as file:
        for position in range(5):
            file.seek(position)
            file.read(1)
    times = [when for _, _, when in site.asked]
    assert len(times) == 5
    # A quarter of 40 a second: 100 ms apart.
    assert times[-1] - start >= 0.4


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(read_input, id="in one request"),
        pytest.param(lambda url, access: whole(url, access, size=9), id="ahead"),
    ],
)
def test_ctrl_c_does_not_wait_as_long_as_a_server_asks(
    site, bad, url: str, read, monkeypatch
) -> None:
    monkeypatch.setattr(opening, "PATIENCE", Patience(attempts=2))
    site.every = bad.answers(503, Retry_After="20")

    def interrupt() -> None:
        wait_until(site.gets, within=20)
        os.kill(os.getpid(), signal.SIGINT)

    asker = threading.Thread(target=interrupt)
    asker.start()
    with pytest.raises(KeyboardInterrupt), held():
        read(url, Access())
    asker.join()
    assert len(site.gets()) == 1  # who waits asks a second time
