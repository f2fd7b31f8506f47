"""A run redoes what a change touches and nothing above it: the tasks are counted."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tamis.runner.dropped.rows import masking_fingerprint
from tamis.stages.mask_pii import MaskPii
from tamis.work import fingerprints as prints


@pytest.fixture
def finished(tamis: Any, sample_run: Path) -> Any:
    """A copy of a finished run: its recipe with another output folder."""
    shutil.copytree(sample_run, tamis.output)
    return tamis


def test_a_first_run_does_every_task(sample_run: Path) -> None:
    executed = json.loads((sample_run / "run.json").read_text("utf-8"))
    executed = executed["tasks_executed"]
    assert executed["extracted"] == executed["documents"] >= 2
    assert executed["decisions"] == executed["dropped"] == 2


def test_running_again_does_nothing(finished: Any) -> None:
    before = finished.published("mix", "duplicates", "dropped")
    assert finished.run()["tasks_executed"] == {}
    assert finished.published("mix", "duplicates", "dropped") == before


def test_a_threshold_redoes_decisions_only(finished: Any) -> None:
    executed = finished.run("filter_quality.bounds={word_count: [80, null]}")[
        "tasks_executed"
    ]
    assert executed["decisions"] == 2
    assert not {"extracted", "documents"} & set(executed)


def test_a_signature_is_made_without_extracting_again(finished: Any) -> None:
    executed = finished.run("sign.bands=9", "sign.rows=13")["tasks_executed"]
    assert executed["documents"] >= 2
    assert "extracted" not in executed


def test_other_rules_of_masking_make_the_samples_anew(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of pages that fell before mask_pii, too; decisions have no text."""
    monkeypatch.setattr(MaskPii, "version", MaskPii.version + 1)
    executed = finished.run()["tasks_executed"]
    assert {"extracted", "documents", "samples", "dropped"} <= set(executed)
    assert "decisions" not in executed


@pytest.mark.parametrize("library", ["phonenumbers", "python-stdnum"])
def test_samples_depend_on_the_libraries_that_mask_them(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    before = masking_fingerprint()
    assert masking_fingerprint() == before
    installed = prints.library_version
    monkeypatch.setattr(
        prints,
        "library_version",
        lambda name: "0.0" if name == library else installed(name),
    )
    assert masking_fingerprint() != before


def test_another_mix_redoes_the_mix_only(finished: Any) -> None:
    executed = finished.run("mix_corpus.alpha=1")["tasks_executed"]
    assert set(executed) == {
        "mix_corpus-scatter",
        "mix_corpus-gather",
        "samples",
        "dropped",
    }


def test_another_number_of_cores_redoes_nothing(finished: Any) -> None:
    assert finished.run("executor.workers=5")["tasks_executed"] == {}


def test_what_work_held_may_be_deleted(finished: Any) -> None:
    shutil.rmtree(finished.output / "work")
    assert finished.run()["tasks_executed"] == {}
    executed = finished.run("filter_quality.bounds={word_count: [80, null]}")
    assert not {"extracted", "documents"} & set(executed["tasks_executed"])


def test_a_save_that_was_deleted_is_made_again(finished: Any) -> None:
    before = finished.published("mix", "duplicates", "dropped")
    for path in list((finished.output / "extracted").iterdir())[:1]:
        path.unlink()
    assert finished.run()["tasks_executed"] == {"extracted": 1}
    assert finished.published("mix", "duplicates", "dropped") == before


def test_another_seed_makes_another_mix_and_nothing_else(finished: Any) -> None:
    executed = finished.run("seed=8")["tasks_executed"]
    # Documents are ordered anew, and not counted again.
    assert set(executed) == {
        "mix_corpus-epochs",
        "mix_corpus-copies-gather",
        "mix_corpus-scatter",
        "mix_corpus-gather",
        "samples",
        "dropped",
    }


def test_a_new_signal_does_not_extract_again(finished: Any) -> None:
    executed = finished.run("score_toxicity.model=null")["tasks_executed"]
    assert "documents" in executed
    assert "extracted" not in executed
