"""Line and paragraph statistics, worked out by hand."""

import numpy as np
import pyarrow as pa
import pytest

from tamis.text.buffers import utf8_buffers
from tamis.text.statistics.columns import LINES as COLUMNS
from tamis.text.statistics.lines import line_statistics
from tamis.text.unicode import code_points
from tamis.text.words import read_only, segment


def measured(text: str) -> dict[str, float]:
    """Statistics of `text`, which stands between two other documents."""
    data, offsets = utf8_buffers(pa.array(["• x\n• x", text, "y…"]))
    words = np.diff(segment(data, offsets).documents)
    chars = np.array([7, len(text), 2])
    statistics = line_statistics(read_only(data), offsets, chars, words, code_points())
    return dict(zip(COLUMNS, statistics[1].tolist(), strict=True))


def test_an_empty_document_scores_zero() -> None:
    assert set(measured("").values()) == {0.0}
    assert set(measured(" \n\u00a0\n\n").values()) == {0.0}


@pytest.mark.parametrize(
    ("text", "lines", "repeated", "repeated_chars"),
    [
        pytest.param("a\nb", 2, 0, 0, id="all distinct"),
        pytest.param("a\na\nb", 3, 1 / 3, 1 / 5, id="the first is no duplicate"),
        pytest.param("a \n\n  a", 2, 1 / 2, 1 / 7, id="spaces and blanks aside"),
        pytest.param("дым\nлёд\nдым", 3, 1 / 3, 3 / 11, id="Cyrillic"),
        pytest.param("你好\n你好", 2, 1 / 2, 2 / 5, id="Chinese"),
        pytest.param("سلام\nسلام\nسلام", 3, 2 / 3, 8 / 14, id="Arabic"),
        pytest.param("ab\nA b\nab", 3, 1 / 3, 2 / 9, id="inner spaces count"),
    ],
)
def test_duplicate_lines(
    text: str, lines: int, repeated: float, repeated_chars: float
) -> None:
    found = measured(text)
    assert found["line_count"] == lines
    assert found["duplicate_line_ratio"] == pytest.approx(repeated)
    assert found["duplicate_line_char_ratio"] == pytest.approx(repeated_chars)


def test_a_paragraph_is_a_run_of_lines() -> None:
    found = measured("a\nb\n\nc\n \na\nb\n\na b")
    assert found["duplicate_paragraph_ratio"] == 1 / 4
    assert found["duplicate_paragraph_char_ratio"] == pytest.approx(2 / 17)


def test_duplicate_chars_are_compared_with_the_lines_alone() -> None:
    found = measured("ab\n\n\n\nab")
    assert found["char_duplicate_ratio"] == 1 / 2
    assert found["duplicate_line_char_ratio"] == 2 / 8


@pytest.mark.parametrize(
    ("line", "is_bullet"),
    [
        ("• item", True),
        ("  - item", True),
        ("* item", True),
        ("・項目", True),
        ("— Bonjour, dit-il.", False),
        ("item", False),
        ("1. item", False),
    ],
)
def test_bullets(line: str, is_bullet: bool) -> None:
    assert measured(f"{line}\nplain")["bullet_line_ratio"] == is_bullet / 2


@pytest.mark.parametrize(
    ("line", "ends_sentence", "ends_ellipsis"),
    [
        ("It ends.", True, False),
        ("It does not end", False, False),
        ("He said “so!” ", True, False),
        ("(Truly.)", True, False),
        ("And so on...", True, True),
        ("And so on.....", True, True),
        ("And so on…", False, True),
        ("Und so weiter …»", False, True),
        ("结束。", True, False),
        ("「終わり。」", True, False),
        ("समाप्त।", True, False),
        ("انتهى؟", True, False),
        ("Τέλος;", False, False),
        ("Read more >", False, False),
        ("v1.2.3", False, False),
    ],
)
def test_how_a_line_ends(line: str, ends_sentence: bool, ends_ellipsis: bool) -> None:
    found = measured(f"one\n{line}")
    assert found["terminal_punctuation_line_ratio"] == ends_sentence / 2
    assert found["ellipsis_line_ratio"] == ends_ellipsis / 2


def test_a_short_line_has_up_to_30_code_points() -> None:
    assert measured("x" * 30 + "\n" + "é" * 31)["short_line_ratio"] == 1 / 2
    assert measured("字" * 30 + "\n  " + "y" * 30 + "  ")["short_line_ratio"] == 1


def test_line_ends_and_signs_are_counted_by_the_word() -> None:
    found = measured("one # two ... three\n\nfour…\nfive #")
    assert found["newline_word_ratio"] == 2 / 5
    assert found["hash_word_ratio"] == 2 / 5
    assert found["ellipsis_word_ratio"] == 2 / 5


def test_many_lines_are_told_apart() -> None:
    text = "\n".join(f"line {number}" for number in range(5000))
    found = measured(text)
    assert found["line_count"] == 5000
    assert found["duplicate_line_ratio"] == 0
