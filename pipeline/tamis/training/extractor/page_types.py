"""Train the model of page types (judge.page_types), and judge it on sites it has not seen.

A page teaches if its type is known and its source may train. Types of few pages count more,
and pages of a source with one type less: what tells them from others may be the source.
Deterministic: pages in order, one thread, rounded numbers.
"""

import importlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.judge.page_types import (
    NUMBERS,
    PageTypes,
    evidence,
    likeliest_type,
    page_types_of,
)
from tamis.html.blocks.kernel import describe
from tamis.html.blocks.read.tags import fnv1a
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import new_workspace
from tamis.training.extractor.names import spelled
from tamis.training.extractor.pages import Page
from tamis.training.extractor.train import FOLDS, fold_of

_MIN_SITES: Final = 6  # that have a sign
_MAX_SIGNS: Final = 800
_CUTS: Final = 5  # of a number, at quantiles
_PENALTY: Final = 0.05  # C of the regression: small is strict
_SIGN_SCALE: Final = 0.5  # a sign is punished more than a step
_LEAST_PAGES: Final = 10  # of a type
_OF_SINGLE: Final = 0.3  # weight of a page whose source has one type
_DATA_TYPE: Final = re.compile(rb"@type[^A-Za-z]{1,16}([A-Za-z]{1,40})", re.I)
_CONTENT: Final = re.compile(rb"""content\s*=\s*["']?\s*([^\s"'>]{1,40})""", re.I)


@dataclass(frozen=True, eq=False)
class Sample:
    """A page of a known type: what the model may read of it."""

    page: Page
    numbers: NDArray[np.float32]
    signs: frozenset[int]


def samples(pages: Iterable[Page]) -> list[Sample]:
    """The pages whose type is known, described without any learnt weight."""
    workspace = new_workspace()
    found = []
    for page in (page for page in pages if page.page_type):
        tokenize(page.html, workspace)
        describe(workspace)
        numbers, marks = evidence(page.html, workspace)
        names = workspace[0]["names"][: int(workspace[0]["state"][0]["names"])]
        signs = frozenset(np.unique(names).tolist()) | frozenset(marks.tolist())
        found.append(Sample(page, numbers, signs))
    return found


def spellings(known: Sequence[Sample]) -> dict[int, str]:
    """How signs of several sites are written, by hash; those that cannot be are missing."""
    sites: defaultdict[int, set[str]] = defaultdict(set)
    for sample in known:
        for sign in sample.signs:
            sites[sign].add(sample.page.site)
    common = {sign: 0.0 for sign, own in sites.items() if len(own) >= _MIN_SITES}
    pages = [sample.page for sample in known]
    written = {fnv1a(word.encode()): word for word in spelled(common, pages)}
    for page in pages:
        raw = page.html.tobytes()
        marks = {b"@" + word.lower() for word in _DATA_TYPE.findall(raw)}
        for word in map(bytes.lower, _CONTENT.findall(raw)):
            marks |= {b"og:" + word, b"by:" + word}
        for mark in marks:
            if mark.isascii():
                written[fnv1a(mark)] = mark.decode()
    return {sign: written[sign] for sign in common if sign in written}


def fit_page_types(
    taught: Sequence[Sample], written: dict[int, str]
) -> dict[str, Any] | None:
    """The section `page_type` of weights.json; None if fewer than two types have pages."""
    linear_model = importlib.import_module("sklearn.linear_model")
    taught = [sample for sample in taught if sample.page.may_train]
    sizes = Counter(sample.page.page_type for sample in taught)
    types = sorted(kind for kind, pages in sizes.items() if pages >= _LEAST_PAGES)
    taught = [sample for sample in taught if sample.page.page_type in types]
    if len(types) < 2:
        return None
    kinds = np.array([types.index(sample.page.page_type) for sample in taught])
    weight = _weights(taught, kinds)
    signs = _telling(taught, kinds, weight, written)
    numbers = np.array([sample.numbers for sample in taught])
    cuts = [
        (name, cut)
        for name, values in zip(NUMBERS, numbers.T, strict=True)
        for cut in np.unique(np.quantile(values, np.linspace(0, 1, _CUTS + 2)[1:-1]))
        .astype(np.float32)
        .tolist()
    ]
    columns = [np.array([sign in sample.signs for sample in taught]) for sign in signs]
    columns += [numbers[:, NUMBERS.index(name)] > np.float32(cut) for name, cut in cuts]
    table = np.array(columns, np.float64).T
    table[:, : len(signs)] *= _SIGN_SCALE
    model = linear_model.LogisticRegression(C=_PENALTY, max_iter=500)
    with _one_thread():
        model.fit(table, kinds, sample_weight=weight)
    rows, bias = model.coef_.T, model.intercept_
    if len(types) == 2:  # of two types the regression has the second one's row alone
        rows, bias = np.hstack([0 * rows, rows]), np.array([0.0, *bias])
    of_signs, of_steps = rows[: len(signs)] * _SIGN_SCALE, rows[len(signs) :]
    stored = zip((written[sign] for sign in signs), _rounded(of_signs), strict=True)
    return {
        "types": types,
        "bias": _rounded(bias[np.newaxis])[0],
        "signs": dict(sorted(stored)),
        "steps": [
            [name, cut, row]
            for (name, cut), row in zip(cuts, _rounded(of_steps), strict=True)
        ],
    }


def predicted(types: PageTypes, judged: Sequence[Sample]) -> list[str]:
    """The type of each page, by the kernel that extraction uses."""
    workspace = new_workspace()
    found = []
    for sample in judged:
        tokenize(sample.page.html, workspace)
        describe(workspace)
        kind, _ = likeliest_type(sample.page.html, workspace, types.model)
        found.append(types.names[kind])
    return found


def judge_page_types(known: Sequence[Sample], written: dict[int, str]) -> str:
    """Markdown: accuracy and confusion on the sources with several types, by site folds."""
    several = _sources_of_several(known)
    found = types_on_new_sites(known, written)
    return _confusion(
        Counter(
            (sample.page.page_type, found[sample.page.url])
            for sample in known
            if sample.page.source in several and sample.page.url in found
        )
    )


def types_on_new_sites(
    known: Sequence[Sample], written: dict[int, str]
) -> dict[str, str]:
    """The type of each page, by URL, by a model that has seen no page of its site."""
    types: dict[str, str] = {}
    for fold in range(FOLDS):
        others = [sample for sample in known if fold_of(sample.page) != fold]
        judged = [sample for sample in known if fold_of(sample.page) == fold]
        section = fit_page_types(others, written) if judged else None
        if section is not None:
            found = predicted(page_types_of(section), judged)
            urls = (sample.page.url for sample in judged)
            types |= zip(urls, found, strict=True)
    return types


def _confusion(pairs: Counter[tuple[str, str]]) -> str:
    if not pairs:
        return "page types: not judged: they need a source with several types and sites"
    types = sorted({kind for pair in pairs for kind in pair})
    right = sum(count for (kind, found), count in pairs.items() if kind == found)
    lines = [
        f"| page type, {right / pairs.total():.3f} right | {' | '.join(types)} | right |",
        "|---" * (len(types) + 2) + "|",
    ]
    for kind in types:
        row = [pairs[kind, found] for found in types]
        if sum(row):
            cells = " | ".join(map(str, row))
            lines.append(f"| {kind} | {cells} | {pairs[kind, kind] / sum(row):.2f} |")
    return "\n".join(lines)


def _sources_of_several(known: Sequence[Sample]) -> set[str]:
    types: defaultdict[str, set[str]] = defaultdict(set)
    for sample in known:
        types[sample.page.source].add(sample.page.page_type)
    return {source for source, kinds in types.items() if len(kinds) > 1}


def _weights(taught: Sequence[Sample], kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    """A weight a page, 1 on average."""
    several = _sources_of_several(taught)
    weight = np.array(
        [1.0 if sample.page.source in several else _OF_SINGLE for sample in taught]
    )
    of_type = np.bincount(kinds, weight)
    weight *= of_type[kinds] ** -0.5
    weight /= weight.mean()
    return weight


def _telling(
    taught: Sequence[Sample],
    kinds: NDArray[np.int64],
    weight: NDArray[np.float64],
    written: dict[int, str],
) -> list[int]:
    """The signs whose pages' types differ most from all pages', by the chi statistic."""
    every = np.bincount(kinds, weight) / weight.sum()
    sites: defaultdict[int, set[str]] = defaultdict(set)
    of_sign: defaultdict[int, NDArray[np.float64]]
    of_sign = defaultdict(lambda: np.zeros(len(every)))
    for sample, kind, own in zip(taught, kinds.tolist(), weight.tolist(), strict=True):
        for sign in sample.signs & written.keys():
            of_sign[sign][kind] += own
            sites[sign].add(sample.page.site)
    strength = {}
    for sign, seen in of_sign.items():
        if len(sites[sign]) >= _MIN_SITES:
            expected = seen.sum() * every
            strength[sign] = float(np.max(np.abs(seen - expected) / np.sqrt(expected)))
    ranked = sorted(strength, key=lambda sign: (-strength[sign], written[sign]))
    return ranked[:_MAX_SIGNS]


def _one_thread() -> Any:
    """Sums of several threads have no fixed order."""
    return importlib.import_module("threadpoolctl").threadpool_limits(1)


def _rounded(rows: NDArray[np.float64]) -> list[list[float]]:
    return [[round(number, 3) for number in row] for row in rows.tolist()]
