"""Our kernels part words where ICU does, and ICU does where they cannot."""

import random
import unicodedata
from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.text import breaks
from tamis.text.breaks import word_breaks

# Common words and what is hard: letters that are no word, compatibility forms, voicing
# marks apart, iteration marks, joiners, variation selectors, the second plane.
PIECES = {
    "Han": ["我们", "在", "北京大学", "中华人民共和国", "的", "了", "々", "〇", "㐀", "龥", "鿿"],
    "kana": ["です", "の", "タワー", "ー", "ゝ", "ゔ", "ヷ", "ヵ", "ㇰ", "っ", "コンピュータ"],
    "odd": ["ﾀﾜｰ", "か\u3099", "豈", "㊀", "𠮷", "\u200d", "_", "\u0301", "ヿ", "〆", "〱"],
    "Thai": ["ผม", "รัก", "ประเทศไทย", "ๆ", "ฯ", "แ", "ะ", "ั", "กรุงเทพฯ", "มาก", "ํ"],
    "Lao": ["ຂ້ອຍ", "ຮັກ", "ລາວ", "ໆ", "ເ", "ັ", "ປະເທດ", "ໜ", "ໞ", "ຯ", "ຼ"],
    "Khmer": ["ខ្ញុំ", "ស្រឡាញ់", "កម្ពុជា", "្", "ៗ", "ឣ", "ា", "ភាសា", "ៜ", "៝"],
    "Burmese": ["ကျောင်း", "သား", "မြန်မာ", "၏", "ဦး", "်", "ႁ", "ႏ", "ပါသည်", "ဢ", "ꩠ"],
}  # fmt: skip
BLOCKS = {
    "Han": (0x4E00, 0x9FFF),
    "kana": (0x3041, 0x30FF),
    "odd": (0xFF66, 0xFF9F),
    "Thai": (0xE01, 0xE4E),
    "Lao": (0xE81, 0xEDF),
    "Khmer": (0x1780, 0x17DD),
    "Burmese": (0x1000, 0x109F),
}


TRIE = breaks._trie
_SPACE = 0x20


def runs_of_all_scripts() -> st.SearchStrategy[str]:
    """Pieces and single characters of one script, or of two or more together.

    Like every run they begin with a letter.
    """
    of_one = [
        st.sampled_from(pieces) | st.characters(min_codepoint=low, max_codepoint=high)
        for pieces, (low, high) in zip(PIECES.values(), BLOCKS.values(), strict=True)
    ]
    japanese = st.one_of(of_one[:2])
    each = [*of_one, japanese, st.one_of(of_one[:3]), st.one_of(of_one)]
    return st.sampled_from(each).flatmap(
        lambda characters: st.lists(characters, min_size=1, max_size=12).map(_run)
    )


def _run(pieces: list[str]) -> str:
    run = "".join(pieces)
    return run if unicodedata.category(run[0])[0] == "L" else f"我{run}"


def parted(runs: Sequence[str]) -> list[list[str]]:
    """The runs, each cut where `word_breaks` says."""
    encoded = [run.encode() for run in runs]
    data = np.frombuffer(b" ".join(encoded) + b" ", np.uint8)
    ends = np.cumsum([len(run) + 1 for run in encoded], dtype=np.int64) - 1
    starts = ends - np.array([len(run) for run in encoded], np.int64)
    places = np.union1d(word_breaks(data, starts, ends), np.append(starts, ends))
    words: list[list[str]] = [[] for _ in runs]
    for low, high in pairwise(places.tolist()):
        if data[low] != _SPACE:
            run = np.searchsorted(starts, low, "right") - 1
            words[run].append(bytes(data[low:high]).decode())
    return words


@pytest.fixture
def without_dictionaries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaks, "_trie", lambda *_: None)


@pytest.fixture
def without_icu(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str, locale: str) -> None:
        raise AssertionError(f"ICU was asked for {text!r}")

    monkeypatch.setattr(breaks, "WordBreaker", fail)


PLAIN = [
    pytest.param(
        "我们在北京大学学习", ["我们", "在", "北京", "大学", "学习"], id="Chinese"
    ),
    pytest.param("東京タワーへ行く", ["東京タワー", "へ", "行く"], id="Japanese"),
    # Eight katakana cost 480 together, nine 8192; what is unknown costs 255 alone.
    pytest.param("ヮ" * 8, ["ヮ" * 8], id="eight unknown katakana stay together"),
    pytest.param("ヮ" * 9, ["ヮ"] * 9, id="nine do not"),
    pytest.param("鿠鿡", ["鿠", "鿡"], id="unknown characters stand alone"),
    pytest.param("人人々", ["人", "人々"], id="iteration mark"),
    pytest.param("ผมรักประเทศไทย", ["ผม", "รัก", "ประเทศไทย"], id="Thai"),
    pytest.param("มากๆๆ", ["มากๆ", "ๆ"], id="Thai repetition is taken once"),
    pytest.param("กขคง", ["กขคง"], id="four Thai letters are one word"),
    pytest.param("ຂ້ອຍຮັກລາວ", ["ຂ້ອຍ", "ຮັກ", "ລາວ"], id="Lao"),
    pytest.param("ខ្ញុំស្រឡាញ់កម្ពុជា", ["ខ្ញុំ", "ស្រឡាញ់", "កម្ពុជា"], id="Khmer"),
    pytest.param("မြန်မာစာကျောင်း", ["မြန်မာ", "စာ", "ကျောင်း"], id="Burmese"),
]


@pytest.mark.usefixtures("without_icu")
@pytest.mark.parametrize(("run", "words"), PLAIN)
def test_plain_runs_need_no_icu(run: str, words: list[str]) -> None:
    assert parted([run]) == [words]


@pytest.mark.usefixtures("without_dictionaries")
@pytest.mark.parametrize(("run", "words"), PLAIN)
def test_icu_itself_says_the_same(run: str, words: list[str]) -> None:
    assert parted([run]) == [words]


def test_prices_of_katakana_are_icu_s_to_the_unit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each row of katakana costs as much as its words, or one more."""
    rows = ["ヨヲヲ", "サツリラ", "コヨサブ", "コルリリセ", "シズヱウナ"]
    rows += ["ケサミロダム", "タクボクリヱ", "シズミウオキユ", "シコチヱタイブ"]
    by_kernels = parted(rows)
    # As much: the row. One more: the words.
    assert [len(words) == 1 for words in by_kernels] == [True, *[True, False] * 4]
    monkeypatch.setattr(breaks, "_trie", lambda *_: None)
    assert parted(rows) == by_kernels


@pytest.mark.usefixtures("without_dictionaries")
def test_every_character_of_these_scripts_is_cut_as_by_icu() -> None:
    """Among others of its script and of others: NFKC, marks, new characters."""
    ranges = [range(0xE01, 0xEFF), range(0x1000, 0x10A0), range(0x1780, 0x17DE)]
    ranges += [range(0x3005, 0x3008), range(0x3031, 0x3200), range(0x4DB0, 0x4E10)]
    ranges += [range(0x3400, 0xA000, 11), range(0x9FF0, 0xA000)]
    runs = [
        run
        for code in chain(*ranges)
        if unicodedata.category(chr(code))[0] in "LM" or code == 0x3007
        for run in (
            f"人{chr(code)}々カ",
            f"ก{chr(code)}ผม",
            f"က{chr(code)}ក{chr(code)}",
        )
    ]
    by_icu = parted(runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breaks, "_trie", TRIE)
        assert parted(runs) == by_icu


@settings(max_examples=150, deadline=None)
@given(st.lists(runs_of_all_scripts(), min_size=1, max_size=8))
def test_any_run_is_cut_as_by_icu(runs: list[str]) -> None:
    by_kernels = parted(runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breaks, "_trie", lambda *_: None)
        assert parted(runs) == by_kernels


def test_thousands_of_drawn_runs_are_cut_as_by_icu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Enough for costs that are off by one and for limits that are reached by chance."""
    rng = random.Random(7)
    sources = [
        source
        for pieces, block in zip(PIECES.values(), BLOCKS.values(), strict=True)
        for source in (pieces, "".join(pieces), [chr(code) for code in range(*block)])
    ]
    drawn = [
        _run(rng.choices(rng.choice(sources), k=rng.randrange(1, 9)))
        for _ in range(20_000)
    ]
    by_kernels = parted(drawn)
    monkeypatch.setattr(breaks, "_trie", lambda *_: None)
    assert parted(drawn) == by_kernels


def test_runs_for_icu_may_stand_between_others() -> None:
    runs = ["我们在", "か\u3099𠮷野家", "ผมรัก", "我ผม", "北京大学"]
    assert parted(runs) == [parted([run])[0] for run in runs]
    assert parted(runs)[2:4] == [["ผม", "รัก"], ["我", "ผม"]]


def test_no_runs_have_no_breaks() -> None:
    assert parted([]) == []
    empty = np.empty(0, np.int64)
    assert len(word_breaks(np.frombuffer(b"x", np.uint8), empty, empty)) == 0
