"""Documents that hold a question of a benchmark are found, and no others."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.decontamination import overlap
from tamis.decontamination.overlap import index_of
from tamis.errors import ConfigError
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
        Decontaminate(benchmarks=(str(path),)).build()
