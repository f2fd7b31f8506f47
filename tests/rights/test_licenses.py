import json

import pytest

from tamis.rights.licenses import (
    Statement,
    license_of,
    of_json_ld,
    of_link_header,
    statements,
)

BY = "https://creativecommons.org/licenses/by/4.0/"


def stated(page: str) -> list[Statement]:
    data = page.encode()
    positions, place = [], data.find(b"creativecommons.org")
    while place >= 0:
        positions.append(place)
        place = data.find(b"creativecommons.org", place + 1)
    return list(statements(data, positions))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (BY, "cc-by-4.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/de/", "cc-by-nc-sa-3.0-de"),
        ("//creativecommons.org/licenses/by-sa/4.0/deed.fr", "cc-by-sa-4.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/deed", "cc-by-sa-4.0"),
        ("https://creativecommons.org/licenses/by-nd-nc/1.0/", "cc-by-nc-nd-1.0"),
        ("https://creativecommons.org/licenses/by/2.5/scotland", "cc-by-2.5-scotland"),
        ("https://creativecommons.org/licenses/BY-SA/3.0", "cc-by-sa-3.0"),
        ("https://creativecommons.org/licenses/by", "cc-by"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "cc-pdm-1.0"),
        ("https://creativecommons.org/", None),
        ("https://creativecommons.org/licenses/", None),
        ("https://creativecommons.org/licenses/sampling/1.0/", None),
        ("https://creativecommons.org/licenses/by-public/4.0/", None),
        ("https://example.org/licenses/by/4.0/", None),
        ("", None),
    ],
)
def test_a_licence_is_named_by_its_address(address: str, expected: str | None) -> None:
    assert license_of(address) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param(f'<link rel="license" href="{BY}">', ["link"], id="link"),
        pytest.param(f"<a href={BY} rel=license>CC</a>", ["anchor"], id="anchor"),
        pytest.param(
            f'<A\nREL="nofollow License"\nHREF="{BY}">', ["anchor"], id="case"
        ),
        pytest.param(f'<a property="cc:license" href="{BY}">', ["anchor"], id="RDFa"),
        pytest.param(f'<a itemprop="license" href="{BY}">', ["anchor"], id="microdata"),
        pytest.param(
            f'<meta name="DC.rights" content="© Ж, {BY}">', ["meta"], id="meta"
        ),
        pytest.param(
            f'<meta name="dcterms.license" content="{BY}">', ["meta"], id="dc"
        ),
        pytest.param(
            '<script type="application/ld+json">{"@type": "Article", "license":'
            ' "https:\\/\\/creativecommons.org\\/licenses\\/by\\/4.0\\/"}</script>',
            ["json_ld"],
            id="JSON-LD with escapes",
        ),
        pytest.param(f'<a href="{BY}">CC BY</a>', [], id="a link that states nothing"),
        pytest.param(f"<p>{BY}", [], id="in the text"),
        pytest.param(f'<a rel="license" href="/l">{BY}</a>', [], id="text of a link"),
        pytest.param(f'<!-- <a rel="license" href="{BY}"> -->', [], id="comment"),
        pytest.param(f'<meta name="description" content="{BY}">', [], id="description"),
        pytest.param(f'<img src="a" rel="license" longdesc="{BY}">', [], id="image"),
        pytest.param(f'<script>x={{"license": "{BY}"}}</script>', [], id="script"),
        pytest.param(
            f'<script>x=\'<a rel="license" href="{BY}">\'</script>', [], id="markup in"
        ),
        pytest.param(
            f'<script>x</script><a rel="license" href="{BY}">', ["anchor"], id="behind"
        ),
        pytest.param(
            f'<scripture><a rel="license" href="{BY}">', ["anchor"], id="no script"
        ),
        pytest.param(f'<a rel="license" href="{BY}', [], id="cut"),
        pytest.param("", [], id="empty"),
    ],
)
def test_a_licence_counts_where_the_page_states_it(
    page: str, expected: list[str]
) -> None:
    assert stated(page) == [Statement("cc-by-4.0", place) for place in expected]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param({"license": BY}, 1, id="bare"),
        pytest.param({"@graph": [{"@type": "WebPage", "license": BY}]}, 1, id="graph"),
        pytest.param({"license": {"@id": BY}}, 1, id="node"),
        pytest.param({"license": [{"url": BY}]}, 1, id="list"),
        pytest.param({"@type": "ImageObject", "license": BY}, 0, id="image"),
        pytest.param({"image": {"@type": ["ImageObject"], "license": BY}}, 0, id="its"),
        pytest.param({"license": 4}, 0, id="number"),
        pytest.param({"@type": [["Image"], 1], "license": BY}, 1, id="type of no name"),
        pytest.param([], 0, id="empty"),
    ],
)
def test_json_ld_speaks_for_the_page_and_not_for_its_pictures(
    node: object, expected: int
) -> None:
    found = list(of_json_ld(json.dumps(node).encode()))
    assert found == [Statement("cc-by-4.0", "json_ld")] * expected


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 200_000, b"1" * 10_000], ids=len
)
def test_json_that_is_none_states_nothing(content: bytes) -> None:
    assert list(of_json_ld(content)) == []


def test_a_link_header_states_a_licence_by_its_relation() -> None:
    value = f'link: </style.css>; rel=preload, <{BY}>; rel="license", <{BY}>; rel=next'
    assert list(of_link_header(value)) == [Statement("cc-by-4.0", "header")]
