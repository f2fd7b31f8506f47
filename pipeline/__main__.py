"""`python -m pipeline`, which is the command `tamis`."""

from pipeline.cli import main

main()
