"""Main text by trafilatura: the precise engine.

Its fallback extractors are on: without them F1 falls by .04 on 500 pages with gold
text. Its metadata are off: they double the time. Its deduplication is off, because it
remembers pages: the same page would give another text later. Comments are left out.
"""

from collections.abc import Callable


def build() -> Callable[[str], str]:
    """Return the extraction; loads the library."""
    from trafilatura import extract

    def text_of(page: str) -> str:
        text: str | None = extract(
            page,
            fast=False,
            include_comments=False,
            include_tables=True,
            deduplicate=False,
            with_metadata=False,
        )
        return text or ""

    return text_of
