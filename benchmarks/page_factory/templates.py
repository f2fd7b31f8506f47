"""Pages by templates of our own, with the markup that common engines have.

Each template says how it writes a formula, a piece of code, a table and what stands
around the content; everything else is plain HTML.
"""

import re
from collections.abc import Callable
from html import escape
from typing import Final, NamedTuple

from content import Block, Document
from words import WORDS

_FORMULA = re.compile(r"\$([^$]+)\$")
_NOTE = re.compile(r"\[\^(\d+)\]")


class Template(NamedTuple):
    """How one engine marks what plain HTML marks otherwise."""

    inline: Callable[[str], str]
    displayed: Callable[[str], str]
    code: Callable[[str, str], str]
    table: str  # attributes of <table>, and what stands around it with {} for it
    around: Callable[[Document, str], str]  # the page around the content
    edits: bool = False  # headings have "[edit]"


def page(document: Document, template: Template) -> str:
    """The page of a document by a template."""
    body = "\n".join(_block(block, template) for block in document.blocks)
    if document.notes:
        notes = "".join(
            f'<li id="note-{n}">{_text(note, template)}</li>'
            for n, note in enumerate(document.notes, 1)
        )
        body += f'\n<ol class="references">{notes}</ol>'
    content = template.around(document, body)
    words = WORDS[document.language]
    return (
        f'<!DOCTYPE html>\n<html lang="{document.language}" dir="{words.direction}">'
        f'<head><meta charset="utf-8"><title>{escape(document.title)}</title></head>'
        f"\n<body>\n{content}\n</body></html>\n"
    )


def _text(text: str, template: Template) -> str:
    parts = _FORMULA.split(text)
    written = [
        template.inline(part) if index % 2 else escape(part, quote=False)
        for index, part in enumerate(parts)
    ]
    return _NOTE.sub(
        r'<sup class="reference"><a href="#note-\1">[\1]</a></sup>', "".join(written)
    )


def _block(block: Block, template: Template) -> str:
    kind = block[0]
    if kind == "heading":
        edit = (
            '<span class="mw-editsection"><span class="mw-editsection-bracket">[</span>'
            '<a href="/edit">edit</a><span class="mw-editsection-bracket">]</span></span>'
        )
        inner = f'<span class="mw-headline">{escape(block[2])}</span>{edit}'
        inner = inner if template.edits else escape(block[2])
        return f"<h{block[1]}>{inner}</h{block[1]}>"
    if kind == "list":
        return _items(block, template)
    if kind == "table":
        return _table(block, template)
    if kind == "code":
        return template.code(block[1], block[2])
    if kind == "formula":
        return template.displayed(block[1])
    if kind == "quote":
        inner = "".join(f"<p>{escape(text)}</p>" for text in block[1])
        items = "".join(f"<li>{escape(item)}</li>" for item in block[2])
        return f"<blockquote>{inner}<ul>{items}</ul></blockquote>"
    if kind == "definitions":
        pairs = (f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in block[1])
        return f"<dl>{''.join(pairs)}</dl>"
    return f"<p>{_text(block[1], template)}</p>"


def _items(block: Block, template: Template) -> str:
    tag = "ol" if block[1] else "ul"
    start = f' start="{block[2]}"' if block[2] != 1 else ""
    items = "".join(
        f"<li>{_text(text, template)}{_items(nested, template) if nested else ''}</li>"
        for text, nested in block[3]
    )
    return f"<{tag}{start}>{items}</{tag}>"


def _table(block: Block, template: Template) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"

    rows = "\n".join(row(cells, "td") for cells in block[2])
    head = row(block[1], "th")
    open_, _, close = template.table.partition("{}")
    return f"{open_}\n<thead>{head}</thead>\n<tbody>{rows}</tbody></table>{close}"


def _menu(document: Document) -> str:
    names = WORDS[document.language].names
    items = "".join(
        f'<li><a href="/{i}">{name}</a></li>' for i, name in enumerate(names)
    )
    return f'<ul class="menu">{items}</ul>'


def _teasers(document: Document) -> str:
    words = WORDS[document.language]
    return "".join(
        f'<div class="card"><a href="/t{i}"><h3>{words.teaser} {i}</h3></a></div>'
        for i in range(3)
    )


def _wordpress(document: Document, body: str) -> str:
    words = WORDS[document.language]
    return f"""<div id="page" class="site">
<header id="masthead" class="site-header"><nav class="main-navigation">{_menu(document)}</nav></header>
<main id="main" class="site-main"><article class="post type-post hentry">
<header class="entry-header"><h1 class="entry-title">{escape(document.title)}</h1></header>
<div class="entry-content"><p class="has-large-font-size">{escape(document.standfirst)}</p>
{body}
</div></article>
<div id="comments" class="comments-area"><ol class="comment-list"><li class="comment">
<div class="comment-content"><p>{words.comment}</p></div></li></ol></div></main>
<aside id="secondary" class="widget-area">{_teasers(document)}</aside>
<footer class="site-footer"><p>{words.footer}</p></footer>
<div class="cookie-notice" role="dialog"><p>{words.cookies}</p></div></div>"""


def _mediawiki(document: Document, body: str) -> str:
    words = WORDS[document.language]
    return f"""<div id="content" class="mw-body" role="main">
<h1 id="firstHeading" class="firstHeading">{escape(document.title)}</h1>
<div id="bodyContent"><div id="mw-content-text"><div class="mw-parser-output">
<p>{escape(document.standfirst)}</p>
{body}
</div></div></div></div>
<div id="mw-navigation"><div id="p-navigation" class="portal">{_menu(document)}</div></div>
<footer id="footer"><ul><li id="footer-info-copyright">{words.footer}</li></ul></footer>"""


def _forum(document: Document, body: str) -> str:
    words = WORDS[document.language]
    return f"""<div id="wrap"><div class="headerbar">{_menu(document)}</div>
<h2 class="topic-title"><a href="/t">{escape(document.title)}</a></h2>
<div class="post" id="p1"><div class="postprofile"><a href="/u">user_17</a></div>
<div class="postbody"><div class="content"><p>{escape(document.standfirst)}</p>
{body}
</div></div></div>
<div id="page-footer"><div class="copyright">{words.footer}</div></div></div>"""


def _newspaper(document: Document, body: str) -> str:
    words = WORDS[document.language]
    return f"""<nav class="site-nav">{_menu(document)}</nav>
<main><article itemscope itemtype="https://schema.org/NewsArticle">
<header><h1 itemprop="headline">{escape(document.title)}</h1>
<p class="standfirst" itemprop="description">{escape(document.standfirst)}</p></header>
<div itemprop="articleBody" class="article-body">
{body}
</div></article>
<section class="related"><h2>{words.names[0]}</h2>{_teasers(document)}</section>
<section class="comments"><div class="comment"><p>{words.comment}</p></div></section></main>
<footer><p>{words.footer}</p></footer>
<div id="onetrust-banner-sdk" role="dialog"><p>{words.cookies}</p></div>"""


def _shop(document: Document, body: str) -> str:
    words = WORDS[document.language]
    return f"""<header class="shop-header">{_menu(document)}</header>
<div class="product type-product"><div class="summary entry-summary">
<h1 class="product_title entry-title">{escape(document.title)}</h1>
<p class="price"><bdi>19.90</bdi></p>
<div class="woocommerce-product-details__short-description"><p>{escape(document.standfirst)}</p></div>
<button class="single_add_to_cart_button">+</button></div>
<div class="woocommerce-tabs"><div class="woocommerce-Tabs-panel" id="tab-description">
{body}
</div></div>
<section class="related products">{_teasers(document)}</section></div>
<footer class="site-footer"><p>{words.footer}</p></footer>"""


def _medium(document: Document, body: str) -> str:
    words = WORDS[document.language]
    return f"""<div id="root"><div class="a b c"><div class="d e">{_menu(document)}</div>
<article><div class="l"><section><div class="ab ca"><h1 class="pw-post-title">{escape(document.title)}</h1>
<p class="pw-post-body-paragraph">{escape(document.standfirst)}</p>
{body}
</div></section></div></article>
<div class="m n">{_teasers(document)}</div>
<div class="o p"><p>{words.footer}</p></div></div></div>"""


def _wiki_formula(tex: str, mode: str) -> str:
    return (
        f'<span class="mwe-math-element"><img src="/math.svg" class="mwe-math-fallback-image-{mode}"'
        f' alt="{escape("{" + chr(92) + "displaystyle " + tex + "}")}"></span>'
    )


def _image(tex: str) -> str:
    return f'<img src="/latex.php" alt="{escape(tex)}" class="latex">'


def _dollars(tex: str) -> str:
    return f"${escape(tex, quote=False)}$"


def _pre(language: str, code: str) -> str:
    inner = escape(code, quote=False)
    return f'<pre><code class="language-{language}">{inner}</code></pre>'


def _wiki_code(language: str, code: str) -> str:
    lines = (f"<span></span>{escape(line, quote=False)}" for line in code.splitlines())
    inner = "\n".join(lines)
    return f'<div class="mw-highlight mw-highlight-lang-{language}" dir="ltr"><pre>{inner}\n</pre></div>'


def _code_lines(language: str, code: str) -> str:
    """A row of a table for each line, its number beside it: as GitHub and Crayon do."""
    rows = "".join(
        f'<tr><td class="blob-num" data-line-number="{n}"></td>'
        f'<td class="blob-code">{escape(line, quote=False)}</td></tr>'
        for n, line in enumerate(code.splitlines(), 1)
    )
    return f'<div class="highlight"><table class="highlight">{rows}</table></div>'


def _forum_code(language: str, code: str) -> str:
    inner = escape(code, quote=False).replace("\n", "<br>").replace("  ", "&nbsp; ")
    inner = inner.replace("\t", "&nbsp; &nbsp; ")
    return f'<div class="codebox"><p>Code: <a href="#">Select all</a></p><pre><code>{inner}</code></pre></div>'


def _spans(language: str, code: str) -> str:
    """As Medium writes it: breaks within one span."""
    inner = escape(code, quote=False).replace("\n", "<br>")
    return f'<pre class="q r s"><span class="hljs">{inner}</span></pre>'


def _gutter(language: str, code: str) -> str:
    """A column of numbers beside the code: as Rouge and Chroma do."""
    numbers = "\n".join(str(n) for n in range(1, code.count("\n") + 2))
    inner = escape(code, quote=False)
    return (
        f'<div class="highlight"><table class="rouge-table"><tbody><tr><td class="gutter gl">'
        f'<pre class="lineno">{numbers}\n</pre></td><td class="code"><pre>{inner}\n</pre>'
        "</td></tr></tbody></table></div>"
    )


def _displayed(written: Callable[[str], str]) -> Callable[[str], str]:
    return lambda tex: f"<p>{written(tex)}</p>"


def _double(tex: str) -> str:
    return f"<p>$${escape(tex, quote=False)}$$</p>"


def _script(tex: str) -> str:
    return f'<script type="math/tex">{tex}</script>'


def _script_displayed(tex: str) -> str:
    return f'<div><script type="math/tex; mode=display">{tex}</script></div>'


TEMPLATES: Final[dict[str, Template]] = {
    "wordpress": Template(
        _image,
        _displayed(_image),
        _pre,
        '<figure class="wp-block-table"><table>{}</figure>',
        _wordpress,
    ),
    "mediawiki": Template(
        lambda tex: _wiki_formula(tex, "inline"),
        lambda tex: f"<dl><dd>{_wiki_formula(tex, 'inline')}</dd></dl>",
        _wiki_code,
        '<table class="wikitable">',
        _mediawiki,
        edits=True,
    ),
    "forum": Template(_dollars, _double, _forum_code, "<table>", _forum),
    "newspaper": Template(
        _script,
        _script_displayed,
        _gutter,
        '<div class="table-wrapper"><table>{}</div>',
        _newspaper,
    ),
    "shop": Template(_dollars, _double, _pre, '<table class="shop_attributes">', _shop),
    "medium": Template(_dollars, _double, _spans, '<table class="t u">', _medium),
}
