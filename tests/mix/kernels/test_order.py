import numpy as np
import pytest

from tamis.mix.kernels.order import shuffle_key, splitmix64


def test_splitmix64_gives_the_published_sequence() -> None:
    """The reference implementation's first outputs for seed 1234567."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    states = np.uint64(1234567) + golden * np.arange(3, dtype=np.uint64)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert splitmix64(states).tolist() == expected


def test_no_two_ids_share_a_key() -> None:
    keys = shuffle_key(7, np.arange(100_000, dtype=np.uint64))
    assert len(np.unique(keys)) == 100_000


def test_keys_are_uniform() -> None:
    keys = shuffle_key(7, np.arange(64_000, dtype=np.uint64))
    counts = np.bincount((keys >> np.uint64(58)).astype(np.int64), minlength=64)
    # 64 bins of 1,000: chi-squared of 63 degrees of freedom, 99.99 % below 118.
    assert ((counts - 1000) ** 2 / 1000).sum() < 118


@pytest.mark.parametrize(
    "other", [(8, 0), (7, 1)], ids=["another seed", "another epoch"]
)
def test_orders_are_independent(other: tuple[int, int]) -> None:
    ids = np.arange(10_000, dtype=np.uint64)
    first, second = shuffle_key(7, ids), shuffle_key(other[0], ids, other[1])
    ranks = [np.argsort(np.argsort(keys)) for keys in (first, second)]
    # The standard error of a rank correlation of 10,000 is 0.01.
    assert abs(np.corrcoef(*ranks)[0, 1]) < 0.04


def test_an_epoch_for_each_id() -> None:
    ids = np.array([5, 5, 9], np.uint64)
    keys = shuffle_key(7, ids, np.array([0, 1, 1], np.uint64))
    assert keys[0] == shuffle_key(7, ids[:1], 0)[0]
    assert keys[1] == shuffle_key(7, ids[:1], 1)[0]
    assert keys[2] == shuffle_key(7, ids[2:], 1)[0]


def test_no_ids_give_no_keys() -> None:
    assert len(shuffle_key(7, np.empty(0, np.uint64))) == 0
