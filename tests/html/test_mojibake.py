"""UTF-8 that was encoded twice is repaired where it is certain, and only there."""

import pytest

from tamis.html.mojibake import repaired

TEXTS = {
    "Latin": "Zażółć gęślą jaźń, powiedział wójt; déjà vu à l’été, « über » – naïve.",
    "Cyrillic": "Съешь ещё этих мягких французских булок, да выпей чаю.",
    "Arabic": "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ",
    "Chinese": "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。",
    "Hindi": "सुबह का बंदरगाह शांत था",
    "Thai": "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
}


def twice(text: str) -> str:
    """As a browser reads UTF-8 that is called windows-1252."""
    return "".join(
        bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte))
        for byte in text.encode()
    )


@pytest.mark.parametrize("script", TEXTS)
def test_text_of_every_script_comes_back(script: str) -> None:
    found = repaired(twice(TEXTS[script]))
    assert found == (TEXTS[script], True, False)


@pytest.mark.parametrize("script", TEXTS)
def test_sound_text_stays(script: str) -> None:
    assert repaired(TEXTS[script]) == (TEXTS[script], False, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SÃO PAULO, CORAÇÃO, NÃO",
        "PÂTE À PAIN, FORÊT, ÎLE",
        "One writes Ã© for é in such files.",
        "ÃÂÃÂ",
    ],
)
def test_a_quotation_is_no_evidence(text: str) -> None:
    assert repaired(text).text == text


def test_a_mixture_is_left_and_said() -> None:
    text = "L’été déjà passé, voilà l’hôtel fermé " * 2 + "Ã©tÃ© dÃ©jÃ\xa0"
    assert repaired(text) == (text, False, True)
