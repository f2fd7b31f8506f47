"""The command `tamis`: parses, calls, prints. One file a command."""

from pipeline.cli.main import main

__all__ = ["main"]
