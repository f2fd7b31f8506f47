"""Labels and probabilities are those of fastText, whatever the model is made of."""

import random
import struct
from itertools import product
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest

from tamis.language.models import packaged_model
from tamis.linear import fasttext_model
from tamis.linear.fasttext_model import FastTextModel
from tamis.text.buffers import joined

TEXTS = [
    "",
    " ",
    "The ferry leaves at noon and comes back at night.",
    "Паром отходит в полдень и возвращается ночью.",
    "تغادر العبارة ظهرا وتعود ليلا.",
    "渡轮中午出发，晚上返回。",
    "เรือข้ามฟากออกตอนเที่ยงและกลับตอนกลางคืน",
    "फ़ेरी दोपहर को निकलती है और रात को लौटती है।",
    "a </s> b",
    "</s>",
    "__label__x y",
    "__label__0 y",
    "tab\tnul\0feed\fcr\rvt\vend ",
]
PIECES = ["a", "é", "</s>", " ", "\t", "\0", "б", "日", "__label__", "__label__1"]
PIECES += ["<", ">", "𐀀", "w1", "w2", "the", "\r", "\v", "\u0e40", "\u0301"]


def line_of(dice: random.Random) -> str:
    return "".join(dice.choice(PIECES) for _ in range(dice.randrange(40)))


def both(model: FastTextModel, other: Any, lines: list[str]) -> tuple[Any, Any]:
    """Our probabilities and fastText's, (lines, labels)."""
    ours = model.probabilities(*joined([line.encode() for line in lines]))
    theirs = np.zeros(ours.shape)
    for row, line in zip(theirs, lines, strict=True):
        for label, chance in zip(*other.predict(line, -1, threshold=-1.0), strict=True):
            row[model.labels.index(label)] = chance
    return ours, theirs


def matrix(dice: np.random.Generator, rows: int, columns: int) -> bytes:
    numbers = dice.normal(size=(rows, columns)).astype("<f4")
    return struct.pack("<?2q", False, rows, columns) + numbers.tobytes()


def coded(
    dice: np.random.Generator, rows: int, columns: int, width: int, norms: bool
) -> bytes:
    """A matrix in codes; the last part is narrower where `width` does not divide."""

    def centroids(columns: int, width: int) -> bytes:
        parts = -(-columns // width)
        last = columns - (parts - 1) * width
        numbers = dice.normal(size=256 * columns).astype("<f4")
        return struct.pack("<4i", columns, parts, width, last) + numbers.tobytes()

    parts = -(-columns // width)
    content = struct.pack("<?", True)
    content += struct.pack("<?2qi", norms, rows, columns, rows * parts)
    content += dice.bytes(rows * parts) + centroids(columns, width)
    if norms:
        content += dice.bytes(rows) + centroids(1, 1)
    return content


def made(
    path: Path,
    *,
    loss: int,
    letters: tuple[int, int] = (0, 0),
    of_words: int = 1,
    version: int = 12,
    pruned: int | None = None,
    width: int | None = None,
    norms: bool = False,
    is_output_coded: bool = False,
    labels: int = 5,
) -> str:
    """A classifier of random numbers; in codes with a `width`."""
    dice = np.random.default_rng(loss)
    columns, buckets = 7, 50
    words = ["</s>", "w1", "w2", "the", "é", "日", ""]
    content = struct.pack("<2i", 793712314, version)
    content += struct.pack(
        "<12id", columns, 5, 5, 1, 5, of_words, loss, 3, buckets, *letters, 100, 0.0001
    )
    content += struct.pack("<3i", len(words) + labels, len(words), labels)
    content += struct.pack("<2q", 100, -1 if pruned is None else pruned)
    for word in words:
        content += word.encode() + b"\0" + struct.pack("<qb", 9, 0)
    for label in range(labels):
        content += f"__label__{label}".encode() + b"\0"
        content += struct.pack("<qb", (labels - label) ** 2, 1)
    for row, key in enumerate(dice.permutation(buckets)[: pruned or 0].tolist()):
        content += struct.pack("<2i", key, row)
    rows = len(words) + (buckets if pruned is None else pruned)
    if width is None:
        content += matrix(dice, rows, columns) + matrix(dice, labels, columns)
    else:
        content += coded(dice, rows, columns, width, norms)
        content += (
            coded(dice, labels, columns, width, norms)
            if is_output_coded
            else matrix(dice, labels, columns)
        )
    path.write_bytes(content)
    return str(path)


SHAPES: dict[str, dict[str, Any]] = {
    "words": {},
    "letters": {"letters": (2, 4)},
    "one letter": {"letters": (1, 1)},
    "no letters, as the shortest is longer": {"letters": (2**31 - 1, 3)},
    "pairs of words": {"of_words": 2},
    "letters and words": {"letters": (3, 6), "of_words": 3},
    "version 11 has no letters": {"letters": (2, 4), "version": 11},
    "codes": {"letters": (2, 4), "width": 2},
    "codes and norms": {"letters": (2, 4), "width": 2, "norms": True},
    "labels in codes": {"width": 3, "norms": True, "is_output_coded": True},
    "pruned": {"letters": (2, 4), "of_words": 2, "width": 2, "pruned": 20},
    "all n-grams pruned": {"letters": (2, 4), "width": 2, "pruned": 0},
    "one label": {"labels": 1},
}


@pytest.mark.parametrize("loss", [1, 2, 3, 4], ids=["hs", "ns", "softmax", "ova"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_any_classifier_answers_as_fasttext_does(
    tmp_path: Path, shape: dict[str, Any], loss: int
) -> None:
    path = made(tmp_path / "model.bin", loss=loss, **shape)
    model, other = FastTextModel(path), fasttext.load_model(path)
    dice = random.Random(loss)
    lines = [*TEXTS, *(line_of(dice) for _ in range(100))]
    ours, theirs = both(model, other, lines)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_a_negative_longest_n_gram_is_none(tmp_path: Path) -> None:
    """Only a forged file has one."""
    utf8 = joined([text.encode() for text in TEXTS])
    found = [
        FastTextModel(
            made(tmp_path / "model.bin", loss=3, letters=letters)
        ).probabilities(*utf8)
        for letters in ((0, 0), (2, -(2**31)))
    ]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("shape", ["codes and norms", "labels in codes", "pruned"])
def test_a_model_too_large_for_tables_answers_as_fasttext_does(
    tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its codes are not decoded before, and its pruned n-grams have no ranks."""
    for limit in ("_MOST_DECODED", "_MOST_RANKED"):
        monkeypatch.setattr(fasttext_model, limit, 0)
    path = made(tmp_path / "model.bin", loss=3, **SHAPES[shape])
    model, other = FastTextModel(path), fasttext.load_model(path)
    assert len(model._vectors.codes)
    assert not len(model._ngrams.ranks)
    dice = random.Random(0)
    ours, theirs = both(model, other, [*TEXTS, *(line_of(dice) for _ in range(100))])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_lid_176_answers_as_fasttext_does() -> None:
    model, other = (
        FastTextModel(packaged_model()),
        fasttext.load_model(packaged_model()),
    )
    dice = random.Random(0)
    ours, theirs = both(model, other, [*TEXTS, *(line_of(dice) for _ in range(300))])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.max(axis=1), theirs.max(axis=1), rtol=0, atol=1e-6)


def test_a_line_of_which_nothing_is_known_has_no_label(tmp_path: Path) -> None:
    """No word of the dictionary, not even the line's end."""
    path = Path(made(tmp_path / "model.bin", loss=3))
    path.write_bytes(path.read_bytes().replace(b"</s>\0", b"<__>\0"))
    model = FastTextModel(str(path))
    unknown, known = model.probabilities(*joined([b"of nothing", b"of w1"]))
    assert not unknown.any()
    assert known.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("letters", "of_words"), [*product([(0, 0), (3, 5)], [1, 2])])
def test_a_long_line_and_a_long_word_are_read_whole(
    tmp_path: Path, letters: tuple[int, int], of_words: int
) -> None:
    path = made(tmp_path / "model.bin", loss=3, letters=letters, of_words=of_words)
    model, other = FastTextModel(path), fasttext.load_model(path)
    lines = ["w1 " * 20_000, "日" * 20_000, "a " * 30_000 + "w2"]
    ours, theirs = both(model, other, lines)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", ["letters", "one letter", "pruned"])
def test_a_line_s_answer_does_not_depend_on_the_lines_beside_it(
    tmp_path: Path, shape: str
) -> None:
    model = FastTextModel(made(tmp_path / "model.bin", loss=3, **SHAPES[shape]))
    dice = random.Random(0)
    lines = [*TEXTS, *("".join(line_of(dice) for _ in range(60)) for _ in range(9))]
    utf8 = [line.encode() for line in lines]
    together = model.probabilities(*joined(utf8))
    alone = [model.probabilities(*joined([line]))[0] for line in utf8]
    assert (together == alone).all()


@pytest.mark.parametrize("shape", ["letters", "one letter", "pruned"])
def test_bytes_that_are_no_utf8_are_read_as_fasttext_does(
    tmp_path: Path, shape: str
) -> None:
    """A letter may have any number of bytes that continue it."""
    path = made(tmp_path / "model.bin", loss=3, **SHAPES[shape])
    model, other = FastTextModel(path), fasttext.load_model(path)
    dice = random.Random(0)
    for _ in range(200):
        line = bytes(dice.choice(b"\x80\xbf\xc3\xe6\xff\0 w1a") for _ in range(30))
        ours = model.probabilities(*joined([line]))[0]
        theirs = {
            label: chance
            for chance, label in other.f.predict(line + b"\n", -1, -1.0, "strict")
        }
        np.testing.assert_allclose(
            ours, [theirs[label] for label in model.labels], rtol=0, atol=1e-5
        )
