"""Words go from stage to stage with their rows, and never with another text."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tamis.stage import with_columns
from tamis.stages.clean_lines import CleanLines
from tamis.stages.mask_pii import MaskPii
from tamis.stages.measure_text import MeasureText
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.text import word_column
from tamis.text.buffers import Bytes, Offsets, utf8_buffers
from tamis.text.columns import WORDS
from tamis.text.word_column import with_words, words_of
from tamis.text.words import Words, segment

TEXTS = {
    "eng": ("It's 3.5 km.", ["It", "s", "3", "5", "km"]),
    "rus": ("В 1812 году", ["В", "1812", "году"]),
    "arb": ("في ١٩٤٥، بيروت", ["في", "١٩٤٥", "بيروت"]),
    "cmn": ("我们在𠀀北京", ["我们", "在", "𠀀", "北京"]),
    "tha": ("ผมรักประเทศไทย", ["ผม", "รัก", "ประเทศไทย"]),
    "fra": ("", []),
    "deu": (None, []),
}
EXPECTED = [words for _, words in TEXTS.values()]


def batch(*texts: str | None, type_: str = "string") -> pa.RecordBatch:
    chosen = list(texts) or [text for text, _ in TEXTS.values()]
    return pa.RecordBatch.from_pydict(
        {
            "text": pa.array(chosen, type_),
            "text_chars": pa.array([len(text or "") for text in chosen], pa.int32()),
            "language": pa.array([*TEXTS, *("eng",) * len(chosen)][: len(chosen)]),
            "drop_reason": pa.nulls(len(chosen), pa.string()),
        }
    )


def spelled(rows: pa.RecordBatch) -> list[list[str]]:
    """The words of each row, looked up in its text."""
    data, _ = utf8_buffers(rows["text"])
    words = words_of(rows)
    found = [
        bytes(data[start:end]).decode()
        for start, end in zip(words.starts, words.ends, strict=True)
    ]
    assert words.lengths.tolist() == [len(word) for word in found]
    bounds = zip(words.documents[:-1], words.documents[1:], strict=True)
    return [found[first:last] for first, last in bounds]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Documents of each batch whose words were looked for."""
    found: list[int] = []

    def counted(data: Bytes, offsets: Offsets) -> Words:
        found.append(len(offsets) - 1)
        return segment(data, offsets)

    monkeypatch.setattr(word_column, "segment", counted)
    return found


@pytest.mark.parametrize("type_", ["string", "large_string"])
def test_the_words_in_the_column_are_those_that_were_found(
    type_: str, asked: list[int]
) -> None:
    rows, words = with_words(batch(type_=type_))
    for name, own in words_of(rows)._asdict().items():
        other = getattr(words, name)
        assert (own.dtype, own.tolist()) == (other.dtype, other.tolist())
        assert own.flags.writeable  # as `segment` gives them: one compiled kernel
    assert spelled(rows) == EXPECTED
    assert with_words(rows)[0] is rows
    assert asked == [len(TEXTS)]


KEPT = [0, 3, 4, 6]
CHANGES = {
    "filtered": (lambda rows: rows.filter([i in KEPT for i in range(7)]), KEPT),
    "sliced": (lambda rows: rows.slice(2, 3), [2, 3, 4]),
    "taken": (lambda rows: rows.take(pa.array([5, 4, 0, 4])), [5, 4, 0, 4]),
    "sliced and filtered": (
        lambda rows: rows.slice(1).filter([True, False, True, False, True, False]),
        [1, 3, 5],
    ),
    "none of them": (lambda rows: rows.slice(3, 0), []),
    "all filtered out": (lambda rows: rows.filter([False] * 7), []),
    "one after the other": (
        lambda rows: (
            pa.Table.from_batches([rows.slice(4), rows.slice(0, 2)])
            .combine_chunks()
            .to_batches()[0]
        ),
        [4, 5, 6, 0, 1],
    ),
}


@pytest.mark.parametrize(("change", "left"), CHANGES.values(), ids=CHANGES)
def test_rows_carry_their_words(
    change: Callable[[pa.RecordBatch], pa.RecordBatch],
    left: list[int],
    asked: list[int],
) -> None:
    rows = change(with_words(batch())[0])
    asked.clear()
    assert spelled(rows) == [EXPECTED[row] for row in left]
    assert asked == []


def test_a_batch_that_is_itself_a_slice_carries_its_words(asked: list[int]) -> None:
    rows, _ = with_words(batch().slice(2, 4))
    assert spelled(rows) == EXPECTED[2:6]
    assert asked == [4]


def test_a_new_text_has_its_own_words() -> None:
    rows, _ = with_words(batch("one two", "three"))
    changed = with_columns(rows, {"text": pa.array(["on etwo", "three"])})
    assert WORDS not in changed.schema.names
    assert spelled(changed) == [["on", "etwo"], ["three"]]
    # One that went past with_columns: of the same length, shorter, of another type.
    for texts in (["on etwo", "three"], ["a", None]):
        changed = rows.set_column(0, "text", pa.array(texts, pa.large_string()))
        assert spelled(with_words(changed)[0]) == spelled(batch(*texts))
        assert with_words(changed)[0].schema.names.count(WORDS) == 1


def test_words_are_found_once_for_stages_one_behind_the_other(
    asked: list[int],
) -> None:
    measure = MeasureText().build()
    score = ScoreToxicity().build()
    scored = score(measure(batch()))
    assert asked == [len(TEXTS)]
    assert scored["word_count"].to_pylist() == [5, 3, 3, 4, 3, 0, None]
    alone = score(batch())
    for name in ("toxic_word_density", "toxicity_max", "toxicity_mean"):
        assert scored[name].equals(alone[name])


@pytest.mark.parametrize(
    "stage",
    [
        MaskPii().build(),
        CleanLines(preset="c4", max_removed_ratio=1).build(),
    ],
    ids=["mask_pii", "clean_lines"],
)
def test_a_stage_that_changes_the_text_changes_the_words(
    stage: Callable[[pa.RecordBatch], pa.RecordBatch],
) -> None:
    rows, _ = with_words(batch("Write to ann@example.org now, please.\n\nToo short"))
    changed = stage(rows)
    assert not changed["text"].equals(rows["text"])
    assert spelled(changed) == spelled(batch(*changed["text"].to_pylist()))


def test_no_words_are_looked_for_where_nobody_asks(asked: list[int]) -> None:
    score = ScoreToxicity(packaged=False, model=None).build()
    scored = score(batch())
    assert asked == []
    assert WORDS not in scored.schema.names
    assert pc.count(scored["toxic_word_density"]).as_py() == 0
