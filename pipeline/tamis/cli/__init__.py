"""The command `tamis`: parses, calls, prints. One file a command."""

from tamis.cli.main import main

__all__ = ["main"]
