"""Sentences, counted by hand."""

import pyarrow as pa
import pytest

from tamis.text.buffers import utf8_buffers
from tamis.text.statistics.columns import SENTENCES as COLUMNS
from tamis.text.statistics.sentences import sentence_statistics
from tamis.text.unicode import code_points
from tamis.text.words import read_only


def measured(text: str) -> dict[str, float]:
    """Statistics of `text`, which stands between two other documents."""
    data, offsets = utf8_buffers(pa.array(["One. Two", text, ""]))
    statistics = sentence_statistics(read_only(data), offsets, code_points())
    assert statistics[[0, 2]].tolist() == [[2], [0]]
    return dict(zip(COLUMNS, statistics[1].tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("வந்தான். போனான்.", 2, id="Tamil, whose words end in marks"),
        pytest.param("One. Two! Three?", 3, id="English"),
        pytest.param("One\nTwo\n\n…\nThree", 3, id="a line ends a sentence"),
        pytest.param("It is 3.5 km. On 3. May", 2, id="numbers"),
        pytest.param("J. R. Smith came. He left.", 2, id="initials"),
        pytest.param("He came... and went.", 1, id="a small letter goes on"),
        pytest.param("“Go!” He went.", 2, id="closing quotes"),
        pytest.param("他来了。他走了！真的吗？", 3, id="Chinese"),
        pytest.param("「はい。」と言った。", 2, id="Japanese"),
        pytest.param("वह आया। वह गया।", 2, id="Hindi"),
        pytest.param("ის მოვიდა. ის წავიდა.", 2, id="Georgian, without capitals"),
        pytest.param("Он пришёл. Потом ушёл.", 2, id="Russian"),
        pytest.param("وصل. ثم رحل؟ نعم", 3, id="Arabic"),
        pytest.param("ผมมา ผมไป", 1, id="Thai has no full stops"),
        pytest.param("!!! ... ???", 0, id="no words"),
    ],
)
def test_sentences(text: str, sentences: int) -> None:
    assert measured(text)["sentence_count"] == sentences
