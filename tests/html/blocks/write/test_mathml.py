"""MathML as TeX: its elements, its characters, and MathML that nobody meant."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.html.blocks.engine import extract
from tamis.html.blocks.write.mathml import MAX_NESTING

PROSE = "The ledger of the port holds every boat that came in since the spring of the year. "


def tex_of(mathml: str) -> str:
    """What stands for `<math>` with this content in a sentence."""
    sentence = f"<p>{PROSE * 3}</p><p>Here «<math>{mathml}</math>» stands. {PROSE}</p>"
    text = extract([f"<article>{sentence}<p>{PROSE * 3}</p></article>"]).text[0].as_py()
    return str(text).partition("«")[2].partition("»")[0]


def row(*letters: str) -> str:
    return f"<mrow>{''.join(f'<mi>{letter}</mi>' for letter in letters)}</mrow>"


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        (f"<mfrac>{row('a', 'b')}<mn>2</mn></mfrac>", r"\frac{ab}{2}"),
        ("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>", r"\sqrt{a+b}"),
        (f"<mroot>{row('a', 'b')}<mn>3</mn></mroot>", r"\sqrt[3]{ab}"),
        (f"<mroot><mi>д</mi>{row('ж', 'з')}</mroot>", r"\sqrt[{жз}]{д}"),
        (f"<msup><mi>x</mi>{row('n', 'm')}</msup>", "x^{nm}"),
        (f"<msup>{row('a', 'b')}<mn>2</mn></msup><mi>y</mi>", "{ab}^2 y"),
        ("<msub><mi>س</mi><mn>1</mn></msub>", "س_1"),
        ("<msubsup><mi>x</mi><mi>i</mi><mi>α</mi></msubsup>", r"x_i^{\alpha}"),
        ("<msup><mi>f</mi><mo>′</mo></msup><mo>(</mo>", "f'("),
        ("<munder><mi>lim</mi><mi>n</mi></munder><mi>x</mi>", r"\lim_n x"),
        (
            f"<munderover><mo>&#x2211;</mo>{row('k')}<mi>n</mi></munderover><mi>k</mi>",
            r"\sum_{k}^n k",
        ),
        ("<mover><mi>v</mi><mo>→</mo></mover>", r"\vec{v}"),
        (f"<mover>{row('字', '母')}<mo>^</mo></mover>", r"\hat{字母}"),
        ("<mi>α</mi><mover><mi>x</mi><mo>¯</mo></mover>", r"\alpha \bar{x}"),
        ("<munder><mi>x</mi><mo>_</mo></munder>", r"\underline{x}"),
        ("<mover><mi>x</mi><mi>n</mi></mover>", "x^n"),
        (f"<mfenced>{row('a')}<mi>b</mi></mfenced>", "(a,b)"),
        ('<mfenced open="{" close=""><mi>ก</mi></mfenced>', r"\{ก"),
        (
            "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr>"
            "<mtr><mtd/><mtd><mn>3</mn></mtd></mtr></mtable>",
            r"\begin{matrix}1&2\\ &3\end{matrix}",
        ),
        ("<mi>x</mi><mtext> если </mtext><mi>y</mi>", r"x\text{ если }y"),
        ("<mtext>पानी {5 %}</mtext>", r"\text{पानी \{5 \%\}}"),
        (r"<mtext>a\b<!-- > --><i>c</i></mtext>", r"\text{a\textbackslash{}bc}"),
        ("<mtext>&nbsp;</mtext><mi>x</mi>", r"\ x"),
        ("<mi>sin</mi><mi>x</mi><mi>rot</mi>", r"\sin x\mathrm{rot}"),
        ("<mi>скорость</mi>", r"\text{скорость}"),
        ("<mi>f</mi><mo>&#x2061;</mo><mi>λ</mi><mi>t</mi>", r"f\lambda t"),
        ("<mi>&lambda;</mi><mi>字</mi><mo>−</mo><mn>1.5</mn>", r"\lambda 字-1.5"),
        ("<mo>{</mo><mo>%</mo><mo>&amp;</mo><mo>\\</mo>", r"\{\%\&\backslash"),
        (
            "<mi>ℝ</mi><mo>∈</mo><mi>x</mi><mo>≥</mo><mi>y</mi>",
            r"\mathbb{R}\in x\geq y",
        ),
        ('<mi>x</mi><mspace width="0.167em"></mspace><mi>d</mi>', r"x\,d"),
        ('<mi>x</mi><mspace width="1em"/><mi>d</mi>', r"x\quad d"),
        (
            "<semantics><mi>x</mi><annotation-xml><ci>y</ci></annotation-xml></semantics>",
            "x",
        ),
        ('<mi data-x="a>b" title=">">x</mi> <!-- y --> <none/>', "x"),
        ("x = 1", "x=1"),
        ("<unknown><mi>x</mi></unknown>", "x"),
    ],
)
def test_mathml_is_tex(mathml: str, tex: str) -> None:
    assert tex_of(mathml) == f"${tex}$"


@pytest.mark.parametrize(
    "mathml",
    [
        "<mfrac><mi>x</mi></mfrac>",
        "<msup><mi>x</mi></msup><none/>",
        "<mi>x",
        "<mrow><mi>x</mi>",
        "<mrow><mi>x</mi></mfrac>",
        "</mrow><mi>x</mi>",
        "<mrow>" * MAX_NESTING + "<mi>x</mi>" + "</mrow>" * MAX_NESTING,
        "<mfrac/><mi>x</mi><annotation>y</annotation>",
    ],
)
def test_what_is_no_mathml_is_its_text(mathml: str) -> None:
    assert tex_of(mathml) == "x"


@pytest.mark.parametrize("mathml", ["", "<mrow/>", "<mi> </mi>", "<mo>&#x2062;</mo>"])
def test_an_empty_formula_is_nothing(mathml: str) -> None:
    assert tex_of(mathml) == ""


def test_a_formula_that_does_not_end_takes_no_paragraph_with_it() -> None:
    page = f"<p>{PROSE}<math><mi>x</mi><p>{PROSE}</p><p><math><mi>y</mi></math> {PROSE}</p>"
    text = extract([page]).text[0].as_py()
    assert text.split("\n") == [f"{PROSE}x", PROSE.strip(), f"$y$ {PROSE.strip()}"]


@pytest.mark.parametrize("markdown", [False, True])
@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("<math>" * 150_000, id="unclosed"),
        pytest.param("<math><!--" * 90_000, id="comments"),
        pytest.param("<math><annotation encoding='tex" * 40_000, id="cut attributes"),
        pytest.param("<math><mi></p>" * 60_000 + "</math>", id="ended by blocks"),
        pytest.param(
            "<math>" + "<mroot>" * 10_000 + "x" + "</mroot>" * 10_000 + "</math>",
            id="deep",
        ),
        pytest.param("<math>" + "<mo>" * 250_000 + "</math>", id="open tokens"),
        pytest.param("<math>" + "<mo>&#8652;</mo>" * 65_000 + "</math>", id="long"),
        pytest.param(
            "<math>" + "<mover>" * 60 + "<mi>\\</mi>" * 100_000 + "</math>",
            id="accents",
        ),
        pytest.param(
            "<math>"
            + "<mroot>" * 60
            + "<mrow>"
            + "<mi>x</mi>" * 90_000
            + "</mrow>"
            + "<mn>3</mn></mroot>" * 60
            + "</math>",
            id="roots of roots",
        ),
        pytest.param(
            "<math><mtext>" + "\\" * 1_000_000 + "</mtext></math>", id="signs"
        ),
    ],
)
def test_hostile_mathml_costs_its_bytes(hostile: str, markdown: bool) -> None:
    extract(["<p>warm</p><math><mi>x</mi></math>"], markdown=markdown)
    started = time.process_time()
    found = extract([f"<p>{PROSE * 3}</p><p>{hostile}"], markdown=markdown)
    assert time.process_time() - started < 2
    assert PROSE.strip() in found.text[0].as_py()


_TOKENS = st.builds(
    "<{0}>{1}</{0}>".format,
    st.sampled_from(["mi", "mn", "mo", "mtext", "ms"]),
    st.text("aα{}\\^_~&<>%$#'[]′→∑жس字กक 1", max_size=4).map(
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;")
    ),
)


def _element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def with_children(count: int, *names: str) -> st.SearchStrategy[str]:
        many = st.lists(children, min_size=count, max_size=count or 4).map("".join)
        return st.builds("<{0}>{1}</{0}>".format, st.sampled_from(names), many)

    return st.one_of(
        with_children(
            0, "mrow", "msqrt", "mfenced", "mtable", "mtr", "mtd", "mphantom"
        ),
        with_children(2, "mfrac", "mroot", "msup", "msub", "mover", "munder"),
        with_children(3, "msubsup", "munderover"),
    )


@given(st.recursive(_TOKENS, _element, max_leaves=20))
def test_braces_are_balanced_in_any_tree(mathml: str) -> None:
    tex = tex_of(mathml)
    depth, escaped = 0, False
    for sign in tex:
        if not escaped and sign in "{}":
            depth += 1 if sign == "{" else -1
        assert depth >= 0
        escaped = sign == "\\" and not escaped
    assert depth == 0
