"""Data and imports flow one way: a module imports only from rows above its own."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "pipeline" / "tamis"

# Bottom to top: a row imports from rows above it in this list. A name of two levels
# stands for itself, a name of one for whatever below it has no row of its own.
LAYERS = [
    {
        "addresses",
        "cache",
        "errors",
        "sizes",
        "interrupts",
        "panics",
        "tables",
        "work.pulse",
    },
    {"compiled"},
    {"schema", "stage_source", "text"},
    {"linear"},
    {
        "decontamination",
        "dedup.kernels",
        "html",
        "language",
        "mix.kernels",
        "pii",
        "recipe.yaml_file",
        "recipes",
        "rights",
        "toxicity",
        "urls",
        "warc",
    },
    {"tabular", "tally", "work.imported", "work.processes", "work.watch"},
    {"work.ray_jobs", "work.ray_start"},
    {"kernels"},
    {"storage", "work.executors"},
    {"remote"},
    {"denials"},
    {"work.commits"},
    {"work.ledger"},
    {"inputs", "work.trials"},
    {"work.tasks"},
    {"crawl_index", "documents", "rights.robots_archives"},
    {"stage"},
    {"work.fingerprints", "work.steps", "work.transforms"},
    {"cutoffs"},
    {"dedup", "mix", "quality"},
    {"decontamination.steps"},
    {"stages"},
    {"recipe.plan", "training"},
    {"recipe", "report"},
    {"runner"},
    {"finished_run"},
    {"corpus"},
    {"forecast", "publishing"},
    {"forgetting"},
    {"api"},
    {"cli", "kernel_uses"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
PURE = {"dedup.kernels", "mix.kernels", "text", "linear"}


def layer(module: str) -> str:
    """`tamis.dedup.kernels.bands` -> `dedup.kernels`, `tamis.dedup.bill` -> `dedup`."""
    names = module.split(".")[1:]
    two_levels = ".".join(names[:2])
    return two_levels if two_levels in RANK else names[0]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)


def modules() -> list[Path]:
    """All files but those that only say what their folder is."""
    found = sorted(ROOT.rglob("*.py"))
    return [p for p in found if p.stem[0] != "_" or (p.parent != ROOT and imported(p))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: module_of(path))
def test_imports_point_upwards(path: Path) -> None:
    here = layer(module_of(path))
    ours = {name for name in imported(path) if name.startswith("tamis.")}
    theirs = {layer(name) for name in ours} - {here, "__version__"}
    below = {there for there in theirs if RANK[there] >= RANK[here]}
    assert not below, f"{here} must not import {below}"


@pytest.mark.parametrize("pure", sorted(PURE))
def test_kernels_know_arrays_and_nothing_else(pure: str) -> None:
    """No storage, no settings, no table formats."""
    folder = ROOT.joinpath(*pure.split("."))
    allowed = {"dedup.kernels", "mix.kernels", "linear", "text", "compiled"}
    allowed |= {"errors", "sizes", "cache"}  # of caches: tables that are made once
    for path in folder.rglob("*.py"):
        names = imported(path)
        ours = {layer(name) for name in names if name.startswith("tamis.")}
        assert ours <= allowed, f"{path} imports {ours - allowed}"
        foreign = {name.split(".")[0] for name in names}
        assert not foreign & {"pydantic", "ray", "fsspec"}, path


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {layer(module_of(path)) for path in modules()} <= set(RANK)


def test_only_the_executors_import_ray() -> None:
    importing = {
        module_of(path)
        for path in modules()
        if any(name.split(".")[0] == "ray" for name in imported(path))
    }
    ours = ("executors", "ray_jobs", "ray_start")
    assert importing == {f"tamis.work.{name}" for name in ours}


def test_the_table_in_the_docs_has_every_layer() -> None:
    page = (ROOT.parents[1] / "docs" / "design.md").read_text("utf-8")
    table = page[page.index("## The layers") :].partition("\nKernels are numba")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [set(re.findall(r"`([a-z_.]+)`", row)) for row in rows] == LAYERS
