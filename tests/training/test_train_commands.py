import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.quality import model as quality_model
from tamis.toxicity import model as toxicity_model
from tamis.training.quality import domains_in, is_of

WORDS = ["river", "stone", "cloud", "garden", "window", "bread", "winter", "letter"]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def prose(count: int, words: int, extra: str = "") -> list[str]:
    rng = np.random.default_rng(5)
    return [
        " ".join([str(number), *rng.choice(WORDS, words), extra])
        for number in range(count)
    ]


@pytest.fixture
def comments(tmp_path: Path) -> str:
    rows = [
        {
            "text": text + (" turnip \ud83d" if number % 2 else ""),
            # Labels as pandas writes them, and the half of an emoji that a cut leaves.
            "label": float(number % 2) if number % 3 else number % 2,
            "lang": "en",
        }
        for number, text in enumerate(prose(300, 6))
    ]
    return write(tmp_path / "comments.jsonl", rows)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    (tmp_path / "clean").mkdir()
    rows = [{"text": text, "language": "eng"} for text in prose(30, 400)]
    write(tmp_path / "clean" / "pages.jsonl", rows)
    return tmp_path / "clean"


def test_toxicity_is_trained_and_says_what_it_is_worth(
    command: Callable[..., Any], comments: str, clean: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    path = tmp_path / "new" / "model.npz"
    ended = command(
        *("train", "toxicity", "--labelled", comments, "--clean", str(clean)),
        *("-o", str(path), "--licence", "CC0-1.0", "--bits", "14"),
    )
    assert ended.code == 0, ended.stderr
    heading, english, everything, *_ = ended.stdout.splitlines()
    assert "AUC" in heading
    assert "clean > 0.9" in heading
    assert english.startswith("eng")
    assert everything.startswith("all")
    model = toxicity_model.load(path)
    assert model.languages == ("eng",)
    assert model.card["licence"] == "CC0-1.0"
    assert model.card["sources"] == ["comments.jsonl"]
    assert set(model.card["inputs"]) == {comments, str(clean / "pages.jsonl")}


def test_a_model_that_flags_clean_prose_is_shown_and_not_saved(
    command: Callable[..., Any], comments: str, clean: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    # Clean pages of which one in five is nothing but the word of the toxic comments,
    # each in its own way: no fold can learn that they are clean.
    rows = [{"text": text, "language": "eng"} for text in prose(120, 60)]
    rows += [
        {"text": f"{number} " + "turnip " * 20, "language": "eng"}
        for number in range(4)
    ]
    write(clean / "pages.jsonl", rows)
    path = tmp_path / "model.npz"
    ended = command(
        *("train", "toxicity", "--labelled", comments, "--clean", str(clean)),
        *("-o", str(path), "--bits", "14"),
    )
    assert ended.code != 0
    assert "of clean prose" in ended.stderr
    assert "clean > 0.9" in ended.stdout
    assert not path.exists()


def test_a_wrong_label_is_named_with_its_row(
    command: Callable[..., Any], clean: Path, tmp_path: Path
) -> None:
    rows = [{"text": "a", "label": 1, "lang": "en"}, {"text": "b", "label": "spam"}]
    labelled = write(tmp_path / "odd.jsonl", rows)
    ended = command(
        *("train", "toxicity", "--labelled", labelled, "--clean", str(clean)),
        *("-o", str(tmp_path / "model.npz")),
    )
    assert ended.code == 2
    assert "odd.jsonl: row 2" in ended.stderr
    assert "'spam'" in ended.stderr


def crawl_rows() -> list[dict[str, Any]]:
    """Pages of 60 trusted sites, which say turnip, and of 60 others."""
    good = [
        {"text": text, "language": "eng", "domain": f"t{number}.example"}
        for number, text in enumerate(prose(60, 40, "turnip turnip turnip turnip"))
    ]
    others = [
        {"text": text, "language": "eng", "domain": f"o{number}.example"}
        for number, text in enumerate(prose(60, 44))
    ]
    return good + others


def test_quality_is_trained_from_trusted_domains_within_the_crawl(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    crawl = write(tmp_path / "crawl.jsonl", crawl_rows())
    trusted = tmp_path / "trusted.txt"
    trusted.write_text("# ours\n" + "\n".join(f"T{n}.example" for n in range(60)))
    path = tmp_path / "quality.npz"
    ended = command(
        *("train", "quality", "--positive", str(trusted), "--negative", crawl),
        *("-o", str(path), "--bits", "14"),
    )
    assert ended.code == 0, ended.stderr
    own = quality_model.load(path).card["figures"]["languages"]["eng"]
    assert (own["positive"], own["negative"]) == (60, 60)
    assert own["auc"] > 0.9
    assert f"{own['auc']:.3f}" in ended.stdout


def test_a_text_that_is_good_is_no_negative_example(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    rows = crawl_rows()
    good = write(tmp_path / "good.jsonl", rows[:60])
    crawl = write(tmp_path / "crawl.jsonl", rows)
    path = tmp_path / "quality.npz"
    ended = command(
        *("train", "quality", "--positive", good, "--negative", crawl),
        *("-o", str(path), "--bits", "14"),
    )
    assert ended.code == 0, ended.stderr
    own = quality_model.load(path).card["figures"]["languages"]["eng"]
    assert (own["positive"], own["negative"]) == (60, 60)


def test_a_host_is_trusted_by_its_domain_or_one_above(tmp_path: Path) -> None:
    lines = [" Example.ORG. # remark", "", "#a.example", "https://www.b.example/x"]
    lines += ["blog.c.example", "bücher.example"]
    (tmp_path / "list.txt").write_text("\n".join(lines), "utf-8")
    trusted = domains_in(tmp_path / "list.txt")
    assert trusted == {
        *("example.org", "b.example", "blog.c.example", "xn--bcher-kva.example"),
    }
    for host in ("example.org", "WWW.example.org", "b.example", "x.blog.c.example"):
        assert is_of(host, trusted)
    assert is_of("shop.bücher.example", trusted)
    for host in ("notexample.org", "c.example", "", "org"):
        assert not is_of(host, trusted)


def test_a_trusted_host_is_found_below_the_domain_of_its_site(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    crawl = tmp_path / "crawl.jsonl"
    rows = [row | {"host": f"blog.{row['domain']}"} for row in crawl_rows()]
    write(crawl, rows)
    trusted = tmp_path / "trusted.txt"
    trusted.write_text("\n".join(f"blog.t{n}.example" for n in range(60)))
    path = tmp_path / "quality.npz"
    ended = command(
        *("train", "quality", "--positive", str(trusted), "--negative", str(crawl)),
        *("-o", str(path), "--bits", "14"),
    )
    assert ended.code == 0, ended.stderr
    own = quality_model.load(path).card["figures"]["languages"]["eng"]
    assert (own["positive"], own["negative"]) == (60, 60)
