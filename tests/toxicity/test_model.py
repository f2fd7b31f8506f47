import contextlib
import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tamis.linear.features import SEEDS, buckets, whole_documents
from tamis.linear.model import Model, Scores, document_scores, probabilities, quantised
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment
from tamis.toxicity.model import default_model, load, save

BITS = 16


def model_of(**weights: float) -> Model:
    """A model in which each word has a weight for itself (its n-grams have none)."""
    coefficients = np.zeros(1 << BITS)
    data, offsets = utf8_buffers(pa.array(list(weights)))
    words = segment(data, offsets)
    found, starts = buckets(data, words, whole_documents(words), BITS)
    # The first n-gram of a window is its first word.
    coefficients[found[starts[:-1]]] = list(weights.values())
    return quantised(coefficients, -1.0, ("eng", "rus"), {"licence": "none"})


def scores(model: Model, *rows: tuple[str, str | None]) -> Scores:
    data, offsets = utf8_buffers(pa.array([text for text, _ in rows], pa.string()))
    words = segment(data, offsets)
    return document_scores(data, words, model, [language for _, language in rows])


def test_a_window_is_the_logistic_of_its_weights() -> None:
    found = scores(model_of(turnip=8.0), ("turnip", "eng"), ("pea", "eng"))
    # turnip: the word, and of ^turnip$ 7 pairs, 6 triples, 5 fours, 4 fives
    assert found.maximum[0] == pytest.approx(
        1 / (1 + np.exp(1 - 8 / np.sqrt(23))), 1e-4
    )
    assert found.maximum[1] == pytest.approx(1 / (1 + np.exp(1)))


def test_a_toxic_passage_shows_in_its_own_window() -> None:
    clean = "pea " * 100  # 399 characters: one window
    toxic = "turnip " * 57  # 398
    model = model_of(turnip=3.0)
    found = scores(model, (clean + toxic + clean + clean, "eng"))
    clean_chance, toxic_chance = (
        scores(model, (text, "eng")).maximum[0] for text in (clean, toxic)
    )
    assert toxic_chance > 0.9
    assert found.maximum[0] > 0.9
    assert found.share[0] == 0.25
    assert found.mean[0] == pytest.approx(
        (3 * clean_chance + toxic_chance) / 4, abs=0.01
    )


def test_only_documents_in_a_learnt_language_are_scored() -> None:
    found = scores(
        model_of(turnip=8.0),
        ("turnip", "fra"),
        ("репа", "rus"),
        ("turnip", None),
        ("", "eng"),
        ("turnip", "eng"),
    )
    assert np.isnan(found.maximum).tolist() == [True, False, True, True, False]
    assert (
        found.maximum[4] == scores(model_of(turnip=8.0), ("turnip", "eng")).maximum[0]
    )


def test_a_batch_without_documents_has_no_scores() -> None:
    assert [len(column) for column in scores(model_of(turnip=8.0))] == [0, 0, 0]


def test_probabilities_of_large_numbers_do_not_overflow() -> None:
    chances = probabilities(np.array([-1e9, 0.0, 1e9]))
    assert chances.tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_a_saved_model_reads_back_and_has_the_same_bytes(tmp_path: Path) -> None:
    model = model_of(turnip=8.0, pea=-3.0)
    save(model, tmp_path / "one.npz")
    save(model, tmp_path / "two.npz")
    again = load(tmp_path / "one.npz")
    assert np.array_equal(again.weights, model.weights)
    assert again._replace(weights=model.weights) == model
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def header(**changes: object) -> np.ndarray:
    values = {"format": "tamis-toxicity-1", "scale": 1.0, "intercept": 0.0}
    values |= {"languages": ["eng"], "card": {}, "seeds": SEEDS} | changes
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def nested(bracket: str) -> np.ndarray:
    return np.frombuffer(bracket.encode() * 100_000, np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weights": np.zeros(4, np.int16)}, "no weights and header"),
        ({"weights": np.zeros(4, np.int16), "header": header(format="x")}, "of format"),
        (
            {
                "weights": np.zeros(4, np.int16),
                "header": header(seeds=SEEDS | {"multiplier": 3}),
            },
            "other seeds",
        ),
        ({"weights": np.zeros(5, np.int16), "header": header()}, r"shape \(5,\)"),
        ({"weights": np.zeros(4), "header": header()}, "type float64"),
        ({"weights": np.array([{}] * 4), "header": header()}, "allow_pickle=False"),
        ({"weights": np.zeros(1, np.int16), "header": header()}, r"shape \(1,\)"),
        (
            {"weights": np.zeros(4, np.int16), "header": header(scale=float("nan"))},
            "a scale of nan",
        ),
        ({"weights": np.zeros(4, np.int16), "header": header(languages="eng")}, "list"),
        ({"weights": np.zeros(4, np.int16), "header": header(card=None)}, "its card"),
        (
            {"weights": np.zeros(4, np.int16), "header": nested("[")},
            "not a model of format",
        ),
    ],
)
def test_what_is_no_model_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "model.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "model.npz")


def member(shape: tuple[int, ...], content: bytes) -> bytes:
    """A .npy file that says what it likes of its shape."""
    file = io.BytesIO()
    about = {"descr": "<i2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue() + content


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        pytest.param(member((1 << 45,), b""), "not a model", id="64 TiB, not there"),
        pytest.param(member((1 << 26,), bytes(1 << 27)), "bytes in one", id="a bomb"),
    ],
)
def test_a_small_file_does_not_unpack_to_a_giant(
    tmp_path: Path, weights: bytes, message: str
) -> None:
    with zipfile.ZipFile(tmp_path / "model.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.npy", weights)
        archive.writestr("header.npy", b"")
    assert (tmp_path / "model.npz").stat().st_size < 200_000
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "model.npz")


def test_a_damaged_model_is_refused_or_read_and_never_anything_else(
    tmp_path: Path,
) -> None:
    save(model_of(turnip=8.0), tmp_path / "model.npz")
    whole = (tmp_path / "model.npz").read_bytes()
    rng = random.Random(6)
    for _ in range(150):
        damaged = bytearray(whole)
        # The archive's own words: the first member's head, and the directory's.
        at = rng.choice([rng.randrange(60), -rng.randrange(1, 150)])
        damaged[at] = rng.randrange(256)
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with contextlib.suppress(ValueError, OSError):
            assert load(tmp_path / "damaged.npz").languages


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04cut"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"not a model of|pickle"):
        load(tmp_path / "model.npz")


def test_a_bare_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "model.npy", np.zeros(4))
    with pytest.raises(ValueError, match="no weights and header"):
        load(tmp_path / "model.npy")


def test_the_packaged_model_says_where_it_comes_from_and_stays_small() -> None:
    model = default_model()
    assert {"eng", "fra", "deu"} <= set(model.languages)
    assert model.weights.nbytes < 4_000_000
    assert model.card["licence"] == "CC-BY-4.0"
    assert not any("-SA" in licence for licence in model.card["sources"].values())
    assert "hatecheck" not in model.card["sources"]
    for language in model.languages:
        figures = model.card["figures"]["languages"][language]
        assert figures["auc"] > 0.6
        for kind in ("clean", "unseen"):
            if figures[f"{kind}_windows"] >= 100:
                assert figures[f"{kind}_over"]["0.9"] <= 0.01


@pytest.mark.parametrize(
    ("language", "insult", "prose"),
    [
        (
            "eng",
            "You are a stupid bitch, shut up, idiot.",
            "The council met on Tuesday to discuss the new library and its garden.",
        ),
        (
            "deu",
            "Du bist ein dummes Arschloch, verpiss dich, du Idiot.",
            "Der Rat tagte am Dienstag, um über die neue Bücherei zu sprechen.",
        ),
        (
            "fra",
            "Ferme ta gueule sale pute, espèce de connard.",
            "Le conseil s'est réuni mardi pour parler de la nouvelle bibliothèque.",
        ),
    ],
)
def test_the_packaged_model_tells_an_insult_from_a_report(
    language: str, insult: str, prose: str
) -> None:
    found = scores(default_model(), (insult, language), (prose, language)).maximum
    assert found[0] > 0.5 > found[1]
