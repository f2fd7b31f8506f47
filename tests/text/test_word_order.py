"""Shuffled words: hand-counted places, and prose of many scripts put in any order."""

import math
import random

import pyarrow as pa
import pytest

from tamis.text.buffers import utf8_buffers
from tamis.text.function_words import function_words
from tamis.text.statistics.vocabulary import vocabulary
from tamis.text.statistics.word_order import order_statistics
from tamis.text.unicode import code_points
from tamis.text.words import read_only, segment


def log_odds(text: str, language: str | None = None) -> float:
    """The statistic of `text`, which stands between two other documents."""
    data, offsets = utf8_buffers(pa.array(["the the", text, "в в"]))
    data, words, tables = read_only(data), segment(data, offsets), code_points()
    lists = function_words(["eng", language, "rus"])
    hashes, roles, _ = vocabulary(data, words, tables, lists)
    statistics = order_statistics(data, offsets, words, hashes, roles, tables, lists)
    found: float = statistics[1, 0]
    return found


def shuffled(text: str) -> str:
    """The same marks and lines with the words between them in another order."""
    data, offsets = utf8_buffers(pa.array([text]))
    words = segment(data, offsets)
    places = list(zip(words.starts.tolist(), words.ends.tolist(), strict=True))
    others = [data[start:end].tobytes() for start, end in places]
    random.Random(4).shuffle(others)
    parts, end = [], 0
    for (start, stop), other in zip(places, others, strict=True):
        parts += [data[end:start].tobytes(), other]
        end = stop
    return b"".join([*parts, data[end:].tobytes()]).decode()


def rare(found: int, chance: float, in_prose: float) -> float:
    """Poisson's log-likelihood ratio of two rates."""
    return found * math.log(chance / in_prose) - (chance - in_prose)


@pytest.mark.parametrize("text", ["", "...", "the", "the cat", "в доме", "日本"])
def test_too_little_to_tell_is_nought(text: str) -> None:
    assert log_odds(text, "eng") == 0


def test_a_repeat_counts_against_what_shuffling_would_give() -> None:
    # 40 words, 39 pairs: no stands beside itself twice, once thrice in a row.
    text = "no no x1 no no no x2 no " + " ".join(f"w{n}" for n in range(32))
    chance = 39 * 6 * 5 / 40**2
    expected = rare(2, chance, 0.15 * chance + 0.002 * 39)
    assert log_odds(text) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "joint",
    [pytest.param(", ", id="comma"), pytest.param("-", id="hyphen"), "\n", ". ", ' "'],
)
def test_a_word_said_again_behind_a_mark_is_no_repeat(joint: str) -> None:
    text = " ".join(f"x{n} no{joint}no" for n in range(20))
    assert log_odds(text) == 0


def test_figures_may_be_equal() -> None:
    assert log_odds("7 7 x " * 20) == 0


def test_no_sign_alone_proves_more_than_its_share() -> None:
    """A language may double its words, a writer use no capitals."""
    assert log_odds("ke ke wa wa se se ga ga mo mo " * 30) == 3.5
    words = [f"x{number}" for number in range(60)]
    ends = [
        "Noa here.",
        *(f"{a} {b}." for a, b in zip(words, words[30:], strict=False)),
    ]
    assert log_odds(" ".join(ends)) == 3.5


def test_a_clash_is_of_two_roles_side_by_side() -> None:
    # The Arabic في and على govern and are not governed: "in on" is a clash, "on on" is a
    # repeat. 30 words, 29 pairs, 3 of each: 6 * 6 pairs of words, 3 * 3 + 3 * 3 the same.
    words = [f"س{number}" for number in range(24)]
    text = f"في على {' '.join(words)} في س في س على س على"
    assert len(text.split()) == 33
    clashes = 32 * (6 * 6 - 2 * 3 * 3) / 33**2
    repeats = 32 * (3 * 2 + 3 * 2 + 3 * 2) / 33**2
    expected = rare(1, clashes, 0.05 * clashes + 0.001 * 32)
    expected += rare(0, repeats, 0.15 * repeats + 0.002 * 32)
    assert log_odds(text, "arb") == pytest.approx(expected, abs=1e-4)


def test_small_letters_behind_a_sentence_speak_for_shuffling() -> None:
    # 4 starts, 3 of them small; 3 of 12 words are capitalised.
    text = "Amos bore corn. did Ezra feed. goats Here in. jars"
    share, small = 7 / 10, 3
    expected = small * math.log(share / 0.08)
    assert log_odds(text) == pytest.approx(min(3.5, expected), abs=1e-4)
    assert log_odds("Он шёл. Лес рос. Дом стоял. Снег шёл.") == 0


def test_georgian_has_no_capitals_to_begin_with() -> None:
    assert log_odds("ის მოვიდა. ის წავიდა. მე ვიყავი. შენ იყავი. " * 4, "kat") == 0


def test_two_sentences_are_too_few_to_judge_by() -> None:
    assert log_odds("Amos bore corn. did ezra feed. goats here") == 0


def test_numbers_and_initials_end_no_sentence() -> None:
    assert log_odds("On 3. of May J. o'Hara ran 3.5 km. See p. four. " * 3) == 0


def test_an_ending_may_have_a_joiner_behind_it() -> None:
    told = "ഞാൻ വീട് കണ്ടു. അവൻ പുസ്തകം വായിച്ചു. ഇത് വലിയ മരം ആണ്\u200c. "
    assert log_odds(told * 2, "mal") == 0


PROSE = {
    "eng": "The old man walked to the river in the morning. He sat on a stone and he"
    " looked at the water. The boats of the village were on the other side, and the"
    " children played in the sand. When the sun stood high, he went home with a fish."
    " His wife had a fire in the house. They ate the fish with bread and salt.",
    "rus": "Старик шёл утром к реке. Он сел на камень и смотрел на воду. Лодки из деревни"
    " стояли на том берегу, а дети играли на песке. Когда солнце поднялось высоко, он"
    " пошёл домой с рыбой. Его жена развела в доме огонь. Они ели рыбу с хлебом и солью.",
    "arb": "ذهب الرجل إلى النهر في الصباح، وجلس على حجر قرب الماء. كانت القوارب على الضفة"
    " الأخرى، وكان الأطفال في الرمل. قال الولد إن السمك كثير في هذا النهر، وإن الناس من"
    " القرية التي على الجبل يأتون إلى هنا. عاد الرجل إلى البيت مع سمكة كبيرة، ووضعت"
    " زوجته الخبز على النار. أكل الرجل مع زوجته، ثم نام في الغرفة حتى المساء. في اليوم"
    " التالي ذهب إلى السوق مع ابنه، وعاد من السوق إلى البيت.",
    "hin": "बूढ़ा आदमी सुबह नदी के पास गया। वह एक पत्थर पर बैठ गया। गाँव की नावें नदी के"
    " दूसरे किनारे पर थीं। बच्चों ने रेत का घर बनाया था। दोपहर को वह मछली लेकर घर आ गया।"
    " उसकी पत्नी ने आग जलाई थी। दोनों ने रोटी के साथ मछली खाई थी।",
    "ben": "বুড়ো লোকটি সকালে নদীর ধারে গেল। সে একটি পাথরের উপর বসল। গ্রামের নৌকা"
    " ওপারে ছিল। বাচ্চারা বালির ঘর বানাচ্ছিল। দুপুরে সে মাছ নিয়ে বাড়ি ফিরল। তার বউ আগুন"
    " জ্বেলেছিল। তারা রুটি দিয়ে মাছ খেল। রাতে সবাই ঘুমিয়ে পড়ল।",
    "kor": "노인은 아침에 강으로 갔다. 그는 돌 위에 조용히 앉았다. 마을의 배들이 건너편에"
    " 있었다. 아이들은 모래밭에서 놀았다. 한낮에 그는 물고기를 들고 집으로 돌아왔다. 아내가"
    " 부엌에 불을 피웠다. 두 사람은 빵과 물고기를 먹었다.",
    "tam": "முதியவர் காலையில் ஆற்றுக்குப் போனார். அவர் ஒரு கல்லின் மேல் அமர்ந்தார்."
    " ஊரின் படகு அக்கரையில் நின்றது. பையன்கள் மணலில் விளையாடினார்கள் என்று சொன்னார்."
    " மதியம் அவர் மீனுடன் வீட்டுக்கு வந்தார். மனைவி சமையல் அறையில் இருந்தார். இருவரும்"
    " ரொட்டியுடன் மீன் சாப்பிட்டனர்.",
    "cmn": "老人早上去了河边，坐在一块石头上。村里的船在对岸，孩子们在沙滩上玩。中午的时候，"
    "他把鱼带回了家。他的妻子在厨房里生了火，他们的晚饭是鱼和面包。吃了饭以后，他和孩子们"
    "说了很多话，他们都很高兴。第二天的早上，他又去了河边，他的儿子也去了。河里的水很清，"
    "船上的人在唱歌。",
}


@pytest.mark.parametrize("language", PROSE)
def test_prose_is_told_from_its_own_words_in_another_order(language: str) -> None:
    assert log_odds(PROSE[language], language) <= 0.5
    assert log_odds(shuffled(PROSE[language]), language) > 1


@pytest.mark.parametrize("language", PROSE)
def test_prose_of_an_unknown_language_stays_prose(language: str) -> None:
    assert log_odds(PROSE[language]) <= 0.5


def test_thai_has_a_space_where_others_have_a_mark() -> None:
    prose = "ผมจะไปตลาด แม่จะทำอาหาร เขาต้องทำงาน เราไม่มีเวลา พ่อเป็นครู ลูกต้องนอน"
    assert log_odds(prose, "tha") == 0
    stranded = "ผมไปตลาดจะ แม่ทำอาหารจะ เขาทำงานต้อง เรามีเวลาไม่ พ่อครูเป็น ลูกนอนต้อง"
    assert log_odds(stranded, "tha") > 1
