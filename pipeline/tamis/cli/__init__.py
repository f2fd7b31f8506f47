"""The command `tamis`: parses arguments, calls the API, prints. One file for a command."""

from tamis.cli.main import main

__all__ = ["main"]
