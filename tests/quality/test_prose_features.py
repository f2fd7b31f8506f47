"""Features counted by hand, in scripts with and without spaces, marks and capitals."""

import math

import numpy as np
import pyarrow as pa
import pytest

from tamis.quality.names import MEASURED
from tamis.quality.prose_features import FEATURES, OF_MARKS, features
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment


def rows_of(*texts: str) -> np.ndarray:
    data, offsets = utf8_buffers(pa.array(texts, pa.large_string()))
    measured = {name: pa.array([0.25] * len(texts), pa.float32()) for name in MEASURED}
    return features(data, offsets, segment(data, offsets), measured)


def features_of(text: str) -> dict[str, float]:
    return dict(zip(FEATURES, rows_of(text)[0].tolist(), strict=True))


# Words of the lines; those of the sentences that a mark ends; questions; commas; signs.
CASES = {
    "Latin": (
        "The mill stands on the river, and it grinds.\nWho owns it? Nobody knows",
        [9, 5],
        [9, 3],
        (1, 1, 0),
    ),
    "abbreviation, small letter, number": (
        "Mr. J. Smith paid 3.5 francs, i.e. a lot of money. He left.",
        [15],
        [1, 12, 2],
        (0, 1, 0),
    ),
    "Cyrillic": ("Мельница стоит у реки. Она мелет муку!", [7], [4, 3], (1, 0, 0)),
    "Arabic": ("تقع الطاحونة على النهر، وهي من الحجر. لماذا؟", [8], [7, 1], (1, 1, 0)),
    "Chinese": ("我们在北京。他们去上海！", [6], [3, 3], (1, 0, 0)),
    "Hindi": ("चक्की नदी के किनारे है। यह पत्थर की है।", [9], [5, 4], (0, 0, 0)),
    "signs": ("Log in | Register\nPrice > $30 * \n© 2024", [3, 2, 1], [], (0, 0, 5)),
    "quotes and brackets": ("«Yes» (he said) – “no”...", [4], [4], (0, 0, 0)),
}


@pytest.mark.parametrize(
    ("text", "lines", "sentences", "signs"), CASES.values(), ids=CASES
)
def test_counts_by_hand(
    text: str, lines: list[int], sentences: list[int], signs: tuple[int, int, int]
) -> None:
    found = features_of(text)
    words, (questions, commas, symbols) = sum(lines), signs
    assert found["line_words"] == pytest.approx(math.log2(1 + words / len(lines)))
    assert found["line_spread"] == pytest.approx(np.std(lines) / np.mean(lines))
    prose = sum(length for length in sentences if 5 <= length <= 60)
    assert found["prose_share"] == pytest.approx(prose / words)
    assert found["comma_ratio"] == pytest.approx(commas / words)
    assert found["symbol_ratio"] == pytest.approx(symbols / words)
    if sentences:
        mean = np.mean(sentences)
        assert found["sentence_words"] == pytest.approx(math.log2(1 + mean))
        assert found["question_share"] == pytest.approx(questions / len(sentences))
    else:
        assert math.isnan(found["sentence_words"])
        assert math.isnan(found["question_share"])
    spread = np.std(sentences) / np.mean(sentences) if len(sentences) > 2 else math.nan
    assert found["sentence_spread"] == pytest.approx(spread, nan_ok=True)
    assert {found[name] for name in MEASURED} == {0.25}


@pytest.mark.parametrize(
    "text",
    ["โรงสีตั้งอยู่ริมแม่น้ำ สร้างด้วยหิน", "ໂຮງສີຕັ້ງຢູ່ແຄມນ້ຳ", "ཆུ་འཐག་ཆུ་འགྲམ་ལ་ཡོད།"],
    ids=["Thai", "Lao", "Tibetan"],
)
def test_what_a_script_does_not_have_is_not_measured(text: str) -> None:
    found = features_of(text)
    assert all(math.isnan(found[name]) for name in OF_MARKS)
    assert not any(math.isnan(found[own]) for own in FEATURES if own not in OF_MARKS)


def test_a_document_without_words_has_no_features_and_disturbs_no_other() -> None:
    text = "The mill stands.\n\n \nIt grinds."
    empty, alone, dots = rows_of("", text, "...\n—")
    assert np.isnan(empty).all()
    assert np.isnan(dots).all()
    assert alone.tolist() == pytest.approx(rows_of(text)[0].tolist(), nan_ok=True)


def test_blank_lines_do_not_count() -> None:
    assert features_of("One two.\n\n\nThree four.")["line_spread"] == 0.0
