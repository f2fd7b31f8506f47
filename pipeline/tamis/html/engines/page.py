"""The function that an engine's guarded process runs on each page.

Imports as little as possible: there is such a process for every worker.
"""

import importlib
from collections.abc import Callable

from tamis.html.title import title_of


def with_title(factory: str) -> Callable[[str], tuple[str, str | None]]:
    """A function from a page to its text, by the engine of `factory`, and its title.

    `factory` is "module:attribute". Zero bytes are left out: libxml2 takes the first
    one for the end of the page.
    """
    module, _, attribute = factory.partition(":")
    text_of: Callable[[str], str] = getattr(
        importlib.import_module(module), attribute
    )()

    def text_and_title(page: str) -> tuple[str, str | None]:
        page = page.replace("\0", "")
        return text_of(page), title_of(page)

    return text_and_title
