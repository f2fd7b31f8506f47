import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.stage import Stage
from tamis.stages.sign import Sign

# Text, text_hash, band_00, band_13. Whoever changes one of these makes every index of
# earlier crawls unreadable, and must raise `Sign.version`.
GOLDEN = {
    "Latin": (
        "Der Müller kauft 12 Äpfel und 3 Birnen auf dem Markt von Łódź.",
        0x2D8BEE5F67855032,
        0xF894AA7FA3FEF719,
        0x93D19499DEFD4A17,
    ),
    "Cyrillic": (
        "Утром мы пошли в лес за грибами, а вечером пили чай с мёдом.",
        0x21DC0761D98A4EEA,
        0x70F01A9A6476A50A,
        0x98850065D51192C5,
    ),
    "Greek": (
        "Το πρωί πήγαμε στη θάλασσα και το βράδυ φάγαμε ψάρι με λάδι.",
        0xFCBA8626453A6657,
        0x4A97507E423EC602,
        0x19162BA3B869FC82,
    ),
    "Arabic": (
        "ذهب الولد إلى السوق في الصباح واشترى خبزاً وجبناً وزيتوناً.",
        0x717352C621008BAC,
        0x9A9F4F396888B193,
        0x4F3107EC234E9E41,
    ),
    "Hebrew": (
        "הילד הלך בבוקר אל השוק וקנה לחם וגבינה וזיתים לארוחת הערב.",
        0xC0DAE4A20280477E,
        0x93AB42F21B02FF43,
        0x2447AE3854D89D55,
    ),
    "Devanagari": (
        "सुबह हम बाज़ार गए और शाम को हमने घर पर चाय के साथ मिठाई खाई।",
        0xE5D918A4277C10DB,
        0x871EBEE941F06967,
        0xE82650D846C68CF9,
    ),
    "Bengali": (
        "সকালে আমরা বাজারে গিয়েছিলাম এবং সন্ধ্যায় বাড়িতে চা খেয়েছি।",
        0x114C92807111CD0F,
        0x96782E282255A676,
        0x86022183657594C8,
    ),
    "Tamil": (
        "காலையில் நாங்கள் சந்தைக்குச் சென்றோம், மாலையில் தேநீர் குடித்தோம்.",
        0x899861AC824F6AE6,
        0x74CDD1C8B7452ECF,
        0x44AF4A1C5BBE4D1D,
    ),
    "Thai": (
        "ตอนเช้าเราไปตลาดและตอนเย็นเราดื่มชาที่บ้านกับเพื่อนบ้าน",
        0x11045FD41D39B818,
        0x5471EADFB7C01BDA,
        0xF67B57393961DE54,
    ),
    "Han": (
        "早上我们去市场买了十二个苹果，晚上在家里喝茶。",
        0xDC9348B5B2724CBA,
        0xD1FC42223CD2CB21,
        0x372DD3CFB55AD56A,
    ),
    "Japanese": (
        "朝は市場へ行って、りんごを１２個買い、夜は家でコーヒーを飲みました。",
        0x5B0120393DD07067,
        0x77A12A8D86424878,
        0x830B42C8AE4B5378,
    ),
    "Hangul": (
        "아침에는 시장에 가서 사과 열두 개를 사고 저녁에는 집에서 차를 마셨다.",
        0xE9EBC0381B828093,
        0xAE4AF4632650D8BD,
        0xC6342E56D28C4905,
    ),
    "Georgian": (
        "დილით ბაზარში წავედით და საღამოს სახლში ჩაი დავლიეთ თაფლით.",
        0x80483E9C85F878B7,
        0x78662CDA3611D40A,
        0x474E8422FCC008D2,
    ),
    "Armenian": (
        "Առավոտյան գնացինք շուկա, իսկ երեկոյան տանը թեյ խմեցինք մեղրով։",
        0x73B15E50F144FF7F,
        0x7A3619D23CB6B59E,
        0x16987636BF1DF74E,
    ),
}


def batch(*texts: str | None) -> pa.RecordBatch:
    columns = {"text": pa.array(texts, pa.string())}
    return pa.RecordBatch.from_pydict(
        {**columns, "drop_reason": pa.nulls(len(texts), pa.string())}
    )


@pytest.mark.parametrize("script", GOLDEN)
def test_signatures_are_frozen(script: str) -> None:
    text, text_hash, first, last = GOLDEN[script]
    (row,) = Sign().build()(batch(text)).to_pylist()
    assert (row["text_hash"], row["band_00"], row["band_13"]) == (
        text_hash,
        first,
        last,
    )


def test_the_columns_are_those_it_announces() -> None:
    config = Sign(bands=3, rows=2)
    signed = config.build()(batch("a b c d e f"))
    assert signed.schema.names == [
        "text",
        "drop_reason",
        *config.columns_written().names,
    ]
    assert config.columns_written().names == [
        "text_hash",
        "band_00",
        "band_01",
        "band_02",
    ]


def test_an_empty_batch_has_the_right_types() -> None:
    signed = Sign().build()(batch())
    assert signed.num_rows == 0
    for field in Sign().columns_written():
        assert signed.schema.field(field.name).type == field.type


def test_short_texts_have_no_bands_and_absent_ones_no_hash() -> None:
    signed = Sign().build()(
        batch("one two three four", None, "", "one two three four five")
    )
    assert signed["text_hash"].is_valid().to_pylist() == [True, False, True, True]
    assert signed["band_05"].is_valid().to_pylist() == [False, False, False, True]


def test_batches_make_no_difference() -> None:
    texts = [text for text, *_ in GOLDEN.values()]
    transform = Sign().build()
    whole = transform(batch(*texts))
    single = pa.Table.from_batches([transform(batch(text)) for text in texts])
    assert pa.Table.from_batches([whole]).equals(single.combine_chunks())


@pytest.mark.parametrize(
    ("settings", "banding"),
    [
        ({}, (14, 8)),
        ({"bands": 20}, (20, 8)),
        ({"preset": "refinedweb"}, (450, 20)),
        ({"threshold": 0.8}, (9, 13)),
    ],
)
def test_bands_and_rows_can_be_said_in_three_ways(
    settings: dict[str, float], banding: tuple[int, int]
) -> None:
    assert Sign.model_validate(settings).banding() == banding


@pytest.mark.parametrize(
    "settings",
    [
        {"preset": "dclm", "bands": 14},
        {"threshold": 0.8, "rows": 8},
        {"preset": "dclm", "threshold": 0.8},
        {"bands": 0},
        {"preset": "fineweb3"},
    ],
)
def test_but_not_in_two_ways_at_once(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Sign.model_validate(settings)


def test_settings_survive_a_round_trip() -> None:
    for config in (Sign(preset="dclm"), Sign(threshold=0.7), Sign(bands=5, rows=4)):
        assert type(config).model_validate(config.model_dump()) == config
        assert isinstance(config, Stage)


def test_a_word_more_changes_few_bands() -> None:
    words = " ".join(f"word{number}" for number in range(0, 4000, 7))
    words = words.translate(str.maketrans("0123456789", "abcdefghij"))
    signed = Sign().build()(batch(words, words + " more"))
    bands = np.array([signed[f"band_{band:02}"].to_pylist() for band in range(14)])
    assert (bands[:, 0] == bands[:, 1]).sum() >= 12
