"""Tamis: from CommonCrawl archives to a multilingual training mix.

    recipe = tamis.Recipe.load("stages.yaml", output="out/")
    run = tamis.run(recipe)
    run.documents(kept=True, columns=["url", "language", "text"])
    tamis.apply(tamis.stages.IdentifyLanguage(), ["Bonjour à tous."])

Each name is loaded when it is used. docs/python.md shows them all.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tamis import stages as stages
    from tamis.api import Index as Index
    from tamis.api import apply as apply
    from tamis.api import build_robots_table as build_robots_table
    from tamis.api import calibrate as calibrate
    from tamis.api import card as card
    from tamis.api import check as check
    from tamis.api import clean as clean
    from tamis.api import compare as compare
    from tamis.api import estimate as estimate
    from tamis.api import explain as explain
    from tamis.api import fetch_record as fetch_record
    from tamis.api import find_denied as find_denied
    from tamis.api import forget as forget
    from tamis.api import lookup as lookup
    from tamis.api import minhash as minhash
    from tamis.api import run as run
    from tamis.api import status as status
    from tamis.api import stop as stop
    from tamis.api import submit as submit
    from tamis.api import summary as summary
    from tamis.api import trace as trace
    from tamis.api import verify as verify
    from tamis.errors import TamisError as TamisError
    from tamis.finished_run import Run as Run
    from tamis.recipe.load import Recipe as Recipe
    from tamis.stage import Barrier as Barrier
    from tamis.stage import Source as Source
    from tamis.stage import Transform as Transform
    from tamis.training import train_extractor as train_extractor
    from tamis.training import train_prose as train_prose
    from tamis.training import train_quality as train_quality
    from tamis.training import train_toxicity as train_toxicity

# Where each name is: a module, or a name in a module.
_HOME = {
    "Barrier": "tamis.stage",
    "Index": "tamis.api",
    "Recipe": "tamis.recipe.load",
    "Run": "tamis.finished_run",
    "Source": "tamis.stage",
    "TamisError": "tamis.errors",
    "Transform": "tamis.stage",
    "apply": "tamis.api",
    "build_robots_table": "tamis.api",
    "calibrate": "tamis.api",
    "card": "tamis.api",
    "check": "tamis.api",
    "clean": "tamis.api",
    "compare": "tamis.api",
    "explain": "tamis.api",
    "fetch_record": "tamis.api",
    "refresh": "tamis.api",
    "refresh_plan": "tamis.api",
    "run": "tamis.api",
    "stages": "tamis",
    "status": "tamis.api",
    "stop": "tamis.api",
    "submit": "tamis.api",
    "switch_release": "tamis.api",
    "trace": "tamis.api",
    "train_extractor": "tamis.training",
    "train_prose": "tamis.training",
    "train_quality": "tamis.training",
    "train_toxicity": "tamis.training",
    "estimate": "tamis.api",
    "find_denied": "tamis.api",
    "forget": "tamis.api",
    "lookup": "tamis.api",
    "minhash": "tamis.api",
    "summary": "tamis.api",
    "verify": "tamis.api",
}

__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tamis")
    if name == "stages":
        return importlib.import_module("tamis.stages")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__


def _show_tables_in_notebooks() -> None:
    """Have Jupyter show Arrow tables as HTML; does nothing anywhere else."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        formatters = shell.display_formatter.formatters

        def table_html(table: Any) -> str:
            from tamis.tables import table_html as html

            return html(table)

        formatters["text/html"].for_type_by_name("pyarrow.lib", "Table", table_html)


_show_tables_in_notebooks()
