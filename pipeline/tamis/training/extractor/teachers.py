"""The extractors whose texts label pages without gold, each in a process of its own.

Imports as little as possible: the guard's worker loads this module.
"""

from collections.abc import Callable
from typing import Final

TEACHERS: Final = ("trafilatura", "trafilatura_comments", "resiliparse")


def build(name: str) -> Callable[[str], tuple[str]]:
    """The teacher of that name, as a function for `Guard`; loads its library."""
    text_of = {
        "trafilatura": _trafilatura,
        "trafilatura_comments": _trafilatura_comments,
        "resiliparse": _resiliparse,
    }[name]()
    return lambda page: (text_of(page),)


def _trafilatura() -> Callable[[str], str]:
    import trafilatura

    return lambda page: trafilatura.extract(page, include_comments=False) or ""


def _trafilatura_comments() -> Callable[[str], str]:
    import trafilatura

    return lambda page: trafilatura.extract(page) or ""


def _resiliparse() -> Callable[[str], str]:
    from resiliparse.extract.html2text import extract_plain_text

    return lambda page: str(
        extract_plain_text(page, main_content=True, alt_texts=False)
    )
