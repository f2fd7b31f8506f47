"""datasketch's own signatures, which it loads as its own."""

import builtins
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasketch import MinHash, MinHashLSH

import tamis
from tamis.errors import ConfigError
from tamis.stages.sign import MINHASH, Sign
from tamis.text.buffers import utf8_buffers
from tamis.text.shingles import shingles

TEXTS = [
    "Le moulin tourne quand le vent vient de la mer et du port.",
    "Le MOULIN tourne, quand le vent vient de la mer, et du port!",
    "Le moulin tourne quand le vent vient de la mer et de la ville.",
    "Мельница стоит у реки и молола муку для всей деревни много лет.",
    "كانت الطاحونة قريبة من النهر وكان الناس يحملون القمح إليها كل صباح.",
    "水车在河边转动，人们每天早上把麦子带到这里磨成面粉。",
    "नदी के किनारे चक्की चलती थी और लोग रोज़ सुबह गेहूँ लेकर आते थे।",
    "trois mots seulement",
    "",
    None,
]


def signed(texts: list[str | None], **settings: Any) -> pa.Table:
    return tamis.apply({"sign": {"engine": "datasketch", **settings}}, texts)


def loaded(values: Any) -> Any:
    return MinHash(hashvalues=np.array(values, np.uint32), seed=1, scheme="affine32")


def test_the_library_makes_the_same_of_the_same_elements() -> None:
    column = signed(TEXTS)["minhash"].to_pylist()
    data, offsets = utf8_buffers(pa.array(TEXTS, pa.string()))
    found = shingles(data, offsets, 5)
    for row, values in enumerate(column):
        elements = found.hashes[found.offsets[row] : found.offsets[row + 1]]
        if not len(elements):
            assert values is None
            continue
        own = MinHash(num_perm=112)
        for element in elements.tolist():
            own.update(int(element).to_bytes(8, "little"))
        assert values == own.hashvalues.tolist()
        assert loaded(values).jaccard(own) == 1


def test_a_text_is_compared_with_a_corpus() -> None:
    rows = signed(TEXTS)["minhash"].to_pylist()
    lsh = MinHashLSH(threshold=0.5, num_perm=112)
    for number, values in enumerate(rows):
        if values is not None:
            lsh.insert(number, loaded(values))
    asked = tamis.minhash("le moulin tourne quand le vent vient de la mer et du port")
    assert {0, 1} <= set(lsh.query(asked)) <= {0, 1, 2}
    assert asked.jaccard(loaded(rows[0])) == 1
    assert asked.jaccard(loaded(rows[4])) < 0.1
    assert tamis.minhash("").is_empty()


def test_bands_agree_where_all_values_of_a_band_do() -> None:
    table = signed(TEXTS, bands=20, rows=4)
    values = table["minhash"].to_pylist()
    for band in range(20):
        hashes = table[f"band_{band:02}"].to_pylist()
        own = [v and tuple(v[4 * band : 4 * band + 4]) for v in values]
        for one in range(len(TEXTS)):
            for other in range(len(TEXTS)):
                same = own[one] is not None and own[one] == own[other]
                assert (
                    hashes[one] is not None and hashes[one] == hashes[other]
                ) == same


def test_text_hashes_are_those_of_the_other_engine() -> None:
    other = tamis.apply({"sign": {}}, TEXTS)
    assert signed(TEXTS)["text_hash"].to_pylist() == other["text_hash"].to_pylist()
    assert "minhash" not in other.column_names


def test_the_similarity_is_estimated(tmp_path: Path) -> None:
    """Two sets that share half of all: 112 values are within 4 standard errors of 1/2."""
    words = ["".join(letters) for letters in product("abcdefghijk", repeat=3)][:1200]
    one, two = " ".join(words[:900]), " ".join(words[300:])
    table = signed([one, two])
    pq.write_table(table.select(["minhash"]), tmp_path / "signed.parquet")
    rows = pq.read_table(tmp_path / "signed.parquet")["minhash"].to_pylist()
    estimate = loaded(rows[0]).jaccard(loaded(rows[1]))
    assert estimate == pytest.approx(0.5, abs=4 * (0.25 / 112) ** 0.5)


def test_without_the_library_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    own = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "datasketch":
            raise ImportError(name)
        return own(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install .tamis\[datasketch\]"):
        Sign(engine="datasketch").build()


def test_its_column_is_declared() -> None:
    assert MINHASH in list(Sign(engine="datasketch").columns_written())
    assert MINHASH not in list(Sign().columns_written())
