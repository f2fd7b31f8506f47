"""Runs are cut where ICU cuts them, whatever stands beside them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icu4py.breakers import WordBreaker

from tamis.text.breaks import word_breaks

# Common words and what is hard: compatibility forms, voicing marks apart, iteration
# marks, joiners, characters beyond the first plane.
PIECES = [
    *("我们", "在", "北京大学", "的", "々", "〇", "㐀", "鿿", "です", "タワー", "ー", "ヽ"),
    *("ﾀﾜｰ", "か\u3099", "豈", "𠮷", "𠀀𠀁", "\u200d", "_", "\u0301", "〆"),
    *("ผม", "รัก", "ประเทศไทย", "ๆ", "ฯ", "ะ", "ຂ້ອຍ", "ຮັກ", "ລາວ", "ໆ"),
    *("ខ្ញុំ", "ស្រឡាញ់", "កម្ពុជា", "្", "ៗ", "ကျောင်း", "သား", "မြန်မာ", "်", "ပါသည်"),
]  # fmt: skip


def parted(runs: Sequence[str]) -> list[list[str]]:
    """The runs, each cut where `word_breaks` says."""
    encoded = [run.encode() for run in runs]
    data = np.frombuffer(b"".join(encoded) + b" ", np.uint8)
    ends = np.cumsum([len(run) for run in encoded], dtype=np.int64)
    starts = ends - np.array([len(run) for run in encoded], np.int64)
    breaks = word_breaks(data, starts, ends)
    assert (np.diff(breaks) >= 0).all()
    places = np.union1d(breaks, np.append(starts, ends))
    words: list[list[str]] = [[] for _ in runs]
    for low, high in pairwise(places.tolist()):
        run = np.searchsorted(starts, low, "right") - 1
        words[run].append(bytes(data[low:high]).decode())
    return words


@pytest.mark.parametrize(
    ("run", "words"),
    [
        pytest.param(
            "我们在北京大学学习", ["我们", "在", "北京", "大学", "学习"], id="Chinese"
        ),
        pytest.param("東京タワーへ行く", ["東京タワー", "へ", "行く"], id="Japanese"),
        pytest.param("人人々", ["人", "人々"], id="iteration mark"),
        pytest.param("𠀀𠀁我们", ["𠀀", "𠀁", "我们"], id="beyond the first plane"),
        pytest.param("ผมรักประเทศไทย", ["ผม", "รัก", "ประเทศไทย"], id="Thai"),
        pytest.param("ຂ້ອຍຮັກລາວ", ["ຂ້ອຍ", "ຮັກ", "ລາວ"], id="Lao"),
        pytest.param("ខ្ញុំស្រឡាញ់កម្ពុជា", ["ខ្ញុំ", "ស្រឡាញ់", "កម្ពុជា"], id="Khmer"),
        pytest.param("မြန်မာစာကျောင်း", ["မြန်မာ", "စာ", "ကျောင်း"], id="Burmese"),
    ],
)
def test_a_run_is_cut_into_words(run: str, words: list[str]) -> None:
    assert parted([run]) == [words]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(PIECES), max_size=8).map(lambda p: "我" + "".join(p)),
        min_size=1,
        max_size=8,
    )
)
def test_runs_that_go_to_icu_together_are_cut_as_each_alone(runs: list[str]) -> None:
    assert parted(runs) == [list(WordBreaker(run, "zh")) for run in runs]


def test_no_runs_have_no_breaks() -> None:
    empty = np.empty(0, np.int64)
    assert len(word_breaks(np.frombuffer(b"x", np.uint8), empty, empty)) == 0
