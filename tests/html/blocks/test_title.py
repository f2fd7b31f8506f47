"""The page's own heading stands first in its text, where the recipe does not say otherwise."""

import pytest

from tamis.html.blocks.engine import extract

PROSE = {
    "Latin": (
        "Le registre du port de pêche",
        "Le registre contient tous les bateaux entrés depuis le printemps. ",
    ),
    "Cyrillic": (
        "Журнал старого порта",
        "В журнале записаны все лодки, которые пришли сюда с самой весны. ",
    ),
    "Arabic": (
        "سجل الميناء القديم",
        "يحتوي السجل على جميع القوارب التي دخلت منذ ربيع هذا العام. ",
    ),
    "Chinese": (
        "旧港口的登记簿",
        "登记簿记录了自春天以来进港的每一条船，管理员每月读给孩子们听。",
    ),
    "Thai": ("สมุดทะเบียนท่าเรือ", "สมุดทะเบียนบันทึกเรือทุกลำที่เข้ามาตั้งแต่ฤดูใบไม้ผลิ "),
}


def page(head: str, prose: str, title: str) -> str:
    body = f"<p>{prose * 4}</p>" * 5
    return (
        f"<html><head><title>{title}</title></head><body>"
        "<div class='header'><a href='/'>Home</a> <a href='/a'>About</a></div>"
        f"<div class='top'>{head}</div><div class='text'>{body}</div></body></html>"
    )


@pytest.mark.parametrize("script", PROSE)
def test_the_heading_that_the_title_repeats_is_first(script: str) -> None:
    name, prose = PROSE[script]
    html = page(f"<h1>{name}</h1>", prose, f"{name} | Site")
    found = extract([html], markdown=True)
    assert found.text[0].as_py().split("\n")[0] == name
    assert found.markdown is not None
    assert found.markdown[0].as_py().startswith(f"# {name}\n")
    assert found.text[0].as_py().count(name) == 1


def test_a_column_is_all_that_the_recipe_may_want() -> None:
    name, prose = PROSE["Latin"]
    html = page(f"<h1>{name}</h1>", prose, name)
    columns = extract([html], title="column").text[0].as_py()
    assert extract([html]).text[0].as_py() in (columns, f"{name}\n{columns}")


@pytest.mark.parametrize(
    "head",
    [
        '<h1><a href="/">Le site de la ville</a></h1>',  # the site's name
        "<h1>Inscrivez-vous à notre lettre</h1>",
    ],
)
def test_other_headings_are_not_put_there(head: str) -> None:
    name, prose = PROSE["Latin"]
    html = page(head, prose, f"{name} - Le site de la ville")
    with_title, without = (
        extract([html], title=title).text[0].as_py() for title in ("prepend", "column")
    )
    assert with_title == without


def test_a_page_without_text_gets_no_heading() -> None:
    html = "<title>Ledger of boats</title><h1>Ledger of boats</h1>"
    assert (
        extract([html]).text[0].as_py()
        == extract([html], title="column").text[0].as_py()
    )
