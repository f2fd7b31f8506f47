import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.mix.kernels.cut import Cut, cut_by_folder, cut_of

LAST = 2**64 - 1
KEYS = np.array([0, 1, 2**32, 2**62, 2**63 - 1, 2**63, LAST - 1, LAST], np.uint64)

cuts = st.one_of(
    st.builds(Cut, st.integers(1, 5000), st.integers(1, 500), max_ways=st.just(7)),
    st.builds(
        Cut,
        st.integers(1, 5000),
        shards_per_bucket=st.integers(1, 500),
        max_ways=st.integers(2, 256),
    ),
)


def test_shards_are_equal_ranges_of_keys() -> None:
    """Quarters of 2^64 begin at 0, 2^62, 2^63 and 3 x 2^62."""
    assert Cut(4).shard_of(KEYS).tolist() == [0, 0, 0, 1, 1, 2, 3, 3]
    assert Cut(1).shard_of(KEYS).tolist() == [0] * 8
    assert Cut(4).shard_of(np.empty(0, np.uint64)).tolist() == []


def test_every_way_leads_to_a_bucket_by_its_digits() -> None:
    """Nine buckets in threes: bucket 5 = 1 * 3 + 2."""
    cut = Cut(9, max_ways=4)
    assert (cut.levels, cut.ways) == (2, 3)
    middle_of_5 = np.array([2**64 * 11 // 18], np.uint64)
    assert cut.bucket_of(middle_of_5).tolist() == [5]
    assert [cut.way_of(middle_of_5, level).tolist() for level in (0, 1)] == [[1], [2]]


@given(cuts, st.lists(st.integers(0, LAST), max_size=50))
@settings(max_examples=150, deadline=None)
def test_buckets_keep_the_order_of_keys_and_cross_no_shard(
    cut: Cut, drawn: list[int]
) -> None:
    keys = np.sort(np.array([*drawn, 0, LAST], np.uint64))
    buckets, shards = cut.bucket_of(keys), cut.shard_of(keys)
    assert (np.diff(buckets) >= 0).all()
    assert buckets[0] == shards[0] == 0
    assert buckets[-1] == cut.buckets - 1
    assert shards[-1] == cut.shards - 1
    # Who gathers the buckets of a shard, or the shards of a bucket, gathers them whole.
    by_bucket = buckets // cut.buckets_per_shard
    assert by_bucket.tolist() == (shards // cut.shards_per_bucket).tolist()
    digits = sum(
        cut.way_of(keys, level) * cut.ways ** (cut.levels - 1 - level)
        for level in range(cut.levels)
    )
    assert np.array_equal(digits, buckets)


@pytest.mark.parametrize(
    ("buckets", "levels", "ways"),
    [(1, 1, 1), (256, 1, 256), (257, 2, 17), (65_536, 2, 256), (65_537, 3, 41)],
)
def test_no_level_has_more_than_256_ways(buckets: int, levels: int, ways: int) -> None:
    """17 x 17 = 289 is the first square that holds 257; 41^3 the cube over 65,537."""
    assert (Cut(buckets).levels, Cut(buckets).ways) == (levels, ways)


def test_sizes_become_shards_and_buckets() -> None:
    assert cut_of(0, shard_bytes=100, bucket_bytes=10) == Cut(1)
    assert cut_of(5, shard_bytes=100, bucket_bytes=10) == Cut(1)
    assert cut_of(35, shard_bytes=100, bucket_bytes=10) == Cut(1, 4)
    assert cut_of(250, shard_bytes=100, bucket_bytes=40) == Cut(3, 3)
    assert cut_of(250, shard_bytes=10, bucket_bytes=45) == Cut(25, 1, 4)
    assert cut_of(250, shard_bytes=10, bucket_bytes=45).buckets == 7


@pytest.mark.parametrize("size", [2.0**33, 1e20])
def test_there_are_as_many_ranges_as_half_a_key_tells_apart(size: float) -> None:
    """And no more, so that no product of a key's upper half and their number wraps."""
    cut = cut_of(size, shard_bytes=1, bucket_bytes=1)
    assert (cut.shards, cut.buckets) == (2**32, 2**32)
    assert cut.shard_of(KEYS)[-1] == 2**32 - 1
    fine = cut_of(size, shard_bytes=1 << 12, bucket_bytes=1)
    assert fine.shards * fine.buckets_per_shard <= 2**32


def test_folders_have_shards_by_their_size_and_one_at_least() -> None:
    sizes = {"fra": 250.0, "eng": 100.0, "tha": 0.0}
    cut = cut_by_folder(sizes, shard_bytes=100, bucket_bytes=40)
    assert cut.folders == (("eng", 1), ("fra", 3), ("tha", 1))
    assert (cut.shards, cut.buckets_per_shard) == (5, 3)
    assert [cut.stem_of(number) for number in range(5)] == [
        *("eng/shard-000000", "fra/shard-000000", "fra/shard-000001"),
        *("fra/shard-000002", "tha/shard-000000"),
    ]
    assert cut_by_folder({}, shard_bytes=100, bucket_bytes=40) == Cut(1)


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=9),
    st.lists(st.integers(0, LAST), max_size=40),
)
@settings(max_examples=150, deadline=None)
def test_keys_lie_in_the_shards_of_their_folder_in_the_same_order(
    shards: list[int], drawn: list[int]
) -> None:
    folders = tuple((f"l{number:02}", own) for number, own in enumerate(shards))
    cut = Cut(sum(shards), folders=folders)
    keys = np.sort(np.array([*drawn, 0, LAST], np.uint64))
    first = 0
    for number, own in enumerate(shards):
        placed = cut.placed(keys, np.full(len(keys), number))
        found = cut.shard_of(placed)
        # As they would be cut alone, behind the shards of the folders before.
        assert found.tolist() == (first + Cut(own).shard_of(keys)).tolist()
        assert (placed[:-1] <= placed[1:]).all()
        first += own
