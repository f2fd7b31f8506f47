import pytest

from tamis.html.charset import Decoded, decode, detected, utf_16_without_mark

FRENCH = "Le cœur a ses raisons, disait-il à l’été. "
POLISH = "Zażółć gęślą jaźń, powiedział wójt. "
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. "
GREEK = "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. "
ARABIC = "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ إِذ بَزَغَت. "
HEBREW = "דג סקרן שט בים מאוכזב ולפתע מצא חברה. "
THAI = "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า "
JAPANESE = "いろはにほへと散りぬるを、我が世誰ぞ常ならむ。"
KOREAN = "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. "
SIMPLIFIED = "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。"
TRADITIONAL = "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。"

LEGACY = [
    (FRENCH, "windows-1252"),
    (POLISH, "iso-8859-2"),
    (POLISH, "windows-1250"),
    (RUSSIAN, "windows-1251"),
    (RUSSIAN, "koi8-r"),
    (RUSSIAN, "iso-8859-5"),
    (GREEK, "windows-1253"),
    ("مرحبا بكم في موقعنا على الشبكة. ", "windows-1256"),
    (HEBREW, "windows-1255"),
    (THAI, "windows-874"),
    (JAPANESE, "shift_jis"),
    (JAPANESE, "euc-jp"),
    (JAPANESE, "iso-2022-jp"),
    (KOREAN, "euc-kr"),
    (SIMPLIFIED, "gbk"),
    (SIMPLIFIED, "gb18030"),
    (TRADITIONAL, "big5"),
]


def encoded(text: str, encoding: str) -> bytes:
    """By Python's own codec, which is not the one under test."""
    return text.encode("cp874" if encoding == "windows-874" else encoding)


def test_an_empty_page_is_utf_8() -> None:
    assert decode(b"") == Decoded("", "utf-8", "utf8")


@pytest.mark.parametrize(
    "text", [FRENCH, RUSSIAN, ARABIC, THAI, JAPANESE, "नमस्ते दुनिया", "plain"]
)
def test_valid_utf_8_is_utf_8_whatever_the_header_says(text: str) -> None:
    page = decode(text.encode(), "text/html; charset=iso-8859-1")
    assert page == Decoded(text, "utf-8", "utf8")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16le"), (b"\xfe\xff", "utf-16be")],
)
def test_a_byte_order_mark_is_obeyed_and_removed(mark: bytes, encoding: str) -> None:
    data = mark + RUSSIAN.encode(encoding)
    page = decode(data, "text/html; charset=windows-1251")
    assert page == Decoded(RUSSIAN, encoding, "bom")


@pytest.mark.parametrize(("text", "encoding"), LEGACY)
def test_the_header_is_believed(text: str, encoding: str) -> None:
    page = decode(encoded(text, encoding), f"text/html; charset={encoding}")
    assert page == Decoded(text, encoding, "http")


@pytest.mark.parametrize(("text", "encoding"), LEGACY)
def test_meta_is_believed_where_the_header_lies(text: str, encoding: str) -> None:
    data = f"<meta charset={encoding}>".encode() + encoded(text * 3, encoding)
    page = decode(data, "text/html; charset=utf-8")
    assert page == Decoded(f"<meta charset={encoding}>{text * 3}", encoding, "meta")


@pytest.mark.parametrize(("text", "encoding"), LEGACY)
def test_an_undeclared_charset_is_found_by_its_letters(
    text: str, encoding: str
) -> None:
    # Several charsets can spell one text alike: the text is what counts.
    page = decode(encoded(text * 20, encoding), "text/html")
    assert page.text == text * 20
    assert page.source == "detector"


def test_the_header_goes_before_meta() -> None:
    data = b"<meta charset=windows-1251>" + "naïve été".encode("windows-1252")
    page = decode(data, "text/html; charset=iso-8859-1")
    assert (page.charset, page.source) == ("windows-1252", "http")


def test_a_few_broken_bytes_do_not_make_utf_8_something_else() -> None:
    data = (RUSSIAN * 20).encode()[:-3]  # ends in the middle of a character
    page = decode(data, "text/html; charset=windows-1251")
    assert (page.charset, page.source) == ("utf-8", "utf8")
    assert page.text.count("\ufffd") == 1


def test_a_page_of_both_is_utf_8_if_it_says_so() -> None:
    data = (RUSSIAN * 4).encode() + ("é" * 40).encode("latin-1")
    assert decode(data, "text/html; charset=utf-8").source == "http"
    assert decode(data, None).source == "detector"


def test_a_declaration_that_the_bytes_contradict_is_not_believed() -> None:
    data = encoded(RUSSIAN * 20, "windows-1251")
    page = decode(data, "text/html; charset=euc-kr")
    assert page == Decoded(RUSSIAN * 20, "windows-1251", "detector")


def test_an_encoding_nobody_decodes_declares_nothing() -> None:
    data = encoded(RUSSIAN * 20, "windows-1251")
    assert decode(data, "text/html; charset=iso-2022-kr").charset == "windows-1251"


@pytest.mark.parametrize("order", ["utf-16le", "utf-16be"])
def test_utf_16_is_recognised_without_mark_or_declaration(order: str) -> None:
    markup = f"<html><body class='article'>{RUSSIAN}</body></html>"
    page = decode(markup.encode(order), "text/html; charset=iso-8859-1")
    assert page == Decoded(markup, order, "detector")
    assert decode(markup.encode(order), f"text/html; charset={order}").source == "http"


@pytest.mark.parametrize(
    "data", [b"", b"a", b"<p>one stray \0 zero byte</p>", b"\0" * 2000]
)
def test_zero_bytes_alone_do_not_make_utf_16(data: bytes) -> None:
    assert utf_16_without_mark(data) is None


def test_the_euro_sign_tells_latin_9_from_windows_1252() -> None:
    # "5 \xa4" is five euros in the one, five of a sign nobody writes in the other.
    latin_9 = "Die Brötchen kosten heute 5 € für alle. " * 5
    assert decode(latin_9.encode("iso-8859-15")).text == latin_9
    windows = "Die „Brötchen“ kosten heute ein ¤ für alle. " * 5
    assert decode(windows.encode("windows-1252")).text == windows


def test_fractions_stay_fractions() -> None:
    recipe = "Rühre ½ Tasse Öl und ¼ l Milch unter den süßen Teig. " * 5
    assert decode(recipe.encode("windows-1252")).text == recipe


def test_quotation_marks_tell_windows_1250_from_iso_8859_2() -> None:
    hungarian = "„Árvíztűrő tükörfúrógép”, mondta a fiú. " * 10
    assert decode(hungarian.encode("windows-1250"), host="a.hu").text == hungarian


def test_the_host_never_breaks_detection() -> None:
    data = (FRENCH * 10).encode("windows-1252")
    for host in ("", "localhost", "10.0.0.1", "пример.рф", "x." + "a" * 200, "[::1]"):
        assert detected(data, host)[0] == "windows-1252"


@pytest.mark.parametrize("label", ["gbk", "shift_jis", "euc-kr", "big5", "iso-2022-jp"])
def test_no_bytes_raise(label: str) -> None:
    data = bytes(range(256)) * 16
    for start in range(4):
        page = decode(data[start:], f"text/html; charset={label}")
        page.text.encode()  # has no lone surrogates


@pytest.mark.parametrize("count", [20_000, 40_000])
def test_evidence_beyond_the_limit_is_cut_between_characters(count: int) -> None:
    for shift in range(3):
        data = b" " * shift + encoded(SIMPLIFIED, "gbk") * (count // 20)
        assert detected(data)[0] in ("gbk", "gb18030")


RUSSIAN_PAGE = (
    "Старый маяк стоял на самом краю мыса, и каждую ночь его свет был виден издалека."
)
TURKISH_PAGE = "Şehrin eski çarşısında güneş doğarken ışıklar söndü, dükkânlar açıldı ve İstanbul uyandı."
GREEK_PAGE = "Ο παλιός φάρος στεκόταν στην άκρη του ακρωτηρίου, και κάθε νύχτα το φως του φαινόταν μακριά."
FRENCH_PAGE = "Le vieux phare se dressait à l’extrémité du cap ; chaque nuit, sa lumière était aperçue de très loin."


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (RUSSIAN_PAGE, "windows-1251"),
        (RUSSIAN_PAGE, "koi8-r"),
        (TURKISH_PAGE, "iso-8859-9"),
        (GREEK_PAGE, "windows-1253"),
    ],
)
def test_letters_decide_between_a_header_and_the_markup(
    text: str, charset: str
) -> None:
    page = f'<meta charset="{charset}"><p>{text * 3}</p>'.encode(charset)
    found = decode(page, "text/html; charset=ISO-8859-1")
    assert text in found.text
    assert found.source == "meta"


def test_a_header_that_the_letters_agree_with_holds() -> None:
    page = f'<meta charset="windows-1251"><p>{FRENCH_PAGE * 3}</p>'.encode(
        "windows-1252"
    )
    found = decode(page, "text/html; charset=ISO-8859-1")
    assert FRENCH_PAGE in found.text
    assert (found.charset, found.source) == ("windows-1252", "http")


@pytest.mark.parametrize(
    ("charset", "sibling", "text"),
    [
        (
            "iso-8859-2",
            "windows-1250",
            "„Zażółć gęślą jaźń” – powiedział. Źródło światła.",
        ),
        ("iso-8859-13", "windows-1257", "„Ąžuolas žydi” – pasakė jis. Šviesa ėjo."),
        ("iso-8859-7", "windows-1253", "“Ο φάρος” – είπε. Άλλη μια νύχτα."),
    ],
)
def test_controls_refute_an_iso_charset(charset: str, sibling: str, text: str) -> None:
    page = f'<meta charset="{charset}"><p>{text * 3}</p>'.encode(sibling)
    found = decode(page)
    assert text in found.text
    assert found.charset == sibling
