"""Mail addresses that are spelled out: `jane [at] example [dot] org`, `jane&#64;example.org`.

An address has a word or an escape for its at sign, or spaces around it, and a domain
whose top level exists. The bare word `at` is one of English: it counts where `dot` is
spelled out too, or behind `e-mail:`; *look at example.com* is no address.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

# Every form has one of these: a look by Arrow before anything is decoded.
OUTLINE = (
    r"(?i:[\[({<（［【｛〈＜][\s_-]{0,2}(?:at|ät|a|à|et|æt|@|＠|эт|圈a|(?:arob|arrob|chioc|klam|apen|ma[łl]p|соба|snab|艾特|एट|ऐट)[^\])]{0,12})"
    r"[\s_-]{0,2}[\])}>）］】｝〉＞])"
    r"|(?i:\s(?:arobas|arrob|chiocciola|ma[łl]pa|собак|собач|apenst|klammer|snabel|एट|ऐट|艾特)\S*(?:\s\S{1,3})?\s)"
    # the bare word, with a dot spelled out soon behind it, or a word for mail before it
    r"|(?i:\s(?:at|ät)\s\S{1,64}\s?[\[({<]?\s?(?:dot|pun|poi|pon|krop|то?ч|pkt|nok|डॉट|डाट|نقط|点|點|&))"
    r"|(?i:(?:mail|courriel|mél|corre|posta|почта|e-?post|ईमेल|邮|البريد)\w*\s?[:：]\s?\S+\s(?:at|ät)\s)"
    r"|&#0*64;|&#[xX]0*40;|&commat;|[ \x{a0}]@[ \x{a0}]"
)

# Of scripts with spaces between words: others touch an address.
_LETTERS = "A-Za-z0-9_\u00c0-\u024f\u0370-\u052f"
_OPEN, _CLOSE = r"\s?[\[({<【〈]\s?[-_]?", r"[-_]?\s?[\])}>】〉]\s?"
_AT_NAMES = (
    r"arobase?|arrobas?|chiocciola|ma[łl]pa|соба(?:ка|чка)|apenstaartje"
    r"|klammeraffe|snabel-?a|एट(?: ?द ?रेट)?|ऐट|艾特"
)
_DOT_NAMES = r"dot|punkt|point|punto|ponto|punt|kropka|точка|тчк|pkt|τελεία|nokta|डॉट|डाट|نقطة|点|點"
# One group each, by what the sign must be helped by.
_AT = re.compile(
    rf"(?P<sure>{_OPEN}(?:at|ät|a|à|æt|et|@|圈a|эт|{_AT_NAMES}){_CLOSE}|\s(?:{_AT_NAMES})\s"
    r"|&#0*64;|&#x0*40;|&commat;)"
    r"|(?P<word>\s(?:at|ät)\s)|(?P<spaced>\s@\s)",
    re.IGNORECASE,
)
# Where a sign may begin: the pattern above, tried at each character, is ten times as slow.
_MAY_BEGIN = re.compile(
    r"[\[({<【〈]|&(?=#|comm)|\s(?=at\s|ät\s|@\s|aro|arr|chi|ma[łl]|соб|ape|kla|sna|एट|ऐट|艾)",
    re.IGNORECASE,
)
_SPELLED = rf"{_OPEN}(?:{_DOT_NAMES}|\.){_CLOSE}|\s(?:{_DOT_NAMES})\s|&#0*46;|&period;"
_DOT = re.compile(rf"(?P<spelled>{_SPELLED})|\.|\s\.\s", re.IGNORECASE)
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
_LOCAL = re.compile(
    rf"(?<![{_LETTERS}.+%-])[{_LETTERS}+%-](?:[{_LETTERS}.+%-]{{0,62}}[{_LETTERS}+-])?"
    rf"(?:(?:{_SPELLED})[{_LETTERS}+-]{{1,30}}){{0,3}}$",
    re.IGNORECASE,
)
_MAIL_BEFORE = re.compile(
    r"(?:e-?mail|mail|courriel|mél|correo|correio|posta|почта|e-?post|ईमेल|邮箱|邮件|البريد)\w*\s?[:：]\s?$",
    re.IGNORECASE,
)
# Names that are words of a sentence: *look at this dot com boom*.
_SENTENCE = re.compile(
    r"(?:look\w*|see|visit|us|me|you|online|available|work\w*|is|are|was|were|be|been|sta(?:y|id|yed)|live|sold"
    r"|arriv\w*|found|find|shop\w*|buy|read|more|here|not|and|or|just|all|available|it|them|register|join)\s"
    r"|\S+\s(?:this|that|the|an?|some|any|no|what|another|various|certain|our|your|my|his|her|their|which|each|every|one|least|all|home)\W",
    re.IGNORECASE,
)
# *at one point in*
_POINT_IN = re.compile(
    r"\spoint\s(?:in|is|it|to|at|me|so|no|my|be|as|am|us)$", re.IGNORECASE
)
_APART_BEFORE = re.compile(r"(?:^|[\n:;,<(|•·–-]\s?|[\n])$")
_LOCAL_REACH, _MOST_LABELS = 96, 6


def obfuscated_spans(text: str) -> Iterator[Span]:
    """Where spelled-out addresses are in a text that is folded (see `rules.fold`)."""
    end_of_last = 0
    for beginning in _MAY_BEGIN.finditer(text):
        start = beginning.start()
        # A bracket may have a space before it.
        at = start and _AT.match(text, start - text[start - 1].isspace())
        at = at or _AT.match(text, start)
        if not at:
            continue
        found = _domain_end(text, at.end())
        if found is None:
            continue
        stop, is_spelled = found
        first = max(end_of_last, at.start() - _LOCAL_REACH)
        local = _LOCAL.search(text[first : at.start()])
        if local is None:
            continue
        start = first + local.start()
        before = text[max(0, start - 24) : start]
        name = local.group()
        is_real = (
            at.lastgroup == "sure"
            or (
                at.lastgroup == "word"
                and (is_spelled or _MAIL_BEFORE.search(before))
                and not _SENTENCE.match(f"{name} {text[at.end() : stop]}")
                and not _POINT_IN.search(text, at.end(), stop)
            )
            or (
                at.lastgroup == "spaced"
                and (re.search(r"[\d._]", name) or _APART_BEFORE.search(before))
                and not name[0].isupper()
            )
        )
        if is_real:
            end_of_last = stop
            yield start, stop


def _domain_end(text: str, start: int) -> tuple[int, bool] | None:
    """End of the longest domain name from `start` on; whether a dot is spelled out."""
    from tamis.pii.rules import top_level_domains  # loads phonenumbers

    found, is_spelled, place = None, False, start
    for count in range(_MOST_LABELS):
        label = _LABEL.match(text, place)
        if label is None:
            break
        if count and label.group().lower() in top_level_domains():
            found = label.end(), is_spelled
        dot = _DOT.match(text, label.end())
        if dot is None:
            break
        # A dot with a space behind it ends a sentence, if the name could end there.
        is_spelled = is_spelled or dot.lastgroup == "spelled"
        place = dot.end()
    return found
