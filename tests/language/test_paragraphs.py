import pytest

from tamis.language.models import FastText, packaged_model
from tamis.language.paragraphs import blocks_of, language_shares

# Each has 200 code points or more, or few of a script without spaces.
ENGLISH = (
    "The town council will vote on the new library next week. Its members have "
    "discussed the plans since spring, and most of them think that the building is "
    "worth the money that it costs, although some want to wait another year for it."
)
FRENCH = (
    "Le conseil municipal votera la semaine prochaine sur la nouvelle bibliothèque. Ses "
    "membres discutent de ces plans depuis le printemps, et la plupart pensent que le "
    "bâtiment vaut ce qu'il coûte, mais certains veulent attendre encore une année."
)
RUSSIAN = (
    "Городской совет проголосует на следующей неделе за новую библиотеку. Его члены "
    "обсуждают эти планы с весны, и большинство думает, что здание стоит этих денег, "
    "хотя некоторые хотят подождать ещё один год, пока не станет ясно, сколько надо."
)
ARABIC = (
    "سيصوت مجلس المدينة في الأسبوع المقبل على المكتبة الجديدة. يناقش أعضاؤه هذه الخطط منذ "
    "الربيع، ويعتقد معظمهم أن المبنى يستحق ما يكلفه من مال، لكن بعضهم يريد الانتظار عاما "
    "آخر حتى يتضح كم من المال سيبقى للمدارس والطرق في أحياء المدينة."
)
CHINESE = "市议会将于下周就新图书馆进行投票。议员们从春天起一直在讨论这个计划。" * 7
HINDI = (
    "नगर परिषद अगले सप्ताह नए पुस्तकालय पर मतदान करेगी। उसके सदस्य वसंत से इन योजनाओं पर "
    "चर्चा कर रहे हैं, और उनमें से अधिकांश मानते हैं कि यह भवन अपनी लागत के योग्य है, "
    "हालाँकि कुछ लोग एक और वर्ष प्रतीक्षा करना चाहते हैं ताकि खर्च साफ़ हो जाए।"
)


@pytest.fixture(scope="module")
def model() -> FastText:
    return FastText(packaged_model())


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param("eng", ENGLISH, id="Latin"),
        pytest.param("rus", RUSSIAN, id="Cyrillic"),
        pytest.param("arb", ARABIC, id="Arabic"),
        pytest.param("cmn", CHINESE, id="Chinese"),
        pytest.param("hin", HINDI, id="Devanagari"),
    ],
)
def test_a_second_language_is_seen_in_every_script(
    language: str, text: str, model: FastText
) -> None:
    shares, seconds = language_shares(
        [text, f"{text}\n\n{FRENCH}", f"{FRENCH}\n{text}"], [language] * 3, model
    )
    part = len(text) / (len(text) + len(FRENCH))
    assert shares == pytest.approx([1.0, part, part])
    assert seconds == [None, "fra", "fra"]


def test_nothing_to_read_has_no_share(model: FastText) -> None:
    texts = [None, "", " \n\n ", ENGLISH, "Oui"]
    languages = ["eng", "eng", "eng", None, "fra"]
    shares, seconds = language_shares(texts, languages, model)
    assert shares == [None, None, None, None, 1.0]
    assert seconds == [None] * 5


def test_a_second_language_has_a_tenth_of_the_text(model: FastText) -> None:
    """Of seven blocks one is French; then of one long block and a short one."""
    few = "\n".join([ENGLISH] * 6 + [FRENCH])
    little = "\n".join([(ENGLISH + " ") * 20, FRENCH])
    shares, seconds = language_shares([few, little], ["eng", "eng"], model)
    parts = [len(FRENCH) / (6 * len(ENGLISH) + len(FRENCH))]
    parts += [len(FRENCH) / (20 * len(ENGLISH) + 19 + len(FRENCH))]
    assert shares == pytest.approx([1 - part for part in parts])
    assert parts[0] > 0.1 > parts[1]
    assert seconds == ["fra", None]


def test_sisters_and_names_are_no_second_language(model: FastText) -> None:
    """lid.176 takes the first paragraph for Danish, or for Norwegian."""
    norwegian = "Han kom hjem om aftenen og spiste sammen med sine venner. " * 4
    names = "Anna Berg, Jens Lund, Per Dahl, Kari Moe, Ola Vik, Nils Aas, " * 4
    shares, seconds = language_shares(
        [f"{norwegian}\n{norwegian}", f"{ENGLISH}\n{names}"], ["dan", "eng"], model
    )
    assert shares == [1.0, 1.0]
    assert seconds == [None, None]


def test_blocks_are_whole_lines_of_200_characters_evenly_spread() -> None:
    lines = [f"{number:02} " + "x" * 96 for number in range(60)]
    blocks = blocks_of("\n\n".join(lines))
    # 20 blocks of three lines; those at 0/7, 1/7, 2/7 ... of the way.
    starts = [3 * place for place in (0, 2, 5, 8, 10, 13, 16, 19)]
    assert [int(block[:2]) for block in blocks] == starts
    assert all(200 <= len(block.replace("\n", "")) < 400 for block in blocks)
    assert blocks_of("a\n\nb") == ["a\nb"]
    assert blocks_of("\n") == []
    # What is left over belongs to the last block.
    assert blocks_of("y" * 200 + "\nz") == ["y" * 200 + "\nz"]
