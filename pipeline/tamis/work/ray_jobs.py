"""Jobs of a Ray cluster by its Jobs API, over HTTP: submit, find, follow and stop one.

The cluster's head needs `ray[default]`; this side needs `ray` alone.
https://docs.ray.io/en/latest/cluster/running-applications/job-submission/sdk.html
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

from tamis.addresses import without_secrets, without_secrets_in
from tamis.errors import ConfigError, TamisError

T = TypeVar("T")

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
_ID = re.compile(r"tamis-([0-9a-f]{16})-([0-9]{1,6})")
# Loggers of Ray's that tell of each upload on the terminal.
_TALKATIVE = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray._private.runtime_env.packaging",
)
_ATTEMPTS = 5  # of a number that somebody else takes at the same time

Phase = Literal["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]
AT_WORK = ("PENDING", "RUNNING")


class Job(NamedTuple):
    """A job of ours: the fingerprint of what it runs, and which one of that it is."""

    fingerprint: str
    number: int
    phase: Phase

    @property
    def id(self) -> str:
        return f"tamis-{self.fingerprint}-{self.number}"

    @property
    def is_at_work(self) -> bool:
        return self.phase in AT_WORK


class Jobs:
    """The jobs of the cluster whose head answers at an address, `http://HEAD:8265`."""

    def __init__(self, address: str | None = None) -> None:
        """Raises ConfigError if nothing there is a Ray that takes jobs from us."""
        self.address = _address(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from ray.job_submission import JobSubmissionClient

        for name in _TALKATIVE:
            logging.getLogger(name).setLevel("WARNING")
        # The client would take another address than the one that was asked for.
        with (
            _explained(self.address),
            _without("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"),
        ):
            self._client = JobSubmissionClient(self.address)

    def of(self, fingerprint: str) -> list[Job]:
        """The jobs of that fingerprint that the cluster knows, the oldest first."""
        listed = self._asked(self._client.list_jobs)
        found = []
        for about in listed:
            match = _ID.fullmatch(about.submission_id or "")
            if match and match[1] == fingerprint:
                phase = cast(Phase, str(getattr(about.status, "value", about.status)))
                found.append(Job(fingerprint, int(match[2]), phase))
        return sorted(found)

    def submit(
        self, fingerprint: str, command: str, folder: Path, about: Mapping[str, str]
    ) -> tuple[Job, bool]:
        """The job that runs `command` in a copy of `folder`, and whether it is a new one.

        One of the same fingerprint that is at work is joined.
        """
        for _ in range(_ATTEMPTS):
            known = self.of(fingerprint)
            if known and known[-1].is_at_work:
                return known[-1], False
            job = Job(fingerprint, known[-1].number + 1 if known else 1, "PENDING")
            try:
                self._asked(
                    self._client.submit_job,
                    entrypoint=command,
                    submission_id=job.id,
                    runtime_env={"working_dir": str(folder)},
                    metadata=dict(about),
                )
            except TamisError:
                if len(self.of(fingerprint)) == len(known):
                    raise
                continue  # somebody else has taken the number
            return job, True
        raise TamisError(f"{self.address}: others submit the same run all the time")

    def phase(self, job: Job) -> Phase:
        found = self._asked(self._client.get_job_status, job.id)
        return cast(Phase, str(getattr(found, "value", found)))

    def last_words(self, job: Job, lines: int = 5) -> list[str]:
        """The end of what a job has printed."""
        log = self._asked(self._client.get_job_logs, job.id)
        return [line for line in str(log).splitlines() if line.strip()][-lines:]

    def stop(self, job: Job) -> bool:
        """Ask a job to stop; false if it had ended."""
        return bool(self._asked(self._client.stop_job, job.id))

    def _asked(self, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        with _explained(self.address):
            return call(*arguments, **named)


def _address(given: str | None) -> str:
    """`http://HEAD:8265`: the one given, else that of the environment, else this machine's."""
    found = given or os.environ.get("RAY_API_SERVER_ADDRESS") or DEFAULT_ADDRESS
    if not re.match(r"https?://[^/]", found):
        raise ConfigError(
            f"--address {without_secrets(found)}: jobs go to the dashboard of the head, "
            f"http://HEAD:8265"
        )
    return found.rstrip("/")


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """The border of Ray's client: every error of it in one line, with the address."""
    try:
        yield
    except TamisError:
        raise
    except Exception as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        shown, why = without_secrets(address), without_secrets_in(why)
        lower = str(error).lower()
        if "401" in lower or "403" in lower or "authentication" in lower:
            raise ConfigError(
                f"{shown} asks for a token: set RAY_AUTH_MODE=token, and the cluster's "
                f"token in RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"
            ) from error
        if isinstance(error, ConnectionError | OSError):
            raise ConfigError(
                f"{shown}: no Ray takes jobs there ({why}); the head needs ray[default], "
                f"and `ray start --head --dashboard-host=0.0.0.0`"
            ) from error
        raise TamisError(f"{shown}: {why[:500]}") from error


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """The environment without these variables."""
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
