import pytest
from fixtures.patience import cpu_seconds

from tamis.html.prescan import PRESCAN_BYTES, encoding_in_header, encoding_in_markup


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        pytest.param(None, None, id="no header"),
        pytest.param("text/html", None, id="no charset"),
        pytest.param("text/html; charset=utf-8", "utf-8", id="plain"),
        pytest.param('text/html;charset="Windows-1251"', "windows-1251", id="quoted"),
        pytest.param(
            "text/html; CHARSET = 'koi8-r'", "koi8-r", id="spaces, apostrophes"
        ),
        pytest.param("text/html; charset=big5; x=y", "big5", id="a parameter follows"),
        pytest.param(
            "text/html; charset=gbk, text/html", "gbk", id="two headers in one"
        ),
        pytest.param("text/html; charset=", None, id="empty"),
        pytest.param("text/html; charset=klingon", None, id="unknown"),
    ],
)
def test_charset_in_the_header(content_type: str | None, encoding: str | None) -> None:
    assert encoding_in_header(content_type) == encoding


@pytest.mark.parametrize(
    ("markup", "encoding"),
    [
        pytest.param("", None, id="empty"),
        pytest.param("<p>charset=utf-8", None, id="text is no declaration"),
        pytest.param("<meta charset=utf-8>", "utf-8", id="HTML 5"),
        pytest.param("<META CHARSET='Shift_JIS'/>", "shift_jis", id="capitals"),
        pytest.param(
            '<meta http-equiv="Content-Type" content="text/html; charset=euc-kr">',
            "euc-kr",
            id="HTML 4",
        ),
        pytest.param(
            '<meta content="text/html; charset=euc-kr" http-equiv=content-type>',
            "euc-kr",
            id="HTML 4, turned round",
        ),
        pytest.param(
            '<meta name=description content="charset=euc-kr">',
            None,
            id="content counts beside http-equiv only",
        ),
        pytest.param(
            "<!-- <meta charset=gbk> --><meta charset=big5>", "big5", id="in a comment"
        ),
        pytest.param("<!--><meta charset=gbk>", "gbk", id="the shortest comment"),
        pytest.param("<!-- <meta charset=gbk>", None, id="a comment without end"),
        pytest.param("<metaphor charset=gbk>", None, id="another element"),
        pytest.param(
            '<a title="<meta charset=gbk>"><meta charset=big5>',
            "big5",
            id="in an attribute",
        ),
        pytest.param(
            "<meta charset=klingon><meta charset=big5>", "big5", id="unknown first"
        ),
        pytest.param("<meta charset=big5 charset=gbk>", "big5", id="the first counts"),
        pytest.param("<meta charset=utf-16>", "utf-8", id="readable, so not UTF-16"),
        pytest.param(
            "<meta charset=x-user-defined>", "windows-1252", id="user defined"
        ),
        pytest.param(
            '<?xml version="1.0" encoding="iso-8859-2"?><html>', "iso-8859-2", id="XML"
        ),
        pytest.param(
            '<?xml version="1.0" encoding="iso-8859-2"?><meta charset=koi8-u>',
            "koi8-u",
            id="meta before XML",
        ),
        pytest.param(
            "</p><!doctype html><?php?><meta charset=gbk>", "gbk", id="others"
        ),
        pytest.param(" " * 2000 + "<meta charset=gbk>", "gbk", id="after 1,024 bytes"),
        pytest.param(
            " " * PRESCAN_BYTES + "<meta charset=gbk>", None, id="beyond the prescan"
        ),
        pytest.param("<meta charset=gbk", "gbk", id="cut"),
        pytest.param("<", None, id="a lone bracket"),
    ],
)
def test_charset_in_the_markup(markup: str, encoding: str | None) -> None:
    assert encoding_in_markup(markup.encode()) == encoding


@pytest.mark.parametrize("unit", [b"<", b"<a ", b'<meta x="', b"<a '", b"<!-", b"= "])
def test_the_prescan_takes_no_time_with_the_square_of_the_page(unit: bytes) -> None:
    page = unit * PRESCAN_BYTES
    assert encoding_in_markup(page) is None
    assert cpu_seconds(lambda: encoding_in_markup(page)) < 0.5
