"""Kernels are compiled once per installation: where they are kept, and what a change costs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tamis import compiled
from tamis.kernels import ALWAYS, USES, KernelsNotCompiled, ensure_kernels
from tamis.recipe.load import load_recipe
from tamis.runner.steps import kernels_of
from tamis.stages.clean_lines import CleanLines
from tamis.stages.decontaminate import Decontaminate
from tamis.stages.deduplicate_lines import DeduplicateLines
from tamis.stages.extract_text import ExtractText
from tamis.stages.measure_text import MeasureText

ROOT = Path(__file__).resolve().parents[1]
PLACE = "; from tamis.compiled import kernels_folder; print(kernels_folder())"
NOWHERE = "import os; os.access = lambda *a, **k: False"
# Which kernels are compiled and would be kept.
NOTING = """
from numba.core import caching
kept = []
def keep(self, signature, data):
    kept.append(f"{self._py_func.__module__}.{self._py_func.__qualname__}{signature}")
caching.Cache.save_overload = keep
"""
RUNS = """
import json, sys
from contextlib import suppress
from tamis.cli import main
for arguments in json.loads(sys.argv[1]):
    with suppress(SystemExit):
        main(arguments)
print(json.dumps(kept))
"""


def python(script: str, *arguments: str, **environment: str) -> tuple[str, str]:
    """What a new process prints, and what it says on stderr."""
    hidden = ("NUMBA_CACHE_DIR", "TAMIS_CACHE", "TAMIS_CPU")
    known = {k: v for k, v in os.environ.items() if k not in hidden}
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=known | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip(), ended.stderr


def test_a_package_that_can_be_written_is_the_place() -> None:
    folder, said = python("pass" + PLACE)
    assert folder.startswith(str(Path(compiled.__file__).parent / ".cache" / "kernels"))
    assert not said


def test_the_user_s_word_counts(tmp_path: Path) -> None:
    folder, said = python(NOWHERE + PLACE, TAMIS_CACHE=str(tmp_path))
    assert (Path(folder).parent, said) == (tmp_path / "kernels", "")


def test_without_any_place_a_temporary_one_is_named(tmp_path: Path) -> None:
    folder, said = python(NOWHERE + PLACE, TMPDIR=str(tmp_path))
    assert Path(folder).parents[2] == tmp_path
    (line,) = said.splitlines()
    assert str(Path(folder).parents[1]) in line


def test_where_nothing_can_be_written_kernels_compile_all_the_same() -> None:
    script = (
        "import tamis.cache\n"
        "def no(): raise OSError('no room')\n"
        "tamis.cache.cache_folder = no\n"
        "import numpy as np\n"
        "from tamis.text.utf8 import code_point_counts\n"
        "print(code_point_counts(np.frombuffer('aé磨'.encode(), 'u1'), np.array([0, 6])))"
    )
    assert python(script)[0] == "[3]"


def test_a_kernel_is_loaded_without_what_compiling_needs() -> None:
    """Half of a worker's start; numba gets it by itself before it compiles."""
    script = (
        "import sys, numba, numpy as np\n"
        "from tamis.text.utf8 import code_point_counts\n"
        "counts = lambda: code_point_counts(\n"
        "    np.frombuffer('aé磨'.encode(), 'u1'), np.array([0, 6]))\n"
        "print(counts(), 'numba.np.linalg' in sys.modules)\n"
        "print(numba.njit(lambda x: np.sort(x)[::-1].sum())(np.arange(5.0)), counts())"
    )
    assert python(script)[0].splitlines() == ["[3] False", "10.0 [3]"]


@pytest.mark.parametrize("first", ["", "import numba; "])
def test_one_processor_for_all_machines_unless_asked(first: str) -> None:
    script = (
        f"{first}from tamis.text.utf8 import decode; import numba\n"
        "from numba.core.registry import cpu_target\n"
        "print(cpu_target.target_context.codegen().magic_tuple()[1])"
    )
    assert python(script)[0] in ("x86-64-v3", "generic")
    assert python(script, TAMIS_CPU="native")[0] not in ("x86-64-v3", "generic")


def test_if_numba_has_compiled_before_one_line_says_so() -> None:
    before = "import numba; numba.njit(lambda x: x)(1)"
    folder, said = python(before + PLACE)
    assert Path(folder).name == "native"
    (line,) = said.splitlines()
    assert "numba has compiled before" in line


def test_a_folder_is_named_after_all_that_a_module_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kernel holds the code of those it calls: a change below it is a change of it."""
    sources: dict[str, bytes | None] = {
        "tamis.a": b"from tamis.b import (\n    f,\n    g,\n)\n",
        "tamis.b": b"from tamis import c\nX = 1\n",
        "tamis.c": b"Y = 2\n",
        "tamis.d": b"Z = 3\n",
    }

    def stamps() -> list[str]:
        for function in (compiled._folder_name, compiled._with_imports):
            function.cache_clear()
        return [compiled._folder_name(f"tamis.{name}") for name in "abd"]

    with monkeypatch.context() as patched:
        patched.setattr(compiled, "_source", sources.get)
        before = stamps()
        assert len(set(before)) == 3
        sources["tamis.c"] = b"Y = 3\n"
        after = stamps()
    stamps()  # forget what was made up
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]


def test_a_run_over_the_samples_compiles_nothing(tmp_path: Path) -> None:
    """The uses of tamis.kernel_uses cover the default recipe, without and with an index."""
    ensure_kernels()
    recipe = ["run", str(ROOT / "stages.yaml"), "--quiet", "--set", "executor=inline"]
    first, second = (["--set", f"output={tmp_path / name}"] for name in "ab")
    index = ["--set", f"deduplicate.index={tmp_path / 'index'}"]
    runs = [recipe + more for more in (first, first + index, second + index)]
    shown, _ = python(NOTING + RUNS, json.dumps(runs))
    assert json.loads(shown.splitlines()[-1]) == []
    for name in "ab":
        assert (tmp_path / name / "mix" / "_manifest.json").is_file()


def test_kernels_of_a_package_that_cannot_be_written_are_copied(tmp_path: Path) -> None:
    """An image of a container has them, and runs as a user who cannot write to it."""
    ensure_kernels()
    script = (
        "import tamis.kernels as k\n"
        "assert k.ensure_kernels(lambda done, of: print('compiles'))\n"
        "assert not k.ensure_kernels()\n"
    )
    shown, _ = python(script, TAMIS_CACHE=str(tmp_path))
    assert shown == ""
    use = "from tamis import kernel_uses as uses; uses.words(); uses.spans()\n"
    shown, _ = python(NOTING + use + "print(kept)", TAMIS_CACHE=str(tmp_path))
    assert shown == "[]"


def test_processes_that_ask_at_once_compile_once(tmp_path: Path) -> None:
    """The others wait for the lock and find the mark."""
    script = (
        "import sys; from pathlib import Path; import tamis.kernels as k\n"
        f"k._mark = lambda: Path({str(tmp_path)!r}) / 'mark'\n"
        "k._compile = lambda uses, say, processes: print('compiled')\n"
        "print(k.ensure_kernels())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=-1, text=True)
        for _ in range(4)
    ]
    said = sorted(process.communicate()[0].split() for process in running)
    assert said == [["False"], ["False"], ["False"], ["compiled", "True"]]


def test_a_use_that_fails_is_told_and_leaves_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setattr("tamis.kernels._mark", lambda: mark)
    monkeypatch.setattr("tamis.kernels._LINES", (("unheard_of",),))
    with pytest.raises(KernelsNotCompiled, match="unheard_of: KeyError"):
        ensure_kernels(uses=["unheard_of"])
    assert list(tmp_path.iterdir()) == [tmp_path / ".lock"]


def test_every_use_is_there() -> None:
    from tamis import kernel_uses

    assert all(callable(getattr(kernel_uses, name)) for name in USES)


def test_a_recipe_has_the_uses_of_its_settings_compiled_and_no_others() -> None:
    recipe = ROOT / "stages.yaml"
    assert kernels_of(load_recipe(recipe).stages) == ALWAYS
    marked = load_recipe(recipe, ["extract_text.markdown=true"])
    assert set(kernels_of(marked.stages)) == {*ALWAYS, "markdown"}
    every = [
        ExtractText(markdown=True),
        MeasureText(compat="datatrove"),
        CleanLines(preset=["c4"]),
        Decontaminate(benchmarks=[str(recipe)]),
        DeduplicateLines(),
    ]
    assert kernels_of(every) == USES


def test_what_is_compiled_is_not_compiled_again_for_another_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr("tamis.kernels._mark", lambda: tmp_path / "mark")
    monkeypatch.setattr(
        "tamis.kernels._compile", lambda uses, *_: asked.append(list(uses))
    )
    assert ensure_kernels(uses=["pages", "words"])
    assert ensure_kernels(uses=["pages", "markdown", "words"])
    assert not ensure_kernels(uses=["pages", "markdown"])
    assert asked == [["pages", "words"], ["markdown"]]
