"""The public summary of training content after Article 53(1)(d) of the AI Act.

Its parts are those of the Commission's template, C(2025) 8311 final of 5 December 2025, in
its order. What the records of a run or a release hold is filled in; what only the
provider of the model knows comes from `publisher.summary` of the recipe, or says TO BE
PROVIDED. No attestation is inferred.

    summary/summary.md, summary/summary.html    the same text
    summary/domains.parquet                     every domain (`tamis.publishing.domains`)
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pyarrow.compute as pc

from tamis.corpus.state import RELEASES, RUNS
from tamis.language.codes import language_name
from tamis.publishing.domains import DOMAINS, Listed, write_domains
from tamis.publishing.facts import MISSING, Facts, facts_of
from tamis.publishing.page import (
    Block,
    Heading,
    Paragraph,
    Rows,
    as_html,
    as_markdown,
)
from tamis.recipe.top import Publisher, Statements
from tamis.report.drift import RELEASE, read_made
from tamis.storage import Storage
from tamis.tally import SUMMARY, UNKNOWN_LANGUAGE, RunSummary

Declared = Literal["public", "own"]
DECLARED: tuple[Declared, ...] = get_args(Declared)

SUMMARY_MD, SUMMARY_HTML = "summary/summary.md", "summary/summary.html"
# What else of `publisher` the template asks for.
_OF_PUBLISHER = ("name", "contact", "model", "version", "date", "address")
_SHOWN = 1_000  # domains in the text; the table has all
_BILLION, _TRILLION = 10**9, 10**12
# The official languages of the European Union.
_OF_THE_EU = frozenset(
    [
        "bul",
        "hrv",
        "ces",
        "dan",
        "nld",
        "eng",
        "est",
        "fin",
        "fra",
        "deu",
        "ell",
        "hun",
        "gle",
        "ita",
        "lav",
        "lit",
        "mlt",
        "pol",
        "por",
        "ron",
        "slk",
        "slv",
        "spa",
        "swe",
    ]
)
_SIGNALS = {
    "rights_tdm_reserved": "TDMRep: reserved in a header or on the page",
    "rights_ai_train_refused": "Content-Signal, Content-Usage: training refused",
    "rights_noai": "noai directive",
    "rights_noimageai": "noimageai directive",
    "rights_rsl": "RSL: licence terms named",
    "rights_robots_refused": "robots.txt: refused to an agent asked about",
    "rights_license_missing": "no open licence stated",
    "rights_license_other": "another licence than those asked for",
    "denied": "requests to be left out",
}
# Stages that keep out what may be illegal or harmful, and what each looks at.
_AGAINST_HARM = {
    "filter_url": "blocklists of domains and addresses, words in addresses",
    "filter_toxicity": "word lists and a model of toxic text",
    "mask_pii": "personal data, which is masked",
}


@dataclass(frozen=True)
class Origin:
    """What runs know and the release does not: tables of robots.txt, by stage."""

    dated: tuple[str, ...]
    signals: Mapping[str, int]


def write_summary(
    storage: Storage,
    publisher: Publisher | None = None,
    *,
    declared: Declared | None = None,
) -> list[str]:
    """Write the summary of a run or a release; returns what is yet to be provided.

    `declared`: whether the crawl is a public data set (2.1 of the template) or one's own
    (2.3). By default it is public if all crawls are CommonCrawl's. Raises ConfigError
    where there is no mix.
    """
    facts = facts_of(storage, publisher)
    way = declared or _usual(facts)
    domains = write_domains(storage)
    blocks = list(_blocks(storage, facts, domains, way, is_said=declared is not None))
    storage.write(SUMMARY_MD, as_markdown(blocks).encode())
    storage.write(SUMMARY_HTML, as_html(blocks).encode())
    return _missing(facts, way)


def _missing(facts: Facts, declared: Declared) -> list[str]:
    """Settings of `publisher` that the provider has yet to give."""
    statements = facts.publisher.summary
    needed = [
        name
        for name in type(statements).model_fields
        if declared == "own" or not name.startswith("crawler_")
    ]
    unsaid = [f"summary.{n}" for n in needed if getattr(statements, n) is None]
    return [*(n for n in _OF_PUBLISHER if getattr(facts.publisher, n) is None), *unsaid]


def _usual(facts: Facts) -> Declared:
    crawls = [crawl for crawl in facts.crawls if crawl is not None]
    is_common = bool(crawls) and all(crawl.startswith("CC-") for crawl in crawls)
    return "public" if is_common else "own"


def _origin(storage: Storage, summary: RunSummary) -> Origin:
    """What was said about reuse, over all runs that a mix is made of."""
    summaries = [summary]
    if storage.exists(RELEASE) and f"/{RELEASES}/" in storage.root:
        corpus = Storage(storage.root.rpartition(f"/{RELEASES}/")[0])
        corpus.options = storage.options
        for name in read_made(storage)["runs"]:
            run = corpus.below(f"{RUNS}/{name}")
            if run.exists("run.json"):
                summaries.append(run.read_record("run.json", SUMMARY))
    dated: dict[str, None] = {}
    signals: Counter[str] = Counter()
    for own in summaries:
        for lines in own.get("dated", {}).values():
            dated |= dict.fromkeys(lines)
        for column, values in own.get("columns", {}).items():
            if column.startswith("rights."):
                stated = "false" if column.endswith("ai_train") else "true"
                signals[column.removeprefix("rights.")] += values.get(stated, 0)
    return Origin(tuple(dated), {name: n for name, n in signals.items() if n})


def _blocks(
    storage: Storage,
    facts: Facts,
    domains: Listed,
    declared: Declared,
    *,
    is_said: bool,
) -> Iterator[Block]:
    said = facts.publisher.summary
    yield Heading(1, "Public summary of training content")
    yield Paragraph(
        "For general-purpose AI models, Article 53(1)(d) of Regulation (EU) 2024/1689, in "
        "the order of the template C(2025) 8311 final. Drawn up from the records of the "
        "corpus; statements of the provider are marked TO BE PROVIDED where they are not "
        "given. This is support and no legal advice."
    )
    yield Rows(
        ("", ""),
        (
            ("version of the summary", facts.said("version")),
            ("last update", facts.said("date")),
            ("all versions", facts.said("address")),
        ),
    )
    yield from _general(facts, said)
    yield from _sources(storage, facts, domains, declared, is_said=is_said)
    yield from _processing(facts, said, _origin(storage, facts.summary))


def _general(facts: Facts, said: Statements) -> Iterator[Block]:
    yield Heading(2, "1. General information")
    yield Heading(3, "1.1 Provider")
    yield Rows(
        ("", ""),
        (
            ("name", facts.said("name")),
            ("contact", facts.said("contact")),
            ("authorised representative", _of(said, "representative")),
        ),
    )
    yield Heading(3, "1.2 Model")
    yield Rows(
        ("", ""),
        (
            ("versioned names", facts.said("model")),
            ("models it depends on", _of(said, "model_dependencies")),
            ("placed on the market", _of(said, "placed_on_market")),
        ),
    )
    yield Heading(3, "1.3 Modalities, size and other characteristics")
    tokens = facts.total("tokens")
    yield Rows(
        ("modality", "training data size", "types of content"),
        (("text", _band(tokens), "web pages as text"),),
    )
    last = f"{facts.last:%m/%Y}" if facts.last else "not known"
    yield Rows(
        ("", ""),
        (
            ("latest acquisition of data", last),
            ("training continues with new data", _of(said, "training_continues")),
            ("other characteristics", _of(said, "other_characteristics")),
        ),
    )
    yield Paragraph("Languages, those of the European Union marked:")
    yield Rows(
        ("language", "EU", "documents", "tokens", "share of tokens"),
        tuple(_language_rows(facts)),
    )
    yield Paragraph(f"Comments: {_measure(facts)}")


def _language_rows(facts: Facts) -> Iterator[tuple[str, ...]]:
    total = facts.total("tokens") or 1
    ordered = sorted(facts.languages.items(), key=lambda o: (-o[1]["tokens"], o[0]))
    for code, about in ordered:
        name = (
            "not known"
            if code == UNKNOWN_LANGUAGE
            else f"{language_name(code)} ({code})"
        )
        is_of_eu = "yes" if code in _OF_THE_EU else ""
        counts = (f"{about[n]:,}" for n in ("documents", "tokens"))
        yield name, is_of_eu, *counts, f"{about['tokens'] / total:.2%}"


def _measure(facts: Facts) -> str:
    """How the size was measured."""
    tokens = f"{facts.total('tokens'):,} tokens in {facts.whole.rows:,} rows"
    if facts.tokens_counted_by != "tokenizer":
        return (
            f"{tokens}; estimated from the characters of each language, with no tokenizer; "
            f"shards are Parquet, zstd."
        )
    names = [
        settings.get("tokenizer") or ""
        for entry in facts.summary["recipe"]["stages"]
        for name, settings in entry.items()
        if name == "mix_corpus"
    ]
    name = "".join(names).rpartition("/")[2]
    sha256 = facts.summary.get("models", {}).get(name, "")
    return (
        f"{tokens}; counted with the tokenizer {name} (sha256 {sha256}); shards are "
        f"Parquet, zstd."
    )


def _band(tokens: int) -> str:
    if tokens < _BILLION:
        return "less than 1 billion tokens"
    if tokens <= 10 * _TRILLION:
        return "1 billion to 10 trillion tokens"
    return "more than 10 trillion tokens"


def _sources(
    storage: Storage,
    facts: Facts,
    domains: Listed,
    declared: Declared,
    *,
    is_said: bool,
) -> Iterator[Block]:
    said, is_public = facts.publisher.summary, declared == "public"
    crawls = ", ".join(
        f"{crawl or 'no crawl named'} ({rows:,} rows)"
        for crawl, rows in facts.crawls.items()
    )
    yield Heading(2, "2. List of data sources")
    yield Heading(3, "2.1 Publicly available datasets")
    if is_public:
        yield Rows(
            ("", ""),
            (
                ("used", _tick(is_said)),
                ("modality", "text"),
                ("large datasets", f"Common Crawl, https://commoncrawl.org: {crawls}"),
                ("period of the crawls", _period(facts)),
                ("other large datasets", _of(said, "large_public_datasets")),
            ),
        )
        yield Paragraph(
            "The domains of these crawls are listed all the same, as rightholders may ask."
        )
        yield from _domain_list(storage, domains)
    else:
        yield Paragraph(_of(said, "large_public_datasets"))
    yield Heading(3, "2.2 Private datasets from third parties")
    yield Rows(
        ("", ""),
        (
            ("2.2.1 licensed by rightholders", _of(said, "licensed")),
            ("2.2.2 other private datasets", _of(said, "private")),
        ),
    )
    yield Heading(3, "2.3 Data crawled and scraped from online sources")
    if is_public:
        yield Paragraph(
            "No crawler of the provider collected this corpus: it is made of public crawls, "
            "declared in 2.1. Whether the provider crawls elsewhere: "
            + _of(said, "other_crawling")
        )
    else:
        yield from _own_crawl(storage, facts, domains, crawls, is_said=is_said)
    for number, title, name in (
        ("2.4", "User data", "user_data"),
        ("2.5", "Synthetic data", "synthetic"),
        ("2.6", "Other sources", "other_sources"),
    ):
        yield Heading(3, f"{number} {title}")
        yield Paragraph(_of(said, name))


def _own_crawl(
    storage: Storage, facts: Facts, domains: Listed, crawls: str, *, is_said: bool
) -> Iterator[Block]:
    said = facts.publisher.summary
    yield Rows(
        ("", ""),
        (
            ("used", _tick(is_said)),
            ("crawler names and identifiers", _of(said, "crawler_names")),
            ("purposes", _of(said, "crawler_purposes")),
            ("behaviour: captchas", _of(said, "crawler_captchas")),
            ("behaviour: passwords", _of(said, "crawler_passwords")),
            ("behaviour: paywalls", _of(said, "crawler_paywalls")),
            ("behaviour: robots.txt", _of(said, "crawler_robots")),
            ("behaviour: other protocols", _of(said, "crawler_protocols")),
            ("period of collection", _period(facts)),
            (
                "content and sources",
                f"web pages in {len(facts.languages)} languages: {crawls}",
            ),
            ("other about the sources", _of(said, "crawler_sources")),
            ("modality", "text"),
        ),
    )
    yield from _domain_list(storage, domains)


def _tick(is_said: bool) -> str:
    """Yes, where the provider has declared it: it is not for us to say."""
    return "yes, as declared by the provider" if is_said else MISSING


def _period(facts: Facts) -> str:
    if facts.first is None or facts.last is None:
        return "not known"
    return f"{facts.first:%m/%Y} to {facts.last:%m/%Y}"


def _domain_list(storage: Storage, domains: Listed) -> Iterator[Block]:
    """The largest domains, as the template wants them; beyond a thousand in the table."""
    yield Paragraph(
        f"Domains by size of content: {domains.domains:,} in all, {domains.bytes:,} bytes of "
        f"text. The top 10 % are {domains.top_tenth:,}; for SMEs, 5 % or 1,000 if that is "
        f"less, {domains.of_sme:,}. {DOMAINS.rpartition('/')[2]} has all of them, with "
        f"documents, tokens, months and languages; in_top_tenth and in_sme_list mark the lists."
    )
    shown = min(domains.top_tenth, _SHOWN)
    with storage.table(DOMAINS) as opened:
        first = opened.read(["rank", "domain", "documents", "bytes", "share"])
    rows = first.filter(pc.less_equal(first["rank"], shown)).to_pylist()
    yield Rows(
        ("rank", "domain", "documents", "bytes", "share"),
        tuple(
            (
                f"{row['rank']:,}",
                row["domain"],
                f"{row['documents']:,}",
                f"{row['bytes']:,}",
                f"{row['share']:.4%}",
            )
            for row in rows
        ),
    )
    if domains.top_tenth > shown:
        yield Paragraph(f"And {domains.top_tenth - shown:,} more in the table.")


def _processing(facts: Facts, said: Statements, origin: Origin) -> Iterator[Block]:
    yield Heading(2, "3. Data processing aspects")
    yield Heading(3, "3.1 Respect of reservations of rights")
    yield Rows(
        ("", ""),
        (
            ("signatory of the code of practice", _of(said, "code_of_practice")),
            ("measures of the provider", _of(said, "rights_measures")),
        ),
    )
    dropped = _dropped(facts)
    rows = [
        (_SIGNALS[reason], f"{dropped[reason]:,}")
        for reason in _SIGNALS
        if dropped.get(reason)
    ]
    if rows:
        yield Paragraph("Documents left out, by the signal that was honoured:")
        yield Rows(("signal", "documents"), tuple(rows))
    else:
        yield Paragraph("No document was left out for a reservation of rights.")
    if origin.signals:
        yield Paragraph("Documents read with a signal, honoured or not:")
        counted = ((name, f"{n:,}") for name, n in sorted(origin.signals.items()))
        yield Rows(("signal", "documents"), tuple(counted))
    for line in origin.dated:
        yield Paragraph(f"State of the tables used: {line}.")
    yield Heading(3, "3.2 Removal of illegal content")
    labels = {label.rpartition(".")[2]: about for label, about in facts.stages.items()}
    against = [
        (name, what, f"{labels[name]['in'] - labels[name]['out']:,}")
        for name, what in _AGAINST_HARM.items()
        if name in labels
    ]
    if against:
        yield Rows(("stage", "looks at", "documents left out"), tuple(against))
    yield Paragraph(f"Other measures: {_of(said, 'illegal_content')}")
    yield Heading(3, "3.3 Other information")
    funnel = [
        (label, f"{about['in']:,}", f"{about['out']:,}")
        for label, about in facts.stages.items()
    ]
    yield Rows(("stage", "documents in", "documents out"), tuple(funnel))
    yield Paragraph(_of(said, "other_processing"))


def _dropped(facts: Facts) -> dict[str, int]:
    found: Counter[str] = Counter()
    for about in facts.stages.values():
        found.update(about["reasons"])
    return dict(found)


def _of(said: Any, name: str) -> str:
    return getattr(said, name) or MISSING
