import pyarrow as pa
import pytest

from tamis.text.buffers import utf8_buffers
from tamis.text.scripts import SCRIPTS, dominant_script


def scripts_of(*texts: str | None) -> list[str]:
    data, offsets = utf8_buffers(pa.array(texts, pa.string()))
    return [SCRIPTS[place] for place in dominant_script(data, offsets)]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        pytest.param("", "Zyyy", id="empty"),
        pytest.param("12 + 3 = 15 …", "Zyyy", id="no letters"),
        pytest.param("Les œufs", "Latn", id="Latin"),
        pytest.param("Лёд", "Cyrl", id="Cyrillic"),
        pytest.param("ώρα", "Grek", id="Greek"),
        pytest.param("مرحبا", "Arab", id="Arabic"),
        pytest.param("שלום", "Hebr", id="Hebrew"),
        pytest.param("हिन्दी", "Deva", id="Devanagari"),
        pytest.param("ภาษาไทย", "Thai", id="Thai"),
        pytest.param("한국어", "Hang", id="Korean"),
        pytest.param("中文维基", "Hani", id="Chinese"),
        pytest.param("日本語を話す", "Jpan", id="Japanese"),
        pytest.param("カタカナ", "Jpan", id="only kana"),
        pytest.param("𐌰𐌱𐌲", "Zzzz", id="Gothic is not in the table"),
        pytest.param("ab где ёж", "Cyrl", id="more Cyrillic than Latin"),
        pytest.param("a б", "Latn", id="of equals the first in the table"),
        pytest.param(
            "汉字汉字汉字汉字汉字汉字汉字汉字汉字汉字の",
            "Hani",
            id="one kana is a quotation",
        ),
    ],
)
def test_dominant_script(text: str, script: str) -> None:
    assert scripts_of("x", text, None) == ["Latn", script, "Zyyy"]


def test_no_name_stands_twice_in_the_table() -> None:
    assert len(set(SCRIPTS)) == len(SCRIPTS) < 256
