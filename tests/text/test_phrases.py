import numpy as np
import pyarrow as pa
import pytest

from tamis.text.buffers import utf8_buffers
from tamis.text.statistics.columns import PHRASES as COLUMNS
from tamis.text.statistics.phrases import phrase_counts


def measured(text: str) -> dict[str, int]:
    data, offsets = utf8_buffers(pa.array(["lorem ipsum {", text, "javascript"]))
    counts = phrase_counts(data, offsets)
    assert counts[0].tolist() == [1, 1, 0, 0]
    assert counts[2].tolist() == [0, 0, 1, 0]
    return dict(zip(COLUMNS, counts[1].tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "column", "count"),
    [
        ("", "has_lorem_ipsum", 0),
        ("Lorem IPSUM dolor", "has_lorem_ipsum", 1),
        ("lorem\nipsum", "has_lorem_ipsum", 0),
        ("日本 lorem ipsum", "has_lorem_ipsum", 1),
        ("f(x) { return }", "has_curly_bracket", 1),
        ("｛全角｝", "has_curly_bracket", 0),
        ("Enable JavaScript\nin JavaScript\nno", "javascript_line_count", 2),
        ("javascriptjavascript", "javascript_line_count", 1),
        ("Terms of Use | Privacy Policy\nWe use cookies", "policy_line_count", 2),
        ("the use of cookies and terms", "policy_line_count", 1),
        ("les cookies", "policy_line_count", 0),
        ("cookie polic", "policy_line_count", 0),
    ],
)
def test_phrases(text: str, column: str, count: int) -> None:
    assert measured(text)[column] == count


def test_a_phrase_is_not_read_across_two_documents() -> None:
    data, offsets = utf8_buffers(pa.array(["lorem ", "ipsum"]))
    assert phrase_counts(data, offsets).sum() == 0


def test_nothing_is_counted_in_no_documents() -> None:
    data, offsets = utf8_buffers(pa.array([], pa.string()))
    assert phrase_counts(data, offsets).shape == (0, len(COLUMNS))
    assert phrase_counts(data, offsets).dtype == np.int64
