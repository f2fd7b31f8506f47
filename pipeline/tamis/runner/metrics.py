"""Numbers of a run for a monitoring system, as OpenMetrics text.

What a finished run has is in run.json, and the numbers here are those. While it goes on
they are what its own process has done so far. The text is also valid in Prometheus' older
format, which node_exporter's textfile collector reads: there counters have no type.
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tamis.errors import ConfigError
from tamis.runner.live import RunState
from tamis.tally import RunSummary

Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """A metric with its samples. Those of a counter are called `name_total`."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: tuple[tuple[Labels, float], ...]


def families_of_summary(summary: RunSummary) -> list[Family]:
    """The numbers of a run that has ended, as run.json has them."""
    lost = summary["lost"]
    return _families(
        summary,
        phase="complete" if summary["complete"] else "incomplete",
        seconds=summary["seconds"],
        running=0,
        lost=(lost["records"], lost["bytes"], lost["set_aside"], lost["requests"]),
        executed=summary["tasks_executed"],
        retried=lost["tasks"],
    )


def families_of_state(state: RunState, counts: Mapping[str, Any]) -> list[Family]:
    """The numbers of a run that goes on, or that failed."""
    lost = state["lost"]
    return _families(
        counts,
        phase=state["phase"],
        seconds=state["seconds"],
        running=state["running"],
        lost=(lost["records"], lost["bytes"], lost["inputs"], lost["requests"]),
        executed={
            step["name"]: max(int(step["done"]) - step["known"], 0)
            for step in state["steps"]
        },
        retried=lost["tasks"],
    )


def _families(
    tally: Mapping[str, Any],
    *,
    phase: str,
    seconds: float,
    running: int,
    lost: Sequence[int],
    executed: Mapping[str, int],
    retried: Mapping[str, int],
) -> list[Family]:
    stages, source = tally.get("stages", {}), tally.get("source", {})
    records, read = source.get("records", 0), source.get("admitted", 0)
    return [
        _one("records", "counter", "Records of the archives that were read.", records),
        _one("pages", "counter", "Records that are documents.", read),
        *_of_inputs(tally.get("inputs", ())),
        *_of_stages(stages),
        _one("lost_records", "counter", "Records that were certainly lost.", lost[0]),
        _one("lost_bytes", "counter", "Bytes that gave no record.", lost[1]),
        _one("inputs_set_aside", "gauge", "Inputs that cannot be read.", lost[2]),
        _one("requests_retried", "counter", "Requests made again.", lost[3]),
        _by(
            "fetched_bytes",
            "counter",
            "Bytes of files that came from stores and web servers, by step.",
            "step",
            tally.get("fetched", {}),
        ),
        _by("tasks_executed", "counter", "Tasks done by step.", "step", executed),
        _by(
            "tasks_retried",
            "counter",
            "Tasks that failed or lost their worker, and were tried again.",
            "step",
            retried,
        ),
        _one("tasks_running", "gauge", "Tasks at work.", running),
        _one("run_seconds", "gauge", "Duration of the run.", seconds),
        _by(
            "run_phase",
            "gauge",
            "1 for what the run is: running, complete, incomplete, stopped, failed.",
            "phase",
            {
                name: int(name == phase)
                for name in ("running", "complete", "incomplete", "stopped", "failed")
            },
        ),
    ]


def _of_inputs(inputs: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    if inputs:
        size = sum(one["bytes"] or 0 for one in inputs)
        told = "Size of all inputs, where it is known."
        yield _one("input_bytes", "gauge", told, size)


def _of_stages(stages: Mapping[str, Any]) -> Iterator[Family]:
    for name, of, told in (
        ("stage_documents", "documents_in", "Documents given to a stage."),
        ("stage_kept", "documents_out", "Documents that a stage kept."),
        ("stage_seconds", "seconds", "Seconds of one core spent in a stage."),
    ):
        values = {label: one[of] for label, one in stages.items() if of in one}
        yield _by(name, "counter", told, "stage", values)
    dropped = tuple(
        (
            (("stage", label), ("reason", reason)),
            sum(amount["documents"] for amount in amounts.values()),
        )
        for label, one in stages.items()
        for reason, amounts in one.get("dropped", {}).items()
    )
    yield Family("tamis_dropped", "counter", "Documents that were left out.", dropped)


def _one(
    name: str, kind: Literal["counter", "gauge"], told: str, value: float
) -> Family:
    return Family(f"tamis_{name}", kind, told, (((), value),))


def _by(
    name: str,
    kind: Literal["counter", "gauge"],
    told: str,
    label: str,
    values: Mapping[str, float],
) -> Family:
    samples = tuple((((label, key),), value) for key, value in values.items())
    return Family(f"tamis_{name}", kind, told, samples)


def as_text(families: Sequence[Family]) -> str:
    """OpenMetrics text; a metric without samples is left out."""
    lines = []
    for name, kind, told, samples in families:
        if not samples:
            continue
        lines += [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
        suffix = "_total" if kind == "counter" else ""
        for labels, value in samples:
            inside = ",".join(f'{key}="{_escaped(of)}"' for key, of in labels)
            where = f"{{{inside}}}" if inside else ""
            lines.append(f"{name}{suffix}{where} {value!r}")
    return "\n".join([*lines, "# EOF\n"])


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class MetricsFile:
    """Writes the numbers of a run to a file, which is complete whenever it is read."""

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        """Raises ConfigError if there is no such folder."""
        self._path, self._note = path, note
        self._said = False
        if not path.parent.is_dir() or path.is_dir():
            raise ConfigError(
                f"--metrics-file {path}: it is a folder, or its folder does not exist"
            )

    def write(self, families: Sequence[Family]) -> None:
        """Replace the file. What cannot be written is said once, and stops no run."""
        # The collector reads *.prom: the name of an unfinished file ends otherwise.
        own = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        try:
            own.write_text(as_text(families), "utf-8", errors="backslashreplace")
            own.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                own.unlink(missing_ok=True)
            if not self._said:
                self._said = True
                self._note(f"the metrics cannot be written: {error}")
