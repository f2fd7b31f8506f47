"""Prose, labels, code, and notices on cookies, in many scripts."""

import pytest

from tamis.html.blocks.prose import is_consent, prose_words, words

PROSE = {
    "English": "The river rose in the night, and by morning the fields lay under water.",
    "Russian": "Река поднялась ночью, и к утру нижние луга уже стояли под водой.",
    "Arabic": "ارتفع النهر في الليل، وفي الصباح كانت الحقول السفلى كلها تحت الماء.",
    "Chinese": "河水在夜里上涨，到早晨低处的田地已经淹没在水下了。",
    "Japanese": "夜のあいだに川の水かさが増し、朝には低い畑が水に沈んでいた。",
    "Korean": "밤사이 강물이 불어나 아침에는 낮은 들판이 모두 물에 잠겨 있었다.",
    "Thai": "แม่น้ำเอ่อล้นในตอนกลางคืนและทุ่งนาจมอยู่ใต้น้ำในตอนเช้า",
    "Hindi": "रात में नदी चढ़ आई और सुबह तक निचले खेत पानी में डूब गए।",
    "HTML": "<p>The river rose in the night, and by <b>morning</b> the fields lay low.</p>",
    "escaped": "The river rose &amp; by morning the fields &#8211; all of them &#8211; lay low.",
}


@pytest.mark.parametrize("name", PROSE)
def test_prose(name: str) -> None:
    assert prose_words(PROSE[name]) >= 8


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("Read more", id="label"),
        pytest.param("Прочитать всю статью", id="label, Cyrillic"),
        pytest.param("阅读全文", id="label, Chinese"),
        pytest.param("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * 40, id="base64"),
        pytest.param("aGVsbG8gd29ybGQ aGVsbG8gd29ybGQx. " * 20, id="base64 in lines"),
        pytest.param(
            "ps5 sale,game console,wii console,madden 26 ps4," * 9, id="keywords"
        ),
        pytest.param("https://a.example/b/c.html " * 30, id="addresses"),
        pytest.param(
            "function f(a) { if (a > 1) { return a; } var b = a + 1; return b; }. " * 5,
            id="code",
        ),
        pytest.param(
            ".a { margin: 0 auto; } .b { color: #fff; padding: 4px 8px; }. " * 5,
            id="CSS",
        ),
    ],
)
def test_no_prose(text: str) -> None:
    assert prose_words(text) == 0


def test_words_of_scripts_without_spaces_are_characters() -> None:
    assert words("a b c") == 3
    assert words("") == 0
    assert words("河水上涨") == 1 + 4
    assert words("река и лес") == 3


CONSENT = {
    "English": "We use cookies and similar technologies to personalise content and ads and to "
    "analyse our traffic. By clicking Accept all you consent to our use of cookies. You can "
    "change your preferences at any time in our privacy policy.",
    "English, short": "This website uses cookies to improve your experience. We'll assume "
    "you're ok with this, but you can opt-out if you wish. Accept Read More Privacy & Cookies "
    "Policy",
    "English, partners": "We and our 842 partners store and access personal data, like browsing "
    "data or unique identifiers, on your device. Selecting I Accept enables tracking "
    "technologies to support the purposes shown. We value your privacy. You can withdraw "
    "consent at any time. Show purposes",
    "German": "Wir und unsere Partner verwenden Cookies, um Ihnen ein optimales Erlebnis zu "
    "bieten. Mit Klick auf Akzeptieren stimmen Sie der Verarbeitung zu. Ihre Einwilligung "
    "können Sie jederzeit widerrufen. Mehr in der Datenschutzerklärung.",
    "French": "Nous utilisons des cookies pour personnaliser le contenu et les publicités. Vous "
    "pouvez accepter, refuser ou paramétrer vos choix. Avec votre consentement, nos "
    "partenaires traitent vos données personnelles. Politique de confidentialité.",
    "Spanish": "Utilizamos cookies propias y de terceros para mostrarte publicidad relacionada "
    "con tus preferencias. Puedes aceptar todas las cookies, rechazar su uso o configurarlas. "
    "Consulta nuestra política de privacidad y cookies.",
    "Italian": "Questo sito utilizza cookie tecnici e, previo consenso, cookie di profilazione "
    "di terze parti per pubblicità. Puoi accettare o rifiutare o gestire le preferenze.",
    "Portuguese": "Usamos cookies para melhorar a sua experiência e mostrar publicidade. Ao "
    "clicar em aceitar, concorda com o uso de cookies. Pode recusar ou gerir as preferências. "
    "Política de privacidade.",
    "Dutch": "Wij gebruiken cookies om advertenties te personaliseren. Klik op accepteren om "
    "toestemming te geven of weigeren. U kunt uw voorkeuren aanpassen in de instellingen.",
    "Polish": "Używamy plików cookie, aby personalizować treści i reklamy. Klikając Akceptuję, "
    "wyrażasz zgodę na ich użycie. Możesz zmienić ustawienia lub odrzucić. Polityka "
    "prywatności i preferencje.",
    "Russian": "Мы используем файлы cookie и рекомендательные технологии. Нажимая «Принять», вы "
    "даете согласие на обработку персональных данных. Вы можете отклонить куки в настройках "
    "браузера. Политика конфиденциальности.",
    "Ukrainian": "Ми використовуємо файли cookie, щоб покращити роботу сайту. Натискаючи "
    "«Прийняти», ви даєте згоду на обробку. Змініть налаштування або прочитайте політику "
    "конфіденційності.",
    "Turkish": "Size daha iyi hizmet sunmak için çerezler kullanıyoruz. Kabul ederek çerez "
    "kullanımına onay vermiş olursunuz. Tercihlerinizi değiştirebilir veya "
    "reddedebilirsiniz. Gizlilik politikası.",
    "Greek": "Χρησιμοποιούμε cookies για να βελτιώσουμε την εμπειρία σας. Πατώντας Αποδοχή "
    "δίνετε τη συγκατάθεσή σας. Μπορείτε να αλλάξετε τις ρυθμίσεις και τις προτιμήσεις σας.",
    "Swedish": "Vi använder cookies för att anpassa innehåll och annonser. Genom att klicka på "
    "godkänn ger du ditt samtycke. Du kan ändra dina inställningar. Läs vår integritetspolicy.",
    "Finnish": "Käytämme evästeitä parantaaksemme käyttökokemusta. Hyväksymällä annat "
    "suostumuksesi evästeiden käyttöön. Voit muuttaa asetuksia milloin tahansa.",
    "Czech": "Používáme soubory cookie k personalizaci obsahu a reklam. Kliknutím na Přijmout "
    "vyjadřujete souhlas. Můžete odmítnout nebo změnit nastavení. Zásady ochrany soukromí.",
    "Hungarian": "Weboldalunk sütiket használ. Az Elfogadom gombra kattintva hozzájárul a sütik "
    "használatához. A beállításokat bármikor módosíthatja. Adatvédelmi tájékoztató.",
    "Arabic": "نستخدم ملفات تعريف الارتباط لتحسين تجربتك وعرض الإعلانات المخصصة. بالنقر على قبول "
    "فإنك توافق على استخدام ملفات تعريف الارتباط. يمكنك رفض ذلك أو تغيير تفضيلاتك في سياسة "
    "الخصوصية.",
    "Japanese": "当サイトではクッキーを使用しています。広告の最適化のため、クッキーの使用に同意いただけますか。"
    "設定を変更するか、拒否することもできます。詳細はプライバシーポリシーをご覧ください。",
    "Chinese": "本网站使用 Cookie 来改善您的体验并投放个性化广告。点击接受即表示您同意我们使用 Cookie。"
    "您可以拒绝或更改偏好设置。请参阅我们的隐私政策。",
    "Korean": "이 웹사이트는 쿠키를 사용합니다. 맞춤 광고를 위해 쿠키 사용에 동의해 주세요. 모두 수락하거나 "
    "거부할 수 있으며 설정에서 변경할 수 있습니다. 개인정보 처리방침",
    "Hindi": "हम आपके अनुभव को बेहतर बनाने और विज्ञापन दिखाने के लिए कुकीज़ का उपयोग करते हैं। स्वीकार "
    "करें पर क्लिक करके आप कुकी के उपयोग के लिए सहमति देते हैं। आप अस्वीकार कर सकते हैं। गोपनीयता नीति।",
    "Thai": "เราใช้คุกกี้เพื่อปรับปรุงประสบการณ์และแสดงโฆษณา การคลิกยอมรับแสดงว่าคุณยินยอมให้ใช้คุกกี้ "
    "คุณสามารถปฏิเสธหรือตั้งค่าได้ อ่านนโยบายความเป็นส่วนตัว",
}
NO_CONSENT = {
    "news of cookies": "Google has delayed again its plan to drop third-party cookies from the "
    "Chrome browser. The company said on Tuesday that regulators in Britain need more time to "
    "look at the alternatives it has put forward, and that publishers had asked for a longer "
    "test. Advertisers who had spent two years on preparing for it were surprised by the news.",
    "a recipe": "Cream the butter with the sugar, beat in the egg, and fold in the flour. Drop "
    "spoonfuls on a tray and bake the cookies for twelve minutes. Let the cookies cool on a "
    "rack. My partner accepts no other cookies than these.",
    "medicine": "Informed consent is necessary before surgery. The doctor explains the purpose "
    "of the operation, and the patient may accept or decline. A patient's privacy and "
    "preferences must be respected by all who treat them, in hospitals as in private practice.",
    "a law": "Die Richtlinie verlangt, dass Nutzer einwilligen, bevor ein Anbieter Cookies "
    "setzt. Das Gericht entschied am Dienstag, dass ein voreingestelltes Häkchen dafür nicht "
    "genügt. Verbraucherschützer begrüßten das Urteil, das auch deutsche Verlage trifft.",
    "a law, Russian": "Суд решил, что согласие на обработку данных должно быть добровольным. "
    "Компания принимала заявки без такого согласия и обжаловала решение в апелляции. "
    "Следующее заседание назначено на март, сообщила газета.",
    "a treaty, Chinese": "两国政府同意在明年春天开始新一轮谈判。外交部发言人星期二表示，双方接受了第三方的建议，"
    "并将在会议之前公布议程。分析人士认为这是一个积极的信号。",
}


@pytest.mark.parametrize("language", CONSENT)
def test_a_notice_on_cookies_is_known(language: str) -> None:
    assert is_consent(CONSENT[language])


@pytest.mark.parametrize("subject", NO_CONSENT)
def test_a_text_with_such_words_is_none(subject: str) -> None:
    assert not is_consent(NO_CONSENT[subject])


@pytest.mark.parametrize("name", PROSE)
def test_other_prose_asks_for_nothing(name: str) -> None:
    assert not is_consent(PROSE[name] * 5)
