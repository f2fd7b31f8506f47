"""Text in Chinese characters alone, of which models know only the commonest kinds.

Japanese of more than a headline has kana: without any it is Chinese. Vietnamese was
written in characters of its own, chữ Nôm, until about 1920, and the Declaration of Human
Rights still is; models take it for Chinese or Japanese.
"""

CHINESE, JAPANESE, VIETNAMESE = "cmn", "jpn", "vie"
# Codes of answers that this module looks at again.
NEIGHBOURS = frozenset({CHINESE, JAPANESE, "yue", "wuu", "lzh"})

# The commonest that no other language has: người, có, của, một, trong, con, đó, về, mà,
# với, mình, vào, ra, các, trên, đến, chữ, trời, ngày, năm, sau, đi, and numbers.
_NOM = frozenset("𠊛𣎏𧵑𠬠𥪝𡥵𪦆𧗱𦓡𢭲𨉟𠓨𠚢𡖡𨕭𦤾𡨸𡗶𣈜𢆥𡢐𠫾𠄩𠀧𦊚𠄼𨑮𤾓")
# A Chinese page may quote a few: the 14 paragraphs of lid-dev have 3 % or more.
_LEAST_NOM = 0.02
# Names and headlines do without kana.
_HEADLINE = 12


def written(line: str, language: str) -> str:
    """The language of a line in Chinese characters that a model took for `language`."""
    letters = [letter for letter in line if letter.isalpha()]
    nom = sum(letter in _NOM for letter in letters)
    if nom and nom >= _LEAST_NOM * len(letters):
        return VIETNAMESE
    has_kana = any("\u3041" <= letter <= "\u30ff" for letter in letters)
    if language == JAPANESE and not has_kana and len(letters) > _HEADLINE:
        return CHINESE
    return language
