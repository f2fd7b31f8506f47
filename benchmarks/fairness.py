"""Measure what the default quality filter keeps in each language, of prose and of junk.

    python benchmarks/fairness.py ../shared/data

Takes the whole main texts of gold-dev.jsonl.gz, their first 60 words (to the end of the
sentence), and junk made from the same pages (at most 220 a language):

    boilerplate     the page's blocks that are not in its main text
    links           the text of its links, one a line
    shuffled        words and their marks in any order, on one line
    shuffled_lines  the same, in lines as long as the page's
    shuffled_words  words in any order, marks and lines where they were
    repeated        5 to 30 words, 5 to 30 times
    half_repeated   the main text, then one of its spans until that is half of the text

`--profile` measures the profile of that name; for by_type, the type of each page, and of the junk
made from it, is told by models that have seen no page of its site. After the first table: the
shares of main texts by type of page.

`--scores` prints the mean quality_score of the packaged model in place of the shares.

An equal share of prose should be kept in every language, and junk should be dropped.

A second table is for languages without such pages: a document is ten sentences of
lid-dev.jsonl.gz, from many pages, in two lines. A third is for languages without such
sentences but with words in function_words.tsv: a document is five paragraphs of the
Declaration of Human Rights, the first five, the next five and so on.
"""

import argparse
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import lxml.html
import numpy as np
import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tamis.language.codes import known_language
from tamis.quality.names import Profile
from tamis.stages.filter_quality import FilterQuality
from tamis.stages.measure_text import MeasureText
from tamis.stages.score_quality import ScoreQuality
from tamis.text.buffers import utf8_buffers
from tamis.text.function_words import languages
from tamis.text.scripts import SCRIPTS, dominant_script
from tamis.text.words import segment
from tamis.training.extractor.page_types import samples, spellings, types_on_new_sites
from tamis.training.extractor.pages import read_pages

KINDS = (
    *("prose", "beginning", "boilerplate", "links"),
    *("shuffled", "shuffled_lines", "shuffled_words", "repeated", "half_repeated"),
)
MOST_A_LANGUAGE = 220
LEAST_A_LANGUAGE = 5
FIRST_WORDS = 60

# Lines of a document of the second table, and sentences in each.
LINES, SENTENCES = 2, 5
PARAGRAPHS = 5
LEAST_PARAGRAPHS = 3

# Mostly not in sentences, and not seen.
_UNSEEN = "//script|//style|//noscript|//comment()"
_BLOCKS = ("p", "li", "div", "td", "h1", "h2", "h3", "h4", "a", "span", "footer", "nav")

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--profile", choices=get_args(Profile), default="prose")
    parser.add_argument("--reasons", action="store_true", help="print what dropped it")
    parser.add_argument("--scores", action="store_true", help="print mean scores")
    arguments = parser.parse_args()
    if arguments.scores:
        print_scores(arguments.data)
        return
    types = types_of(arguments.data) if arguments.profile == "by_type" else {}
    found = decided(sets_of(arguments.data, types), arguments.profile)
    print_shares(found)
    print_page_types(arguments.data, arguments.profile, types)
    joined = decided(joined_sets_of(arguments.data), arguments.profile)
    print("\nsentences of many pages, joined")
    print_shares(joined)
    declared = decided(declared_sets_of(arguments.data), arguments.profile)
    print("\nparagraphs of one declaration")
    print_shares(declared, least=LEAST_PARAGRAPHS)
    if arguments.reasons:
        print_reasons(found)
        print_reasons(joined)


def print_scores(data: Path) -> None:
    """Mean scores by language and kind."""
    for rows in (sets_of(data, {}), joined_sets_of(data), declared_sets_of(data)):
        measured = measured_of(rows)
        scores = ScoreQuality().build()(measured)["quality_score"].to_pylist()
        found = defaultdict(list)
        for row, score in zip(rows, scores, strict=True):
            if score is not None:
                found[row["language"], row["kind"]].append(score)
        print_cells(found, lambda own: sum(own) / len(own), LEAST_PARAGRAPHS)
        print()


def types_of(data: Path) -> dict[str, str]:
    """The page types that the model of the other sites tells, by URL."""
    archives = sorted(data.glob("pages-dev*.warc.gz"))
    known = samples(read_pages(archives, data / "gold-dev.jsonl.gz"))
    return types_on_new_sites(known, spellings(known))


def sets_of(data: Path, types: dict[str, str]) -> list[Row]:
    """Rows of `kind`, `language`, `text` and `page_type`."""
    pages = whole_texts(data / "gold-dev.jsonl.gz")
    rng = random.Random(0)
    rng.shuffle(pages)
    rows, chosen = [], {}
    counts = Counter[str]()
    for page in pages:
        language, text = page["language"], page["text"]
        counts[language] += 1
        own = [{"kind": "prose", "language": language, "text": text}]
        if counts[language] <= MOST_A_LANGUAGE:
            chosen[page["url"]] = page
            own = with_junk(language, text, rng)
        rows += [row | {"page_type": types.get(page["url"])} for row in own]
    for page, html in html_of(data, chosen):
        of_page = {"language": page["language"], "page_type": types.get(page["url"])}
        for kind, made in junk_of_page(html, page["text"]):
            rows.append({"kind": kind, "text": made} | of_page)
    return rows


def joined_sets_of(data: Path) -> list[Row]:
    """Documents of unconnected sentences and junk made of them."""
    rng = random.Random(0)
    rows, size = [], LINES * SENTENCES
    for language, own in labelled(data, "sentence").items():
        for start in range(0, len(own) - size + 1, size):
            text = "\n".join(
                " ".join(own[first : first + SENTENCES])
                for first in range(start, start + size, SENTENCES)
            )
            rows += with_junk(language, text, rng)
    return rows


def declared_sets_of(data: Path) -> list[Row]:
    """Documents of paragraphs, of languages that the second table does not have."""
    rng = random.Random(0)
    seen, rows = labelled(data, "sentence"), []
    for language, own in labelled(data, "paragraph").items():
        if language in seen or language not in languages():
            continue
        for start in range(0, len(own) - PARAGRAPHS + 1, PARAGRAPHS):
            rows += with_junk(language, "\n".join(own[start : start + PARAGRAPHS]), rng)
    return rows


def labelled(data: Path, kind: str) -> dict[str, list[str]]:
    """Texts of this kind in lid-dev.jsonl.gz by language."""
    texts = defaultdict(list)
    with gzip.open(data / "lid-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["kind"] == kind:
                texts[known_language(row["lang"]) or row["lang"]].append(row["text"])
    return texts


def with_junk(language: str, text: str, rng: random.Random) -> list[Row]:
    rows = [{"kind": "prose", "language": language, "text": text}]
    for kind, made in junk_of_text(text, rng):
        rows.append({"kind": kind, "language": language, "text": made})
    return rows


def whole_texts(path: Path) -> list[Row]:
    """Pages whose complete main text is known and was found in them."""
    pages = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            is_whole = row["gold_kind"].startswith("full") and row.get("text")
            is_made = "charsets" in row["warc"]  # copies of the other pages
            if is_whole and not is_made and row.get("gold_found", 1) >= 0.5:
                row["language"] = known_language(row["lang_ft"]) or row["lang_ft"]
                pages.append(row)
    return pages


def junk_of_text(text: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Kinds of junk made from a main text, and its first words, which are not junk."""
    words = segmented(text)
    if len(words) < 30:
        return
    spelled = [text_of for _, _, text_of in words]
    is_spaced = text.count(" ") * 12 > len(text)
    joiner = " " if is_spaced else ""
    last = words[min(FIRST_WORDS, len(words)) - 1][1]
    yield "beginning", sentences_of(text, last)
    lines = text.split("\n")
    pieces = text.split() if is_spaced else list("".join(lines))
    if not is_spaced:  # words and marks, not cut
        pieces = re.findall(
            "|".join(map(re.escape, longest_first(spelled))) + "|.", text
        )
    lengths = [len(line.split()) if is_spaced else len(line) for line in lines]
    rng.shuffle(pieces)
    yield "shuffled", joiner.join(pieces)
    yield "shuffled_lines", relined(pieces, lengths, joiner)
    others = spelled.copy()
    rng.shuffle(others)
    yield "shuffled_words", replaced(text, words, others)
    size = rng.randint(5, 30)
    start = rng.randrange(max(1, len(spelled) - size))
    span = joiner.join(spelled[start : start + size])
    glue = rng.choice(["\n", " "])
    yield "repeated", glue.join([span] * rng.randint(5, 30))
    copies = max(3, len(spelled) // size)
    yield "half_repeated", text + "\n" + " ".join([span] * copies)


def sentences_of(text: str, least: int) -> str:
    """The text up to the first end of a sentence after its byte `least`."""
    head = text.encode()[:least].decode()
    end = re.search(r"""[.!?…。！？؟।]["'”’»」）)]*|\n""", text[len(head) :])
    return text[: len(head) + end.end()].rstrip() if end else text


def relined(pieces: list[str], lengths: list[int], joiner: str) -> str:
    """Pieces in lines of these numbers of words, or of characters where unspaced."""
    if not joiner:
        text, lines, start = "".join(pieces), [], 0
        for length in lengths:
            lines.append(text[start : start + length])
            start += length
        return "\n".join(lines)
    lines, start = [], 0
    for length in lengths:
        lines.append(joiner.join(pieces[start : start + length]))
        start += length
    return "\n".join(lines)


def replaced(text: str, words: list[tuple[int, int, str]], others: list[str]) -> str:
    data, parts, end = text.encode(), [], 0
    for (start, stop, _), other in zip(words, others, strict=True):
        parts += [data[end:start], other.encode()]
        end = stop
    return b"".join([*parts, data[end:]]).decode()


def segmented(text: str) -> list[tuple[int, int, str]]:
    """First byte, last byte and spelling of every word."""
    data, offsets = utf8_buffers(pa.array([text]))
    words = segment(data, offsets)
    return [
        (int(start), int(end), data[start:end].tobytes().decode())
        for start, end in zip(words.starts, words.ends, strict=True)
    ]


def longest_first(words: Iterable[str]) -> list[str]:
    return sorted(set(words), key=lambda word: (-len(word), word))


def html_of(data: Path, pages: dict[str, Row]) -> Iterator[tuple[Row, str]]:
    """The HTML of the pages, archive by archive."""
    by_archive = defaultdict(dict)
    for url, page in pages.items():
        by_archive[page["warc"]][url] = page
    for archive, wanted in by_archive.items():
        with (data / archive).open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                page = wanted.get(record.headers.get("WARC-Target-URI"))
                if page is not None:
                    charset = page.get("charset") or "utf-8"
                    yield page, record.reader.read().decode(charset, "replace")


def junk_of_page(html: str, main_text: str) -> Iterator[tuple[str, str]]:
    """The text of a page's links, and of its blocks outside the main text."""
    try:
        tree = lxml.html.document_fromstring(html)
    except (ValueError, lxml.etree.LxmlError):
        return
    for element in tree.xpath(_UNSEEN):
        if element.getparent() is not None:
            element.drop_tree()
    links = [link for link in map(shown, tree.xpath("//a")) if link]
    if len(links) >= 20:
        yield "links", "\n".join(links)
    gold = " ".join(main_text.split())
    blocks = []
    for element in tree.iter(*_BLOCKS):
        if len(element) and element.tag in ("div", "footer", "nav", "td"):
            continue
        block = shown(element)
        is_main = block in gold or block[:40] in gold or gold[:30] in block
        if block and not is_main:
            blocks.append(block)
    blocks = list(dict.fromkeys(blocks))
    if len(blocks) >= 10:
        yield "boilerplate", "\n".join(blocks)


def shown(element: Any) -> str:
    return " ".join(element.text_content().split())


def print_page_types(data: Path, profile: Profile, types: dict[str, str]) -> None:
    """The share of whole main texts that are kept, by WCXB's types of pages."""
    rows = [
        {
            "language": page["language"],
            "kind": page["page_type"],
            "text": page["text"],
            "page_type": types.get(page["url"]),
        }
        for page in whole_texts(data / "gold-dev.jsonl.gz")
        if page.get("page_type")
    ]
    reasons = defaultdict(list)
    for (_, kind), some in decided(rows, profile).items():
        reasons[kind] += some
    print("\nby type of page")
    for kind, own in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{kind:14} {own.count(None) / len(own):8.3f} ({len(own):4})")


def decided(
    rows: list[Row], profile: Profile
) -> dict[tuple[str, str], list[str | None]]:
    """Drop reasons by language and kind."""
    measured = measured_of(rows)
    reasons = FilterQuality(profile=profile).build()(measured)["drop_reason"]
    found = defaultdict(list)
    for row, reason in zip(rows, reasons.to_pylist(), strict=True):
        found[row["language"], row["kind"]].append(reason)
    return found


def measured_of(rows: list[Row]) -> pa.RecordBatch:
    """The rows with the columns of measure_text."""
    text = pa.array([row["text"] for row in rows])
    data, offsets = utf8_buffers(text)
    scripts = np.array(SCRIPTS)[dominant_script(data, offsets)]
    batch = pa.RecordBatch.from_pydict(
        {
            "text": text,
            "language": [row["language"] for row in rows],
            "script": scripts.tolist(),
            "page_type": pa.array([row.get("page_type") for row in rows], pa.string()),
            "drop_reason": pa.nulls(len(rows), pa.string()),
        }
    )
    return MeasureText().build()(batch)


def print_shares(
    found: dict[tuple[str, str], list[str | None]], *, least: int = LEAST_A_LANGUAGE
) -> None:
    print_cells(found, lambda reasons: reasons.count(None) / len(reasons), least)


def print_cells(
    found: dict[tuple[str, str], list[Any]],
    value_of: Callable[[list[Any]], float],
    least: int,
) -> None:
    """A row a language with enough prose, a column a kind."""
    counts = Counter(
        {language: len(found[language, "prose"]) for language, _ in list(found)}
    )
    print(f"{'':14}", *(f"{kind:>15}" for kind in KINDS))
    for language, count in counts.most_common():
        if count < least:
            continue
        cells = []
        for kind in KINDS:
            own = found.get((language, kind), [])
            cells.append(f"{value_of(own):8.3f} ({len(own):4})" if own else " " * 15)
        print(f"{language} {count:10}", *cells)


def print_reasons(found: dict[tuple[str, str], list[str | None]]) -> None:
    for (language, kind), reasons in sorted(found.items()):
        common = Counter(reason for reason in reasons if reason).most_common(5)
        if len(found[language, "prose"]) >= LEAST_A_LANGUAGE:
            print(f"{language} {kind:15}", ", ".join(f"{r} {n}" for r, n in common))


if __name__ == "__main__":
    main()
