"""Which copies of which documents the mix takes: whole epochs, then by key.

    caps     a part   the cutoff of each domain over its cap (tamis/cutoffs/find.py)
    epochs   a part   tokens of each language in one epoch, then in two ...
    copies   a part   the cutoff of each language

The documents of a language, and their copies, have an order (tamis/mix/kernels/places.py)
that depends on the seed and their ids. The mix takes them in this order, to the one with
which the language's tokens are reached. So it has at most one document more than wanted,
whatever the parts are. A domain over its cap keeps its documents in another such order,
likewise to the one with which the cap is reached; the others are dropped before
languages are weighed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import NamedTuple, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.cutoffs.find import Ranked, find_cutoffs
from tamis.cutoffs.radix_select import Key, Search, is_below_cutoff
from tamis.documents.parts import Part
from tamis.mix.count import repeats, rounded
from tamis.mix.kernels.order import shuffle_key
from tamis.mix.kernels.places import copies_before, copies_in, epoch_place
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.steps import Piece, Steps

# Epochs that no mix reaches, so that these draws are independent of the order.
_SAMPLE_EPOCH, _DOMAIN_EPOCH = 2**62, 2**62 + 1

Rows = NDArray[np.int64]


class Cutoff(NamedTuple):
    """All copies of the epochs before `epoch`, and of that epoch those up to `last`."""

    epoch: int
    last: Key | None = None


@dataclass(frozen=True)
class Order:
    """What the order of the documents depends on, and the domains that are cut.

    `domains` has "language domain" of each domain over its cap with its last document.
    """

    seed: int
    rehydration: dict[int, float]
    domains: dict[str, Key | None]


@dataclass(frozen=True)
class Open:
    """Documents of a part that nothing has dropped, and no domain's cap leaves out.

    `languages` are all the part's, `codes` those of the documents: places in
    `languages`. `rows` are the documents' rows in the part.
    """

    rows: Rows
    languages: list[str]
    codes: Rows
    ids: NDArray[np.uint64]
    keys: NDArray[np.uint64]
    times: NDArray[np.float64]
    tokens: Rows

    def of(self, code: int) -> Rows:
        """Which of the documents are in a language."""
        return np.flatnonzero(self.codes == code)


class EpochsTally(TypedDict):
    """{language: tokens in one epoch, in two ...}."""

    tokens: dict[str, list[int]]


def open_documents(storage: Storage, part: Part, order: Order) -> Open:
    """The documents of a part that can be in the mix."""
    table = part.read(storage, ["id", "language", "domain", "drop_reason", "tokens"])
    rows = np.flatnonzero(np.asarray(pc.is_null(table["drop_reason"])))
    over = is_over_cap(table, order)
    rows = rows[~over[rows]]
    languages = pc.fill_null(table["language"], "unknown")
    coded = languages.combine_chunks().dictionary_encode()
    ids = np.asarray(table["id"]).astype(np.uint64)[rows]
    return Open(
        rows,
        coded.dictionary.to_pylist(),
        np.asarray(coded.indices).astype(np.int64)[rows],
        ids,
        shuffle_key(order.seed, ids, _SAMPLE_EPOCH),
        repeats(storage, part, order.rehydration)[rows],
        np.asarray(table["tokens"]).astype(np.int64)[rows],
    )


def is_over_cap(table: pa.Table, order: Order) -> NDArray[np.bool_]:
    """Which documents their domain's cap leaves out, of all rows of a part."""
    is_over = np.zeros(table.num_rows, np.bool_)
    for domain, rows in _rows_by_domain(table, list(order.domains)).items():
        ids = np.asarray(table["id"]).astype(np.uint64)[rows]
        keys = shuffle_key(order.seed, ids, _DOMAIN_EPOCH)
        is_over[rows] = is_below_cutoff(keys, ids, order.domains[domain])
    return is_over


def copies_taken(opened: Open, cutoffs: Mapping[str, Cutoff]) -> Rows:
    """How many copies of each open document are taken."""
    taken = np.zeros(len(opened.rows), np.int64)
    for code, language in enumerate(opened.languages):
        cutoff = cutoffs.get(language, Cutoff(0))
        own = opened.of(code)
        keys, times = opened.keys[own], opened.times[own]
        copies = copies_before(cutoff.epoch, keys, times)
        if cutoff.last is not None:
            rows, places = copies_in(cutoff.epoch, keys, times)
            stays = ~is_below_cutoff(places, opened.ids[own][rows], cutoff.last)
            copies += np.bincount(rows[stays], minlength=len(own))
        taken[own] = copies
    return taken


def domain_cutoffs(
    caps: Mapping[str, Mapping[str, int]],
    parts: Sequence[Part],
    *,
    seed: int,
    rehydration: dict[int, float],
    steps: Steps,
) -> dict[str, Key | None]:
    """The last document to stay of each domain over its cap, by "language domain"."""
    ranks = {
        f"{language} {domain}": tokens
        for language, own in caps.items()
        for domain, tokens in own.items()
    }
    if not ranks:
        return {}
    found = find_cutoffs(
        steps,
        "caps-",
        parts,
        rank=partial(_ranked_by_domain, sorted(ranks), seed, rehydration),
        rank_of=lambda group, _: ranks[group],
        most_ranked=sum(part.rows for part in parts),
    )
    return {group: found.get(group) for group in ranks}


def epochs_counted(
    order: Order, parts: Sequence[Part], epochs: int, *, steps: Steps
) -> dict[str, list[int]]:
    """{language: its tokens in one epoch, in two ..., in `epochs`}, by name."""
    pieces = [
        Piece(part.name, (order, part, epochs), (part.fingerprint,)) for part in parts
    ]
    total: dict[str, list[int]] = {}
    for commit in steps.run("epochs", count_epochs, pieces, epochs):
        for language, tokens in commit.tally["tokens"].items():
            sums = total.get(language, [0] * epochs)
            total[language] = [a + b for a, b in zip(sums, tokens, strict=True)]
    return dict(sorted(total.items()))


def count_epochs(
    outputs: Outputs, order: Order, part: Part, epochs: int
) -> EpochsTally:
    """Tokens of the part's open documents in the first epochs, by language."""
    opened = open_documents(outputs.storage, part, order)
    sums = np.zeros((len(opened.languages), epochs), np.int64)
    for number in range(epochs):
        copies = copies_before(number + 1, opened.keys, opened.times)
        np.add.at(sums[:, number], opened.codes, copies * opened.tokens)
    return {"tokens": dict(zip(opened.languages, sums.tolist(), strict=True))}


def language_cutoffs(
    order: Order,
    wanted: Mapping[str, int],
    whole: Mapping[str, Sequence[int]],
    parts: Sequence[Part],
    *,
    steps: Steps,
) -> dict[str, Cutoff]:
    """The cutoff at which each language has its `wanted` tokens.

    whole  {language: its tokens in one epoch, in two ...}; if that is one number, every
           epoch has as many
    """
    found, searches = {}, {}
    for language, tokens in wanted.items():
        epoch, before = _whole_epochs(tokens, whole[language])
        found[language] = Cutoff(epoch)
        if before < tokens and _goes_on(epoch, whole[language]):
            prefix = Key(epoch_place(epoch), 0)
            searches[language] = Search(1, prefix, tokens - before)
    if not searches:
        return found
    epochs = {language: found[language].epoch for language in searches}
    most = max(1, ceil(max(order.rehydration.values(), default=1)))
    last = find_cutoffs(
        steps,
        "copies-",
        parts,
        rank=partial(_ranked_in_epoch, order, epochs),
        rank_of=lambda language, _: searches[language].rank or 0,
        searches=searches,
        most_ranked=most * sum(part.rows for part in parts),
    )
    for language, epoch in epochs.items():
        found[language] = Cutoff(epoch, last.get(language))
    return found


def _whole_epochs(tokens: int, whole: Sequence[int]) -> tuple[int, int]:
    """How many whole epochs have at most `tokens`, and how many tokens these have."""
    if len(whole) == 1:
        epochs = tokens // whole[0] if whole[0] else 0
        return epochs, epochs * whole[0]
    epochs = int(np.searchsorted(whole, tokens, side="right"))
    return epochs, whole[epochs - 1] if epochs else 0


def _goes_on(epoch: int, whole: Sequence[int]) -> bool:
    return len(whole) == 1 or epoch < len(whole)


def _ranked_by_domain(
    groups: Sequence[str],
    seed: int,
    rehydration: dict[int, float],
    storage: Storage,
    part: Part,
) -> dict[str, Ranked]:
    """Open documents of the domains that are over their cap, by key."""
    table = part.read(storage, ["id", "language", "domain", "drop_reason", "tokens"])
    is_open = np.asarray(pc.is_null(table["drop_reason"]))
    all_ids = np.asarray(table["id"]).astype(np.uint64)
    weights = rounded(table["tokens"], repeats(storage, part, rehydration))
    found = {}
    for group, own in _rows_by_domain(table, groups).items():
        rows = own[is_open[own]]
        ids = all_ids[rows]
        keys = shuffle_key(seed, ids, _DOMAIN_EPOCH)
        found[group] = Ranked(rows, keys, ids, weights[rows])
    return found


def _ranked_in_epoch(
    order: Order, epochs: Mapping[str, int], storage: Storage, part: Part
) -> dict[str, Ranked]:
    """The copies of each language in the epoch of its cutoff, by place."""
    opened = open_documents(storage, part, order)
    found = {}
    for code, language in enumerate(opened.languages):
        if language not in epochs:
            continue
        own = opened.of(code)
        rows, places = copies_in(epochs[language], opened.keys[own], opened.times[own])
        rows = own[rows]
        weights = opened.tokens[rows]
        found[language] = Ranked(opened.rows[rows], places, opened.ids[rows], weights)
    return found


def _rows_by_domain(table: pa.Table, groups: Sequence[str]) -> dict[str, Rows]:
    """Rows of each of the groups, "language domain", that occurs."""
    if not groups:
        return {}
    languages = pc.fill_null(table["language"], "unknown")
    names = pc.binary_join_element_wise(languages, table["domain"], " ")
    codes = pc.index_in(names, value_set=pa.array(groups, pa.string()))
    codes = np.asarray(pc.fill_null(codes, -1)).astype(np.int64)
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], 0) :]
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return {
        groups[codes[rows[0]]]: rows
        for rows in np.split(order, starts)[1:]
        if len(rows)
    }
