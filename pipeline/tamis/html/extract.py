"""The engines that turn a page into its main text; one function opens any of them.

An engine whose library may hang or crash is a factory of a function from one page
(str) to its text, and runs in a `Guard`'s process. An engine that bounds its own work
is a factory of a function from a batch (string array) to one `Extracted` per page.
"""

import importlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from tamis.html.guard import Failure, Guard
from tamis.text.buffers import utf8_buffers


class Extracted(NamedTuple):
    """An engine's result for one page; the text is "" where it found none."""

    text: str
    title: str | None
    markdown: str | None = None
    note: str | None = None  # where the text is from, if not from the whole page
    page_type: str | None = None
    page_type_score: float | None = None  # its probability


class Engine(NamedTuple):
    """Where an engine is: `factory` is "module:attribute", imported on first use.

    `libraries`: its texts depend on the version of these distributions.
    `settings`: the settings of the recipe that the factory takes.
    """

    factory: str
    needs_guard: bool
    libraries: tuple[str, ...]
    page_seconds: float  # of one core, measured with benchmarks/throughput.py
    settings: tuple[str, ...] = ()


Extract = Callable[[pa.StringArray], list[Extracted | Failure]]

ENGINES = {
    "trafilatura": Engine(
        "tamis.html.engines.trafilatura:build",
        needs_guard=True,
        libraries=("justext", "lxml", "trafilatura"),
        page_seconds=0.03,
    ),
    "resiliparse": Engine(
        "tamis.html.engines.resiliparse:build",
        needs_guard=True,
        libraries=("resiliparse",),
        page_seconds=0.003,
    ),
    "blocks": Engine(
        "tamis.html.blocks.engine:build",
        needs_guard=False,
        libraries=(),
        page_seconds=0.001,
        settings=("comments", "markdown", "model", "title"),
    ),
}


def open_engine(
    name: str,
    settings: Mapping[str, Any],
    *,
    timeout_seconds: float,
    memory_bytes: int,
) -> Extract:
    """The engine as a function of a batch, run by a guard if it needs one.

    An engine without a guard gets those of `settings` that it takes.
    """
    engine = ENGINES[name]
    if not engine.needs_guard:
        given = {key: settings[key] for key in engine.settings}
        extract: Extract = _load(engine.factory)(**given)
        return extract
    guard = Guard(
        "tamis.html.engines.page:with_title",
        {"factory": engine.factory},
        timeout_seconds=timeout_seconds,
        memory_bytes=memory_bytes,
    )

    def extract_guarded(pages: pa.StringArray) -> list[Extracted | Failure]:
        data, offsets = utf8_buffers(pages)
        spans = itertools.pairwise(offsets)
        answers = guard([data[start:stop].data for start, stop in spans])
        return [
            answer
            if isinstance(answer, Failure)
            else Extracted(answer[0] or "", answer[1])
            for answer in answers
        ]

    return extract_guarded


def _load(factory: str) -> Any:
    module, _, attribute = factory.partition(":")
    return getattr(importlib.import_module(module), attribute)
