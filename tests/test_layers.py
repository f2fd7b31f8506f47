"""Data and imports flow one way: a module imports only from rows above its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "pipeline"

LAYERS = [
    {"errors", "sizes", "interrupts"},
    {"yaml_file"},
    {"schema", "text"},
    {"linear"},
    {
        "html",
        "warc",
        "urls",
        "language",
        "pii",
        "dedup",
        "mix",
        "toxicity",
        "quality",
        "rights",
    },
    {"storage", "executors"},
    {"remote"},
    {"commits"},
    {"tasks", "inputs"},
    {"aligned"},
    {"documents", "selection"},
    {"stage"},
    {"prints"},
    {"stages"},
    {"plan", "training"},
    {"report"},
    {"config"},
    {"runner"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def part(module: str) -> str:
    """`pipeline.text.words` -> `text`."""
    return module.split(".")[1]


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_point_upwards(path: Path) -> None:
    if path.parent == ROOT and path.name.startswith("__"):
        return
    here = part(".".join(path.relative_to(ROOT.parent).with_suffix("").parts))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("pipeline."):
                there = part(name)
                assert there == here or RANK[there] < RANK[here], f"{path}: {name}"


def test_every_part_of_the_package_has_a_layer() -> None:
    parts = {path.stem for path in ROOT.iterdir() if not path.name.startswith("__")}
    assert parts - {"py"} <= set(RANK)


def test_only_the_executors_import_ray() -> None:
    importing = {
        path.name
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "ray"
        in {
            (getattr(node, "module", None) or "").split(".")[0],
            *(alias.name.split(".")[0] for alias in node.names),
        }
    }
    assert importing == {"executors.py"}
