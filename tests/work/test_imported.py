"""The modules that a user's stage imports are part of its fingerprint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tamis.errors import ConfigError
from tamis.stage_source import load_class
from tamis.work import imported
from tamis.work.imported import imported_digests

ROOT = Path(__file__).resolve().parents[2]
STAGE = """
import json, numpy.linalg
import pyarrow as pa
import tamis
from importlib import import_module
from words import lists
from words.rules import BOUND

class Keep(tamis.Transform):
    def build(self):
        import late_helper
        other = import_module("named_helper")
        return lambda batch: batch
"""
MODULES = {
    "words/__init__.py": "from . import start\n",
    "words/start.py": "",
    "words/lists.py": "from .deep.inner import WORDS\n",
    "words/rules.py": "BOUND = 3\n",
    "words/deep/__init__.py": "",
    "words/deep/inner.py": "WORDS = ('a',)\n",
    "late_helper.py": "# -*- coding: latin-1 -*-\n",
    "named_helper.py": "",
    "unused.py": "",
}
NAMES = [
    *("late_helper", "named_helper", "words", "words.deep", "words.deep.inner"),
    *("words.lists", "words.rules", "words.start"),
]
ASK = """
import json, sys
from pathlib import Path
from tamis.stage_source import load_class
from tamis.work.fingerprints import stage_dependencies
print(json.dumps(stage_dependencies(load_class(Path("own.py"), "Keep")())["sources"]))
"""


def write(folder: Path) -> Path:
    for name, text in {**MODULES, "own.py": STAGE}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def sources(folder: Path) -> list[str]:
    """What a new process finds, as each run is one."""
    places = os.pathsep.join([str(folder), str(ROOT / "pipeline")])
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_modules_of_the_user_count_by_name_and_content_wherever_they_lie(
    tmp_path: Path,
) -> None:
    before = sources(write(tmp_path / "here"))
    assert [one.partition(" ")[0] for one in before[1:]] == NAMES
    assert sources(write(tmp_path / "in/another folder")) == before
    (tmp_path / "here/unused.py").write_text("x = 1\n", "utf-8")
    assert sources(tmp_path / "here") == before
    (tmp_path / "here/words/deep/inner.py").write_text("WORDS = ('b',)\n", "utf-8")
    after = sources(tmp_path / "here")
    assert [
        a.partition(" ")[0] for a, b in zip(after, before, strict=True) if a != b
    ] == ["words.deep.inner"]


@pytest.fixture
def helped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type:
    """A stage with one module beside it, whose name no other test has."""
    name = f"helper_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text("import ring\n", "utf-8")
    (tmp_path / "ring.py").write_text(f"import {name}\n", "utf-8")
    (tmp_path / "own.py").write_text(
        f"import tamis, {name}\nclass Keep(tamis.Transform):\n    def build(self): ...\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ring", raising=False)
    return load_class(tmp_path / "own.py", "Keep")


def test_modules_that_import_each_other_are_read_once(helped: type) -> None:
    assert len(imported_digests(helped)) == 2


def test_a_module_that_changed_after_its_import_is_named(
    helped: type, tmp_path: Path
) -> None:
    """The process has the old code, its workers would have the new."""
    before = imported_digests(helped)
    file = tmp_path / f"helper_{tmp_path.name}.py"
    file.write_text("import ring  # changed\n", "utf-8")
    with pytest.raises(ConfigError, match=r"helper_.*\.py changed since this process"):
        imported_digests(helped)
    file.write_text("import ring\n", "utf-8")
    assert imported_digests(helped) == before


def test_too_many_modules_are_refused(
    helped: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "MOST_MODULES", 1)
    with pytest.raises(ConfigError, match="install them as a package"):
        imported_digests(helped)


def test_stages_of_the_package_import_nothing_of_the_user() -> None:
    from tamis.stages.mask_pii import MaskPii

    assert imported_digests(MaskPii) == []


def test_a_text_that_is_no_python_names_no_module() -> None:
    assert imported._imports_in("class :", "") == set()
    assert imported._imports_in("from ...a import b", "x.y.z") == {
        *("x", "x.y", "x.y.z", "x.a", "x.a.b")
    }
