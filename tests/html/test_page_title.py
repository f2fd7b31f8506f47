import pytest

from tamis.html.engines.page import title_of


@pytest.mark.parametrize(
    ("page", "title"),
    [
        pytest.param("", None, id="empty"),
        pytest.param("<p>text", None, id="none"),
        pytest.param("<title>Un été</title>", "Un été", id="Latin"),
        pytest.param("<TITLE lang=ru>\n Лето \n</TITLE>", "Лето", id="capitals"),
        pytest.param(
            "<title>R&amp;D &#8211; &Ouml;l</title>", "R&D – Öl", id="references"
        ),
        pytest.param("<title>夏", "夏", id="cut"),
        pytest.param(
            '<title></title><meta property="og:title" content="Sommer &amp; Meer">',
            None,
            id="an empty title is a title",
        ),
        pytest.param(
            "<meta content='Sommer' property=og:title>", "Sommer", id="Open Graph"
        ),
        pytest.param(
            '<meta property="og:title">', None, id="Open Graph without content"
        ),
        pytest.param("og:title", None, id="Open Graph in text"),
        pytest.param("<titles>x</titles>", None, id="another element"),
    ],
)
def test_title(page: str, title: str | None) -> None:
    assert title_of(page) == title
