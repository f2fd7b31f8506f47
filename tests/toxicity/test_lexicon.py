import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment
from tamis.toxicity.lexicon import count_hits, lexicon, usable

# Harmless words stand for the others: the matching is what is tested.
WORDS = {
    "eng": ["turnip", "green pea", "green pea soup", "half-baked", "o'clock"],
    "fra": ["navet", "tête de navet", "ÉLÈVE"],
    "rus": ["репа", "Ёлка"],
    "ell": ["γογγύλι"],
    "arb": ["لفت", "رأس لفت"],
    "hin": ["शलजम", "हिन्दी"],
    "cmn": ["萝卜", "大萝卜头", "干"],
    "jpn": ["かぶ", "大根役者"],
    "tha": ["หัวผักกาด"],
    "kor": ["순무"],
}
MILD = {
    "eng": ["turnip moth", "beet", "Half baked", "pea green"],
    "rus": ["репа красная", "свёкла"],
    "arb": ["لفت نظر"],
    "cmn": ["萝卜糕", "甜菜"],
    "hin": ["चुकंदर", "शलजम का खेत"],
}
LISTS = {
    language: dict.fromkeys(MILD.get(language, []), False) | dict.fromkeys(words, True)
    for language, words in WORDS.items()
}


def hits(language: str | None, text: str) -> tuple[int, int]:
    data, offsets = utf8_buffers(pa.array([text]))
    found = count_hits(data, segment(data, offsets), [language], table=lexicon(LISTS))
    return int(found.hits[0]), int(found.distinct[0])


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        pytest.param("eng", "", (0, 0), id="empty document"),
        pytest.param("eng", "A turnip, a Turnip and a TURNIP.", (3, 1), id="any case"),
        pytest.param("eng", "turnips in Turnipville", (0, 0), id="whole words only"),
        pytest.param("eng", "green pea", (1, 1), id="a phrase counts once"),
        pytest.param(
            "eng", "green\u00a0pea-soup!", (1, 1), id="the longest entry wins"
        ),
        pytest.param("eng", "green. Pea", (0, 0), id="a phrase ends with its sentence"),
        pytest.param("eng", "green  pea", (0, 0), id="one joint between two words"),
        pytest.param("eng", "half baked, half\u2011baked", (2, 1), id="any joint"),
        pytest.param("eng", "six o\u2019clock", (1, 1), id="either apostrophe"),
        pytest.param("eng", "green pea turnip green", (2, 2), id="a cut-off phrase"),
        pytest.param("eng", "navet", (0, 0), id="another language's word"),
        pytest.param("fra", "élève, tête de navet", (2, 2), id="French"),
        pytest.param("rus", "РЕПА и ёлка; репарация", (2, 2), id="Cyrillic"),
        pytest.param("ell", "Γογγύλι γογγύλι.", (2, 1), id="Greek"),
        pytest.param("arb", "رأس لفت، لفت، لفتة", (2, 2), id="Arabic"),
        pytest.param("hin", "शलजम और हिन्दी।", (2, 2), id="Devanagari with marks"),
        pytest.param("kor", "순무 순무밭", (1, 1), id="Korean words are spaced"),
        pytest.param("cmn", "我们吃萝卜。", (1, 1), id="Chinese"),
        pytest.param("cmn", "衣服很干净", (0, 0), id="no hit inside a Chinese word"),
        pytest.param("cmn", "他是大萝卜头", (1, 1), id="an entry of several ICU words"),
        pytest.param("jpn", "彼は大根役者だ", (1, 1), id="Japanese"),
        pytest.param("tha", "ผมกินหัวผักกาด", (1, 1), id="Thai"),
        pytest.param("eng", "beet, beet, Beet", (0, 0), id="a mild word"),
        pytest.param("eng", "a turnip moth, a turnip", (1, 1), id="a mild phrase"),
        pytest.param("eng", "turnip mot", (1, 1), id="a cut-off mild phrase"),
        pytest.param("eng", "pea green pea soup", (0, 0), id="leftmost wins"),
        pytest.param("rus", "репа красная, репа, СВЁКЛА", (1, 1), id="mild Cyrillic"),
        pytest.param("arb", "لفت نظر إلى لفت", (1, 1), id="a mild Arabic phrase"),
        pytest.param("cmn", "我们吃萝卜糕和甜菜。", (0, 0), id="mild Chinese"),
        pytest.param("hin", "शलजम का खेत, चुकंदर, शलजम", (1, 1), id="mild Devanagari"),
        pytest.param("deu", "turnip", (0, 0), id="no list"),
        pytest.param(None, "turnip", (0, 0), id="no language"),
    ],
)
def test_hits_and_distinct_entries(
    language: str | None, text: str, expected: tuple[int, int]
) -> None:
    assert hits(language, text) == expected


def test_entries_that_could_only_match_in_part_are_not_looked_for() -> None:
    entries = ["turnip", " pea ", "a$$", "t*rnip", "!", "", "🍆", "green, pea", "l'été"]
    assert usable(entries) == ("turnip", "pea", "l'été")
    table = lexicon({"eng": {"a$$": True, "t*rnip": True}})
    data, offsets = utf8_buffers(pa.array(["a t rnip a$$"]))
    assert count_hits(data, segment(data, offsets), ["eng"], table=table).hits[0] == 0


def test_many_hits_in_one_document_are_all_counted() -> None:
    assert hits("eng", "turnip green pea. " * 5_000) == (10_000, 2)


def test_documents_keep_their_languages_and_places() -> None:
    texts = ["turnip", "navet", "turnip navet", "", "навет"]
    data, offsets = utf8_buffers(pa.array(["left out", *texts])[1:])
    found = count_hits(
        data,
        segment(data, offsets),
        ["eng", "fra", "fra", "eng", "rus"],
        table=lexicon(LISTS),
    )
    assert found.hits.tolist() == [1, 1, 1, 0, 0]


def test_the_order_of_a_list_changes_nothing() -> None:
    turned = {k: dict(reversed(v.items())) for k, v in LISTS.items()}
    one, other = lexicon(LISTS), lexicon(turned)
    assert np.array_equal(one.keys, other.keys)
    assert np.array_equal(one.entries, other.entries)


PIECES = ["turnip", "green", "pea", "Pea", "soup", "moth", "beet", "x"]


@given(st.lists(st.sampled_from(PIECES)))
def test_hits_agree_with_a_regular_expression(words: list[str]) -> None:
    text = " ".join(words)
    longest_first = sorted(LISTS["eng"], key=len, reverse=True)
    pattern = "|".join(entry.replace("-", "[ -]") for entry in longest_first)
    matches = re.findall(rf"\b(?:{pattern})\b", text.lower())
    counted = [match for match in matches if match not in MILD["eng"]]
    assert hits("eng", text) == (len(counted), len(set(counted)))
