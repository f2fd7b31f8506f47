"""Lines and paragraphs that many documents have, against sets and dicts of Python."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tamis.dedup import groups as dedup_job
from tamis.dedup.lines import runs as lines_runs
from tamis.dedup.lines import walk as lines_job
from tamis.stages.deduplicate_lines import DeduplicateLines

Document = dict[str, Any]
Line = tuple[str, ...]

# Words that the folding leaves apart, and how a line of them is written.
WORDS = {
    "Latin": ("le tamis trie la farine et le son", " "),
    "Cyrillic": ("старое решето просеивает муку через мелкую сетку", " "),
    "Arabic": ("منخل الدقيق القديم يفصل النخالة عن الطحين الأبيض", " "),
    "Hindi": ("पुरानी छलनी आटे को चोकर से अलग करती है", " "),
    "Chinese": ("老 筛 子 把 面 粉 和 麸 皮 分 开", ""),
    "Thai": ("ก ข ค ง จ ช ด ต น บ", ""),
}


def documents(**texts: str) -> list[Document]:
    """`a_1="..."`: a document of domain a; ids are 1, 2, 3 ... in their order."""
    return [
        {"id": number, "domain": name.partition("_")[0], "text": text}
        for number, (name, text) in enumerate(texts.items(), start=1)
    ]


def texts_of(found: dict[int, Document]) -> list[str]:
    return [found[id_]["text"] for id_ in sorted(found)]


@pytest.mark.parametrize("script", WORDS)
def test_a_line_on_more_domains_than_allowed_goes_everywhere(
    barrier: Any, script: str
) -> None:
    words, joint = WORDS[script]
    line = joint.join(words.split())
    rows = documents(a=f"x one\n{line}\ny", b=f"{line}\nx two", c=f"x three\n{line}")
    config = DeduplicateLines(max_count=2)
    assert texts_of(barrier(config, {"p": rows})) == ["x one\ny", "x two", "x three"]
    # On two domains it may stay.
    assert texts_of(barrier(config, {"p": rows[:2]}))[1] == f"{line}\nx two"


def test_copies_on_one_domain_count_once(barrier: Any) -> None:
    rows = documents(a_1="menu\n1", a_2="menu\n2", a_3="menu\nmenu\n3")
    assert texts_of(barrier(DeduplicateLines(max_count=1), {"p": rows})) == [
        "menu\n1",
        "menu\n2",
        "menu\nmenu\n3",
    ]


def test_counting_documents_finds_copies_on_one_domain(barrier: Any) -> None:
    rows = documents(a_1="menu\nfirst", a_2="menu\nsecond", a_3="only here\nonly here")
    config = DeduplicateLines(count="documents", max_count=1)
    assert texts_of(barrier(config, {"p": rows})) == [
        "first",
        "second",
        "only here\nonly here",
    ]


def test_case_digits_accents_and_punctuation_make_no_difference(barrier: Any) -> None:
    rows = documents(
        a="Lu 12 fois, café !\nkept", b="LU 345 FOIS CAFE\nother", c="Lu fois café"
    )
    config = DeduplicateLines(max_count=1)
    assert texts_of(barrier(config, {"p": rows})) == ["kept", "other", "Lu fois café"]


def test_a_document_that_loses_everything_drops(barrier: Any) -> None:
    rows = documents(a=" menu \n\nmenu\n", b="menu\nown", c="", d="   \n")
    found = barrier(DeduplicateLines(max_count=1), {"p": rows})
    assert [found[id_]["drop_reason"] for id_ in sorted(found)] == [
        "only_repeated_lines",
        None,
        None,
        None,
    ]
    assert found[1]["text"] == ""
    assert found[1]["repeated_lines"] == 2


def test_columns_count_what_went(barrier: Any) -> None:
    rows = documents(a="début\nмeню 1\nfin", b="мeню 2", c="autre")
    found = barrier(DeduplicateLines(max_count=1), {"p": rows})
    names = ("text_chars", "repeated_lines", "cut_chars")
    assert [found[1][name] for name in names] == [9, 1, 7]
    assert [found[3][name] for name in names] == [5, 0, 0]
    assert barrier.result.tally == {
        "repeated_lines": 2,
        "cut_chars": 13,
        "documents_cut": 2,
        "distinct_units": 4,
        "distinct_units_over": 1,
    }


def test_what_was_dropped_before_neither_counts_nor_changes(barrier: Any) -> None:
    rows = documents(a="menu\n1", b="menu\n2", c="menu\n3")
    found = barrier(DeduplicateLines(max_count=2), {"p": rows}, dropped=[2])
    assert texts_of(found) == ["menu\n1", "menu\n2", "menu\n3"]
    assert found[2]["drop_reason"] == "too_short"
    assert found[2]["text_chars"] is None


def test_paragraphs_end_at_blank_lines(barrier: Any) -> None:
    rows = documents(
        a="one\ntwo\n \nthree", b="one\n\nthree\nfour", c="one\ntwo\n\n\nfive"
    )
    config = DeduplicateLines(unit="paragraph", max_count=1)
    assert texts_of(barrier(config, {"p": rows})) == [
        "three",
        "one\n\nthree\nfour",
        "five",
    ]


def test_a_document_without_a_domain_is_its_host(barrier: Any) -> None:
    rows = [
        {"id": 1, "domain": None, "host": "10.0.0.1", "text": "menu\nx"},
        {"id": 2, "domain": None, "host": "10.0.0.2", "text": "menu\ny"},
        {"id": 3, "domain": None, "host": None, "text": "menu\nz"},
    ]
    assert texts_of(barrier(DeduplicateLines(max_count=2), {"p": rows})) == list("xyz")


def test_lines_without_words_stay_where_a_line_with_words_does(barrier: Any) -> None:
    rows = documents(a="menu\n}\nreturn x\n}", b="menu\n}", c="}\n***", d="menu")
    found = barrier(DeduplicateLines(max_count=1), {"p": rows})
    assert texts_of(found) == ["}\nreturn x\n}", "}", "}\n***", ""]
    reasons = [found[id_]["drop_reason"] for id_ in (1, 2, 3, 4)]
    assert reasons == [None, "only_repeated_lines", None, "only_repeated_lines"]
    found = barrier(DeduplicateLines(max_count=1, min_words=2), {"p": rows})
    assert texts_of(found) == [row["text"] for row in rows]


def test_overlap_spares_the_first_document_of_the_first_file(barrier: Any) -> None:
    line = " ".join(f"w{chr(97 + n)}" for n in range(20))
    edited = line + " " + " ".join(f"v{chr(97 + n)}" for n in range(3))
    config = DeduplicateLines(max_count=1000, overlap={"ngram": 13, "min_ratio": 0.7})
    parts = {
        "late": [{"id": 1, "text": f"{edited}\nfresh"}],
        "early": [{"id": 2, "text": line}],
    }
    found = barrier(config, parts)
    # 8 of the 11 n-grams of the longer line are in `early`, 0.727 of them.
    assert (found[1]["text"], found[2]["text"]) == ("fresh", line)
    assert (found[1]["repeated_lines"], found[1]["overlapping_lines"]) == (0, 1)
    config = DeduplicateLines(max_count=1000, overlap={"ngram": 13, "min_ratio": 0.73})
    assert barrier(config, parts)[1]["text"] == f"{edited}\nfresh"


def random_parts(seed: int) -> tuple[dict[str, list[Document]], dict[int, list[Line]]]:
    """Documents of lines in all scripts, many of them copies, and their lines by id."""
    rng = np.random.default_rng(seed)
    pool: list[Line] = []
    for words, _ in WORDS.values():
        for _ in range(12):
            pool.append(tuple(rng.choice(words.split(), rng.integers(1, 9)).tolist()))
    joints = {word: joint for words, joint in WORDS.values() for word in words.split()}
    parts: dict[str, list[Document]] = {}
    lines: dict[int, list[Line]] = {}
    for number in range(60):
        own = [pool[place] for place in rng.integers(0, len(pool), rng.integers(0, 9))]
        text = "\n".join(joints[line[0]].join(line) for line in own)
        row = {"id": 1000 - number, "domain": f"d{rng.integers(9)}", "text": text}
        parts.setdefault(f"part-{number % 3}", []).append(row)
        lines[row["id"]] = own
    return parts, lines


def expected(
    parts: dict[str, list[Document]], lines: dict[int, list[Line]], config: Any
) -> dict[int, list[Line]]:
    """By dicts of sets: what is left of each document's lines."""
    rows = [row for name in sorted(parts) for row in parts[name]]
    domains: dict[Line, set[Any]] = {}
    firsts: dict[Line, int] = {}
    ngram = config.overlap.ngram if config.overlap else 0
    for place, row in enumerate(rows):
        for line in lines[row["id"]]:
            one = row["domain"] if config.count == "domains" else place
            domains.setdefault(line, set()).add(one)
            for gram in grams(line, ngram):
                firsts.setdefault(gram, place)
    left: dict[int, list[Line]] = {}
    for place, row in enumerate(rows):
        left[row["id"]] = []
        for line in lines[row["id"]]:
            own = grams(line, ngram)
            seen = sum(firsts[gram] < place for gram in own)
            is_seen = bool(own) and seen > config.overlap.min_ratio * len(own)
            if len(domains[line]) <= config.max_count and not is_seen:
                left[row["id"]].append(line)
    return left


def grams(line: Line, ngram: int) -> list[Line]:
    count = len(line) - ngram + 1 if ngram else 0
    return [line[first : first + ngram] for first in range(count)]


CONFIGS: Sequence[Any] = (
    DeduplicateLines(max_count=3),
    DeduplicateLines(max_count=1, count="documents"),
    DeduplicateLines(max_count=4, overlap={"ngram": 3, "min_ratio": 0.5}),
)


@pytest.mark.parametrize("config", CONFIGS, ids=["domains", "documents", "overlap"])
def test_the_same_lines_go_as_by_brute_force(barrier: Any, config: Any) -> None:
    for seed in range(3):
        parts, lines = random_parts(seed)
        found = barrier(config, parts)
        left = expected(parts, lines, config)
        assert sum(map(len, left.values())) < sum(map(len, lines.values()))
        for id_, own in left.items():
            kept = found[id_]["text"].split("\n") if found[id_]["text"] else []
            assert ["".join(line.split()) for line in kept] == ["".join(o) for o in own]
            is_lost = bool(lines[id_]) and not own
            assert (found[id_]["drop_reason"] is not None) == is_lost


def test_files_runs_and_the_order_of_inputs_change_nothing(
    barrier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIGS[2]
    parts, _ = random_parts(7)
    barrier(config, parts)
    whole = barrier.bytes_of_layers()
    barrier(config, parts, splits=4)
    assert barrier.bytes_of_layers() == whole
    barrier(config, dict(reversed(parts.items())))
    assert barrier.bytes_of_layers() == whole[::-1]


@pytest.mark.parametrize("row_groups", [2, 256])
def test_many_small_runs_find_the_same(
    barrier: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, row_groups: int
) -> None:
    """As with millions: groups of 20 rows, runs of 100 hashes, ranges of a few."""
    parts, _ = random_parts(8)
    whole = barrier(CONFIGS[2], parts)
    monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 10)
    monkeypatch.setattr(dedup_job, "_MAX_RANGE_ROWS", 128)
    monkeypatch.setattr(lines_job, "RUN_ROWS", 100)
    monkeypatch.setattr(lines_runs, "_MAX_ROW_GROUPS", row_groups)
    monkeypatch.setattr(lines_job, "_CHUNK_BYTES", 500)
    monkeypatch.setattr(lines_job, "_BATCH_ROWS", 4)
    barrier.folder = tmp_path / "small"
    assert barrier(CONFIGS[2], parts) == whole
    work = tmp_path / "small/work/lines"
    runs = list((work / "units").iterdir())
    assert len(runs) > 5
    most = max(pq.read_metadata(path).num_row_groups for path in runs)
    assert (most == 2) if row_groups == 2 else (2 < most <= 256)
    assert len(list((work / "over-ngrams").iterdir())) > 5


def test_it_says_what_it_needs_before_it_starts(barrier: Any) -> None:
    barrier(DeduplicateLines(), {"p": documents(a="x", b="y")})
    assert barrier.notes == [
        "deduplicate_lines: 2 documents, about 1.3 KiB under work/, "
        "0.0 core hours, under 1.0 GiB of memory in any task"
    ]


def test_no_input_has_no_layers(barrier: Any) -> None:
    assert barrier(DeduplicateLines(), {}) == {}
    assert barrier(DeduplicateLines(), {"p": []}) == {}


def test_it_has_no_second_text_to_write() -> None:
    with pytest.raises(ValidationError, match="occurs once"):
        DeduplicateLines.model_validate({"as": "again"})
