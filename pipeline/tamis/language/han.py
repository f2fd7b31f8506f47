"""The language of text in Chinese characters only, of which models know the main ones.

Japanese of more than a headline has kana. Text without kana is Chinese, unless it has
characters that only Japanese writes; tables, names of offices and accounts may.
Vietnamese was written in characters of its own, chữ Nôm, until about 1920, and the
Declaration of Human Rights still is; models take it for Chinese or Japanese.
"""

from collections.abc import Collection

CHINESE, JAPANESE, VIETNAMESE = "cmn", "jpn", "vie"
_CHINESE_LANGUAGES = frozenset(
    {CHINESE, *("yue", "wuu", "lzh", "gan", "hak", "hsn", "nan", "cdo", "cjy", "mnp")}
)
# A model's answer with one of these codes is checked here.
NEIGHBOURS = frozenset({CHINESE, JAPANESE, "yue", "wuu", "lzh"})

# The commonest characters of chữ Nôm that no other language has: người, có, của, một,
# trong, con, đó, về, mà, với, mình, vào, ra, các, trên, đến, chữ, trời, ngày, năm, sau,
# đi, and numbers.
_NOM = frozenset("𠊛𣎏𧵑𠬠𥪝𡥵𪦆𧗱𦓡𢭲𨉟𠓨𠚢𡖡𨕭𦤾𡨸𡗶𣈜𢆥𡢐𠫾𠄩𠀧𦊚𠄼𨑮𤾓")
# A Chinese page may quote a few; the 14 paragraphs in Nôm of lid-dev have 3 % or more.
_LEAST_NOM = 0.02
# Names and headlines, up to this length, need no kana.
_HEADLINE = 12

# A page may quote some of another country's characters. Of 79 Japanese texts of
# lid-dev, without their kana, 78 % have 3 % of characters that only Japanese writes,
# and none has a character that Japanese does not write. Of 311 texts in Chinese
# languages none has a character of the first kind, and 99 % have 2 % of the second.
_LEAST_JAPANESE = _MOST_FOREIGN = 0.02


def han_language(line: str, language: str, asked: Collection[str] = ()) -> str:
    """The language of a line in Chinese characters that a model took for `language`.

    asked  the recipe's languages: with Japanese and without Chinese among them, a line
           that may be either is Japanese
    """
    if language != JAPANESE and _NOM.isdisjoint(line):
        return language
    letters = [letter for letter in line if letter.isalpha()]
    nom = sum(letter in _NOM for letter in letters)
    if nom and nom >= _LEAST_NOM * len(letters):
        return VIETNAMESE
    has_kana = any("\u3041" <= letter <= "\u30ff" for letter in letters)
    if language != JAPANESE or has_kana or len(letters) <= _HEADLINE:
        return language
    japanese = sum(letter in _ONLY_JAPANESE for letter in letters)
    if japanese >= _LEAST_JAPANESE * len(letters):
        return JAPANESE
    is_expected = JAPANESE in asked and _CHINESE_LANGUAGES.isdisjoint(asked)
    foreign = sum(not _has("cp932", letter) for letter in letters)
    if is_expected and foreign <= _MOST_FOREIGN * len(letters):
        return JAPANESE
    return CHINESE


def _has(charset: str, letter: str) -> bool:
    try:
        letter.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _only_japanese() -> frozenset[str]:
    """Characters of Japan's standard that neither China's nor Taiwan's has: 県, 図, 込.

    Of the 2,965 commoner ones (JIS X 0208, level 1: rows 16 to 47) they are the 327 that
    GB 2312 and Big5 lack: those that Japan simplified in its own way or invented, and a
    few that others write in another form (値, 衆).
    """
    cells = [
        bytes((row, cell)) for row in range(0xB0, 0xD0) for cell in range(0xA1, 0xFF)
    ]
    # The last row is not full.
    letters = (cell.decode("euc_jp", "ignore") for cell in cells)
    return frozenset(
        letter
        for letter in letters
        if letter and not _has("gb2312", letter) and not _has("big5", letter)
    )


_ONLY_JAPANESE = _only_japanese()
