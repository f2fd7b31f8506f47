"""Barriers between two saves: URLs, lines and substrings in a whole run."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fixtures.recipes import own_recipe

ROOT = Path(__file__).parents[2]
BARRIERS = ("deduplicate_urls", "deduplicate_lines", "deduplicate_substrings")
# The order of rows in documents/ is that of splits; all else has the same bytes.
STABLE = ("mix", "duplicates", "dropped", "urls", "lines", "substrings")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's, with a filter and the three barriers between its saves."""
    added = """
  - deduplicate_urls: {}
  - deduplicate_lines: {max_count: 2, overlap: {}}
  - deduplicate_substrings: {min_tokens: 20}
  - measure_text: {}
"""
    text = own_recipe()
    path = tmp_path_factory.mktemp("recipe") / "stages.yaml"
    text = text.replace("\n  - measure_text: {}\n", added)
    save = "  - save: extracted\n"
    (first,) = (line for line in text.splitlines(True) if "as: gate" in line)
    path.write_text(text.replace(first + save, save + first), "utf-8")
    return path


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, recipe: Path, tamis_on: Any
) -> Any:
    """A finished run in one process."""
    own = tamis_on(tmp_path_factory.mktemp("more") / "out", recipe)
    own.run()
    return own


@pytest.fixture
def copied(finished: Any, tmp_path: Path, tamis_on: Any) -> Any:
    shutil.copytree(finished.output, tmp_path / "out")
    return tamis_on(tmp_path / "out", finished.recipe)


def book_of(run: Any) -> dict[str, Any]:
    book: dict[str, Any] = json.loads((run.output / "run.json").read_text("utf-8"))
    return book


def rows(run: Any, folder: str) -> list[dict[str, Any]]:
    paths = sorted((run.output / folder).glob("*.parquet"))
    found = [row for path in paths for row in pq.read_table(path).to_pylist()]
    return sorted(found, key=lambda row: int(row["id"]))


def test_what_goes_into_a_stage_comes_out_or_drops(finished: Any) -> None:
    stages = book_of(finished)["stages"]
    names = list(stages)
    first = names.index("gate.filter_language")
    assert tuple(names[first + 1 : first + 4]) == BARRIERS
    before = stages["identify_language"]
    for name in names[first:]:
        counts = stages[name]
        assert counts["documents_in"] == before["documents_out"], name
        assert counts["characters_in"] == before["characters_out"], name
        lost = sum(
            about["documents"]
            for languages in counts["dropped"].values()
            for about in languages.values()
        )
        assert counts["documents_out"] == counts["documents_in"] - lost, name
        before = counts


def test_characters_that_were_cut_are_those_of_the_columns(finished: Any) -> None:
    book = book_of(finished)
    documents = rows(finished, "documents")
    for stage, column in zip(
        BARRIERS[1:], ("cut_chars", "repeated_chars"), strict=True
    ):
        cut = sum(row[column] for row in documents)
        counts = book["stages"][stage]
        assert 0 < cut <= counts["characters_in"] - counts["characters_out"]
        assert book["barriers"][stage][column] >= cut


def test_texts_are_measured_as_they_were_cut(finished: Any) -> None:
    before = {row["id"]: row["text"] for row in rows(finished, "extracted")}
    changed = 0
    for row in rows(finished, "documents"):
        assert len(row["text"]) == row["text_chars"]
        lines = before[row["id"]].split("\n")
        if row["cut_chars"] and not row["repeated_chars"] and not row["pii_email"]:
            changed += 1
            assert {line for line in row["text"].split("\n") if line} < set(lines)
            assert row["line_count"] < len([line for line in lines if line.strip()])
    assert changed > 10


def test_every_page_is_in_the_mix_or_in_dropped(finished: Any) -> None:
    book = book_of(finished)
    dropped = rows(finished, "dropped")
    mixed = {row["id"] for row in rows(finished, "mix")}
    assert len(dropped) + len(mixed) == book["source"]["admitted"]
    assert not mixed & {row["id"] for row in dropped}
    urls = [row for row in dropped if row["reason"] == "duplicate_url"]
    assert {row["stage"] for row in urls} == {"deduplicate_urls"}
    counted = book["stages"]["deduplicate_urls"]["dropped"]["duplicate_url"]
    assert len(urls) == sum(about["documents"] for about in counted.values()) > 0
    assert all(row["text"] for row in urls[:20])
    assert "gate.filter_language" in {row["stage"] for row in dropped}


def test_running_again_does_nothing(copied: Any) -> None:
    before = copied.published(*STABLE)
    assert copied.run()["tasks_executed"] == {}
    assert copied.published(*STABLE) == before


def test_a_changed_setting_redoes_what_lies_below_and_no_more(copied: Any) -> None:
    executed = set(copied.run("deduplicate_lines.max_count=3")["tasks_executed"])
    assert "deduplicate_lines-lines" in executed
    assert "documents" in executed
    assert not {"extracted", "deduplicate_urls-gather"} & executed


def test_a_setting_that_cuts_the_same_redoes_nothing_below(copied: Any) -> None:
    before = copied.published(*STABLE)
    executed = copied.run("deduplicate_urls.ignore_parameters=[no_such]")
    assert set(executed["tasks_executed"]) <= {
        *(f"deduplicate_urls-{step}" for step in ("gather", "losers", "urls")),
        *(f"deduplicate_lines-{step}" for step in ("gather", "count", "lines")),
        *(
            f"deduplicate_substrings-{step}"
            for step in ("measure", "scatter", "find", "substrings")
        ),
    }
    assert copied.published(*STABLE) == before


def test_a_threshold_redoes_no_barrier_above_it(copied: Any) -> None:
    executed = copied.run("filter_quality.bounds={word_count: [80, null]}")
    executed = set(executed["tasks_executed"])
    assert "decisions_2" in executed
    assert not [name for name in executed if name.startswith(BARRIERS)]


def test_small_splits_give_the_same_bytes(
    finished: Any, tmp_path: Path, tamis_on: Any
) -> None:
    other = tamis_on(tmp_path / "out", finished.recipe)
    other.run("read_warc.split_bytes=100KiB", "read_warc.batch_documents=7")
    assert other.published(*STABLE) == finished.published(*STABLE)
    assert rows(other, "documents") == rows(finished, "documents")


@pytest.mark.long  # a Ray of its own
@pytest.mark.ray
def test_a_run_that_stopped_in_a_barrier_goes_on_on_ray(
    copied: Any, finished: Any
) -> None:
    """All that it wrote later is gone, with its records."""
    for folder in ("documents", *STABLE):
        shutil.rmtree(copied.output / folder)
    shutil.copytree(finished.output / "urls", copied.output / "urls")
    for group in (copied.output / "commits").iterdir():
        if not group.name.startswith(("extracted", "deduplicate_urls")) and (
            group.name != "deduplicate_lines-gather"
        ):
            shutil.rmtree(group)
    executed = set(copied.run(kind="ray")["tasks_executed"])
    assert {"deduplicate_lines-count", "deduplicate_substrings-find"} < executed
    assert {"documents", "decisions", "decisions_2"} & executed
    assert not [
        name for name in executed if name.startswith(("extracted", "deduplicate_urls"))
    ]
    assert "deduplicate_lines-gather" not in executed
    assert copied.published(*STABLE) == finished.published(*STABLE)


def test_check_states_what_each_barrier_needs(finished: Any, command: Any) -> None:
    settings = ("--set", f"output={finished.output}")
    ended = command("check", str(finished.recipe), *settings)
    for stage in BARRIERS:
        (line,) = (
            own for own in ended.stdout.splitlines() if f"of these {stage} " in own
        )
        assert "under work/" in line
        assert "under 1.0 GiB of memory in any task" in line


def test_marked_stretches_reach_the_mix(
    sample_run: Path, tmp_path: Path, tamis_on: Any
) -> None:
    added = (
        "  - deduplicate_substrings: {min_tokens: 20, action: mask}\n  - deduplicate:"
    )
    text = own_recipe()
    (tmp_path / "stages.yaml").write_text(text.replace("  - deduplicate:", added))
    shutil.copytree(sample_run, tmp_path / "out")
    own = tamis_on(tmp_path / "out", tmp_path / "stages.yaml")
    executed = own.run()["tasks_executed"]
    assert not {"extracted", "documents", "decisions"} & set(executed)
    mixed = rows(own, "mix")
    marked = [row for row in mixed if row["repeated_spans"]]
    assert 0 < len(marked) < len(mixed)
    for row in marked:
        places = row["repeated_spans"]
        stretches = [
            row["text"][a:b] for a, b in zip(places[::2], places[1::2], strict=True)
        ]
        # Of whole tokens: the first and the last character of each can be seen.
        assert all(one == one.strip() and len(one) > 20 for one in stretches)
