"""Tries written out by hand as ucharstrie.h and bytestrie.h describe them."""

from collections.abc import Iterator

import numpy as np
import pytest

from tamis.text.icu_data import Dictionary, read_dictionary
from tamis.text.tries import Trie, step, trie_of

_VALUE_5, _VALUE_7 = (5 + 1) << 6, 0x8000 | 7  # within a node, and at an end


def wide(*units: int | str) -> Dictionary:
    numbers = [ord(unit) if isinstance(unit, str) else unit for unit in units]
    return Dictionary(np.array(numbers, "<u2").tobytes(), True, 0)


def narrow(*units: int) -> Dictionary:
    return Dictionary(bytes(units), False, 0xE00)


def words_of(trie: Trie | None) -> dict[tuple[int, ...], int]:
    """Every word, as its units, with its cost."""
    assert trie is not None
    found = {}
    waiting = [((unit,), entry) for unit, entry in enumerate(trie.first) if entry]
    while waiting:
        word, entry = waiting.pop()
        if entry & 255:
            found[word] = int(entry & 255) - 1
        for unit in range(len(trie.first)) if entry > 255 else ():
            if reached := step(trie, entry, unit):
                waiting.append(((*word, unit), np.uint32(reached)))
    return found


def spelled(trie: Trie | None) -> dict[str, int]:
    return {"".join(map(chr, word)): cost for word, cost in words_of(trie).items()}


def test_a_row_of_units_has_words_at_its_end_and_on_its_way() -> None:
    # 一: 5, then 二三: 7. A row of one unit is lead 30, of two 31.
    trie = trie_of(wide(0x30, "一", _VALUE_5 | 0x31, "二", "三", _VALUE_7))
    assert spelled(trie) == {"一": 5, "一二三": 7}


def test_a_branch_ends_words_jumps_or_goes_on_behind() -> None:
    # Three ways: 一 ends with 7, 二 jumps over two units to a row, 三 goes on.
    row = (0x30, "人", 0x8000 | 9)
    trie = trie_of(wide(2, "一", _VALUE_7, "二", 2, "三", 0x8000 | 3, *row))
    assert spelled(trie) == {"一": 7, "二人": 9, "三": 3}


def test_a_branch_of_six_is_halved() -> None:
    # What is less than d lies 6 units behind the jump.
    upper = ("d", 0x8001, "e", 0x8002, "f", 0x8003)
    lower = ("a", 0x8004, "b", 0x8005, "c", 0x8006)
    trie = trie_of(wide(5, "d", 6, *upper, *lower))
    assert spelled(trie) == {"d": 1, "e": 2, "f": 3, "a": 4, "b": 5, "c": 6}


def test_a_number_may_have_more_units() -> None:
    # A branch of 66 with its length in a unit of its own would do as well: here the
    # jump of one unit, 2, is written in two.
    row = (0x30, "人", 0x8000 | 9)
    trie = trie_of(wide(1, "一", 0x4000, 2, "二", _VALUE_7, *row))
    assert spelled(trie) == {"一人": 9, "二": 7}


def test_units_of_eight_bits() -> None:
    # Values are their own nodes: 20 goes on, 21 ends. 5 jumps to one, 6 behind it.
    jumps = (5, (0x10 + 4) << 1, 6, (0x10 + 3) << 1, 7, 0x21)
    trie = trie_of(narrow(2, *jumps, 0x20, 0x11, 8, 9, 0x21))
    assert words_of(trie) == {(5,): 0, (5, 8, 9): 0, (6, 8, 9): 0, (7,): 0}


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(Dictionary(b"", True, 0), id="empty"),
        pytest.param(Dictionary(b"\x30", True, 0), id="half a unit"),
        pytest.param(wide(0x30), id="cut within a row"),
        pytest.param(wide(0x30, "一"), id="nothing behind a row"),
        pytest.param(wide(_VALUE_7), id="a value and no word"),
        pytest.param(
            wide(1, "一", _VALUE_7, "一", _VALUE_7 + 1), id="two ways at once"
        ),
        pytest.param(
            wide(0x30, "丁", 1, "一", _VALUE_7, "一", _VALUE_7 + 1), id="likewise below"
        ),
        pytest.param(wide(1, "一", 500, "二", _VALUE_7), id="jump out of the trie"),
        pytest.param(wide(0xFFFF), id="three units missing"),
        pytest.param(wide(0x2F, "一"), id="a branch of 48 in two units"),
        pytest.param(wide(0x30, "一", 0x8000 | 255), id="a cost that has no room"),
        pytest.param(narrow(0x20, 0x20, 0x20), id="values and no end"),
        pytest.param(narrow(1, 5, 0x02, 6, 0x21), id="a value that is none"),
    ],
)
def test_damage_is_refused(damaged: Dictionary) -> None:
    assert trie_of(damaged) is None


def flipped(dictionary: Dictionary) -> Iterator[Dictionary]:
    """With one to eight bytes changed, many times, and cut off anywhere."""
    rng = np.random.default_rng(3)
    for _ in range(60):
        trie = np.frombuffer(dictionary.trie, np.uint8).copy()
        # Damage near the root is what most of the trie hangs on.
        places = rng.integers(0, rng.choice([40, len(trie)]), rng.integers(1, 9))
        trie[places] = rng.integers(0, 256, len(places))
        yield dictionary._replace(trie=trie.tobytes())
        yield dictionary._replace(
            trie=trie[: 2 * rng.integers(len(trie) // 2)].tobytes()
        )


def test_no_damage_leads_out_of_the_tables() -> None:
    thai = read_dictionary("thaidict")
    assert thai is not None
    for damaged in (*flipped(thai), *flipped(thai._replace(is_wide=True))):
        trie = trie_of(damaged)
        if trie is not None:
            tables, logs = trie.entries >> 12, (trie.entries >> 8) & 15
            assert (tables + (1 << logs) <= len(trie.units)).all()


def test_icu_s_dictionaries_hold_words() -> None:
    for name, word in {"cjdict": "北京", "thaidict": "รัก", "khmerdict": "ភាសា"}.items():
        dictionary = read_dictionary(name)
        assert dictionary is not None
        trie = trie_of(dictionary)
        assert trie is not None
        units = [ord(letter) - dictionary.offset for letter in word]
        entry = trie.first[units[0]]
        for unit in units[1:]:
            entry = np.uint32(step(trie, entry, unit))
        assert entry & 255, f"{word} is no word of {name}"
