"""Crawl after crawl into one index: who stays is what the rule says, kills or not."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.dedup import groups as dedup_job
from tamis.dedup.index import folder as dedup_index
from tamis.dedup.index import run as dedup_index_run
from tamis.dedup.index.compaction import compact
from tamis.dedup.index.folder import generations
from tamis.dedup.index.turn import holder, remove_newest, sweep, unlock
from tamis.dedup.kernels import tiers
from tamis.errors import ConfigError, StorageError
from tamis.storage import Storage
from tamis.work.executors import InlineExecutor

Row = dict[str, Any]


def hashed(value: int, column: str) -> int:
    """Spread over all 64 bits, as hashes are; another number in each column."""
    return (value * 0x9E3779B97F4A7C15 + ord(column[-1]) * 0xD1B54A32D192ED03) % 2**64


def random_rows(rng: np.random.Generator, crawl: int, count: int) -> list[Row]:
    """Documents that meet those of their own crawl and of others, in chains too."""
    rows = []
    world = 4 * count
    for number in range(count):
        text, first, second = rng.integers(0, world, 3).tolist()
        own: Row = {
            "id": hashed(1000 * crawl + number, "i"),
            "text_chars": int(rng.integers(90, 99)),
            "fetched_at": 0,
            "crawl": f"CC-{crawl}",
            "language": ["fra", "deu"][int(rng.integers(0, 2))],
            "text": "",
            "text_hash": hashed(text, "text_hash"),
            "band_00": hashed(first, "band_00"),
            "band_01": hashed(second, "band_01"),
            "reason": "word_count" if rng.random() < 0.1 else None,
        }
        if rng.random() < 0.1:
            own["band_00"] = own["band_01"] = None
        if rng.random() < 0.05:
            own["text_hash"] = None
        rows.append(own)
    rows[-1]["id"] = rows[0]["id"]
    return rows


class Rule:
    """What must come of crawls without `verify`, by brute force over dicts.

    A cluster is a component of a crawl's documents. One that has a hash which an earlier
    crawl has published belongs to the keeper of the hash that was published first.
    """

    columns = ("text_hash", "band_00", "band_01")

    def __init__(self, by_language: bool = False) -> None:
        self.by_language = by_language
        self.known: dict[tuple[Any, ...], tuple[int, int]] = {}
        self.sizes: dict[int, int] = {}
        self.crawls: dict[int, str] = {}
        self.number = 0

    def keys(self, own: Row) -> list[tuple[Any, ...]]:
        scope = own["language"] if self.by_language else ""
        return [(c, own[c], scope) for c in self.columns if own[c] is not None]

    def run(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """(cluster, size, kept, reason, crawl of the index) of each row."""
        self.number += 1
        outcome: list[Any] = [None] * len(rows)
        seen: set[int] = set()
        live = []
        for number, own in enumerate(rows):
            if own["reason"]:
                outcome[number] = (None, None, None, None, None)
            elif own["id"] in seen:
                outcome[number] = (own["id"], 1, False, "duplicate_id", None)
            else:
                seen.add(own["id"])
                live.append(number)
        found, grown = {}, dict[int, int]()
        for members in self._components(rows, live):
            keys = [key for n in members for key in self.keys(rows[n])]
            hits = [self.known[key] for key in keys if key in self.known]
            if hits:
                keeper = min(hits)[1]
                grown[keeper] = grown.get(keeper, 0) + len(members)
                for n in members:
                    outcome[n] = keeper
            else:
                keeper = self._settle(rows, members, outcome)
            found.update(dict.fromkeys(keys, keeper))
        for keeper, more in grown.items():
            self.sizes[keeper] += more
        for n in live:
            if not isinstance(outcome[n], tuple):
                keeper = outcome[n]
                about = (self.sizes[keeper], False, "duplicate_of_index")
                outcome[n] = (keeper, *about, self.crawls[keeper])
        for key, keeper in found.items():
            self.known.setdefault(key, (self.number, keeper))
        return outcome

    def _settle(
        self, rows: Sequence[Row], members: list[int], outcome: list[Any]
    ) -> int:
        members = sorted(members, key=lambda n: (-rows[n]["text_chars"], rows[n]["id"]))
        first = rows[members[0]]
        texts: set[int] = set()
        for n in members:
            text = rows[n]["text_hash"]
            reason = "duplicate_exact" if text in texts else "duplicate_near"
            texts |= {text} if text is not None else set()
            is_kept = n == members[0]
            told = None if is_kept else reason
            outcome[n] = (first["id"], len(members), is_kept, told, None)
        self.sizes[first["id"]] = len(members)
        self.crawls[first["id"]] = first["crawl"]
        return int(first["id"])

    def _components(self, rows: Sequence[Row], live: list[int]) -> list[list[int]]:
        left, components = set(live), []
        while left:
            members = {left.pop()}
            while True:
                keys = {key for n in members for key in self.keys(rows[n])}
                more = {n for n in left if keys & set(self.keys(rows[n]))}
                if not more:
                    break
                members |= more
                left -= more
            components.append(sorted(members))
        return components


def told(found: Sequence[Row]) -> list[tuple[Any, ...]]:
    columns = ("cluster", "cluster_size", "kept", "drop_reason", "index_crawl")
    return [tuple(own[c] for c in columns) for own in found]


def contents(storage: Storage) -> list[Any]:
    """What an index says, however it is cut into files and generations."""
    rows: list[Any] = []
    source = dedup_index.reading(storage, generations(storage), dedup_index.EVER)
    for own in source.files:
        for table in dedup_index.rows_of(
            source._replace(files=(own,)), *dedup_index.ALL
        ):
            rows += [(own.column, *row.values()) for row in table.to_pylist()]
    return sorted(rows, key=str)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces so small that even these crawls are cut."""
    monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 20)
    monkeypatch.setattr(dedup_job, "_MAX_RANGE_ROWS", 12)
    monkeypatch.setattr(dedup_job, "_PARTITION_BYTES", 2000)
    monkeypatch.setattr(dedup_index_run, "MAX_ATTACHED", 6)
    monkeypatch.setitem(dedup_index._MOST_ROWS, "keeper", 16)


@pytest.mark.parametrize("scope", ["run", "language"])
def test_survivors_are_those_of_the_rule(crawls: Any, tiny: None, scope: str) -> None:
    rng = np.random.default_rng(1)
    rule = Rule(by_language=scope == "language")
    reasons = set()
    for number in range(1, 4):
        rows = random_rows(rng, number, 40)
        found = crawls.run(f"crawl-{number}", rows, scope=scope)
        assert told(found) == rule.run(rows)
        reasons |= {own["drop_reason"] for own in found}
    assert len(reasons) == 5  # none, id, exact, near, of index
    assert len(generations(crawls.index)) == 3


def test_kills_compaction_and_running_again_change_nothing(
    crawls: Any, killed: Any
) -> None:
    rng = np.random.default_rng(3)
    rule = Rule()
    every, expected = [], []
    kills = 0
    for number in range(1, 7):
        rows = random_rows(rng, number, 20)
        every.append(rows)
        expected.append(rule.run(rows))
        write = int(rng.integers(1, 20))
        while True:
            try:
                with killed(write):
                    found = crawls.run(f"crawl-{number}", rows)
                break
            except killed.error:
                kills += 1
                write += int(rng.integers(1, 8))
        assert told(found) == expected[-1]
    assert kills > 20
    assert not crawls.index.names("commits") + crawls.index.names("work")
    assert holder(crawls.index) is None
    merged = [(own.first, own.last) for own in generations(crawls.index)]
    assert merged == [(1, 4), (5, 5), (6, 6)]
    before = contents(crawls.index)
    for number in (1, 3, 6):
        name = f"crawl-{number}"
        assert told(crawls.run(name, every[number - 1])) == expected[number - 1]
        # Nor where all that it had is lost: it reads what those before it had added.
        again = crawls.run(name, every[number - 1], output=f"again-{number}")
        assert told(again) == expected[number - 1]
    assert contents(crawls.index) == before
    named = {own.file.path for g in generations(crawls.index) for own in g.files}
    assert named == set(crawls.index.names("hashes") + crawls.index.names("keepers"))


def test_removing_the_newest_undoes_it(crawls: Any) -> None:
    rng = np.random.default_rng(4)
    every = [random_rows(rng, number, 20) for number in range(1, 4)]
    crawls.run("crawl-1", every[0])
    crawls.run("crawl-2", every[1])
    before = contents(crawls.index)
    first = crawls.run("crawl-3", every[2])
    after = contents(crawls.index)
    assert remove_newest(crawls.index).last == 3
    assert contents(crawls.index) == before
    # Another crawl finds the index as the second left it; then comes the third again.
    rule = Rule()
    for rows in every[:2]:
        rule.run(rows)
    other = random_rows(rng, 4, 20)
    assert told(crawls.run("crawl-4", other)) == rule.run(other)
    remove_newest(crawls.index)
    assert crawls.run("crawl-3", every[2]) == first
    assert contents(crawls.index) == after


def test_files_of_strangers_in_an_index_and_behind_links_stay(
    crawls: Any, tmp_path: Path
) -> None:
    """Whoever names a folder of theirs as the index keeps what they have in it."""
    rng = np.random.default_rng(11)
    index, elsewhere = Path(crawls.index.root), tmp_path / "elsewhere"
    half_written = "0123456789abcdef" * 2
    mine = [
        index / f for f in ("work/thesis.txt", "hashes/a.parquet", "commits/b.json")
    ]
    mine += [index / "generations/notes.txt", elsewhere / half_written]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    (index / "work/tmp").symlink_to(elsewhere)
    (index / "keepers").symlink_to(elsewhere)
    for number in (1, 2, 3):
        crawls.run(f"crawl-{number}", random_rows(rng, number, 20))
    keepers = set(elsewhere.iterdir())
    assert remove_newest(crawls.index).last == 3
    assert [path.read_text() for path in mine] == ["mine"] * len(mine)
    assert set(elsewhere.iterdir()) == keepers
    named = {own.file.path for g in generations(crawls.index) for own in g.files}
    assert set(crawls.index.names("hashes")) - named == {"hashes/a.parquet"}
    assert crawls.index.names("commits") == ["commits/b.json"]


def test_a_removal_that_is_killed_leaves_nothing(crawls: Any, killed: Any) -> None:
    rng = np.random.default_rng(12)
    write = 0
    while True:
        crawls.run("crawl-1", random_rows(rng, 1, 20), output=f"out-{write}")
        try:
            with killed(write):
                remove_newest(crawls.index)
            break
        except killed.error:
            write += 1
        if generations(crawls.index):
            remove_newest(crawls.index)
        else:
            sweep(crawls.index)
        assert not [n for f in ("hashes", "commits") for n in crawls.index.names(f)]
    assert write > 2


def test_who_was_given_up_compares_anew(crawls: Any, killed: Any) -> None:
    rng = np.random.default_rng(8)
    first, second = (random_rows(rng, number, 20) for number in (1, 2))
    write = 0
    while holder(crawls.index) is None:
        with suppress(killed.error), killed(write):
            crawls.run("crawl-1", first)
        write += 1
    with pytest.raises(StorageError, match=r"being written by the run in .*crawl-1"):
        crawls.run("crawl-2", second)
    with pytest.raises(StorageError, match="tamis index unlock"):
        remove_newest(crawls.index)
    assert unlock(crawls.index)["number"] == 1
    rule = Rule()
    assert told(crawls.run("crawl-2", second)) == rule.run(second)
    assert told(crawls.run("crawl-1", first)) == rule.run(first)
    assert [own.number for own in generations(crawls.index)[1].runs] == [2]


def test_compaction_by_hand_leaves_the_newest_two(
    crawls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    for number in range(1, 5):
        crawls.run(f"crawl-{number}", random_rows(rng, number, 10))
    before = contents(crawls.index)
    assert compact(crawls.index, InlineExecutor()) == []
    monkeypatch.setattr(tiers, "MIN_MERGED", 2)
    (merged,) = compact(crawls.index, InlineExecutor())
    assert (merged.first, merged.last) == (1, 2)
    assert [own.first for own in generations(crawls.index)] == [1, 3, 4]
    assert contents(crawls.index) == before
    assert compact(crawls.index, InlineExecutor()) == []
    remove_newest(crawls.index)
    remove_newest(crawls.index)
    with pytest.raises(ConfigError, match="several runs, 1 to 2"):
        remove_newest(crawls.index)


def test_pages_that_come_back_add_no_hash(crawls: Any) -> None:
    rows = random_rows(np.random.default_rng(7), 1, 20)
    crawls.run("crawl-1", rows)
    crawls.run("crawl-2", [{**own, "id": own["id"] ^ 1} for own in rows])
    _, second = generations(crawls.index)
    assert {own.column for own in second.files} == {"input", "keeper"}


def test_a_crawl_without_documents_is_a_generation_too(crawls: Any) -> None:
    assert crawls.run("crawl-1", []) == []
    (generation,) = generations(crawls.index)
    assert generation.runs[0].documents == 0
    rows = random_rows(np.random.default_rng(6), 2, 20)
    assert told(crawls.run("crawl-2", rows)) == Rule().run(rows)
