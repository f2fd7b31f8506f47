"""Documents that hold a question of a benchmark are found, and no others."""

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.decontamination import overlap, steps
from tamis.decontamination.overlap import index_of
from tamis.dedup import groups
from tamis.errors import ConfigError
from tamis.stage import Barrier, Transform
from tamis.stages.decontaminate import Decontaminate
from tamis.text.words import segment

QUESTIONS = {
    "Latin": "Un meunier vend trois sacs de farine le matin et deux fois autant le soir; combien "
    "de sacs a-t-il vendus en une semaine de six jours?",
    "Cyrillic": "Мельник продаёт три мешка муки утром и вдвое больше вечером; сколько мешков он "
    "продал за неделю из шести дней?",
    "Arabic": "يبيع الطحان ثلاثة أكياس من الدقيق صباحا وضعفها مساء فكم كيسا باع في أسبوع من ستة أيام؟",
    "Chinese": "磨坊主早上卖出三袋面粉，晚上卖出的是早上的两倍，他六天一共卖出多少袋面粉？",
    "Thai": "คนโม่แป้งขายแป้งสามถุงในตอนเช้าและขายสองเท่าในตอนเย็น เขาขายได้กี่ถุงในหกวัน",
    "Hindi": "चक्की वाला सुबह तीन बोरी आटा बेचता है और शाम को दोगुना, उसने छह दिनों में कितनी बोरी बेची?",
}
PROSE = {
    "Latin": "Le registre du port contient tous les bateaux qui sont entrés depuis le printemps. "
    * 9,
    "Cyrillic": "В журнале порта записаны все лодки, которые пришли сюда с самой весны. "
    * 9,
    "Arabic": "يحتوي سجل الميناء على جميع القوارب التي دخلت منذ ربيع هذا العام حتى اليوم. "
    * 9,
    "Chinese": "港口的登记簿记录了自春天以来进港的每一条船，管理员每月读给孩子们听。"
    * 9,
    "Thai": "สมุดทะเบียนของท่าเรือบันทึกเรือทุกลำที่เข้ามาตั้งแต่ฤดูใบไม้ผลิ " * 9,
    "Hindi": "बंदरगाह के रजिस्टर में वसंत से आई सभी नावें दर्ज हैं। " * 9,
}


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    path = tmp_path / "mill.jsonl"
    rows = [
        {
            "question": text,
            "eval_key": f"mill-{script}",
            "eval_instance_index": number + 7,
        }
        for number, (script, text) in enumerate(QUESTIONS.items())
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def found(benchmark: Path, *texts: str | None, **settings: Any) -> list[dict[str, Any]]:
    stage = Decontaminate(benchmarks=(str(benchmark),), **settings)
    assert isinstance(stage, Transform)
    batch = pa.RecordBatch.from_pydict(
        {
            "text": pa.array(texts, pa.string()),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )
    names = ["contaminated_by", "contaminated_instance", "contamination", "drop_reason"]
    rows: list[dict[str, Any]] = stage.build()(batch).select(names).to_pylist()
    return rows


@pytest.mark.parametrize("script", QUESTIONS)
def test_a_question_in_a_text_is_found_in_every_script(
    benchmark: Path, script: str
) -> None:
    prose = PROSE[script]
    planted, clean = found(benchmark, f"{prose}\n{QUESTIONS[script]}\n{prose}", prose)
    assert planted["contaminated_by"] == f"mill-{script}"
    assert planted["contaminated_instance"] == 7 + list(QUESTIONS).index(script)
    assert planted["contamination"] == 1.0
    assert planted["drop_reason"] == "contaminated"
    assert clean == {
        "contaminated_by": None,
        "contaminated_instance": None,
        "contamination": 0.0,
        "drop_reason": None,
    }


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace(" ", "\n   "),
        lambda text: text.replace(";", " --").replace("?", " !"),
    ],
)
def test_case_space_and_punctuation_do_not_hide_it(
    benchmark: Path, change: Any
) -> None:
    (row,) = found(benchmark, PROSE["Latin"] + change(QUESTIONS["Latin"]))
    assert (row["contaminated_by"], row["contamination"]) == ("mill-Latin", 1.0)


def test_the_share_is_that_of_the_words_in_common_n_grams(benchmark: Path) -> None:
    words = QUESTIONS["Latin"].split()
    whole = int(index_of([QUESTIONS["Latin"]], 8).lengths[0])
    for count in (5, 8, 13, 20):
        part = " ".join(words[:count])
        own = int(index_of([part], 8).lengths[0])  # `a-t-il` is three words
        (row,) = found(benchmark, PROSE["Latin"] + part, action="tag")
        expected = own / whole if own >= 8 else 0.0
        assert row["contamination"] == pytest.approx(expected)
        assert row["drop_reason"] is None


def test_half_is_not_more_than_half(benchmark: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    words = [f"word{number}" for number in range(20)]
    path.write_text(json.dumps({"text": " ".join(words)}), "utf-8")
    half, more = found(path, " ".join(words[:10]), " ".join(words[:11]))
    assert (half["contamination"], half["drop_reason"]) == (0.5, None)
    assert more["drop_reason"] == "contaminated"
    assert half["contaminated_by"] == "b"


def test_of_several_instances_the_most_complete_counts(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl.gz"
    words = [f"word{number}" for number in range(30)]
    rows = [{"text": " ".join(words)}, {"text": " ".join(words[:12])}]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    (row,) = found(path, " ".join(words[:15]))
    assert (row["contaminated_instance"], row["contamination"]) == (1, 1.0)


def test_a_phrase_of_every_question_is_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "MOST_INSTANCES_OF_GRAM", 3)
    phrase = "which one of the following statements about the text is"
    index = index_of([f"{phrase} number {n} " + f"x{n} " * 9 for n in range(9)], 8)
    few, own = f"{phrase} number 5", f"{phrase} number 5 " + "x5 " * 9
    assert _share(few, index) < 0.5
    assert _share(own, index) > 0.7


def _share(text: str, index: overlap.Index) -> float:
    data = np.frombuffer(text.encode(), np.uint8)
    words = segment(data, np.array([0, len(data)], np.int64))
    return float(overlap.overlaps(data, words, index).share[0])


def test_no_text_and_an_empty_one_are_clean(benchmark: Path) -> None:
    for row in found(benchmark, None, "", "a"):
        assert (row["contamination"], row["drop_reason"]) == (0.0, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no instance"),
        (b"[1]\n", "neither `text`"),
        (b'{"text": ""}\n', "neither `text`"),
        (b'{"text": "a"\n', r"b\.jsonl:1: is no JSON"),
        (b"\xff\xfe", "is no UTF-8"),
        (b"\x1f\x8b\x08\x00", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_benchmark_is_a_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "b.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        found(path, "a")


# By counts: n-grams of at most so many documents are cut, with what is around them.

WHOLE = {script: prose * (1 + 500 // len(prose)) for script, prose in PROSE.items()}


def by_counts(benchmark: Path, **settings: Any) -> Barrier:
    given = {"benchmarks": str(benchmark), "method": "ngram13", **settings}
    stage = Decontaminate.model_validate(given)
    assert isinstance(stage, Barrier)
    return stage


@pytest.mark.parametrize("script", QUESTIONS)
def test_a_question_goes_with_200_characters_on_either_side(
    barrier: Any, benchmark: Path, script: str
) -> None:
    before, after = WHOLE[script], WHOLE[script][::-1]
    text = f"{before}\n{QUESTIONS[script]}\n{after}"
    rows = [{"id": 1, "text": text}, {"id": 2, "text": before}, {"id": 3, "text": ""}]
    found = barrier(by_counts(benchmark), {"p": rows})
    planted = found[1]
    assert planted["contaminated_by"] == f"mill-{script}"
    assert planted["contaminated_instance"] == 7 + list(QUESTIONS).index(script)
    assert planted["contamination"] == 1.0
    assert planted["drop_reason"] is None
    left = planted["text"]
    # A word before the question may belong to an n-gram only if the question has it.
    first = left.rstrip("\n ")
    assert text.startswith(left[: len(before) - 250])
    assert text.endswith(first[-(len(after) - 250) :])
    assert QUESTIONS[script][5:25] not in left
    assert planted["text_chars"] == len(left)
    assert planted["contaminated_chars"] >= 400
    assert len(text) - planted["contaminated_chars"] <= len(left)
    assert len(left) <= len(text) - planted["contaminated_chars"] + 1
    for clean in (found[2], found[3]):
        assert (clean["contaminated_by"], clean["contamination"]) == (None, 0.0)
        assert (clean["drop_reason"], clean["contaminated_chars"]) == (None, 0)
    assert found[2]["text"] == before
    assert found[2]["text_chars"] == len(before)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace(" ", "\n   "),
        lambda text: text.replace(";", " --").replace("?", " !"),
        lambda text: " ".join(text.split()[:14]),  # half of it
    ],
)
def test_a_changed_or_cut_question_is_cut_too(
    barrier: Any, benchmark: Path, change: Any
) -> None:
    text = WHOLE["Latin"] + change(QUESTIONS["Latin"]) + "\n" + WHOLE["Latin"]
    row = barrier(by_counts(benchmark), {"p": [{"id": 1, "text": text}]})[1]
    assert row["contaminated_by"] == "mill-Latin"
    assert change("farine le matin") not in row["text"]
    assert row["text"].startswith(WHOLE["Latin"][:300])


def test_an_n_gram_of_more_than_ten_documents_is_no_evidence(
    barrier: Any, benchmark: Path
) -> None:
    text = f"{WHOLE['Latin']} {QUESTIONS['Latin']}"
    for copies, is_cut in ((10, True), (11, False)):
        parts = {f"p{number % 3}": [] for number in range(3)}  # counted over all inputs
        for number in range(copies):
            # Twice in a document is one document.
            row = {"id": number, "text": f"{text} {number} {QUESTIONS['Latin']}"}
            parts[f"p{number % 3}"].append(row)
        found = barrier(by_counts(benchmark), parts)
        cut = [row for row in found.values() if row["contaminated_by"]]
        assert len(cut) == (copies if is_cut else 0)
        grams = barrier.result.tally["ngrams"]
        assert grams["ignored"] == (0 if is_cut else grams["found"])
        assert grams["found"] > 10


def test_only_what_is_of_few_documents_is_cut(barrier: Any, tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    words = [f"word{number}" for number in range(40)]
    path.write_text(json.dumps({"text": " ".join(words)}), "utf-8")
    common = " ".join(words[:13])
    filler = "port " * 100
    rows = [{"id": n, "text": f"{filler} {common} {filler}"} for n in range(11)]
    rows.append({"id": 99, "text": f"{filler} {' '.join(words[:20])} {filler}"})
    found = barrier(by_counts(path), {"p": rows})
    assert found[0]["contaminated_by"] is None
    # Seven n-grams are left of eight: those of the words from the second on.
    assert found[99]["contamination"] == pytest.approx(19 / 40)


def test_what_was_dropped_before_does_not_count(barrier: Any, benchmark: Path) -> None:
    text = f"{WHOLE['Latin']} {QUESTIONS['Latin']}"
    rows = [{"id": number, "text": text} for number in range(11)]
    found = barrier(by_counts(benchmark), {"p": rows}, dropped=[4])
    assert found[4]["contaminated_by"] is None
    assert found[4]["contaminated_chars"] is None
    assert found[5]["contaminated_by"] == "mill-Latin"


def test_a_document_in_more_than_ten_pieces_drops(
    barrier: Any, benchmark: Path
) -> None:
    question = f" {QUESTIONS['Latin']} "
    filler = "le port tient son registre " * 20
    rows = [
        {"id": count, "text": filler + (question + filler) * (count - 1)}
        for count in (1, 2, 10, 11)
    ]
    found = barrier(by_counts(benchmark), {"p": rows})
    reasons = {id_: row["drop_reason"] for id_, row in found.items()}
    assert reasons == {1: None, 2: None, 10: None, 11: "contaminated"}
    assert barrier.result.tally["benchmarks"] == {
        "documents": {"mill-Latin": 3},
        "dropped": {"mill-Latin": 1},
    }


def test_short_pieces_go_and_a_document_of_nothing_else_drops(
    barrier: Any, benchmark: Path
) -> None:
    question = QUESTIONS["Latin"]
    rows = [
        {
            "id": 1,
            "text": "x" * 399 + " " + question,
        },  # 200 are left of the first piece
        {"id": 2, "text": "x" * 398 + " " + question},
    ]
    found = barrier(by_counts(benchmark), {"p": rows})
    assert (found[1]["text"], found[1]["drop_reason"]) == ("x" * 200, None)
    assert found[2]["drop_reason"] == "contaminated"


def test_a_mask_says_what_a_cut_would_take(barrier: Any, benchmark: Path) -> None:
    text = "é" + WHOLE["Latin"] + "\n" + QUESTIONS["Latin"] + "\n" + WHOLE["Latin"]
    rows = [{"id": 1, "text": text}, {"id": 2, "text": "磨坊"}]
    cut = barrier(by_counts(benchmark), {"p": rows})[1]
    found = barrier(by_counts(benchmark, action="mask"), {"p": rows})
    assert found[1]["text"] == text
    start, stop = found[1]["contaminated_spans"]
    rest = text[:start] + text[stop:]
    assert "".join(cut["text"].split()) == "".join(rest.split())
    assert found[1]["contaminated_chars"] == stop - start
    assert found[2]["contaminated_spans"] is None
    tagged = barrier(by_counts(benchmark, action="tag"), {"p": rows})
    assert (tagged[1]["text"], tagged[1]["drop_reason"]) == (text, None)
    assert tagged[1]["contaminated_by"] == "mill-Latin"


def test_inputs_their_order_and_their_splits_change_nothing(
    barrier: Any, benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    parts: dict[str, list[dict[str, Any]]] = {}
    texts = [*QUESTIONS.values(), *WHOLE.values()]
    for number in range(60):
        chosen = [texts[place] for place in rng.integers(0, len(texts), 6)]
        row = {"id": number, "text": "\n".join(chosen)}
        parts.setdefault(f"part-{number % 4}", []).append(row)
    stage = by_counts(benchmark, max_documents=20)
    whole = barrier(stage, parts)
    first = barrier.bytes_of_layers()
    barrier.folder = barrier.folder.with_name("again")
    assert barrier(stage, dict(reversed(parts.items())), splits=3) == whole
    assert barrier.bytes_of_layers()[::-1] == first
    monkeypatch.setattr(steps, "_BATCH_ROWS", 3)
    monkeypatch.setattr(steps, "_BUFFER_ROWS", 5)
    monkeypatch.setattr(groups, "_MIN_GROUP_ROWS", 10)
    barrier.folder = barrier.folder.with_name("in-groups")
    assert barrier(stage, parts) == whole
    assert sum(row["contaminated_by"] is not None for row in whole.values()) > 10


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"action": "mask"}, "action: mask is for method: ngram13"),
        ({"max_pieces": 3}, "max_pieces is for method: ngram13"),
        (
            {"method": "ngram13", "max_share": 0.1},
            "max_share is for method: ngram8_share",
        ),
        ({"method": "ngram13", "as": "raw"}, "occurs once"),
    ],
)
def test_settings_of_the_other_method_are_mistakes(
    benchmark: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Decontaminate.model_validate({"benchmarks": [str(benchmark)], **settings})


def test_one_name_is_a_transform_or_a_barrier_as_the_method_needs(
    benchmark: Path,
) -> None:
    files = (str(benchmark),)
    for method, kind, words in (
        ("ngram8_share", "transform", 8),
        ("ngram13", "barrier", 13),
    ):
        called = Decontaminate(benchmarks=files, method=method)
        given = {"benchmarks": files, "method": method}
        for stage in (
            called,
            Decontaminate.model_validate(given),
            pickle.loads(pickle.dumps(called)),
            called.model_copy(),
            type(called).model_validate(called.model_dump()),
        ):
            assert (stage.kind, stage.label) == (kind, "decontaminate")
            assert isinstance(stage, Decontaminate)
            assert (stage.words, stage) == (words, called)


@pytest.mark.shared
def test_2145_real_pages_have_nothing_of_22465_other_real_texts(
    shared_data: Path, tmp_path: Path
) -> None:
    """Paragraphs in 400 languages stand for a benchmark; pages that hit are counted."""
    texts = [row["text"] for row in rows_of(shared_data / "gold-dev.jsonl.gz")]
    path = tmp_path / "paragraphs.jsonl"
    paragraphs = [
        json.dumps({"text": row["text"]})
        for row in rows_of(shared_data / "lid-dev.jsonl.gz")
    ]
    path.write_text("\n".join(paragraphs), "utf-8")
    assert len(texts) > 2000
    assert len(paragraphs) > 20_000
    planted = json.loads(max(paragraphs, key=len))["text"]
    for ngram in (8, 13):
        *hits, of_planted = [
            row["contamination"]
            for row in found(path, *texts, planted, action="tag", ngram=ngram)
        ]
        assert of_planted == 1.0
        assert hits == [0.0] * len(texts)


def rows_of(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [row for line in lines if (row := json.loads(line)).get("text")]
