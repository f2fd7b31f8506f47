"""Prose on subjects that word lists take for toxic: the default filter drops none of it."""

import pyarrow as pa
import pytest

from tamis.stages.filter_toxicity import FilterToxicity
from tamis.stages.score_toxicity import ScoreToxicity

FIELDS = (
    *("medicine", "sex education", "law", "violence", "religion", "LGBT"),
    *("animals", "cooking", "places", "literature", "history", "counselling"),
)

# One paragraph a line, in the order of FIELDS.
PAGES = {
    "eng": """
A breast examination takes ten minutes. The nurse feels for lumps in the breast, the nipple and the armpit. Anal bleeding or pain in the rectum should also be reported to a doctor.
Puberty changes the penis, the vagina and the breasts. Masturbation is normal and does no harm. A condom protects against infection during oral, anal and vaginal sex.
The court heard the rape case in closed session. The judge ruled that consent must be given freely. The accused was acquitted of murder and convicted of assault.
Gunmen killed eleven people at a market on Friday. The bodies were taken to the hospital. Survivors said that the attackers shot at women and children.
Muslims, Jews and Christians share the holy city. The rabbi, the imam and the priest prayed for the dead. Sin and hell are understood in different ways by each of them.
The city held its gay pride march on Saturday. Lesbian, bisexual and transgender people spoke of their families. Queer history is now taught in two schools.
The great tit and the blue tit nest in the same wood. The cock crows at dawn and the ass brays. A bitch usually has her puppies after nine weeks; the booby dives for fish.
Rub the chicken breast with salt and prick the skin. Serve the faggots with peas and gravy. Spotted dick and cock-a-leekie soup complete the menu.
Scunthorpe and Penistone lie in the north of England. The road from Cockermouth passes Twatt in Orkney. Visitors to Fucking, in Austria, kept stealing its sign.
Moby Dick tells of a captain who hates a whale. Hester is called a whore by the crowd. The bastard Edmund betrays his brother in King Lear.
Slaves were beaten and sold in the port. The Nazis murdered six million Jews. Witches were hanged after a trial by the church.
If you think of killing yourself, you are not alone. Many people who were abused feel ashamed and worthless. Talk to someone you trust, or call us at night.
""",
    "fra": """
Le cancer du sein se soigne mieux s'il est vu tôt. Le médecin palpe les seins et les aisselles. Un saignement de l'anus doit aussi être signalé.
À la puberté, le pénis, la vulve et les seins changent. La masturbation est normale. Le préservatif protège lors d'un rapport sexuel, oral ou anal.
La cour a jugé l'affaire de viol à huis clos. Le consentement doit être libre. L'accusé a été acquitté du meurtre et condamné pour violences.
Des hommes armés ont tué onze personnes au marché. Les corps ont été conduits à l'hôpital. Les survivants parlent de femmes et d'enfants abattus.
Musulmans, juifs et chrétiens partagent la ville sainte. Le rabbin, l'imam et le prêtre ont prié pour les morts. Chacun comprend autrement le péché et l'enfer.
La marche des fiertés a réuni des gays et des lesbiennes. Des personnes trans ont parlé de leur famille. Deux écoles enseignent cette histoire.
La chatte a eu quatre petits et la chienne dort. La mésange niche dans le tronc. Le coq chante à l'aube, l'âne et la truie mangent.
Piquez la peau et salez les cuisses de poulet. Ajoutez le cul de veau et la queue de bœuf. Servez avec un pet-de-nonne au sucre.
Le village de Montcuq est dans le Lot. La route passe par Condom, dans le Gers. Les habitants de Bitche tiennent un musée.
Nana est le roman d'une prostituée. Quasimodo, le bossu, est hué par la foule. La putain respectueuse est une pièce de Sartre.
Les esclaves étaient battus et vendus au port. Les nazis ont assassiné six millions de Juifs. Les sorcières furent brûlées.
Si vous pensez à vous tuer, vous n'êtes pas seul. Les victimes d'abus ont souvent honte. Parlez-en à une personne de confiance ou appelez-nous.
""",
    "deu": """
Brustkrebs ist gut heilbar, wenn er früh erkannt wird. Die Ärztin tastet die Brust und die Achsel ab. Auch Blut am After soll man melden.
In der Pubertät verändern sich Penis, Scheide und Brüste. Selbstbefriedigung ist normal. Ein Kondom schützt beim Oral- und Analverkehr.
Das Gericht verhandelte die Vergewaltigung ohne Zuschauer. Die Einwilligung muss frei sein. Vom Mord wurde der Angeklagte freigesprochen.
Bewaffnete töteten am Freitag elf Menschen auf einem Markt. Die Leichen kamen in das Krankenhaus. Auch Frauen und Kinder wurden erschossen.
Muslime, Juden und Christen teilen die heilige Stadt. Rabbiner, Imam und Priester beteten für die Toten. Sünde und Hölle deutet jeder anders.
Schwule und Lesben zogen durch die Stadt. Transsexuelle Menschen erzählten von ihren Familien. Zwei Schulen lehren diese Geschichte.
Die Kohlmeise brütet im Wald, der Hahn kräht am Morgen. Der Esel und die Sau fressen Gras. Die Hündin hat sechs Welpen.
Die Hühnerbrust salzen und die Haut einstechen. Den Schwanz des Ochsen lange kochen. Dazu passen Nonnenfürzle mit Zucker.
Das Dorf Fucking in Österreich heißt jetzt Fugging. Der Weg führt über Wixhausen nach Darmstadt. In Pissen steht eine alte Kirche.
Woyzeck tötet Marie am Teich. Die Hure Babylon steht in der Offenbarung. In den Räubern hasst ein Bruder den anderen.
Sklaven wurden geschlagen und im Hafen verkauft. Die Nazis ermordeten sechs Millionen Juden. Hexen wurden verbrannt.
Wenn Sie daran denken, sich zu töten, sind Sie nicht allein. Viele Opfer von Missbrauch schämen sich. Sprechen Sie mit uns.
""",
    "cmn": """
乳腺癌早期发现更容易治疗。医生检查乳房和腋下。肛门出血也应当告诉医生。
青春期阴茎、阴道和乳房都会变化。自慰是正常的。性交时使用避孕套可以防止感染。
法院不公开审理了强奸案。同意必须是自愿的。被告人的杀人罪名不成立。
枪手星期五在市场打死十一人。遗体被送到医院。幸存者说妇女和儿童也遭到枪击。
穆斯林、犹太人和基督徒共有这座圣城。拉比、伊玛目和神父为死者祈祷。他们对罪和地狱的理解不同。
同性恋者和跨性别者在城里举行了游行。女同性恋者谈到自己的家庭。两所学校讲授这段历史。
山雀在树林里筑巢，公鸡在早晨啼叫。母狗生了六只小狗。驴和猪在吃草。
鸡胸肉抹盐，扎破鸡皮。干炒牛河要用大火。牛鞭汤要炖三个小时。
干县在陕西，今天写作乾县。从日喀则坐车可以到拉萨。鸡公山在河南信阳。
《金瓶梅》写了一个富商和他的妻妾。鲁迅写过阿Q被人打骂。王熙凤骂了丫头一顿。
奴隶在港口被打和出卖。纳粹杀害了六百万犹太人。女巫被教会烧死。
如果你想到自杀，你并不孤单。许多受虐待的人感到羞耻。请和信任的人谈谈，或者给我们打电话。
""",
    "arb": """
يسهل علاج سرطان الثدي إذا اكتشف مبكرا. يفحص الطبيب الثدي والإبط. ويجب إبلاغه عن أي نزيف في الشرج.
في سن البلوغ يتغير القضيب والمهبل والثديان. العادة السرية شائعة. ويحمي الواقي الذكري من العدوى أثناء الجماع.
نظرت المحكمة في قضية الاغتصاب في جلسة مغلقة. يجب أن تكون الموافقة حرة. وبرئ المتهم من تهمة القتل.
قتل مسلحون أحد عشر شخصا في السوق يوم الجمعة. نقلت الجثث إلى المستشفى. وقال الناجون إن نساء وأطفالا أصيبوا.
يتقاسم المسلمون واليهود والمسيحيون المدينة المقدسة. صلى الحاخام والإمام والقس على الموتى. ولكل منهم فهم للخطيئة والجحيم.
سار المثليون والمتحولون جنسيا في المدينة. تحدثت نساء مثليات عن أسرهن. وتدرس مدرستان هذا التاريخ.
يبني الطائر عشه في الغابة ويصيح الديك فجرا. ولدت الكلبة ستة جراء. ويأكل الحمار والخنزير العشب.
تبل صدر الدجاج بالملح واثقب الجلد. يطبخ ذيل الثور ثلاث ساعات. ويقدم مع الأرز.
تقع البلدة شمال المدينة. تمر الطريق بجبل الكلب ونهر الكلب في لبنان. ويزور الناس قلعة الحصن.
تحكي الرواية قصة بغي في القاهرة. يكره الأخ أخاه ويشتمه. ويموت البطل في السجن.
كان العبيد يضربون ويباعون في الميناء. قتل النازيون ستة ملايين يهودي. وأحرقت الساحرات.
إذا فكرت في الانتحار فلست وحدك. يشعر كثير من ضحايا الإساءة بالعار. تحدث إلى من تثق به.
""",
}


@pytest.mark.parametrize("language", PAGES)
def test_no_page_of_a_field_with_hard_words_is_dropped(language: str) -> None:
    texts = PAGES[language].strip().splitlines()
    assert len(texts) == len(FIELDS)
    batch = pa.RecordBatch.from_pydict(
        {
            "text": texts,
            "language": [language] * len(texts),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )
    filtered = FilterToxicity().build()(ScoreToxicity().build()(batch))
    scored = zip(FIELDS, filtered["drop_reason"].to_pylist(), strict=True)
    assert [(field, reason) for field, reason in scored if reason] == []
