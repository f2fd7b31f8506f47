"""What inline markup means is in the text: formulas, marks, quotations, code without numbers."""

import pytest

from tamis.html.blocks.engine import extract
from tamis.html.blocks.layout import MAX_SPANS

PROSE = {
    "Latin": "Le registre du port contient tous les bateaux qui sont entrés depuis le printemps. ",
    "Cyrillic": "В журнале порта записаны все лодки, которые пришли сюда с самой весны этого года. ",
    "Arabic": "يحتوي سجل الميناء على جميع القوارب التي دخلت منذ ربيع هذا العام حتى اليوم. ",
    "Chinese": "港口的登记簿记录了自春天以来进港的每一条船，管理员每月读给孩子们听。",
    "Thai": "สมุดทะเบียนของท่าเรือบันทึกเรือทุกลำที่เข้ามาตั้งแต่ฤดูใบไม้ผลิ ",
}


def text_of(inner: str, prose: str = PROSE["Latin"], markdown: bool = False) -> str:
    """The text of a page of prose, with something between its paragraphs."""
    paragraph = f"<p>{prose * 3}</p>"
    page = f"<html><body><article>{paragraph * 2}{inner}{paragraph * 2}</article></body></html>"
    found = extract([page], markdown=markdown)
    text = (
        found.markdown[0].as_py()
        if found.markdown is not None
        else found.text[0].as_py()
    )
    lines = [
        line for line in text.split("\n") if not line.startswith(prose.strip()[:20])
    ]
    return "\n".join(lines).strip("\n")


def inline(inner: str, prose: str = PROSE["Latin"]) -> str:
    """What an inline element becomes within a sentence: `[...]` around it is cut off."""
    text = text_of(
        f"<p>Here «{inner}» stands in a sentence of the page, {prose}</p>", prose
    )
    return text.partition("«")[2].partition("»")[0]


TEX = "E=\\frac{mv^2}{2}"
MATHML = (
    "<mrow><mi>E</mi><mo>=</mo><mfrac><mrow><mi>m</mi><msup><mi>v</mi><mn>2</mn></msup></mrow>"
    "<mn>2</mn></mfrac></mrow>"
)


@pytest.mark.parametrize("script", PROSE)
@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (
            f'<span class="katex"><span class="katex-mathml"><math><semantics>{MATHML}'
            f'<annotation encoding="application/x-tex">{TEX}</annotation></semantics></math>'
            '</span><span class="katex-html" aria-hidden="true"><span>E</span><span>=</span>'
            "<span>2</span></span></span>",
            f"${TEX}$",
        ),
        (f'<math alttext="{TEX}">{MATHML}</math>', f"${TEX}$"),
        (
            f'<span class="mwe-math-element"><span style="display: none"><math alttext="{{'
            f'\\displaystyle {TEX}}}">{MATHML}</math></span><img class="mwe-math-fallback-image'
            f'-inline" alt="{{\\displaystyle {TEX}}}"></span>',
            f"${TEX}$",
        ),
        (
            f'<span class="MathJax_Preview">E=</span><script type="math/tex">{TEX}</script>',
            f"${TEX}$",
        ),
        (f'<script type="math/tex; mode=display">{TEX}</script>', f"$${TEX}$$"),
        (f'<img class="latex" alt="{TEX}" src="x.png">', f"${TEX}$"),
        (rf'<span class="math notranslate">\({TEX}\)</span>', f"${TEX}$"),
        (rf"\[ {TEX} \]", f"${TEX}$".replace("$", "$$")),
        (r"\(n\) of \(a &lt; b_1\)", "$n$ of $a < b_1$"),
        (r"<code>\(x\)</code>", r"\(x\)"),
        (f'<span class="math inline">{TEX}</span>', f"${TEX}$"),
        ('<span class="math display">x &lt; y</span>', "$$x < y$$"),
        ('no <span hidden><span class="math inline">x^2</span></span>one', "no one"),
        (rf'<span class="math inline">\({TEX}\)</span>', f"${TEX}$"),
        ('<span class="math inline"><em>x</em><sup>2</sup></span>', "x2"),
        (r"\[1\] \(see there\) \(x", r"\[1\] \(see there\) \(x"),
        (f"<math>{MATHML}</math>", r"$E=\frac{mv^2}{2}$"),
        (f'<math display="block">{MATHML}</math>', r"$$E=\frac{mv^2}{2}$$"),
        (
            f'<mjx-assistive-mml display="inline"><math>{MATHML}</math></mjx-assistive-mml>',
            r"$E=\frac{mv^2}{2}$",
        ),
        (f"<math>{MATHML} and no end", "E=mv22 and no end"),
        ("<math><mfrac><mi>a</mi></mfrac><mo>!</mo></math>", "a!"),
        ("a<math></math>b<math><mphantom><mi>x</mi></mphantom></math>c", "abc"),
    ],
)
def test_a_formula_stands_once_as_it_was_meant(
    script: str, inner: str, said: str
) -> None:
    assert inline(inner, PROSE[script]) == said


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ("3 × 10<sup>8</sup> m", "3 × 10^8 m"),
        ("100<sup>2</sup> = 10000", "100^2 = 10000"),
        ("2<sup>-3</sup>", "2^-3"),
        ("2<sup>−3</sup>", "2^−3"),
        ("40 m<sup>2</sup>", "40 m2"),
        ("H<sub>2</sub>O", "H2O"),
        ("101<sub>2</sub>", "101_2"),
        ("19<sup>th</sup>", "19th"),
        ('old.<sup><a href="#n1">1</a></sup>', "old.[1]"),
        ('old.<sup>[<a href="#n1">1</a>]</sup>', "old.[1]"),
        ('1931<sup><a href="#n1">2</a></sup>', "1931[2]"),
        ("said <q>no</q> twice", "said “no” twice"),
        ("<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>", "漢(かん)字(じ)"),
        ("<ruby>漢<rp>（</rp><rt>かん</rt><rp>）</rp></ruby>", "漢（かん）"),
        ("a <del>wrong</del> word", "a word"),
        ('<span class="dropcap">T</span>he', "The"),
        ("Donau<wbr>dampf", "Donaudampf"),
        ('Hi <img class="emoji" alt="🙂" src=x> you', "Hi 🙂 you"),
        ('shown <span style="display:none">hidden</span>text', "shown text"),
        ("shown <span hidden>hidden</span>text", "shown text"),
        ('more <span class="sr-only">about this</span>', "more"),
        ('more <span class="screen-reader-text">about this</span>', "more"),
        ('<span aria-hidden="true">12 €</span>', "12 €"),
    ],
)
def test_inline_markup_keeps_its_meaning(inner: str, said: str) -> None:
    assert inline(inner).strip() == said


@pytest.mark.parametrize(
    "heading",
    [
        'What it holds<a class="headerlink" href="#x">¶</a>',
        '<a class="anchor" href="#x">#</a> What it holds',
        'What it holds<span class="mw-editsection">[<a href="/edit">edit</a>]</span>',
        '<a class="anchor" href="#x">What it holds</a>',
    ],
)
def test_a_heading_is_its_words(heading: str) -> None:
    assert text_of(f"<h2>{heading}</h2>") == "What it holds"
    assert text_of(f"<h2>{heading}</h2>", markdown=True) == "## What it holds"


CODE = "def row(n):\n    x = 1\n    return n"


@pytest.mark.parametrize(
    "code",
    [
        f'<table><tr><td class="rouge-gutter gl"><pre class="lineno">1\n2\n3\n</pre></td>'
        f'<td class="rouge-code"><pre>{CODE}\n</pre></td></tr></table>',
        f'<figure class="highlight"><table><tr><td class="gutter"><pre>1\n2\n3</pre></td>'
        f'<td class="code"><pre>{CODE}</pre></td></tr></table></figure>',
        "<pre>"
        + "\n".join(
            f'<span class="ln">{n}</span>{line}'
            for n, line in enumerate(CODE.split("\n"))
        )
        + "</pre>",
        "<pre>"
        + "\n".join(
            f'<span style="user-select: none; color: red">{n}</span>{line}'
            for n, line in enumerate(CODE.split("\n"))
        )
        + "</pre>",
        "<table>"
        + "".join(
            f'<tr><td class="blob-num" data-line-number="{n}">{n}</td>'
            f'<td class="blob-code"><pre>{line}</pre></td></tr>'
            for n, line in enumerate(CODE.split("\n"))
        )
        + "</table>",
    ],
)
def test_numbers_of_lines_are_no_code(code: str) -> None:
    assert text_of(code) == CODE


def test_empty_cells_keep_their_place() -> None:
    table = (
        "<table><tr><th>Day</th><th>Morning</th><th>Noon</th><th>Evening</th></tr>"
        "<tr><td>Monday</td><td></td><td>3.1 m</td><td></td></tr>"
        "<tr><td></td><td>2.9 m</td><td></td><td>0.4 m</td></tr></table>"
    )
    assert [line.rstrip() for line in text_of(table).split("\n")] == [
        "Day | Morning | Noon | Evening",
        "Monday |  | 3.1 m |",
        "| 2.9 m |  | 0.4 m".rjust(19),
    ]


def test_a_row_is_kept_whole_though_its_first_cell_is_a_link() -> None:
    boats = ("Aurora", "Petrel", "Skua", "Tern")
    rows = "".join(
        f'<tr><td><a href="/{boat}">{boat}</a></td><td>Ann Example</td><td>timber and salt</td></tr>'
        for boat in boats
    )
    table = f"<table><tr><th>Boat</th><th>Master</th><th>Cargo</th></tr>{rows}</table>"
    lines = text_of(table).split("\n")
    assert lines == [
        "Boat | Master | Cargo",
        *(f"{boat} | Ann Example | timber and salt" for boat in boats),
    ]


@pytest.mark.parametrize("name", ["", "comments-open", "CommentBody"])
@pytest.mark.parametrize(
    "part",
    [
        "<ul><li>Name of the boat</li><li>Cargo and port of origin</li></ul>",
        "<blockquote>We shall row, said the keeper, and they rowed.</blockquote>",
        "<pre>for boat in ledger:\n    print(boat.name)</pre>",
        "<figure><pre>for boat in ledger:\n    print(boat.name)</pre></figure>",
        "<dl><dt>Boat</dt><dd>What floats and has a name</dd></dl>",
        "<h3>What it holds</h3>",
        '<math display="block"><mi>xxxxxxxxx</mi></math>',
        r"<p>\[ \sum_k k \]</p><div><div>$$ \int x\,dx $$</div></div>",
        "<table><tr><th>Year</th><th>Boats</th></tr><tr><td>1931</td><td>212</td></tr></table>",
    ],
)
def test_what_lies_between_kept_paragraphs_stays(part: str, name: str) -> None:
    page = f"<div class='{name}'>" if name else "<div>"
    assert (
        len(
            text_of(f"{page}<p>{PROSE['Latin']}</p>{part}<p>{PROSE['Latin']}</p></div>")
        )
        > 8
    )


def test_a_menu_between_paragraphs_does_not() -> None:
    links = "".join(f'<li><a href="/{n}">Other story {n}</a></li>' for n in range(8))
    assert text_of(f'<ul class="related">{links}</ul>') == ""


@pytest.mark.parametrize(
    "deep", ["<q>", "<math><msqrt>", "<ruby>a<rt>", "<math><mfrac><mi>a</mi><mrow>"]
)
def test_what_is_never_closed_costs_itself(deep: str) -> None:
    count = MAX_SPANS // 2
    found = extract([f"<p>{PROSE['Latin']}{deep * count}b"])
    assert PROSE["Latin"].strip() in found.text[0].as_py()


@pytest.mark.parametrize(
    "code",
    [
        f'<pre class="line-numbers language-js"><code>{CODE}</code></pre>',
        f'<pre class="brush line numbers">{CODE}</pre>',
        "<table>"
        + "".join(
            f'<tr><td class="hljs-ln-line hljs-ln-numbers">{n}</td>'
            f'<td class="hljs-ln-line hljs-ln-code"><pre>{line}</pre></td></tr>'
            for n, line in enumerate(CODE.split("\n"))
        )
        + "</table>",
    ],
)
def test_code_that_is_numbered_stays(code: str) -> None:
    assert text_of(code) == CODE


@pytest.mark.parametrize("annotation", ["", " ", "<!-- c -->a+b"])
def test_a_formula_without_tex_is_its_mathml(annotation: str) -> None:
    inner = (
        f'<math><semantics><mrow><mi>x</mi></mrow><annotation encoding="application/x-tex">'
        f"{annotation}</annotation></semantics></math>"
    )
    assert inline(inner) == "$x$"


def test_bars_stand_at_the_ends_of_a_row_alone() -> None:
    row = "<tr><td>Alpha<td>Beta<td><p>one<p>two<td>Gamma<td>Delta"
    assert text_of(f"<table>{row}</table>").split("\n") == [
        "Alpha | Beta",
        "one",
        "two",
        "Gamma | Delta",
    ]
