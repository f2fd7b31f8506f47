"""Pages that drop for what they say, or for saying nothing, and records never read.

See `builder.special` for those that are odd in other ways.
"""

from dataclasses import replace

from builder.pages import Capture, article, page
from builder.special import NO_TEXT_OR_JUNK, Languages, Supply
from builder.texts import Language, Part, Text


def poor_captures(languages: Languages, supply: Supply) -> list[Capture]:
    return [
        *poor_texts(languages),
        *delicate_texts(languages),
        *not_admitted(languages, supply),
    ]


def poor_texts(languages: Languages) -> list[Capture]:
    """What filter_quality is for."""
    english, french = languages["eng"], languages["fra"]
    captures = []
    for language in (english, french, languages["deu"], languages["rus"]):
        boilerplate = page(
            language, Text("page", "", "2024", ()), kind="boilerplate", layout="empty"
        )
        captures.append(replace(boilerplate, expected=NO_TEXT_OR_JUNK))
    for language in (english, french, languages["spa"]):
        index = page(language, _index(language), kind="index_page", layout="index")
        captures.append(replace(index, expected=NO_TEXT_OR_JUNK))
    for language in (english, languages["pol"]):
        links = page(language, _links(language), kind="link_list", layout="links")
        captures.append(replace(links, expected=NO_TEXT_OR_JUNK))
    spam = english.articles["spam-watches"]
    spam = replace(spam, parts=spam.parts * 15)
    captures.append(
        replace(page(english, spam, kind="spam_lines"), expected="filter_quality")
    )
    stuffed = Part("paragraph", "best cheap watches buy cheap watches online now " * 60)
    stuffed_page = page(
        english, Text("deals", "sale", "Watches", (stuffed,)), kind="spam_words"
    )
    captures.append(replace(stuffed_page, expected="filter_language|filter_quality"))
    lorem = page(english, _lorem(), kind="lorem_ipsum")
    captures.append(
        replace(lorem, language="", expected="filter_language|filter_quality")
    )
    for language, slug in ((english, "short-notice"), (french, "avis-court")):
        short = page(language, language.articles[slug], kind="short", layout="bare")
        captures.append(replace(short, expected="filter_quality"))
    return captures


def delicate_texts(languages: Languages) -> list[Capture]:
    captures = []
    for code, slug in (
        ("eng", "angry-rant"),
        ("fra", "coup-de-gueule"),
        ("deu", "wutbrief"),
    ):
        capture = article(languages[code], languages[code].articles[slug], kind="toxic")
        captures.append(replace(capture, expected="filter_toxicity"))
    for code, slug in (("eng", "account-notice"), ("fra", "contacts-amicale")):
        text = languages[code].articles[slug]
        captures.append(article(languages[code], text, kind="personal_data"))
    return captures


def not_admitted(languages: Languages, supply: Supply) -> list[Capture]:
    """Records that read_warc counts by type, status and MIME type, and leaves."""
    english, french = languages["eng"], languages["fra"]
    target = article(french, french.articles["haie-vive"], kind="").url
    home = f"https://{english.sites[0].host}"
    revisited = article(english, english.articles["first-marathon"], kind="revisit")
    missing = page(
        english, Text("page", "", "404", ()), kind="not_found", layout="empty"
    )
    skipped = [
        Capture(
            target.replace("https://www.", "http://"),
            "redirect",
            b"",
            status="301 Moved Permanently",
            headers=(("Location", target),),
        ),
        replace(missing, language="", status="404 Not Found"),
        replace(
            page(french, next(supply["fra"]), kind="server_error"),
            language="",
            prose="",
            status="503 Service Unavailable",
        ),
        Capture(
            f"{home}/timetable.pdf",
            "pdf",
            _pdf("Timetable of the night train"),
            content_type="application/pdf",
            payload_type="application/pdf",
        ),
        Capture(
            f"{home}/pixel.gif",
            "image",
            bytes.fromhex(
                "47494638396101000100800000ffffff00000021f90401000000002c"
                "00000000010001000002024401003b"
            ),
            content_type="image/gif",
            payload_type="image/gif",
        ),
        replace(revisited, body=b"", prose="", record_type="revisit", day=12),
    ]
    return [replace(capture, expected="skipped") for capture in skipped]


def _index(language: Language) -> Text:
    """Headlines and the first words of the articles, each cut short."""
    teasers = tuple(
        Part("paragraph", text.parts[0].words[:70].rsplit(" ", 1)[0], text.title)
        for text in language.prose_articles
    )
    return Text("latest", "", language.says("more"), teasers)


def _links(language: Language) -> Text:
    labels = language.says("nav").split(" | ")
    titles = [text.title for text in language.prose_articles]
    names = [f"{label} {n}" for n in range(1, 9) for label in (*labels, *titles[:2])]
    return Text("links", "", "Links", tuple(Part("row", name) for name in names))


def _lorem() -> Text:
    """The printers' filler, scrambled from Cicero centuries ago, three times over."""
    words = (
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod"
        " tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim"
        " veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea"
        " commodo consequat. Duis aute irure dolor in reprehenderit in voluptate"
        " velit esse cillum dolore eu fugiat nulla pariatur."
    )
    paragraphs = (Part("paragraph", words),) * 4
    return Text("theme-preview", "", "Lorem ipsum", paragraphs)


def _pdf(words: str) -> bytes:
    """The smallest PDF of one page that readers accept."""
    drawing = f"BT /F1 18 Tf 40 100 Td ({words}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 150] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    pdf, starts = "%PDF-1.4\n", []
    for number, words in enumerate(objects, 1):
        starts.append(len(pdf))
        pdf += f"{number} 0 obj\n{words}\nendobj\n"
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    size = len(objects) + 1
    xref = f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(pdf)}\n%%EOF\n"
    return (pdf + xref + trailer).encode()
