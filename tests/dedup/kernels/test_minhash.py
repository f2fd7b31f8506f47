import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from tamis.dedup.kernels.minhash import band_hash, fill_sketch, signatures
from tamis.text.buffers import utf8_buffers


def sketch(elements: NDArray[np.uint64], slots: int = 112) -> NDArray[np.uint64]:
    filled = np.zeros(slots, np.uint64)
    fill_sketch(elements, filled, np.empty(slots, np.int64))
    return filled


def bands_of(elements: NDArray[np.uint64], bands: int, rows: int) -> list[int]:
    slots = sketch(elements, bands * rows)
    return [int(band_hash(slots, band, rows)) for band in range(bands)]


def random_pair(
    rng: np.random.Generator, jaccard: float, size: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], float]:
    """Two sets of `size` elements, and their similarity, which is nearly `jaccard`."""
    shared = round(2 * size * jaccard / (1 + jaccard))
    elements = rng.integers(0, 2**64, 2 * size - shared, dtype=np.uint64)
    return elements[:size], elements[size - shared :], shared / (2 * size - shared)


def test_slots_agree_as_often_as_the_sets_are_similar() -> None:
    """Closer than MinHash, whose slots are independent: section 1.2 of the paper."""
    rng = np.random.default_rng(1)
    errors, expected = [], []
    for _ in range(400):
        left, right, jaccard = random_pair(rng, rng.uniform(0.1, 0.95), 400)
        errors.append(np.mean(sketch(left) == sketch(right)) - jaccard)
        expected.append(jaccard * (1 - jaccard) / 112)
    assert np.mean(errors) == pytest.approx(0, abs=0.005)
    assert np.mean(np.square(errors)) < 1.05 * np.mean(expected)


@pytest.mark.parametrize("size", [1, 2, 5, 20, 112, 3000])
def test_every_slot_is_filled_whatever_the_size(size: int) -> None:
    rng = np.random.default_rng(size)
    elements = rng.integers(0, 2**64, size, dtype=np.uint64)
    slots = sketch(elements)
    assert (slots != 0).all()
    assert len(set(slots.tolist())) == 112


def test_order_and_repetition_change_nothing() -> None:
    rng = np.random.default_rng(2)
    elements = rng.integers(0, 2**64, 50, dtype=np.uint64)
    shuffled = rng.permutation(np.concatenate([elements, elements[:20]]))
    assert np.array_equal(sketch(elements), sketch(shuffled))


@pytest.mark.parametrize("jaccard", [0.5, 0.65, 0.75, 0.85])
def test_the_s_curve_is_the_formula(jaccard: float) -> None:
    rng = np.random.default_rng(3)
    trials, found, chance = 1500, 0, 0.0
    for _ in range(trials):
        left, right, exact = random_pair(rng, jaccard, 150)
        met = zip(bands_of(left, 14, 8), bands_of(right, 14, 8), strict=True)
        found += any(one == other for one, other in met)
        chance += 1 - (1 - exact**8) ** 14
    # Four standard deviations; slots that lean on each other cost at most .02 more.
    tolerance = 4 * np.sqrt(chance * (1 - chance / trials)) / trials + 0.02
    assert found / trials == pytest.approx(chance / trials, abs=tolerance)


def test_buckets_find_the_pairs_that_datasketch_finds() -> None:
    """On the same sets, to within sampling error: both miss and both err at random."""
    rng = np.random.default_rng(4)
    pairs = [
        random_pair(rng, jaccard, 120) for jaccard in np.repeat([0.6, 0.8, 0.9], 60)
    ]
    ours = {0.6: 0, 0.8: 0, 0.9: 0}
    theirs = dict(ours)
    for left, right, jaccard in pairs:
        met = zip(bands_of(left, 14, 8), bands_of(right, 14, 8), strict=True)
        ours[round(jaccard, 1)] += any(one == other for one, other in met)
        peers = [MinHash(num_perm=112), MinHash(num_perm=112)]
        for peer, elements in zip(peers, (left, right), strict=True):
            peer.update_batch([element.tobytes() for element in elements])
        lsh = MinHashLSH(num_perm=112, params=(14, 8))
        lsh.insert("left", peers[0])
        theirs[round(jaccard, 1)] += "left" in lsh.query(peers[1])
    for jaccard in ours:
        deviation = np.sqrt(60 * 0.25 * 2)
        assert abs(ours[jaccard] - theirs[jaccard]) < 3 * deviation


def test_the_same_slots_in_another_band_are_another_hash() -> None:
    slots = np.tile(np.arange(8, dtype=np.uint64), 2)
    assert band_hash(slots, 0, 8) != band_hash(slots, 1, 8)


def test_a_document_shorter_than_a_shingle_has_a_text_hash_and_no_bands() -> None:
    column = pa.array(["one two three four", "one two three four five", ""])
    texts, bands, is_signed = signatures(
        *utf8_buffers(column), ngram=5, bands=3, rows=2
    )
    assert is_signed.tolist() == [False, True, False]
    assert bands.shape == (3, 3)
    assert len(set(texts.tolist())) == 3


def test_an_empty_batch_has_no_signatures() -> None:
    column = pa.array([], pa.string())
    texts, bands, is_signed = signatures(
        *utf8_buffers(column), ngram=5, bands=3, rows=2
    )
    assert (texts.shape, bands.shape, is_signed.shape) == ((0,), (3, 0), (0,))
