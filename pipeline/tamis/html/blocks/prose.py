"""Is a text prose, or code, a label, a notice of cookies? Rules that hold in every script."""

import re
from html import unescape
from typing import Final

import numpy as np

_LOOKED_AT: Final = 4_000  # characters
_MIN_WORDS: Final = 8  # a text with fewer is a label, even with a full stop
# Thai, Lao, Burmese and Khmer have no full stop, or use it seldom.
_UNSTOPPED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{8}")
_MOST_CODE: Final = 0.08  # share of characters that prose has seldom
_LONGEST_WORD: Final = (
    20  # mean, in characters: base64 and lists of addresses are over it
)
# Scripts without spaces: a character counts as a word, as the tokenizer counts it.
UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)
_IS_UNSPACED: Final = np.zeros(1 << 16, np.bool_)
_IS_UNSPACED[[code for code in range(1 << 16) if UNSPACED.match(chr(code))]] = True
_TAG: Final = re.compile(r"<[!/a-zA-Z][^<>]*>")
_END: Final = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u061f\u06d4\u0964\u0965\u0589\u1362]"
)
_CODE: Final = re.compile(r"[{}\[\]<>=;_\\|#$%^*@~+/0-9]")

# Words of notices on cookies, by language: beginnings of words, in lower case. Such a notice
# names cookies, or asks for consent to what is done with data.
_COOKIES: Final = (
    "cookie|traceur|ciasteczk|куки|çerez|クッキー|쿠키|คุกกี้|कुकी|ملفات تعريف الارتباط|eväst|süti"
    "|עוגיות"
)
_ASKED: Final = (
    "consent|gdpr|rgpd|dsgvo|einwillig|zustimm|consens|toestemming|zgod|згод|соглас|同意|동의"
    "|موافق|توافق|सहमति|ยินยอม|συγκατ|samtyk|samtyck|suostumu|souhlas|hozzájárul|הסכמה"
    "|đồng ý|onay"
)
_DATA: Final = (
    "partner|vendor|tracking|personal data|personenbezogen|socios|données personnelles"
    "|datos personales|dati personali|dados pessoais|persoonsgegevens|danych osobowych"
    "|персональн|kişisel veri|個人情報|个人信息|個人資料|개인정보|البيانات الشخصية|व्यक्तिगत डेटा"
    "|ข้อมูลส่วนบุคคล"
)
_OTHERS: Final = (
    # English, then the languages of Europe, then the others.
    "accept|reject|decline|privacy|preference|personali|advertis|analytic|purpose"
    "|third part|third-part|opt-out|your experience|legitimate interest|necessary"
    "|similar technolog|setting|browser"
    "|akzeptier|ablehn|datenschutz|werbung|zweck|anbieter|einstellung|notwendig|widerruf"
    "|accepte|refuse|confidentialit|publicit|finalité|partenaire|paramètre"
    "|acepta|rechaza|privacidad|preferencia|configura|finalidad"
    "|aceita|recusa|parceiro|preferência|publicidad|accett|rifiut|preferenz|pubblicit"
    "|finalità|terze parti|accepteren|weiger|voorkeur|advertentie|instelling"
    "|akcept|odrzuć|prywatnoś|reklam|preferencj|ustawie|gizlilik|reddet|kabul|tercih"
    "|souborů|soukrom|přijm|odmítn|nastavení|godkänn|integritet|indstilling|innstilling"
    "|inställning|hyväksy|asetuks|elfogad|adatvéd|απορρήτου|αποδο|ρυθμίσ|προτιμ"
    "|конфиденциальн|принять|принима|отклон|настройк|реклам|конфіденційн|прийня|налаштуван"
    "|プライバシー|広告|設定|許可|拒否|第三者|パートナー"
    "|隐私|隱私|接受|拒绝|拒絕|个性化|個人化|广告|廣告|偏好|第三方|수락|거부|광고|설정|맞춤"
    "|الخصوصية|خصوصي|قبول|رفض|إعلان|الإعلان|شركائنا|تفضيلات"
    "|गोपनीयता|स्वीकार|अस्वीकार|विज्ञापन|वरीयता|भागीदार|सेटिंग"
    "|ความเป็นส่วนตัว|ยอมรับ|ปฏิเสธ|โฆษณา|ตั้งค่า|พันธมิตร"
    "|פרטיות|פרסום|העדפות|quyền riêng tư|chấp nhận|từ chối|quảng cáo"
)
_MIN_CONSENT_SHARE: Final = 0.18  # of the letters; see `is_consent`
_MIN_CONSENT_TERMS: Final = 4


def _pattern(*lists: str) -> re.Pattern[str]:
    """Terms at the beginning of a word; anywhere in scripts without spaces, and in Korean."""
    terms = {term for listed in lists for term in listed.split("|")}
    longest_first = sorted(terms, key=lambda term: (-len(term), term))
    return re.compile(
        "|".join(
            re.escape(term)
            if UNSPACED.match(term) or "\uac00" <= term[0] <= "\ud7a3"
            else rf"(?<!\w){re.escape(term)}\w*"
            for term in longest_first
        )
    )


_NAMES_COOKIES, _NAMES_CONSENT, _NAMES_DATA = (
    tuple(listed.split("|")) for listed in (_COOKIES, _ASKED, _DATA)
)
_CONSENT: Final = _pattern(_COOKIES, _ASKED, _DATA, _OTHERS)


def words(text: str) -> int:
    """Approximate number of words: runs between spaces; each character of unspaced scripts."""
    count = len(text.split())
    if text.isascii():
        return count
    # Ten times as fast as the pattern.
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    return count + int(np.count_nonzero(_IS_UNSPACED[units]))


def shown(text: str) -> str:
    """A string's text without tags and references."""
    if "<" in text or "&" in text:
        return unescape(_TAG.sub(" ", unescape(text)))
    return text


def prose_words(text: str) -> int:
    """The number of words of a string that is prose, else 0.

    Prose has words, of which few hold signs of code, and sentences. Labels have few words,
    code has signs, base64 and addresses have no spaces, lists of keywords no full stop.
    """
    if text.isascii() and text.count(" ") < _MIN_WORDS - 1:
        return 0  # most strings of a page's data
    text = shown(text)
    count = words(text)
    if count < _MIN_WORDS:
        return 0
    head = text[:_LOOKED_AT]
    solid = len(head) - sum(map(str.isspace, head))
    if solid > _LONGEST_WORD * words(head):
        return 0
    if len(_CODE.findall(head)) > _MOST_CODE * solid:
        return 0
    return count if _END.search(head) or _UNSTOPPED.search(head) else 0


def is_consent(text: str) -> bool:
    """Whether a text asks for consent to cookies or personal data, rather than tells of it.

    A fifth of its letters are words of such notices, of four kinds at least, and one names
    cookies, or two consent and data. An article on cookies has other words between.
    """
    lowered = shown(text[:_LOOKED_AT]).lower()
    # Most texts end here: to look for all words takes a hundred times as long.
    if not _has_any(lowered, _NAMES_COOKIES) and not (
        _has_any(lowered, _NAMES_CONSENT) and _has_any(lowered, _NAMES_DATA)
    ):
        return False
    found = _CONSENT.findall(lowered)
    letters = sum(map(str.isalpha, lowered))
    return (
        len(set(found)) >= _MIN_CONSENT_TERMS
        and sum(map(len, found)) >= _MIN_CONSENT_SHARE * letters
    )


def _has_any(text: str, terms: tuple[str, ...]) -> bool:
    return any(term in text for term in terms)
