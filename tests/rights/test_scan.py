import pyarrow as pa
import pytest
from fixtures.patience import cpu_seconds

from tamis.rights.scan import HEAD_BYTES, MOST_FOUND, mentions, tags
from tamis.text.buffers import utf8_buffers

ROBOTS = '<meta name="robots" content="noai">'


def found(*pages: str) -> list[tuple[int, str]]:
    """(page, tag) of every tag that `tags` reports."""
    data, offsets = utf8_buffers(pa.array(pages, pa.string()))
    rows = tags(data, offsets).tolist()
    return [(row, data[start:stop].tobytes().decode()) for row, start, stop in rows]


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(ROBOTS, id="plain"),
        pytest.param("<META NAME=ROBOTS CONTENT=NOINDEX,FOLLOW>", id="capitals"),
        pytest.param("<meta\ncontent='none'\nname='robots'/>", id="lines"),
        pytest.param('<meta name="tdm-reservation" content="1">', id="TDMRep"),
        pytest.param('<link rel=license type="application/rsl+xml">', id="RSL"),
        pytest.param(
            '<meta name="robots" title="a > b" content="noai">', id="quoted >"
        ),
    ],
)
def test_a_telling_tag_is_found(tag: str) -> None:
    assert found(f"<!doctype html><head>{tag}<title>日本語</title>") == [(0, tag)]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("", id="empty"),
        pytest.param("<", id="one byte"),
        pytest.param("<meta", id="cut"),
        pytest.param('<meta name="robots" content="noai"', id="no end"),
        pytest.param('<meta name="robots" content="noai>', id="open quote"),
        pytest.param('<meta name="robots" content="index, follow">', id="index"),
        pytest.param('<meta name="description" content="Il est noté">', id="noté"),
        pytest.param('<metadata name="robots" content="noai">', id="other tag"),
        pytest.param(f"<!-- {ROBOTS} -->", id="comment"),
        pytest.param(f"<!-- {ROBOTS}", id="open comment"),
        pytest.param(f"<script>document.write('{ROBOTS}')</SCRIPT>", id="script"),
        pytest.param(f"<title>How to use {ROBOTS}</title>", id="title"),
        pytest.param(f"<style>{ROBOTS}", id="open style"),
        pytest.param(f"<body>{ROBOTS}", id="body"),
        pytest.param(" " * HEAD_BYTES + ROBOTS, id="too far down"),
    ],
)
def test_what_is_no_telling_tag_of_the_head_is_not(page: str) -> None:
    assert found(page) == []


def test_markup_goes_on_behind_a_script_and_a_comment() -> None:
    page = f"<!--><script>if (a < b) {{}}</script><!-- x -->{ROBOTS}"
    assert found("<p>", page, "") == [(1, ROBOTS)]


def test_an_apostrophe_within_a_bare_value_opens_no_quotation() -> None:
    single = ROBOTS.replace('"', "'")
    page = f"<meta name=description content=it's>{single}<p title='>'>"
    assert found(page) == [(0, single)]


def test_a_head_of_endless_tags_costs_no_more_than_its_length() -> None:
    data, offsets = utf8_buffers(pa.array(["<meta " * (HEAD_BYTES // 6)]))
    assert len(tags(data, offsets)) == 0
    # Measured: 1 ms. Each of 43,000 tags looking 2 kB ahead for its end took 120.
    assert cpu_seconds(lambda: tags(data, offsets)) < 0.03


def test_a_page_is_not_read_beyond_its_end() -> None:
    assert found("<meta name=robots content=", "noai>") == []


def test_tags_beyond_the_sixty_fourth_are_left_out() -> None:
    assert len(found(ROBOTS * 100, ROBOTS)) == MOST_FOUND + 1


def test_mentions_are_found_page_by_page() -> None:
    pages = ["", "Ж creativecommons.org", "creativecommons", ".org", None]
    data, offsets = utf8_buffers(pa.array(pages, pa.string()))
    # "Ж " are three bytes.
    assert mentions(data, offsets) == [(1, 3)]
    many = pa.array(["creativecommons.org" * 100, "creativecommons.org"])
    assert len(mentions(*utf8_buffers(many))) == MOST_FOUND + 1


def test_a_slice_of_a_batch_is_scanned_alone() -> None:
    pages = pa.array([ROBOTS, "creativecommons.org", ROBOTS]).slice(1)
    data, offsets = utf8_buffers(pages)
    assert [row for row, _, _ in tags(data, offsets).tolist()] == [1]
    assert mentions(data, offsets) == [(0, len(ROBOTS))]
