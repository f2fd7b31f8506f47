"""The stages, one file each. `tamis.stages.FilterQuality` loads its file when it is used.

`catalog()` lists all of them with their settings; so does the module itself at a prompt.
"""

import importlib
import sys
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from tamis.errors import ConfigError
from tamis.stage import Stage
from tamis.stage_source import FILE_STAGE, load_class
from tamis.tables import table_html

# In the order of a recipe. A stage's file has the stage's name; its class has the same
# name in camel case.
NAMES = (
    "read_warc",
    "read_documents",
    "filter_url",
    "decode_html",
    "read_rights",
    "extract_text",
    "identify_language",
    "filter_language",
    "filter_rights",
    "filter_robots",
    "clean_lines",
    "deduplicate_urls",
    "deny",
    "deduplicate_lines",
    "deduplicate_substrings",
    "decontaminate",
    "measure_text",
    "score_quality",
    "score_toxicity",
    "score_borderline",
    "mask_pii",
    "sign",
    "save",
    "filter_quality",
    "filter_toxicity",
    "deduplicate",
    "mix_corpus",
)
_CLASSES = {"".join(map(str.capitalize, name.split("_"))): name for name in NAMES}

__all__ = [*_CLASSES, "catalog", "stage_class"]


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_CLASSES[name]}"), name)


def __dir__() -> list[str]:
    return __all__


def stage_class(name: str) -> type[Stage] | None:
    """The class of a stage: ours, an installed package's, or `path/to/file.py:Class`.

    Null for an unknown name. Raises ConfigError for a file or an entry point that holds
    no stage.
    """
    for class_name, own in _CLASSES.items():
        if own == name:
            found: type[Stage] = __getattr__(class_name)
            return found
    if match := FILE_STAGE.fullmatch(name):
        return _checked(load_class(Path(match["path"]), match["name"]), name)
    return _installed().get(name)


def known_names() -> list[str]:
    """Every name that `stage_class` knows without a file."""
    return [*NAMES, *_installed()]


def catalog() -> pa.Table:
    """One row for each setting of each stage: stage, setting, type, default."""
    rows: list[dict[str, str]] = []
    for name in known_names():
        cls = stage_class(name)
        assert cls is not None
        own = [s for s in cls.model_fields.items() if s[0] not in ("stage", "prefix")]
        rows += [
            {
                "stage": name,
                "setting": setting,
                "type": _type_name(field.annotation),
                "default": _default(field),
            }
            for setting, field in own
        ]
        if not own:
            rows.append({"stage": name})
    names = ("stage", "setting", "type", "default")
    return pa.Table.from_pylist(rows, pa.schema([(n, pa.string()) for n in names]))


@lru_cache(maxsize=1)
def _installed() -> dict[str, type[Stage]]:
    """Stages of installed packages, by the entry-point group `tamis.stages`."""
    classes: dict[str, type[Stage]] = {}
    for entry in entry_points(group="tamis.stages"):
        place = (
            f"entry point {entry.name} of {getattr(entry.dist, 'name', 'a package')}"
        )
        try:
            loaded = entry.load()
        except Exception as error:  # whatever the package raises at import
            said = " ".join(str(error).split())
            raise ConfigError(f"{place}: {type(error).__name__}: {said}") from error
        cls = _checked(loaded, place)
        name = cls.stage_name()
        if name in classes or name in NAMES:
            raise ConfigError(f"entry point {entry.name}: there is a stage {name!r}")
        classes[name] = cls
    return classes


def _checked(cls: Any, place: str) -> type[Stage]:
    if not (isinstance(cls, type) and issubclass(cls, Stage)):
        raise ConfigError(f"{place}: is no tamis.Source, Transform or Barrier")
    return cls


def _type_name(annotation: Any) -> str:
    is_plain = isinstance(annotation, type) and not hasattr(annotation, "__origin__")
    return annotation.__name__ if is_plain else str(annotation).replace("typing.", "")


def _default(field: Any) -> str:
    if field.is_required():
        return "(to be given)"
    return repr(field.get_default(call_default_factory=True))


class _Listing(ModuleType):
    """This module, shown as a table of its stages."""

    def __repr__(self) -> str:
        settings: dict[str, list[str]] = {}
        for row in catalog().to_pylist():
            own = settings.setdefault(row["stage"], [])
            if row["setting"]:
                own.append(f"{row['setting']}={row['default']}")
        return "\n".join(f"{name}({', '.join(own)})" for name, own in settings.items())

    def _repr_html_(self) -> str:
        return table_html(catalog())


sys.modules[__name__].__class__ = _Listing
