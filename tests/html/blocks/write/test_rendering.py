"""Markdown, rendered by another's CommonMark, says what the text says.

Small pages here; `test_every_page_renders_as_its_text` does the same to all real pages.
"""

import html
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tamis.html.blocks.engine import extract
from tamis.html.blocks.judge.weights import load_weights
from tamis.html.blocks.kernel import decide, describe, markdown_text, plain_text
from tamis.html.blocks.layout import IN_PRE, NO, YES
from tamis.html.blocks.read import tags
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace, new_workspace
from tamis.html.clean import clean

MARKDOWN = MarkdownIt("commonmark").enable("table")
# The tokens that a text may give. No emphasis, link, image, rule or HTML: extraction writes none.
KINDS = {
    "heading_open": "headings",
    "list_item_open": "items",
    "blockquote_open": "quotes",
    "table_open": "tables",
    "tr_open": "rows",
    "fence": "codes",
}
STRUCTURE = {
    *("paragraph_open", "bullet_list_open", "ordered_list_open"),
    *("thead_open", "tbody_open", "th_open", "td_open", "inline", *KINDS),
}


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return new_workspace(load_weights())


def rendered(markdown: str) -> tuple[str, Counter[str]]:
    """The text that the Markdown shows, and the structure and marks that it has."""
    lines, counts = [], Counter[str]()
    for token in MARKDOWN.parse(markdown):
        if token.nesting >= 0:
            known = token.type in STRUCTURE
            counts[KINDS.get(token.type, "" if known else token.type)] += 1
        if token.type == "fence":
            lines.append(token.content.removesuffix("\n"))
        lines += [_inline(child, counts) for child in token.children or ()]
        lines.append("\n")
    del counts[""]
    return "".join(lines), counts


def _inline(token: Token, counts: Counter[str]) -> str:
    if token.type in ("text", "text_special"):
        return token.content
    if token.type in ("hardbreak", "softbreak"):
        return "\n"
    counts[token.type] += 1
    return token.content


def written(page: str, workspace: Workspace) -> tuple[str, str]:
    """Text and Markdown, cleaned, of a page of which everything is kept."""
    data = np.frombuffer(page.encode(), np.uint8)
    tokenize(data, workspace)
    workspace[0]["is_kept"][: workspace[0]["state"][0]["blocks"]] = 1
    text = plain_text(data, workspace).tobytes().decode()
    markdown = markdown_text(data, workspace).tobytes().decode()
    return clean(text), clean(markdown, is_markdown=True)


def without_space(text: str) -> str:
    return "".join(text.split())


SIGNS = [
    *("Vec<T>", "# not a heading", "#", "###### six", "####### seven", "C #"),
    *("1986. ", "1986. A year", "7) seven", "1234567890. ten digits", "3.5 is no item"),
    *("---", "- - -", "***", "* * *", "___", "===", "--", "-", "*", "+", "+ a", "- a"),
    *(
        "_a_",
        "*a*",
        "**a** b",
        "__init__",
        "_a",
        "a_b_c",
        "2 * 3 * 4",
        "*a* *",
        "5* 4*",
    ),
    *("[x](y)", "![x](y)", "[x]: y", "[x][y]", "[1](2", "a [b](<c>)", "[^1]: note"),
    *("> a", ">", ">>> a", "1 > 2", "&amp;", "&#38;", "&", "AT&T; x", "&noentity"),
    *("`a`", "a ` b", "```", "``` a", "~~~", "~~~ a", "``a` b``", "`a\\`"),
    *(
        "<div>",
        "</div>",
        "<!-- a -->",
        "<?php ?>",
        "<a@b.example>",
        "<http://a.example>",
    ),
    *("a < b > c", "x<y", "1<2>0", "<3", "\\", "a\\", "\\*a*", "\\\\", "C:\\dir\\_x_"),
    *("|", "a | b", "|---|---|", "| a |", ":--", "!", "![", "](", "\u00a0    four"),
    # What is removed, or becomes ASCII, when the text is cleaned.
    *("#\u00ad a", "\u200b# a", "\ufeff- a", "1\u200b. a", "-\u2060 a", "<\u00addiv>"),
    *(
        "\u1fefa\u1fef",
        "&amp\u037e",
        ">\u0338 a",
        "=\u0338",
        "a\u200b_b_",
        "\u1fef" * 3,
    ),
]
WORDS = {
    "Latin": "word",
    "Cyrillic": "слово",
    "Arabic": "كلمة",
    "Chinese": "词语",
    "Thai": "คำ",
    "Hindi": "शब्द",
}
PLACES = {
    "paragraph": "<p>{}</p>",
    "line": "<p>x<br>{}<br>x</p>",
    "item": "<ul><li>{}<li>{}</ul>",
    "numbered item": "<ol start=9><li>{}<li>{}</ol>",
    "quote": "<blockquote><p>{}<p>{}</blockquote>",
    "nested": "<ul><li>x<blockquote><ol><li>{}</ol></blockquote></ul>",
    "heading": "<h2>{}</h2>",
    "cell": "<table><tr><td>{}<td>x<tr><td>x<td>{}</table>",
    "two rows": "<table><tr><td><ul><li>x</ul><tr><td>{}<td>{}</table>",
    "code": "<pre>{}\n{}</pre>",
    "code in an item": "<ul><li><pre>x\n\n{}</pre></ul>",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("sign", SIGNS)
def test_what_was_text_stays_text(sign: str, place: str, workspace: Workspace) -> None:
    for word in ("", *WORDS.values()):
        for around in ("{1}", "{0} {1}", "{1} {0}", "{0}{1}{0}"):
            said = html.escape(around.format(word, sign))
            page = PLACES[place].replace("{}", said)
            text, markdown = written(page, workspace)
            shown, counts = rendered(markdown)
            bars = without_space(shown).replace("|", "")
            assert bars == without_space(text).replace("|", ""), markdown
            assert set(counts) <= set(KINDS.values()), markdown
            assert counts["headings"] == (place == "heading"), markdown
            assert counts["items"] == page.count("<li>"), markdown
            assert counts["quotes"] == page.count("<blockquote>"), markdown
            assert counts["codes"] == page.count("<pre>"), markdown


PIECES = [
    *"#>-+*_`~<&[]()!|\\=:;./ \n1aя词ि\u200b\u0338",
    "&lt;",
    "<br>",
    "<p>",
    "<li>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@example("a*b *c*d_e _f_")
@example("#<br>\u200b")
@example("_<br>#_")
@example("*<br>#*")
def test_no_mixture_of_signs_becomes_markup(said: str) -> None:
    said = re.sub(r"\\+(?=[(\[])", "", said)  # a formula is not escaped
    page = "<ul><li>" + re.sub(r"<(?!br>|p>|li>)", "&lt;", said)
    text, markdown = written(page, _SHARED)
    shown, counts = rendered(markdown)
    assert without_space(shown) == without_space(text), markdown
    assert set(counts) <= {"items"}, markdown


_SHARED = new_workspace()


@pytest.mark.parametrize(
    "said",
    [
        *("snake_case and a_b_c", "2 * 3 * 4", "a * b", "5 < 6 > 4", "x<y", "AT&T; x"),
        *("[1] and [x][y]", "a ` b", "C# is # one", "1986 was", "3.5 x", "#tag", "-1"),
        *(
            "змеиный_стиль_имён",
            "变量_名称",
            "a | b",
            "\\d+ is a digit",
            "5* hotel, 4*",
        ),
        *("!", "(a)", "a: b", "~ 5", "$5 and $6", "a = b", "«_»", "e.g. x", "50 %"),
    ],
)
def test_what_needs_no_backslash_gets_none(said: str, workspace: Workspace) -> None:
    assert written(f"<p>{html.escape(said)}</p>", workspace)[1] == said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Vec<T>", r"Vec\<T>"),
        ("1986. A year", r"1986\. A year"),
        ("# not a heading", r"\# not a heading"),
        ("---", r"\---"),
        ("a *b* c_d", r"a \*b\* c_d"),
        ("[x](y)", r"[x\](y)"),
        ("&amp;", r"\&amp;"),
        ("ключ *слово* _имя_", r"ключ \*слово\* \_имя\_"),
    ],
)
def test_what_is_escaped(said: str, expected: str, workspace: Workspace) -> None:
    assert written(f"<p>{html.escape(said)}</p>", workspace)[1] == expected


def test_a_formula_is_tex_as_it_was(workspace: Workspace) -> None:
    tex = r"a_{i}^{*}*b_{j} \\ \{x\} a<b"
    page = f"<p>x <script type='math/tex'>{tex}</script> *y* <b>z</b> *y*</p>"
    expected = r"x $a_{i}^{*}*b_{j} \\ \{x\} a< b$ \*y\* z \*y\*"
    assert written(page, workspace)[1] == expected


@pytest.mark.parametrize("script", WORDS)
def test_a_page_of_every_structure_renders_as_its_text(
    script: str, workspace: Workspace
) -> None:
    word = WORDS[script]
    page = (
        f"<h1>{word} 1</h1><p>{word}<br>{word} 2.<ul><li>{word}<ol><li>{word}<li>{word}</ol><li>{word}"
        f"<blockquote>{word}<ul><li>{word}</ul><pre>{word}\n  {word}</pre></blockquote>{word}</ul>"
        f"<table><tr><th>{word}<th><th>{word}|{word}<tr><td>{word}<td>{word}<td></table>"
        f"<ol><li>{word}<table><tr><td>{word}<td>{word}</table></ol><h3>{word} #</h3>"
    )
    text, markdown = written(page, workspace)
    shown, counts = rendered(markdown)
    assert re.findall(r"\w+", shown) == re.findall(r"\w+", text)
    assert counts == Counter(headings=2, items=6, quotes=1, codes=1, tables=2, rows=3)


@pytest.mark.long
@pytest.mark.shared
def test_every_page_renders_as_its_text(
    shared_data: Path, workspace: Workspace
) -> None:
    """Words in order, and the structure that was kept; what differs is printed."""
    from tamis.training.extractor.pages import read_pages

    pages = read_pages(
        path
        for path in sorted(shared_data.glob("pages-dev*.warc.gz"))
        if "charsets" not in path.name
    )
    assert len(pages) > 3_000
    texts = structures = 0
    for page in pages:
        found = extract([page.html.tobytes()], markdown=True)
        assert found.markdown is not None
        text = clean(found.text[0].as_py())
        markdown = clean(found.markdown[0].as_py(), is_markdown=True)
        shown, counts = rendered(markdown)
        if re.findall(r"\w+", shown) != re.findall(r"\w+", text):
            texts += 1
            print("other words:", page.url)
        if found.flags[0]:
            continue  # the structure below is that of the page as a whole
        kept = structure_kept(page.html, workspace)
        if counts != kept:
            structures += 1
            print("other structure:", page.url, kept - counts, counts - kept)
    print(
        f"{texts} of {len(pages)} pages have other words, {structures} other structure"
    )
    assert texts < 0.002 * len(pages)
    assert structures < 0.002 * len(pages)


def structure_kept(page: np.ndarray, workspace: Workspace) -> Counter[str]:
    """What the kept blocks stand in, counted from the elements of the page."""
    tokenize(page, workspace)
    describe(workspace)
    decide(workspace, NO, NO, YES)
    state = workspace[0]["state"][0]
    elements = workspace[0]["elements"][: state["elements"]]
    blocks = workspace[0]["blocks"][: state["blocks"]]
    kept = workspace[0]["is_kept"][: state["blocks"]].nonzero()[0].tolist()
    ancestors = {block: _ancestors(blocks[block], elements) for block in kept}
    tables = _tables(kept, ancestors, blocks, elements)
    cells = {block for of_table in tables.values() for block in of_table}
    names = {
        block: [(int(elements[e]["tag"]), e) for e in ancestors[block]]
        for block in kept
    }
    codes, quotes, items, rows = set(), set(), set(), set()
    headings = 0
    for block in kept:
        pres = [e for tag, e in names[block] if tag == tags.PRE]
        # What a table or a pre stands in counts, not what stands in it.
        holder = _table(names[block]) if block in cells else pres[-1] if pres else None
        inside = names[block]
        if holder is not None:
            inside = inside[ancestors[block].index(holder) :]
        if pres:
            codes.add(pres[-1])
        elif block not in cells:
            headings += tags.H1 <= names[block][0][0] <= tags.H6
        quotes |= {e for tag, e in inside if tag == tags.BLOCKQUOTE}
        items |= set([e for tag, e in inside if tag == tags.LI][:1])
        if block in cells:
            cell = next(e for tag, e in names[block] if tag in (tags.TD, tags.TH))
            rows.add(int(elements[cell]["parent"]))
    return +Counter(
        headings=headings,
        items=len(items),
        quotes=len(quotes),
        tables=len(tables),
        rows=len(rows),
        codes=len(codes),
    )


def _ancestors(block: np.void, elements: np.ndarray) -> list[int]:
    """What bounds a block, from its own container out."""
    inner = int(block["element"] if block["flags"] & IN_PRE else block["container"])
    found = []
    while inner >= 0:
        found.append(inner)
        inner = int(elements[inner]["parent"])
    return found


def _table(names: list[tuple[int, int]]) -> int | None:
    return next((element for tag, element in names if tag == tags.TABLE), None)


def _tables(
    kept: list[int],
    ancestors: dict[int, list[int]],
    blocks: np.ndarray,
    elements: np.ndarray,
) -> dict[int, set[int]]:
    """The kept blocks of each table that can be one in Markdown: see write/tables.py."""
    not_in_cells = {
        *(tags.LI, tags.UL, tags.OL, tags.BLOCKQUOTE, tags.CAPTION, tags.TABLE),
        *range(tags.H1, tags.H6 + 1),
    }
    of_table: dict[int, list[int]] = {}
    for block in kept:
        for element in ancestors[block]:
            if elements[element]["tag"] == tags.TABLE:
                of_table.setdefault(element, []).append(block)
    tables = {}
    for table, within in of_table.items():
        cells, short, columns = {}, [], 0
        for block in within:
            between = ancestors[block][: ancestors[block].index(table)]
            kinds = [int(elements[element]["tag"]) for element in between]
            places = [at for at, kind in enumerate(kinds) if kind in (tags.TD, tags.TH)]
            is_pre = bool(blocks[block]["flags"] & IN_PRE)
            if not places or is_pre or not_in_cells & set(kinds[: places[0]]):
                continue
            if tags.TABLE in kinds:
                continue
            cell = between[places[0]]
            cells[block] = cell
            row = elements["parent"] == elements[cell]["parent"]
            columns = max(
                columns, int((row & np.isin(elements["tag"], (tags.TD, tags.TH))).sum())
            )
            alone = elements[cell]["block_stop"] - elements[cell]["block_start"] == 1
            is_all = set(kinds[: places[0]]) <= {tags.P, tags.DIV}
            if is_all and alone and blocks[block]["words"] <= 40:
                short.append(block)
        if not short or len(cells) < 2 or 2 * len(short) < len(cells) or columns > 256:
            continue
        # From the first short cell to the last cell nothing else may stand.
        middle = [block for block in within if short[0] <= block <= max(cells)]
        if all(block in cells for block in middle):
            tables[table] = set(cells)
    return tables
