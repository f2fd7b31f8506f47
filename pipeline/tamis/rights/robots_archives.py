"""The robots.txt files of archives, read by an executor's workers into one table.

Each call reads some archives and writes sorted runs into a folder next to the table;
when all are there they are merged (`tamis.rights.robots_runs`). A call that fails is
repeated, and only the runs of its last attempt are merged. An archive that cannot be
read is skipped and reported: its hosts are missing from the table.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tamis.addresses import without_secrets, without_secrets_in
from tamis.errors import ConfigError, InputError, StageError, TamisError
from tamis.inputs import InputFile
from tamis.interrupts import held, stop_if_asked
from tamis.remote.failures import AccessRefused
from tamis.remote.opening import Access, open_input
from tamis.rights.robots import MOST_BYTES, parse
from tamis.rights.robots_runs import Answer, Written, merge_runs, write_runs
from tamis.warc.document import host_of
from tamis.warc.frames import open_archive
from tamis.warc.http import decode_body, parse_response
from tamis.warc.record import Loss, Record
from tamis.warc.records import read_records
from tamis.warc.source import Source
from tamis.warc.splits import Place, Split
from tamis.work.executors import Call, Executor
from tamis.work.tasks import MAX_ATTEMPTS

_CALLS_PER_WORKER = 8  # enough to share the work evenly, few enough for large runs
_PORTS = (None, 80, 443)
_TOO_MANY_REQUESTS = 429


class Built(NamedTuple):
    """What was written, and a line for each archive that had a problem."""

    written: Written
    problems: tuple[str, ...]


class _Read(NamedTuple):
    runs: list[Path]
    problems: list[str]


def build_table(
    files: Sequence[InputFile],
    output: Path,
    agents: Sequence[str],
    *,
    access: Access,
    executor: Executor,
) -> Built:
    """Write the table of the files to `output`; `agents` are in lower case.

    Raises ConfigError if it cannot be written, AccessRefused if a server refuses all
    access, and another TamisError if a call fails in every attempt.
    """
    with _writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(
            dir=output.parent, prefix=f"{output.name}."
        )
    with temporary as folder:
        try:
            executor.start()  # before the block: Ray takes SIGTERM for itself
            with held():
                read = _read_all(
                    files, Path(folder), agents, access=access, executor=executor
                )
        except BaseException:
            executor.close()  # else running calls write into a folder that was removed
            raise
        with _writing(output):
            written = merge_runs(read.runs, output, agents=agents)
    return Built(written, tuple(sorted(read.problems)))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}") from error


def _read_all(
    files: Sequence[InputFile],
    folder: Path,
    agents: Sequence[str],
    *,
    access: Access,
    executor: Executor,
) -> _Read:
    """Runs and problems of all files, in the order in which the calls end."""
    calls = min(len(files), _CALLS_PER_WORKER * executor.workers)
    if executor.workers == 1:
        calls = min(calls, 1)
    waiting = [
        Call(
            f"robots-{number}",
            read_archives,
            (files[number::calls], folder.resolve(), agents, access),
        )
        for number in range(calls)
    ]
    found = _Read([], [])
    attempts: Counter[str] = Counter()
    while waiting or executor.pending:
        stop_if_asked()
        while waiting and executor.pending < executor.capacity:
            call = waiting.pop()
            attempts[call.name] += 1
            executor.submit(call)
        outcome = executor.wait()
        if outcome.error is not None or outcome.died is not None:
            if isinstance(outcome.error, TamisError):
                raise outcome.error  # another attempt would fail in the same way
            if attempts[outcome.call.name] == MAX_ATTEMPTS:
                why = outcome.error or f"its worker died: {outcome.died}"
                raise TamisError(
                    f"{outcome.call.name}: failed {MAX_ATTEMPTS} times: {why}"
                ) from outcome.error
            # Try again after the others: the cause may be gone by then. The runs that
            # it wrote are not used, and are removed with the folder.
            waiting.insert(0, outcome.call)
            continue
        found.runs.extend(outcome.value.runs)
        found.problems.extend(outcome.value.problems)
    return found


def read_archives(
    files: Sequence[InputFile], folder: Path, agents: Sequence[str], access: Access
) -> _Read:
    """Write the archives' robots.txt files as runs in `folder`."""
    problems: list[str] = []
    return _Read(
        write_runs(
            (
                answer
                for file in files
                for answer in _answers(file, agents, access, problems=problems)
            ),
            folder,
        ),
        problems,
    )


def _answers(
    file: InputFile, agents: Sequence[str], access: Access, *, problems: list[str]
) -> Iterator[Answer]:
    """The answer of each robots.txt of an archive; adds to `problems` what failed."""
    name, lost = without_secrets(file.path), 0
    if file.problem:
        problems.append(f"{name}: {file.problem}")
        return
    try:
        with open_input(file.path, access, size=file.size, stamp=file.etag) as opened:
            split = Split(file.path, 0, file.size, file.size, exact=True)
            archive = open_archive(Source(opened, file.size, name))
            for step in read_records(
                archive, split, Place(), max_block_bytes=2 * MOST_BYTES
            ):
                stop_if_asked()
                if isinstance(step, Loss):
                    lost += step.bytes
                    continue
                answer = _answer(step, agents)
                if answer is not None:
                    yield answer
    except AccessRefused:
        raise
    except InputError as error:
        problems.append(str(error))
    except OSError as error:
        why = without_secrets_in(error, file.path)
        problems.append(f"{name}: cannot be read: {why}")
    except Exception as error:
        cause = f"{type(error).__name__}: {without_secrets_in(error, file.path)}"
        raise StageError("robots", name, cause) from error
    if lost:
        problems.append(f"{name}: {lost:,} bytes of it are damaged")


def _answer(record: Record, agents: Sequence[str]) -> Answer | None:
    """What a response says for its whole host; None if it does not speak for one.

    A file in a folder (a redirect may lead there), with a query or at another port does
    not speak for the host. A missing file is an answer too: it refuses nothing.
    """
    fields = record.header.fields
    url = fields.get("warc-target-uri") or ""
    host = host_of(url)
    if record.header.type != "response" or host is None or not _is_of_host(url):
        return None
    response = parse_response(record.block)
    if _is_unavailable(response.status):
        robots = parse("", agents)
    elif response.status == 200:
        body = memoryview(record.block)[response.body_start :]
        content = bytes(decode_body(body, response, MOST_BYTES))
        robots = parse(content.decode("utf-8", "replace"), agents)
    else:
        return None
    return Answer(host, fields.get("warc-date", ""), robots)


def _is_unavailable(status: int | None) -> bool:
    """Whether the host has no file, and so no rules (RFC 9309, section 2.3.1.3).

    "Too many requests" does not mean that.
    """
    return status is not None and 400 <= status < 500 and status != _TOO_MANY_REQUESTS


def _is_of_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_file = parts.path == "/robots.txt" and not parts.query
        return is_file and parts.port in _PORTS
    except ValueError:  # the port is not a number
        return False
