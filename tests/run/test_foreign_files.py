"""Files that libraries in Rust and C++ read: a bad one costs no worker, a bad text no run."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import ConfigError, StageError
from tamis.panics import Panic
from tamis.runner.foreign import refuse_damaged_files
from tamis.stage import BatchFunction, Transform
from tamis.stages.score_borderline import ScoreBorderline
from tamis.toxicity.onnx_labels import OnnxLabels
from tamis.work.executors import Call, InlineExecutor
from tamis.work.processes import in_fresh_process

_WORDS = {"le": 0, "tamis": 1, "[UNK]": 2}
# A text of up to 1,000 characters is one token, "tamis"; pieces of no length, in which
# another text is to be cut, make tokenizers 0.22 panic.
_LONG = 1000
_FAILS_AT_LONG_TEXTS = {
    "normalizer": {
        "type": "Replace",
        "pattern": {"Regex": rf"\A[\s\S]{{1,{_LONG}}}\z"},
        "content": "tamis",
    },
    "added_tokens": [
        {
            "id": 1,
            "content": "tamis",
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "special"), False),
            "normalized": True,
        }
    ],
    "pre_tokenizer": {"type": "FixedLength", "length": 0},
}
_FAILS_TO_LOAD = {"normalizer": {"type": "Precompiled", "precompiled_charsmap": ""}}


def tokenizer_file(path: Path, **changes: Any) -> Path:
    settings = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": _WORDS, "unk_token": "[UNK]"},
    }
    path.write_text(json.dumps({**settings, **changes}), "utf-8")
    return path


def rows_in(folder: Path, *columns: str) -> list[dict[str, Any]]:
    return [
        row
        for path in folder.glob("*.parquet")
        for row in pq.read_table(path, columns=list(columns)).to_pylist()
    ]


def test_a_tokenizer_that_panics_on_loading_is_refused_before_any_work(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    path = tokenizer_file(tmp_path / "tokenizer.json", **_FAILS_TO_LOAD)
    output = tmp_path / "out"
    settings = (f"output={output}", "executor.kind=inline")
    done = command(
        "run",
        "--quiet",
        *(f"--set={value}" for value in (*settings, f"mix_corpus.tokenizer={path}")),
    )
    assert done.code == 2
    (line,) = done.stderr.splitlines()
    assert f"mix_corpus.tokenizer: {path}: panicked:" in line
    assert not (output / "commits").exists()


def test_a_text_at_which_the_tokenizer_panics_costs_that_page(
    tamis: Any, sample_run: Path, tmp_path: Path
) -> None:
    path = tokenizer_file(tmp_path / "tokenizer.json", **_FAILS_AT_LONG_TEXTS)
    tamis.run(f"mix_corpus.tokenizer={path}")
    mixed = rows_in(tamis.output / "mix", "id", "text", "tokens")
    dropped = rows_in(tamis.output / "dropped", "id", "reason")
    failed = {row["id"] for row in dropped if row["reason"] == "tokenizer_failed"}
    assert failed
    assert all(row["tokens"] == 1 and len(row["text"]) <= _LONG for row in mixed)
    kept = {row["id"] for row in mixed}
    assert not kept & failed
    whole = {row["id"] for row in rows_in(sample_run / "mix", "id")}
    others = {row["id"] for row in dropped if row["reason"] == "not_sampled"}
    assert whole == kept | failed | others


def test_a_window_at_which_the_tokenizer_panics_has_no_chance(
    onnx_folder: Callable[..., str],
) -> None:
    folder = Path(onnx_folder(("fine", "toxic"), navet=(0, 2)))
    whole = OnnxLabels(str(folder), device="cpu", max_tokens=8)
    # Without a token for unknown words, the library raises at each of them.
    model = {"type": "WordLevel", "vocab": {"navet": 2}, "unk_token": "[UNK]"}
    tokenizer_file(folder / "tokenizer.json", model=model)
    (folder / "config.json").write_text(
        json.dumps({"id2label": {"0": "fine", "1": "toxic"}})
    )
    with pytest.raises(ValueError, match="Missing \\[UNK\\]"):
        OnnxLabels(str(folder), device="cpu", max_tokens=8)
    whole._tokenizer = type(whole._tokenizer).from_file(str(folder / "tokenizer.json"))
    first, second = whole.chances(["navet navet", "rose"], ("toxic",), at_once=2)
    assert 0.9 < first < 1
    assert second != second  # NaN


def test_a_word_that_the_model_has_no_place_for_has_no_chance(
    onnx_folder: Callable[..., str],
) -> None:
    folder = Path(onnx_folder(("fine", "toxic"), navet=(0, 2)))
    vocabulary = {"[UNK]": 1, "navet": 2, "a": 2, "rose": 999}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    tokenizer_file(folder / "tokenizer.json", model=model)
    opened = OnnxLabels(str(folder), device="cpu", max_tokens=8)
    alone = opened.chances(["navet"], ("toxic",), at_once=1)
    found = opened.chances(["navet", "rose", "navet"], ("toxic",), at_once=3)
    assert found.tolist()[::2] == [alone[0]] * 2
    assert found[1] != found[1]


class Deadly(Transform):
    """Ends its process when it opens its file."""

    file: str

    def files(self) -> tuple[str, ...]:
        return (self.file,)

    def foreign_files(self) -> tuple[str, ...]:
        return self.files()

    def build(self) -> BatchFunction:
        os.write(2, b"corrupt table\n")
        os.abort()


def test_a_file_that_ends_its_process_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not survive") as raised:
        refuse_damaged_files([Deadly(file="a.model")])
    said = str(raised.value)
    assert said.startswith("deadly: a.model: ")
    assert "SIGABRT; its last words: corrupt table" in said
    assert "\n" not in said


def test_a_folder_without_a_model_is_refused_as_a_task_would(tmp_path: Path) -> None:
    stage = ScoreBorderline(model=str(tmp_path / "none"), labels=("toxic",))
    with pytest.raises(ConfigError, match=r"score_borderline\.model: .*none"):
        refuse_damaged_files([stage])


def panicking(path: str) -> int:
    from tokenizers import Tokenizer

    encoding = Tokenizer.from_file(path).encode("le tamis " * 300)
    return len(encoding.ids)


def test_a_panic_is_an_error_wherever_tasks_run(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path / "tokenizer.json", **_FAILS_AT_LONG_TEXTS)
    executor = InlineExecutor()
    executor.submit(Call("a", panicking, (str(path),)))
    assert isinstance(executor.wait().error, Panic)
    with pytest.raises(Panic, match="chunk size"):
        in_fresh_process(panicking, (str(path),))


class Panicking(Transform):
    """Counts tokens, with nothing between it and the library."""

    path: str

    def columns_written(self) -> pa.Schema:
        return pa.schema([])

    def build(self) -> BatchFunction:
        def count(batch: pa.RecordBatch) -> pa.RecordBatch:
            panicking(self.path)
            return batch

        return count


def test_a_panic_in_a_stage_of_a_user_names_the_stage(tmp_path: Path) -> None:
    from tamis.api import apply

    path = tokenizer_file(tmp_path / "tokenizer.json", **_FAILS_AT_LONG_TEXTS)
    with pytest.raises(StageError, match=r"stage 'panicking' failed on .*: Panic"):
        apply(Panicking(path=str(path)), ["le tamis"])
