"""Chinese characters alone: Chinese, a Japanese headline, or Vietnamese."""

import pyarrow as pa
import pytest

from tamis.language.han import han_language
from tamis.language.models import Opinion
from tamis.stages.identify_language import IdentifyLanguage, languages_of


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
    assert han_language(line, answer) == expected


ACCOUNTS = "平成三十年度一般会計歳入歳出決算書 国庫支出金 県支出金"
ELECTION = "令和六年度東京都議会議員選挙公報配布日程表"
# Nothing in it is Japan's alone: 十 to 室 are han_language so in Taiwan, too.
ROOMS = "平成十五年度東京大學附屬圖書館利用者名簿及第一研究室一覽"
CHINESE = "敬邀十方大德，发心护持，共襄盛会，共结无上法缘，功德无量，阿弥陀佛！"


@pytest.mark.parametrize(
    ("line", "asked", "expected"),
    [
        pytest.param(ACCOUNTS, (), "jpn", id="accounts"),
        pytest.param(ELECTION, ("fra", "cmn"), "jpn", id="an election"),
        pytest.param("东京駅" + "是日本的火车站之一。" * 9, (), "cmn", id="quoted"),
        pytest.param("東京駅" + "是日本的火車站之一。" * 9, (), "cmn", id="in Taiwan"),
        pytest.param(CHINESE, (), "cmn", id="Chinese"),
        pytest.param(CHINESE, ("jpn",), "cmn", id="Chinese, not asked for"),
        pytest.param(ROOMS, (), "cmn", id="either"),
        pytest.param(ROOMS, ("jpn", "kor"), "jpn", id="either, Japanese asked for"),
        pytest.param(ROOMS, ("jpn", "cmn"), "cmn", id="either, both asked for"),
        pytest.param(ROOMS, ("jpn", "lzh"), "cmn", id="either, old Chinese as well"),
    ],
)
def test_japanese_without_kana_is_told_by_its_characters(
    line: str, asked: tuple[str, ...], expected: str
) -> None:
    assert han_language(line, "jpn", asked) == expected


def test_the_stage_tells_what_is_asked_for() -> None:
    config = IdentifyLanguage(languages=("jpn",))
    rows = pa.RecordBatch.from_pydict({"text": [ACCOUNTS, ELECTION, CHINESE]})
    found = config.build()(rows)["language"].to_pylist()
    assert found == ["jpn", "jpn", "cmn"]
    columns = languages_of(pa.array([ROOMS]), [Opinion("jpn", 0.9)], asked=("jpn",))
    assert columns["language"].to_pylist() == ["jpn"]


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
    columns = languages_of(
        pa.array([line]), [Opinion("cmn", 0.8)], is_corrected=is_corrected
    )
    assert columns["language"].to_pylist() == [expected]
