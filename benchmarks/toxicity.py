"""Compare the toxicity model with scikit-learn's on labelled comments and clean prose.

    python benchmarks/toxicity.py compare        one table, the same folds for both
    python benchmarks/toxicity.py threads        share of documents that the default drops:
                                                 threads, articles with comments, clean pages
    python benchmarks/toxicity.py hatecheck      the same for HateCheck's sentences that are
                                                 not hateful, and for pages of 15 of them
    python benchmarks/toxicity.py speed          megabytes of text a second on one core
    python benchmarks/toxicity.py ship           fit and write the package's weights
    python benchmarks/toxicity.py ship FILE.npz  the same for languages with sets only under
                                                 CC-BY-SA, under that licence

Needs scikit-learn and ../shared/data beside the checkout.
"""

import argparse
import gzip
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from tamis.language.codes import known_language
from tamis.linear.features import WINDOW_CHARACTERS, windows_of
from tamis.linear.fit import STRENGTH, area_under_curve, fit, matrix, telling_scales
from tamis.linear.model import Model, document_scores, quantised, window_chances
from tamis.stages.filter_toxicity import FilterToxicity
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.text.buffers import Bytes, Offsets, utf8_buffers
from tamis.text.words import Words, segment
from tamis.toxicity.figures import Sample, figures_of
from tamis.toxicity.model import COLUMNS, default_model, save
from tamis.training import toxicity as training
from tamis.training.toxicity import Example

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
WEIGHTS = ROOT / "pipeline" / "tamis" / "toxicity"

# Functional tests of templates: a model is tested on them, so it must not learn from them.
TESTS = ("hatecheck", "multilingual-hatecheck")
FUNCTIONALITIES = {
    "identity terms": ("ident_neutral_nh", "ident_pos_nh"),
    "counter speech": ("counter_quote_nh", "counter_ref_nh"),
    "reclaimed slurs": ("slur_reclaimed_nh",),
}
# Documents of the measurement by documents: threads of a language and fold, of how long.
THREADS, THREAD_COMMENTS = 20, 30
# japanese-toxic is left out for its 11 toxic rows.
LICENCES = {
    "davidson2017": "MIT (t-davidson/hate-speech-and-offensive-language)",
    "mlma": "MIT (HKUST-KnowComp/MLMA_hate_speech)",
    "surge-toxicity": "MIT (surge-ai/toxicity)",
    "cold": "Apache-2.0 (thu-coai/COLDataset)",
    "germeval2018": "CC-BY-4.0 (uds-lsv/GermEval-2018-Data)",
    "korean-hate-speech": "CC-BY-SA-4.0 (kocohub/korean-hate-speech)",
    "told-br": "CC-BY-SA-4.0 (JAugusto97/ToLD-Br)",
    "wcxb": "CC-BY-4.0 (Murrough-Foley/web-content-extraction-benchmark)",
    "fundus": "MIT (flairNLP/fundus)",
    "scrapinghub": "MIT (scrapinghub/article-extraction-benchmark)",
    "readability": "Apache-2.0 (mozilla/readability)",
    "newspaper4k": "MIT (AndyTheFactory/newspaper4k)",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The toxicity model, measured and made."
    )
    parser.add_argument(
        "action", choices=["compare", "threads", "hatecheck", "speed", "ship"]
    )
    parser.add_argument("share_alike", nargs="?", type=Path, metavar="FILE.npz")
    arguments = parser.parse_args()
    if arguments.action == "compare":
        compare()
    elif arguments.action == "threads":
        threads()
    elif arguments.action == "hatecheck":
        hatecheck()
    elif arguments.action == "speed":
        speed()
    else:
        ship(arguments.share_alike)


def compare() -> None:
    """Compare with scikit-learn's hashing and logistic regression on the same folds."""
    labelled = [example for example in comments() if example.source not in TESTS]
    drawn = training.sample(labelled, clean_pages())
    start = time.perf_counter()
    ours = figures_of(drawn, training.held_out(drawn))
    middle = time.perf_counter()
    theirs = figures_of(drawn, scikit_learn(drawn, labelled))
    print(
        f"seconds: ours {middle - start:.0f}, theirs {time.perf_counter() - middle:.0f}"
    )
    print_table({"tamis": ours, "scikit-learn": theirs})


def scikit_learn(drawn: Sample, labelled: list[Example]) -> Any:
    """Held-out probabilities of HashingVectorizer and LogisticRegression."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression

    texts = training.sample_texts(labelled, clean_pages())
    characters = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), n_features=1 << 20
    )
    words = HashingVectorizer(ngram_range=(1, 2), n_features=1 << 19)
    rows = hstack([characters.transform(texts), words.transform(texts)]).tocsr()
    chances = np.zeros(rows.shape[0])
    for fold in range(training.FOLDS):
        is_test = drawn.folds == fold
        model = LogisticRegression(C=STRENGTH, solver="liblinear", tol=1e-3)
        model.fit(rows[~is_test], drawn.is_toxic[~is_test])
        chances[is_test] = model.predict_proba(rows[is_test])[:, 1]
    return chances


def print_table(results: dict[str, Any]) -> None:
    columns = [f"{name} {what}" for what in ("AUC", "clean>0.9") for name in results]
    print(f"{'language':10} {'comments':>8} {'clean':>6} " + "  ".join(columns))
    for language, own in next(iter(results.values()))["languages"].items():
        cells = [f"{r['languages'][language]['auc']:.3f}" for r in results.values()]
        for figures in results.values():
            over = figures["languages"][language]["clean_over"].get("0.9")
            cells.append("-" if over is None else f"{over:.4f}")
        row = "  ".join(
            f"{cell:>{len(name)}}" for cell, name in zip(cells, columns, strict=True)
        )
        print(f"{language:10} {own['comments']:8} {own['clean_windows']:6} {row}")
    for name, figures in results.items():
        windows = figures["clean_windows"]
        print(f"all {windows} clean windows over, {name}: {figures['clean_over']}")


def threads() -> None:
    """Print which share of documents the default limits drop, by language and kind.

    Each document is scored by a model fitted without the fold of its comments and its page.
    """
    labelled = [own for own in comments() if is_trainable(own, share_alike=False)]
    drawn = training.sample(labelled, clean_pages(only_trainable=True))
    rows, weights = (
        matrix(drawn.buckets, drawn.offsets, training.BITS),
        training._weights(drawn),
    )
    others = tuple({own.language for own in labelled})
    dropped: dict[tuple[str, str], list[bool]] = {}
    for fold in range(training.FOLDS):
        is_own = drawn.folds != fold
        fitted = fit(
            rows[is_own], drawn.is_toxic[is_own], weights[is_own], telling_scales
        )
        model = quantised(*fitted, others, {})
        documents = list(documents_of(fold))
        reasons = default_reasons(documents, model)
        for (kind, language, _), reason in zip(documents, reasons, strict=True):
            dropped.setdefault((language, kind), []).append(reason is not None)
    print(f"{'language':10} {'kind':26} {'documents':>9} {'dropped':>8}")
    for (language, kind), found in sorted(dropped.items()):
        print(f"{language:10} {kind:26} {len(found):9} {sum(found) / len(found):8.2%}")


def hatecheck() -> None:
    """Print which share of sentences, and of pages of 15, the defaults and the packaged weights drop."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows("tox-dev.jsonl.gz"):
        language = known_language(row["lang"])
        for group, names in FUNCTIONALITIES.items():
            if row["source"] in TESTS and row["raw_label"] in names and language:
                groups.setdefault((group, language), []).append(row["text"])
    order = np.random.default_rng(0)
    print(f"{'':16} {'language':8} {'sentences':>9} {'dropped':>8} {'pages':>8}")
    for (group, language), texts in sorted(groups.items()):
        pages = [
            "\n".join(order.choice(texts, 15, replace=False).tolist())
            for _ in range(100)
        ]
        alone, joined = (
            [
                reason is not None
                for reason in default_reasons(
                    [(group, language, text) for text in own], default_model()
                )
            ]
            for own in (texts, pages)
        )
        print(
            f"{group:16} {language:8} {len(texts):9} {np.mean(alone):8.2%} {np.mean(joined):8.2%}"
        )


def documents_of(fold: int) -> Iterator[tuple[str, str, str]]:
    """(kind, language, text) of the fold's comments, clean pages, and both together."""
    toxic: dict[tuple[str, bool], list[str]] = {}
    for own in comments():
        is_test = own.source in TESTS
        if own.is_toxic and fold_of(own.text) == fold:
            toxic.setdefault((own.language, is_test), []).append(own.text)
    pages: dict[str, list[str]] = {}
    for page in clean_pages():
        if fold_of(page.text) == fold:
            pages.setdefault(page.language, []).append(page.text)
            yield "clean page", page.language, page.text
    order = np.random.default_rng(fold)
    for (language, is_test), own_texts in sorted(toxic.items()):
        suffix = " (HateCheck)" if is_test else ""
        yield from ((f"comment{suffix}", language, text) for text in own_texts)
        for _ in range(THREADS if len(own_texts) >= THREAD_COMMENTS else 0):
            drawn = order.choice(own_texts, THREAD_COMMENTS, replace=False).tolist()
            yield f"thread{suffix}", language, "\n".join(drawn)
            if language in pages:
                page = str(order.choice(pages[language]))
                yield f"article{suffix}", language, "\n".join([page, *drawn[:10]])


def default_reasons(
    documents: list[tuple[str, str, str]], model: Model
) -> list[str | None]:
    """What filter_toxicity says at its defaults, the model's scores being `model`'s."""
    languages = [language for _, language, _ in documents]
    texts = pa.array([text for _, _, text in documents], pa.string())
    batch = pa.RecordBatch.from_pydict(
        {
            "text": texts,
            "language": languages,
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )
    scored = ScoreToxicity(model=None).build()(batch)
    data, offsets = utf8_buffers(texts)
    found = document_scores(data, segment(data, offsets), model, languages)
    for name, values in zip(COLUMNS, found, strict=True):
        column = pa.array(values.astype(np.float32), from_pandas=True)
        scored = scored.append_column(name, column)
    reasons: list[str | None] = (
        FilterToxicity().build()(scored)["drop_reason"].to_pylist()
    )
    return reasons


def fold_of(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode()) % training.FOLDS


def speed() -> None:
    """Print CPU time of the model on real main texts, and of finding their words."""
    texts: dict[str, list[str]] = {}
    for page in clean_pages():
        texts.setdefault(page.language, []).append(page.text)
    model = default_model()
    for language, own in sorted(texts.items(), key=lambda entry: -len(entry[1]))[:8]:
        data, offsets = utf8_buffers(pa.array(own, pa.large_string()))
        words = segment(data, offsets)

        megabytes = float(offsets[-1]) / 1e6
        print(
            f"{language}: {megabytes:5.1f} MB, model {megabytes / cpu_seconds(score, data, words, model):5.1f}"
            f" MB/s, words {megabytes / cpu_seconds(find_words, data, offsets):5.1f} MB/s"
        )


def find_words(data: Bytes, offsets: Offsets) -> None:
    segment(data, offsets)


def score(data: Bytes, words: Words, model: Model) -> None:
    window_chances(data, words, windows_of(words), model)


def cpu_seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """The least of five calls, the first of which compiles."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        function(*arguments)
        seconds.append(time.process_time() - start)
    return min(seconds)


def ship(share_alike: Path | None) -> None:
    """Write weights and their card: the package's, or those with the CC-BY-SA sets.

    The latter are trained on all sets, with the clean prose of all languages, but score
    only the languages that the package's weights do not.
    """
    path = share_alike or WEIGHTS / "default.npz"
    pages = list(clean_pages(only_trainable=True))
    unseen = [page for page in clean_pages() if page.source not in LICENCES]
    labelled = [
        example
        for example in comments()
        if is_trainable(example, share_alike=share_alike is not None)
    ]
    used = sorted({example.source for example in (*labelled, *pages)})
    card = card_of("CC-BY-SA-4.0" if share_alike else "CC-BY-4.0", used)
    model = training.train(labelled, pages, card, unseen=[*unseen, *plain_texts()])
    if share_alike:
        model = without(model, default_model().languages)
        path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path)
    path.with_suffix(".md").write_text(card_text(path.name, model), encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {', '.join(model.languages)}")
    print_table({path.stem: model.card["figures"]})
    print_tests(model)


def is_trainable(example: Example, *, share_alike: bool) -> bool:
    licence = LICENCES.get(example.source)
    return licence is not None and (share_alike or "-SA" not in licence)


def without(model: Model, languages: Sequence[str]) -> Model:
    """The model with some languages not scored, and their figures left out."""
    figures = model.card["figures"]
    kept = {k: v for k, v in figures["languages"].items() if k not in languages}
    card = model.card | {"figures": figures | {"languages": kept}}
    scored = tuple(code for code in model.languages if code not in languages)
    return model._replace(languages=scored, card=card)


def card_text(name: str, model: Model) -> str:
    """The card in Markdown: licence, sources, figures per language, limits."""
    card, figures = model.card, model.card["figures"]
    lines = [
        f"# {name}",
        "",
        "Weights of the linear toxicity model: hashed word and character n-grams over",
        f"windows of about {WINDOW_CHARACTERS} characters. Written by `benchmarks/toxicity.py ship`.",
        "",
        f"Licence of the weights: {card['licence']}. They were fitted to these sets, by",
        "their authors and under their licences:",
        "",
        *(f"* {source}: {licence}" for source, licence in card["sources"].items()),
        "",
        f"Not trained on: {card['not_trained_on']}.",
        "",
        "| language | comments | AUC | toxic > 0.5 | toxic > 0.9 | clean windows | > 0.5 | > 0.9 | unseen | > 0.5 | > 0.9 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for language, own in figures["languages"].items():
        shares = [
            own[kind].get(limit, "-")
            for kind in ("toxic_over", "clean_over", "unseen_over")
            for limit in ("0.5", "0.9")
        ]
        cells = [language, own["comments"], own["auc"], *shares[:2]]
        cells += [
            own["clean_windows"],
            *shares[2:4],
            own["unseen_windows"],
            *shares[4:],
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "AUC, toxic and clean by five-fold cross-validation; a page is in one fold. Unseen:",
        "pages of a source, sentences and paragraphs that had no part in the weights.",
        "",
        "Null, for want of data: rus, ell, jpn, tha (no set that allows training), and spa, ita,",
        "nld, pol, hin (functional tests only, from which no model of comments can be learnt).",
        "",
        "The model knows words and turns of phrase, not meaning: on HateCheck (quoting,",
        "denying, reclaiming) it is at chance. Use it on documents, with a strict limit.",
        "",
    ]
    return "\n".join(lines)


def card_of(licence: str, used: list[str]) -> dict[str, Any]:
    return {
        "licence": licence,
        "sources": {source: LICENCES[source] for source in used},
        "inputs": {
            name: hashlib.sha256((DATA / name).read_bytes()).hexdigest()
            for name in ("tox-dev.jsonl.gz", "gold-dev.jsonl.gz")
        },
        "not_trained_on": "HateCheck and Multilingual HateCheck: tests",
    }


def print_tests(model: Model) -> None:
    """Print the AUC on the functional tests, which the model has not seen."""
    groups: dict[tuple[str, str], list[Example]] = {}
    for example in comments():
        if example.source in TESTS and example.language in model.languages:
            groups.setdefault((example.source, example.language), []).append(example)
    for (source, language), examples in sorted(groups.items()):
        labels = np.array([example.is_toxic for example in examples])
        texts = pa.array([example.text for example in examples], pa.large_string())
        data, offsets = utf8_buffers(texts)
        scores = document_scores(
            data, segment(data, offsets), model, [language] * len(texts)
        ).maximum
        auc = area_under_curve(labels, np.nan_to_num(scores))
        print(f"{source} {language}: AUC {auc:.3f}")


def comments() -> Iterator[Example]:
    for row in rows("tox-dev.jsonl.gz"):
        language = known_language(row["lang"])
        if language:
            yield Example(row["text"], language, bool(row["label"]), row["source"])


def clean_pages(only_trainable: bool = False) -> Iterator[Example]:
    """Main texts of real pages; `only_trainable`: only if their licence allows it."""
    seen = set()
    kinds = ("full", "full+snippets", "expected-html", "expected-output")
    for row in rows("gold-dev.jsonl.gz"):
        language = known_language(row.get("lang_ft") or "")
        text = row.get("text")
        if row["gold_kind"] not in kinds or not text or not language or text in seen:
            continue
        seen.add(text)
        if row["source"] in LICENCES or not only_trainable:
            yield Example(text, language, False, row["source"])


def plain_texts() -> Iterator[Example]:
    """Clean texts for evaluation: Leipzig sentences and paragraphs of the UDHR."""
    for row in rows("lid-dev.jsonl.gz"):
        language = known_language(row["lang"])
        if language and row["kind"] in ("sentence", "paragraph"):
            yield Example(row["text"], language, False, row["source"])


def rows(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to measure on")
    main()
