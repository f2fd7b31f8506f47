"""Chinese characters alone: Chinese, a Japanese headline, or Vietnamese."""

import pytest

from pipeline.language.han import written
from pipeline.language.models import Opinion
from pipeline.stages.identify_language import languages_of


@pytest.mark.parametrize(
    ("line", "answer", "expected"),
    [
        pytest.param("", "cmn", "cmn", id="empty"),
        pytest.param("市議會將於下週就新圖書館投票表決", "jpn", "cmn", id="no kana"),
        pytest.param("東京都議会議員選挙", "jpn", "jpn", id="a headline"),
        pytest.param("新図書館建設案を市議会が来週採決", "jpn", "jpn", id="one kana"),
        pytest.param("市議會將於下週就新圖書館投票表決", "yue", "yue", id="Cantonese"),
        pytest.param("𠬠𠊛𣎏𠄩𡥵", "cmn", "vie", id="Vietnamese"),
        pytest.param("每𠊛調得自由", "jpn", "vie", id="Vietnamese, not Japanese"),
        pytest.param(
            "喃字𠊛，" + "越南人用的漢字很多。" * 9, "cmn", "cmn", id="quoted"
        ),
    ],
)
def test_what_chinese_characters_write(line: str, answer: str, expected: str) -> None:
    assert written(line, answer) == expected


@pytest.mark.parametrize(
    ("line", "is_corrected", "expected"),
    [
        pytest.param("每𠊛調得自由", True, "vie", id="looked at again"),
        pytest.param("每𠊛調得自由", False, "cmn", id="a model of your own"),
        pytest.param("each 𠊛 is free", True, "cmn", id="in another script"),
    ],
)
def test_the_stage_looks_at_chinese_characters_again(
    line: str, is_corrected: bool, expected: str
) -> None:
    columns = languages_of([(line, Opinion("cmn", 0.8))], is_corrected=is_corrected)
    assert columns["language"].to_pylist() == [expected]
