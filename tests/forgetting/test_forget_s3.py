"""Forgetting works in an object store as on a disk, and a sample is estimated there."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from fixtures.recipes import OF_A_CORPUS

import tamis
from tamis.forgetting.tables import has_ids
from tamis.storage import Storage

Options = dict[str, dict[str, str]]
REQUEST = {"domain": "uferblatt.example", "date": "2026-11-30", "reason": "by mail"}


@pytest.fixture
def recipe(s3: Options, tmp_path: Path) -> Any:
    archive = ROOT / "samples" / "samples-00000.warc.gz"
    path = tmp_path / "stages.yaml"
    text = f"input: {archive}\noutput: s3://bucket/forget\n{OF_A_CORPUS}"
    path.write_text(text, "utf-8")
    return tamis.Recipe.load(path, storage_options=s3)


@pytest.mark.long  # test_forget.py: the same on a disk
def test_documents_go_from_a_store_and_stay_away(
    recipe: Any, s3: Options, tmp_path: Path
) -> None:
    expected = tamis.estimate(recipe, splits=4, progress=False)
    assert expected.requests > 0
    tamis.run(recipe, progress=False)
    storage = Storage("s3://bucket/forget", s3)
    found = tamis.lookup("s3://bucket/forget", "uferblatt.example", storage_options=s3)
    assert found.mixes[0].documents > 0
    request = tmp_path / "requests.jsonl"
    request.write_text(json.dumps(REQUEST), "utf-8")
    done = tamis.forget("s3://bucket/forget", request, storage_options=s3)
    assert done.documents == found.mixes[0].documents
    assert tamis.verify("s3://bucket/forget", storage_options=s3).wrong == []
    left = tamis.find_denied("s3://bucket/forget", storage_options=s3)
    assert left.left == []
    assert left.files > 10
    again = tamis.forget("s3://bucket/forget", request, storage_options=s3)
    assert again.documents == 0
    # A later run drops them in front of its mix, and makes nothing else again.
    summary = tamis.run(recipe, progress=False).summary
    assert not {"extracted", "documents"} & set(summary["tasks_executed"])
    assert list(summary["stages"]["deny"]["dropped"]) == ["denied"]
    assert any(has_ids(storage, name) for name in storage.names("documents"))
