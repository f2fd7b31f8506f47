"""Stretches that stand in two places, cut or marked, in several scripts."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tamis.dedup import groups as dedup_job
from tamis.dedup.substrings import cut as substrings_cut
from tamis.dedup.substrings import partitions as substrings_partitions
from tamis.dedup.substrings.partitions import partitions_of
from tamis.errors import ConfigError
from tamis.stages.deduplicate_substrings import DeduplicateSubstrings

Document = dict[str, Any]

STRETCHES = {
    "Latin": "le tamis trie la farine",
    "Cyrillic": "старое решето просеивает муку мелко",
    "Arabic": "منخل الدقيق القديم يفصل النخالة",
    "Hindi": "पुरानी छलनी आटे को चोकर",
    "Chinese": "筛子把面",
    "Thai": "คนกบดง",
}


def config(**settings: Any) -> DeduplicateSubstrings:
    given = {"min_tokens": 4, "min_chars": 1, **settings}
    return DeduplicateSubstrings.model_validate(given)


@pytest.mark.parametrize("script", STRETCHES)
def test_a_stretch_stays_where_it_stood_first(barrier: Any, script: str) -> None:
    stretch = STRETCHES[script]
    parts = {
        "b": [{"id": 1, "text": f"Aa {stretch} bb.\nCc"}],
        "a": [{"id": 2, "text": f"{stretch}\nDd ee ff"}],
    }
    found = barrier(config(), parts)
    assert found[1]["text"] == "Aa bb.\nCc"
    assert found[2]["text"] == f"{stretch}\nDd ee ff"
    found = barrier(config(keep="none"), parts)
    assert found[1]["text"] == "Aa bb.\nCc"
    assert found[2]["text"] == "Dd ee ff"


@pytest.mark.parametrize("script", STRETCHES)
def test_marking_leaves_the_text_and_says_where(barrier: Any, script: str) -> None:
    stretch = STRETCHES[script]
    rows = [
        {"id": 1, "text": f"Äa\n{stretch}"},
        {"id": 2, "text": f"bß {stretch} x {stretch}"},
        {"id": 3, "text": "bß"},
    ]
    found = barrier(config(action="mask"), {"p": rows})
    assert [found[id_]["text"] for id_ in (1, 2, 3)] == [row["text"] for row in rows]
    spans = found[2]["repeated_spans"]
    assert [
        rows[1]["text"][a:b] for a, b in zip(spans[::2], spans[1::2], strict=True)
    ] == [
        stretch,
        stretch,
    ]
    assert found[2]["repeated_chars"] == 2 * len(stretch)
    assert found[1]["repeated_spans"] is None
    assert found[1]["repeated_tokens"] == found[3]["repeated_tokens"] == 0


def test_shorter_repeats_stay(barrier: Any) -> None:
    rows = [{"id": 1, "text": "one two three x"}, {"id": 2, "text": "one two three y"}]
    assert barrier(config(), {"p": rows})[2]["text"] == "one two three y"


def test_what_differs_in_case_or_a_digit_is_no_repeat(barrier: Any) -> None:
    rows = [{"id": 1, "text": "a b c 1 d e"}, {"id": 2, "text": "a B c 1 d e"}]
    rows += [{"id": 3, "text": "a b c 2 d e"}]
    found = barrier(config(), {"p": rows})
    assert [found[id_]["text"] for id_ in (2, 3)] == ["a B", "a b c 2 d e"]


def test_a_document_of_which_too_little_is_left_drops(barrier: Any) -> None:
    rows = [{"id": 1, "text": "a b c d e f"}, {"id": 2, "text": "a b c d e f ghi"}]
    rows += [{"id": 3, "text": "hi"}]
    found = barrier(config(min_chars=4), {"p": rows})
    assert [found[id_]["drop_reason"] for id_ in (1, 2, 3)] == [
        None,
        "only_repeated_text",
        None,
    ]
    found = barrier(config(min_chars=3), {"p": rows})
    assert (found[2]["drop_reason"], found[2]["text"]) == (None, "ghi")
    assert (found[2]["text_chars"], found[2]["repeated_chars"]) == (3, 11)


def test_what_was_dropped_before_neither_counts_nor_changes(barrier: Any) -> None:
    rows = [{"id": 1, "text": "a b c d"}, {"id": 2, "text": "a b c d x y"}]
    found = barrier(config(), {"p": rows}, dropped=[1])
    assert found[2]["text"] == "a b c d x y"
    assert (found[1]["drop_reason"], found[1]["text_chars"]) == ("too_short", None)


def test_domains_of_another_partition_are_not_compared(barrier: Any) -> None:
    rows = [{"id": n, "text": "a b c d e", "domain": f"d{n}"} for n in (1, 2, 3)]
    rows += [{"id": 4, "text": "a b c d e", "domain": "d1"}]
    found = barrier(config(partition_bytes=1), {"p": rows})
    assert barrier.result.tally["partitions"] > 3
    # Pieces of a domain larger than a partition are parted by id.
    assert [found[n]["text"] for n in (2, 3)] == ["a b c d e"] * 2
    assert barrier(config(), {"p": rows})[3]["text"] == ""


def test_a_domain_larger_than_a_partition_is_parted_by_id(barrier: Any) -> None:
    rows = [{"id": n, "text": f"{n:04} of one domain alone"} for n in range(60)]
    barrier(config(partition_bytes=60 * 24 // 6), {"p": rows})
    (texts,) = (barrier.folder / "work/substrings/texts").iterdir()
    sizes = pq.read_table(texts).group_by("partition").aggregate([([], "count_all")])
    assert sorted(sizes["partition"].to_pylist()) == list(range(6))
    assert max(sizes["count_all"].to_pylist()) < 20


def random_parts(seed: int) -> dict[str, list[Document]]:
    rng = np.random.default_rng(seed)
    parts: dict[str, list[Document]] = {}
    stretches = list(STRETCHES.values())
    for number in range(80):
        own = [stretches[place] for place in rng.integers(0, 6, rng.integers(0, 5))]
        own = [f"{text} {rng.integers(40)}" for text in own]
        row = {
            "id": 900 - number,
            "domain": f"d{rng.integers(9)}",
            "text": "\n".join(own),
        }
        parts.setdefault(f"part-{number % 3}", []).append(row)
    return parts


def test_files_batches_and_the_order_of_inputs_change_nothing(
    barrier: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = random_parts(3)
    own = config(partition_bytes=600)
    found = barrier(own, parts)
    assert barrier.result.tally["partitions"] > 5
    assert any(row["text"] != "" and row["repeated_tokens"] for row in found.values())
    whole = barrier.bytes_of_layers()
    barrier(own, dict(reversed(parts.items())), splits=3)
    assert barrier.bytes_of_layers() == whole[::-1]
    monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 20)
    monkeypatch.setattr(substrings_partitions, "_BATCH_ROWS", 5)
    monkeypatch.setattr(substrings_partitions, "_BUFFER_BYTES", 300)
    monkeypatch.setattr(substrings_cut, "_ROW_GROUP_ROWS", 3)
    barrier.folder = tmp_path / "small"
    barrier(own, parts)
    assert barrier.bytes_of_layers() == whole
    assert len(list((tmp_path / "small/work/substrings/texts").iterdir())) == 3


def test_partitions_follow_from_bytes_alone() -> None:
    found = partitions_of([5, 5, 0, 1, 25, 3, 7], 10)
    assert found.firsts == (0, 0, 0, 1, 2, 5, 5)
    assert found.pieces == (1, 1, 1, 1, 3, 1, 1)
    assert found.total == 6
    assert partitions_of([0] * 4, 10).total == 1


def test_more_partitions_than_files_can_hold_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"set partition_bytes to 2\.0 KiB or more"):
        partitions_of([1024] * 4096, 512)
    assert partitions_of([1024] * 4096, 2048).total == 2048


def test_it_says_what_it_needs_before_it_starts(barrier: Any) -> None:
    barrier(config(partition_bytes="256MiB"), {"p": [{"id": 1, "text": "a"}]})
    assert barrier.notes == [
        "deduplicate_substrings: 1 documents, about 2.0 KiB under work/, "
        "0.0 core hours, under 8.0 GiB of memory in any task"
    ]


def test_no_input_has_no_layers(barrier: Any) -> None:
    assert barrier(config(), {}) == {}
    assert barrier(config(), {"p": []}) == {}


def test_it_has_no_second_text_to_write() -> None:
    with pytest.raises(ValidationError, match="occurs once"):
        config(**{"as": "again"})
