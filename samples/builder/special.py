"""The pages that are there to be merged, decoded, refused by address, or survived.

Each function returns the captures of one subject. README.md tells what every
kind is for; a capture that says nothing else is expected in the mix.
"""

from collections.abc import Iterator
from dataclasses import replace

from builder.archive import gzip_member
from builder.pages import Capture, Pairs, article, page, page_url, part_of, render
from builder.texts import Language, Part, Text, read_edits

Languages = dict[str, Language]
Supply = dict[str, Iterator[Text]]  # digests not yet used, by language

MAX_HTML_BYTES = 3 << 20  # the default recipe's
NO_TEXT_OR_JUNK = "extract_text|filter_language|filter_quality"


def special_captures(languages: Languages, supply: Supply) -> list[Capture]:
    return [
        *exact_duplicates(languages),
        *edited_copies(languages),
        *opt_outs(languages, supply),
        *charsets(languages, supply),
        *encodings(languages, supply),
        *urls(languages, supply),
        *odd_markup(languages, supply),
        *sizes(languages, supply),
    ]


def exact_duplicates(languages: Languages) -> list[Capture]:
    """The same bytes under other addresses, fetched later than the original."""
    copies = []
    for code, slug, hosts in (
        ("eng", "last-lamp", ("m.", "mirror.")),
        ("eng", "swarm-season", ("mirror.",)),
        ("fra", "soupe-lente", ("m.", "miroir.")),
        ("fra", "verre-souffle", ("miroir.",)),
        ("spa", "faros-estrellas", ("m.",)),
        ("ell", "kaiki", ("m.",)),
        ("jpn", "ekiben", ("m.",)),
        ("tha", "rotfai", ("m.",)),
    ):
        original = article(languages[code], languages[code].articles[slug], kind="")
        copy = replace(
            original,
            kind="exact_duplicate",
            group=f"{code}-{slug}",
            expected="deduplicate",
        )
        urls = [original.url.replace("www.", host) for host in hosts]
        urls.append(f"{original.url}?utm_source=letter&utm_medium=mail")
        copies += [replace(copy, url=url, day=day) for day, url in enumerate(urls, 2)]
    return copies


def edited_copies(languages: Languages) -> list[Capture]:
    """The rows of edits.tsv. The original is longer, so it is the one that stays."""
    copies = []
    for edit in read_edits():
        language = languages[edit.language]
        original = language.articles[edit.slug]
        text = edit.applied_to(original)
        capture = article(language, text, kind=edit.kind)
        if edit.kind == "near_duplicate":
            capture = replace(capture, url=capture.url.replace("www.", "copy."), day=5)
        elif edit.kind == "refetched":
            capture = replace(capture, day=-20)
        else:
            other = next(site for site in language.sites if site.layout == "magazine")
            capture = article(language, text, kind=edit.kind, site=other)
            capture = replace(capture, day=9)
        group = f"{language.code}-{edit.slug}"
        copies.append(replace(capture, group=group, expected="deduplicate"))
    return copies


def opt_outs(languages: Languages, supply: Supply) -> list[Capture]:
    """Publishers who reserve their rights, in each place where that can be said."""
    policy = ("tdm-policy", "https://www.harbour-ledger.example/tdm.json")
    reserved = (("tdm-reservation", "1"), policy)
    noai = (("robots", "noai, noimageai"),)
    rows: list[tuple[str, str, Pairs, Pairs]] = [
        ("eng", "noai_meta", noai, ()),
        ("fra", "noai_meta", noai, ()),
        ("eng", "noai_header", (), (("X-Robots-Tag", "noai"),)),
        ("eng", "tdm_header", (), reserved),
        ("fra", "tdm_meta", reserved, ()),
    ]
    return [
        replace(
            page(languages[code], next(supply[code]), kind=kind, metas=metas),
            headers=headers,
        )
        for code, kind, metas, headers in rows
    ]


def charsets(languages: Languages, supply: Supply) -> list[Capture]:
    rows = [
        ("fra", "charset_header", "windows-1252", "", "windows-1252"),
        ("rus", "charset_meta", "koi8-r", "koi8-r", ""),
        ("jpn", "charset_undeclared", "shift_jis", "", ""),
        ("cmn", "charset_header", "gb18030", "", "gb18030"),
        ("pol", "charset_meta", "iso-8859-2", "iso-8859-2", ""),
        ("ell", "charset_header_wrong", "iso-8859-7", "iso-8859-7", "utf-8"),
    ]
    captures = []
    for code, kind, charset, meta, header in rows:
        capture = page(languages[code], next(supply[code]), kind=kind, charset=meta)
        body = capture.body.decode().encode(charset, "xmlcharrefreplace")
        content_type = f"text/html; charset={header}" if header else "text/html"
        captures.append(replace(capture, body=body, content_type=content_type))
    return captures


def encodings(languages: Languages, supply: Supply) -> list[Capture]:
    """Bodies as the server sent them: packed, in chunks, or both."""
    english = languages["eng"]
    packed = page(english, next(supply["eng"]), kind="gzip_body")
    chunked = page(languages["ita"], next(supply["ita"]), kind="chunked_body")
    both = page(languages["hin"], next(supply["hin"]), kind="gzip_chunked_body")
    gzip = ("Content-Encoding", "gzip")
    in_chunks = ("Transfer-Encoding", "chunked")
    return [
        replace(packed, body=gzip_member(packed.body), headers=(gzip,)),
        replace(chunked, body=_chunked(chunked.body), headers=(in_chunks,)),
        replace(both, body=_chunked(gzip_member(both.body)), headers=(gzip, in_chunks)),
    ]


def urls(languages: Languages, supply: Supply) -> list[Capture]:
    """Good text under bad addresses, and under one that only looks bad."""
    rows = [
        ("https://www.casino-bonus.example/tips/spring.html", "url_blocklist"),
        ("https://play.jackpot-palace.example/news/42", "url_blocklist"),
        ("https://free-porn-videos.example/watch/1234", "url_word"),
        (
            "https://allotments.essex-and-sussex.example/analytics/scunthorpe.html",
            "url_innocent",
        ),
    ]
    return [
        replace(
            page(languages["eng"], next(supply["eng"]), kind=kind),
            url=url,
            expected="mix" if kind == "url_innocent" else "filter_url",
        )
        for url, kind in rows
    ]


def odd_markup(languages: Languages, supply: Supply) -> list[Capture]:
    english, french = languages["eng"], languages["fra"]
    xhtml = page(french, next(supply["fra"]), kind="xhtml")
    prologue = b'<?xml version="1.0" encoding="utf-8"?>\n'
    deep = page(english, next(supply["eng"]), kind="deep")
    start, end = deep.body.find(b"<article"), deep.body.find(b"</article>") + 10
    nested = b"<div>" * 2500 + deep.body[start:end] + b"</div>" * 2500
    thread = english.articles["stiff-sourdough"]
    site = part_of(english.sites[0], "community", "forum")
    url = page_url(site, thread, folder="t")
    noscript = render(english, thread, site=site, url=url, noscript=True)
    shell = page(english, Text("page", "", "App", ()), kind="js_shell", layout="shell")
    mixed = article(english, english.articles["quoted-proverbs"], kind="mixed_language")
    return [
        replace(
            xhtml,
            body=prologue + xhtml.body,
            content_type="application/xhtml+xml; charset=utf-8",
            payload_type="application/xhtml+xml",
        ),
        replace(
            deep,
            body=deep.body[:start] + nested + deep.body[end:],
            expected="mix|extract_text",
        ),
        Capture(
            url,
            "noscript_forum",
            noscript.encode(),
            language="eng",
            prose=thread.prose,
            expected="mix|" + NO_TEXT_OR_JUNK,
        ),
        replace(shell, language="", expected="extract_text"),
        mixed,
    ]


def sizes(languages: Languages, supply: Supply) -> list[Capture]:
    """Nothing, far too much, and cut in the middle."""
    english = languages["eng"]
    empty = Capture(
        "https://www.green-lane-notes.example/draft.html",
        "empty_body",
        b"",
        expected="read_warc",
    )
    text = english.articles["salt-road"]
    words = " ".join(part.words for part in text.parts)
    count = MAX_HTML_BYTES // len(words) + 1
    endless = replace(
        text,
        slug="everything-on-one-page",
        parts=tuple(Part("paragraph", f"{n}. {words}") for n in range(count)),
    )
    cut = page(english, next(supply["eng"]), kind="truncated")
    last = cut.prose.split("\n")[-1]
    middle = cut.body.find(last.encode()[:60]) + len(last) * 3 // 4
    return [
        empty,
        replace(page(english, endless, kind="too_large"), expected="read_warc"),
        replace(cut, body=cut.body[:middle], truncated="length"),
    ]


def _chunked(body: bytes) -> bytes:
    size = 1999
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    return b"".join(chunks) + b"0\r\n\r\n"
