"""A quality model from good documents, or from trusted domains within the crawl itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError
from pipeline.linear.model import Model
from pipeline.quality.training import Example, train
from pipeline.training.corpus import Text, corpus_files, digests, drawn, texts_of
from pipeline.urls.normalise import address


def train_quality(
    positive: Path,
    negative: Path,
    *,
    licence: str,
    documents: int,
    bits: int,
    show: Callable[[dict[str, Any]], None],
) -> Model:
    """The fitted model; `show` is given the figures.

    Where `positive` is a .txt of domains, the good documents are those of `negative`
    that are from one of them or a subdomain. A text that is in both is good.
    """
    files = corpus_files(negative)
    if positive.suffix == ".txt":
        trusted = domains_in(positive)
        good = drawn(_of_sites(files, trusted, wanted=True), documents)
        others = drawn(_of_sites(files, trusted, wanted=False), documents)
        inputs = [positive, *files]
    else:
        good_files = corpus_files(positive)
        good = drawn(texts_of(good_files), documents)
        others = drawn(texts_of(files), documents)
        inputs = [*good_files, *files]
    known = {text.text for text in good}
    examples = [
        *(Example(text, language, True, site) for text, language, site, _ in good),
        *(
            Example(text, language, False, site)
            for text, language, site, _ in others
            if text not in known
        ),
    ]
    card = {"licence": licence, "inputs": digests(inputs)}
    return train(examples, card, bits=bits, show=show)


def domains_in(file: Path) -> frozenset[str]:
    """The domains of a list, one a line, however they are spelled; `#` begins a remark.

    Raises ConfigError where there is none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    found = {address(line.partition("#")[0]).host for line in lines}
    if not found - {""}:
        raise ConfigError(f"{file}: no domain in it")
    return frozenset(found - {""})


def is_of(host: str, domains: frozenset[str]) -> bool:
    """Whether a host is one of the domains or below one."""
    labels = address(host).host.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels)))


def table_of(figures: dict[str, Any]) -> list[list[str]]:
    """Figures per language as rows of cells, the heading first."""
    rows = [["language", "positive", "negative", "AUC", "mean +", "mean -"]]
    for language, own in figures["languages"].items():
        numbers = (own["auc"], own["mean_positive"], own["mean_negative"])
        rows.append(
            [language, str(own["positive"]), str(own["negative"])]
            + [f"{number:.3f}" for number in numbers]
        )
    return rows


def _of_sites(
    files: list[Path], domains: frozenset[str], *, wanted: bool
) -> Iterator[Text]:
    return (text for text in texts_of(files) if is_of(text.host, domains) == wanted)
