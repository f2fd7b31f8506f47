"""Clean pages full of the words that lists misjudge: nobody may be dropped for his subject.

`clean_fields.json` has a paragraph by language and field: medicine, sex education, law, news
of violence, religion, LGBT, animals, cooking, place names, literature, history, counselling.
They were written for this test, before the weights of the lists and the rules were measured.
"""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tamis.stages.filter_toxicity import FilterToxicity
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment
from tamis.toxicity.lexicon import count_hits, lexicon
from tamis.toxicity.lists import PACKAGE, packaged_lists

TEXTS: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("clean_fields.json").read_text(encoding="utf-8")
)
FIELDS = sorted(TEXTS["eng"])


@pytest.fixture(scope="module", autouse=True)
def _has_lists() -> None:
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")


def rows_of(texts: list[tuple[str, str]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "language": [language for language, _ in texts],
            "text": [text for _, text in texts],
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )


def test_every_language_has_every_field() -> None:
    assert len(TEXTS) >= 12
    assert len(FIELDS) == 12
    assert all(sorted(own) == FIELDS for own in TEXTS.values())


def test_every_paragraph_has_three_listed_words_or_more() -> None:
    """Or the next test would say nothing."""
    texts = [(code, text) for code, own in TEXTS.items() for text in own.values()]
    data, offsets = utf8_buffers(rows_of(texts)["text"])
    lists = {code: dict.fromkeys(own, True) for code, own in packaged_lists().items()}
    found = count_hits(
        data,
        segment(data, offsets),
        [language for language, _ in texts],
        table=lexicon(lists),
    )
    assert found.distinct.min() >= 3


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_loses_a_clean_page(field: str) -> None:
    rows = rows_of([(code, own[field]) for code, own in TEXTS.items()])
    dropped = FilterToxicity().build()(ScoreToxicity().build()(rows))
    is_dropped = pc.is_valid(dropped["drop_reason"])
    assert dropped.filter(is_dropped)["language"].to_pylist() == []
