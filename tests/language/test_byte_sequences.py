"""Probabilities are those of py3langid, from arrays that are unpacked once."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from tamis import cache
from tamis.language.byte_sequences import SequenceModel, packaged_sequences

TEXTS = [
    "",
    " ",
    "The ferry leaves at noon.",
    "THE FERRY LEAVES AT NOON.",
    "Паром отходит в полдень.",
    "Он иде у школу.",
    "تغادر العبارة ظهرا.",
    "渡轮中午出发。",
    "เรือข้ามฟากออกตอนเที่ยง",
    "फ़ेरी दोपहर को निकलती है।",
    "e\u0301te\u0301",
    "\ud800 a lone surrogate",
    "\0" * 40,
    "a" * 5000,
]


@pytest.fixture(scope="module")
def ours() -> SequenceModel:
    return SequenceModel(packaged_sequences())


@pytest.fixture(scope="module")
def theirs() -> Any:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def lines() -> Iterator[str]:
    yield from TEXTS
    dice = random.Random(0)
    pieces = ["the ", "der ", "и ", "日本", "\u0301", " ", "ß", "Ω", "ي", "𐀀", "7"]
    for _ in range(300):
        yield "".join(dice.choice(pieces) for _ in range(dice.randrange(60)))


def test_every_label_has_py3langid_s_probability(
    ours: SequenceModel, theirs: Any
) -> None:
    assert set(ours.labels) == set(theirs.labels)
    texts = list(lines())
    for line, chances in zip(texts, ours.probabilities(texts), strict=True):
        found = dict(zip(ours.labels, chances.tolist(), strict=True))
        ranked = theirs.rank(line)
        for label, chance in ranked:
            # The library sums in float32.
            assert found[label] == pytest.approx(chance, abs=2e-5), (line, label)
        assert found[ranked[0][0]] >= max(found.values()) - 1e-6, line


def test_a_line_s_answer_does_not_depend_on_the_lines_beside_it(
    ours: SequenceModel,
) -> None:
    texts = list(lines())
    together = ours.probabilities(texts)
    assert (together == [ours.probabilities([text])[0] for text in texts]).all()
    assert (ours.probabilities(texts[::-1]) == together[::-1]).all()
    assert ours.probabilities([]).shape == (0, len(ours.labels))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    return tmp_path


def made() -> dict[str, Any]:
    return {"a": np.arange(12, dtype=np.int32).reshape(3, 4), "b": np.empty((0, 2))}


def fail() -> Any:
    raise AssertionError("made again")


def test_arrays_are_made_once_and_mapped(folder: Path) -> None:
    for make in (made, fail):
        found = cache.cached_arrays("arrays", make)
        assert found.keys() == made().keys()
        for name, array in made().items():
            assert (found[name] == array).all()
            assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
            assert not found[name].flags.writeable
    assert [path.name for path in folder.iterdir()] == ["arrays"]


@pytest.mark.parametrize("place", [0, 20, 100, 330, -1])
def test_damaged_arrays_are_made_again(folder: Path, place: int) -> None:
    cache.cached_arrays("arrays", made)
    content = bytearray((folder / "arrays").read_bytes())
    content[place] ^= 1
    (folder / "arrays").write_bytes(content)
    assert (cache.cached_arrays("arrays", made)["a"] == made()["a"]).all()
    assert (cache.cached_arrays("arrays", fail)["a"] == made()["a"]).all()


@pytest.mark.parametrize("content", [b"", b"tamis-arrays-1\n", b"x" * 1000])
def test_what_is_no_file_of_arrays_is_made_again(folder: Path, content: bytes) -> None:
    (folder / "arrays").write_bytes(content)
    assert (cache.cached_arrays("arrays", made)["a"] == made()["a"]).all()


def test_without_a_place_arrays_are_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "file" / "folder")
    assert (cache.cached_arrays("arrays", made)["a"] == made()["a"]).all()


def test_a_temporary_place_of_another_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    own = cache.temporary_folder()
    assert own.stat().st_mode & 0o777 == 0o700
    assert cache.temporary_folder() == own
    own.chmod(0o777)
    assert cache.temporary_folder() != own
    own.rmdir()
    own.symlink_to(tmp_path)
    assert cache.temporary_folder() != own
