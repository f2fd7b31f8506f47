"""The command `tamis`: parses arguments, calls the API, prints. One file for a command."""

from tamis.cli.main import console, main

__all__ = ["console", "main"]
