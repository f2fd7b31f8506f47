"""Copies in their order: how often each document is taken in so many epochs."""

import numpy as np
import pytest

from tamis.mix.kernels.order import shuffle_key
from tamis.mix.kernels.places import copies_before, copies_in, epoch_place, place_of

KEYS = shuffle_key(3, np.arange(2000, dtype=np.uint64))
TIMES = np.random.default_rng(1).choice([0, 0.01, 0.5, 1, 1.5, 2, 3.7, 100], 2000)


def test_a_document_of_one_copy_follows_its_key() -> None:
    once = np.ones(2000)
    places = place_of(np.full(2000, 3), KEYS, once)
    assert (np.argsort(places) == np.argsort(KEYS)).all()
    assert (places >> np.uint64(48) == 3).all()


@pytest.mark.parametrize("epoch", [0, 1, 2, 7, 1000])
def test_whole_epochs_take_each_document_its_times_rounded(epoch: int) -> None:
    copies = copies_before(epoch, KEYS, TIMES)
    exact = epoch * TIMES
    assert (copies >= np.floor(exact - 1e-9)).all()
    assert (copies <= np.ceil(exact + 1e-9)).all()
    assert copies.sum() == pytest.approx(exact.sum(), rel=0.01)


@pytest.mark.parametrize("epoch", [0, 1, 5])
def test_the_copies_of_an_epoch_are_those_between_its_bounds(epoch: int) -> None:
    rows, places = copies_in(epoch, KEYS, TIMES)
    every = [
        (row, int(place))
        for row in range(0, 2000, 50)
        if TIMES[row] > 0
        for place in place_of(
            np.arange(700), np.repeat(KEYS[row], 700), np.repeat(TIMES[row], 700)
        )
        if epoch_place(epoch) <= int(place) < epoch_place(epoch + 1)
    ]
    found = [
        (row, place)
        for row, place in zip(rows.tolist(), places.tolist(), strict=True)
        if row % 50 == 0
    ]
    assert found == every


def test_a_document_taken_next_to_never_is_in_no_epoch() -> None:
    rare = np.full(3, 1e-12)
    assert copies_before(9000, KEYS[:3], rare).tolist() == [0, 0, 0]
    assert copies_before(5, KEYS[:0], rare[:0]).tolist() == []
