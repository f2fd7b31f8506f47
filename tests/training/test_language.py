import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.errors import ConfigError
from tamis.language.sister_model import load
from tamis.stages.identify_language import IdentifyLanguage
from tamis.training.language import Example, fold_of, train, without_marks

SPANISH = ["la casa", "el perro", "que viene", "de mi madre", "con los libros", "y los"]
LADINO = ["la kaza", "el perro", "ke viene", "de mi madre", "kon los livros", "i los"]


def texts(parts: list[str], count: int = 40) -> list[str]:
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(parts, 6)) for _ in range(count)]


def rows() -> list[dict[str, Any]]:
    return [
        {"text": text, "language": language, "fold": f"{language} {number % 7}"}
        for language, parts in (("spa", SPANISH), ("lad", LADINO))
        for number, text in enumerate(texts(parts))
    ]


def test_sisters_are_trained_and_the_model_is_read(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    labelled = tmp_path / "rows.jsonl"
    labelled.write_text("".join(json.dumps(row) + "\n" for row in rows()), "utf-8")
    made = []
    for name in ("a.npz", "b.npz"):
        ended = command(
            *("train", "language", "--labelled", str(labelled), "--bits", "12"),
            *("-o", str(tmp_path / name), "--licence", "CC0-1.0"),
        )
        assert ended.code == 0, ended.stderr
        assert "romance" in ended.stdout
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    model = load(tmp_path / "a.npz")
    assert model.card["licence"] == "CC0-1.0"
    assert [group.languages for group in model.groups] == [("spa", "lad")]
    assert model.card["figures"]["romance"]["linear"] > 0.9
    stage = IdentifyLanguage(sisters=str(tmp_path / "a.npz"))
    assert stage.files()[1] == str(tmp_path / "a.npz")


def test_what_has_one_fold_is_held_out_together() -> None:
    pairs = [
        (Example(str(n), "spa", "udhr 3"), Example(str(n), "lad", "udhr 3"))
        for n in range(9)
    ]
    assert len({fold_of(example) for pair in pairs for example in pair}) == 1
    assert len({fold_of(Example("a", "spa", str(n))) for n in range(99)}) == 5


def test_a_language_without_sisters_teaches_nothing() -> None:
    pytest.importorskip("sklearn")
    examples = [Example(f"Το σπίτι {n}", "ell", str(n)) for n in range(20)]
    with pytest.raises(ConfigError, match="no group has two languages with 10 texts"):
        train(examples, {})


def test_marks_go_and_letters_stay() -> None:
    assert without_marks("příští łódź Ångström") == "pristi łodz Angstrom"
