"""One document a page, against a dict of Python."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tamis.dedup import groups as dedup_job
from tamis.dedup import urls as urls_runs
from tamis.stages.deduplicate_urls import DeduplicateUrls

Document = dict[str, Any]
DAY = datetime(2024, 5, 1, tzinfo=UTC)


def row(id_: int, url: str | None, day: int | None = 0) -> Document:
    fetched_at = None if day is None else DAY + timedelta(days=day)
    return {"id": id_, "url": url, "fetched_at": fetched_at}


def kept(found: dict[int, Document]) -> set[int]:
    reasons = {row["drop_reason"] for row in found.values()}
    assert reasons <= {None, "duplicate_url"}
    return {id_ for id_, row in found.items() if row["drop_reason"] is None}


def test_the_newest_stays(barrier: Any) -> None:
    rows = [row(1, "http://a.org/x", 1), row(2, "https://www.a.org/x/?utm_id=1", 3)]
    rows += [row(3, "https://a.org/x#top", 2), row(4, "https://a.org/y", 0)]
    assert kept(barrier(DeduplicateUrls(), {"p": rows})) == {2, 4}


def test_of_equally_old_ones_the_smallest_id_stays(barrier: Any) -> None:
    parts = {"a": [row(9, "https://a.org/")], "b": [row(5, "https://a.org/")]}
    assert kept(barrier(DeduplicateUrls(), parts)) == {5}


def test_a_document_of_unknown_age_is_the_oldest(barrier: Any) -> None:
    rows = [row(1, "https://a.org/", None), row(2, "https://a.org/", -30_000)]
    assert kept(barrier(DeduplicateUrls(), {"p": rows})) == {2}


def test_documents_without_an_address_are_not_the_same(barrier: Any) -> None:
    rows = [row(1, None), row(2, None)]
    assert kept(barrier(DeduplicateUrls(), {"p": rows})) == {1, 2}


def test_what_was_dropped_before_takes_no_other_with_it(barrier: Any) -> None:
    rows = [row(1, "https://a.org/", 1), row(2, "https://a.org/", 2)]
    found = barrier(DeduplicateUrls(), {"p": rows}, dropped=[2])
    assert found[1]["drop_reason"] is None
    assert barrier.result.tally == {"duplicate_url": 0}


def test_parameters_can_be_ignored(barrier: Any) -> None:
    rows = [row(1, "https://a.org/x?from=a"), row(2, "https://a.org/x?From=b")]
    assert kept(barrier(DeduplicateUrls(), {"p": rows})) == {1, 2}
    config = DeduplicateUrls(ignore_parameters=("FROM",))
    assert kept(barrier(config, {"p": rows})) == {1}


def random_parts(seed: int) -> dict[str, list[Document]]:
    rng = np.random.default_rng(seed)
    places = ["été", "новости", "أخبار", "新闻", "समाचार", "a", "b"]
    parts: dict[str, list[Document]] = {}
    for number in range(300):
        url = f"https://d{rng.integers(6)}.org/{rng.choice(places)}"
        own = row(int(rng.integers(1 << 62)), url, int(rng.integers(4)))
        parts.setdefault(f"part-{number % 4}", []).append(own)
    return parts


def test_the_same_stay_as_by_brute_force(
    barrier: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    parts = random_parts(1)
    best: dict[str, Document] = {}
    for own in (own for rows in parts.values() for own in rows):
        known = best.get(own["url"])
        if known is None or (own["fetched_at"], -own["id"]) > (
            known["fetched_at"],
            -known["id"],
        ):
            best[own["url"]] = own
    assert kept(barrier(DeduplicateUrls(), parts)) == {
        own["id"] for own in best.values()
    }
    whole = barrier.bytes_of_layers()
    barrier(DeduplicateUrls(), dict(reversed(parts.items())), splits=3)
    assert barrier.bytes_of_layers() == whole[::-1]
    monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 100)
    monkeypatch.setattr(dedup_job, "_MAX_RANGE_ROWS", 128)
    monkeypatch.setattr(urls_runs, "_RUN_ROWS", 20)
    monkeypatch.setattr(urls_runs, "_ROW_GROUP_ROWS", 7)
    barrier.folder = tmp_path / "small"
    barrier(DeduplicateUrls(), parts)
    assert barrier.bytes_of_layers() == whole
    for folder in ("runs", "losers"):
        assert len(list((tmp_path / "small/work/urls" / folder).iterdir())) > 10


def test_it_says_what_it_needs_before_it_starts(barrier: Any) -> None:
    barrier(DeduplicateUrls(), {"p": [row(1, "https://a.org/")]})
    assert barrier.notes == [
        "deduplicate_urls: 1 documents, about 30 B under work/, "
        "0.0 core hours, under 1.0 GiB of memory in any task"
    ]


def test_no_input_has_no_layers(barrier: Any) -> None:
    assert barrier(DeduplicateUrls(), {}) == {}
    assert barrier(DeduplicateUrls(), {"p": []}) == {}
