"""The kernel decides on ASCII addresses as the rule that is written out does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.pii.emails import NONE, ODD, ascii_emails
from tamis.pii.masking import mask
from tamis.pii.rules import Span, email_span


def span_of(text: str) -> Span | None:
    data = np.frombuffer(text.encode(), np.uint8)
    (span,) = ascii_emails(data, np.array([0]), np.array([len(data)])).tolist()
    return None if span[0] == NONE else (span[0], span[1])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a@b.fr", "a@b.fr"),
        ("A.B@C.D.Co.UK", "A.B@C.D.Co.UK"),
        ("'+a@b.org.", "a@b.org"),
        ("x..y@b.org", "y@b.org"),
        ("x...y@b.org", "y@b.org"),
        ("me@example.com.Then", "me@example.com"),
        ("me@example.com-then", "me@example.com"),
        ("me@xn--e1afmkfd.xn--p1ai", "me@xn--e1afmkfd.xn--p1ai"),
        ("me@a.b.c.d.e.f.g.com", "me@a.b.c.d.e.f.g.com"),
        ("x" * 64 + "@b.org", "x" * 64 + "@b.org"),
        ("me@" + "b" * 63 + ".org", "me@" + "b" * 63 + ".org"),
    ],
)
def test_an_address_is_found_where_it_stands(text: str, address: str) -> None:
    start = text.index(address)
    assert span_of(text) == (start, start + len(address)) == email_span(text)


@pytest.mark.parametrize(
    "text",
    [
        *("icon@2x.png", "me@localhost", "me@b.nosuchtop", "me@.org", "me@-b.org"),
        *("me@b-.org", "me@b..org", ".@b.org", "a.@b.org", "x" * 65 + "@b.org"),
        *(
            "me@" + "b" * 64 + ".org",
            "me@a.b.c.d.e.f.g.h.com",
            "me@b.",
            "me@",
            "@b.org",
        ),
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert span_of(text) is None
    assert email_span(text) is None


def test_letters_outside_ascii_are_left_to_the_rule() -> None:
    data = "jürgen@b.de a@пример.рф b@c.de".encode()
    starts = [0, data.index(b"a@"), data.index(b"b@c")]
    stops = [data.index(b" a@"), data.index(b" b@"), len(data)]
    spans = ascii_emails(
        np.frombuffer(data, np.uint8), np.array(starts), np.array(stops)
    )
    assert spans[:, 0].tolist() == [ODD, ODD, starts[2]]
    none = ascii_emails(
        np.frombuffer(b"", np.uint8), np.empty(0, int), np.empty(0, int)
    )
    assert none.shape == (0, 2)


@settings(max_examples=1_000, deadline=None)
@given(
    st.lists(st.sampled_from([*"ab.-_+%'1", "..", "x" * 33]), max_size=6),
    st.lists(
        st.sampled_from([*"ab.-1", ".com", ".", "de", "b" * 62, ".co.uk"]), max_size=9
    ),
)
def test_both_ways_agree(local: list[str], domain: list[str]) -> None:
    text = "".join([*local, "@", *domain])
    assert span_of(text) == email_span(text)


@pytest.mark.parametrize("name", ["example", "test", "invalid", "local", "internal"])
def test_a_top_level_domain_that_does_not_exist_makes_no_address(name: str) -> None:
    """As docs/recipe.md says of mask_pii."""
    text = f"write to jane@firm.{name} now, or to jane@firm.org"
    masked = f"write to jane@firm.{name} now, or to <EMAIL>"
    assert mask(text) == masked
