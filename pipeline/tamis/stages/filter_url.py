"""Drop documents whose address is on a blocklist or contains listed words.

Reads  url
Writes drop_reason  blocklist_CATEGORY, url_word_strict, url_word_hard, url_word_soft

`blocklist_adult` comes from `adult/domains` or `adult/urls` of a folder of lists, or
from a file `adult.txt`. Lists and what their entries match: `pipeline/tamis/urls/keys.py`.
"""

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.stage import BatchFunction, Transform, drop
from tamis.urls.sources import Counts, counts_of, harmless, sources

if TYPE_CHECKING:
    from tamis.urls.blocklist import Blocklist
    from tamis.urls.words import UrlWords

# Addresses that the word sieve cannot check: escapes, punycode, other alphabets.
_NOT_PLAIN = r"%|xn--|[^\x00-\x7f]"


class FilterUrl(Transform):
    """Which lists and words to use. Without lists, only the package's few words."""

    version: ClassVar[int] = 3
    path_settings: ClassVar[tuple[str, ...]] = ("lists", "word_lists")

    # Files and folders of domains, hosts and URLs, such as an unpacked UT1.
    lists: tuple[str, ...] = ()
    # Categories of the lists to use. Empty: all except those of UT1 that are not about
    # harm (press, bank, sexual_education, ...).
    categories: tuple[str, ...] = ()
    # Whether to use the package's words for English, French, German, Spanish and Italian.
    words: bool = True
    # Tables of your own, lines `rule<TAB>word`; `pipeline/tamis/urls/words.tsv` is one.
    word_lists: tuple[str, ...] = ()

    def columns_read(self) -> tuple[str, ...]:
        return ("url",)

    def files(self) -> tuple[str, ...]:
        paths = [str(source.path) for source in sources(self.lists, self.categories)]
        return (*paths, *self.word_lists)

    def depends_on(self) -> tuple[str, ...]:
        # Reasons are named after the lists.
        return tuple(s.category for s in sources(self.lists, self.categories))

    def facts(self) -> list[str]:
        lists = [
            f"list {source.category}: {own.entries:,} entries{_skipped(own)}"
            f" ({source.path})"
            for source, own in counts_of(sources(self.lists, self.categories))
        ]
        left_out = harmless(self.lists, self.categories)
        if left_out:
            lists.append(f"left out, as UT1 lists them for other reasons: {left_out}")
        return lists

    def build(self) -> BatchFunction:
        """Map the lists, preparing them if that is not done yet; return the transform."""
        from tamis.urls.words import load_words

        blocklist = open_blocklist(self)
        words = load_words(self.word_lists, with_own=self.words)

        def filter_url(batch: pa.RecordBatch) -> pa.RecordBatch:
            return drop(batch, reasons(batch["url"], blocklist, words))

        return filter_url


def _skipped(own: Counts) -> str:
    return f", {own.skipped:,} lines name no host" if own.skipped else ""


def open_blocklist(stage: FilterUrl) -> "Blocklist | None":
    """The lists of a stage, ready for look-ups; None if it names none."""
    from tamis.urls.blocklist import default_folder, prepared

    if not stage.lists:
        return None
    lists = sources(stage.lists, stage.categories)
    return prepared(lists, default_folder())


def reasons(
    urls: Any, blocklist: "Blocklist | None", words: "UrlWords"
) -> pa.StringArray:
    """Why each address is dropped; null keeps it. Lists come before words."""
    from tamis.urls.normalise import address

    found: list[str | None] = [None] * len(urls)
    if blocklist is not None:
        names = np.array([*map(reason, blocklist.categories), None], object)
        found = names[blocklist.codes_of(urls)].tolist()
    suspected = np.flatnonzero(words_suspected(urls, words)).tolist()
    rows = [row for row in suspected if found[row] is None]
    for row, url in zip(
        rows, urls.take(pa.array(rows, pa.int64())).to_pylist(), strict=True
    ):
        rule = words.rule(address(url))
        found[row] = rule and f"url_word_{rule}"
    return pa.array(found, pa.string())


def reason(category: str) -> str:
    """The drop reason of a list: `mixed-adult` gives `blocklist_mixed_adult`."""
    return f"blocklist_{re.sub(r'[^a-z0-9]+', '_', category.lower()).strip('_')}"


def words_suspected(urls: Any, words: "UrlWords") -> Any:
    """Which addresses a word rule could drop, as a numpy mask; false for null."""
    suspected = np.zeros(len(urls), bool)
    for pattern in [_NOT_PLAIN, *words.sieve()]:
        found = pc.match_substring_regex(urls, f"(?i){pattern}")
        suspected |= np.asarray(pc.fill_null(found, False))
    return suspected
