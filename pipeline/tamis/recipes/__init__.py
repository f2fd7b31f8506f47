"""Recipes of the field, which `tamis run NAME` finds where no file is called so."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """What `tamis run` takes for a recipe: dactory, dclm, fineweb2 ..."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def packaged(path: Path) -> Path | None:
    """The package's recipe of that name; null if it is a file, or no such name."""
    if path.exists() or str(path) not in names():
        return None
    return _FOLDER / f"{path}.yaml"
