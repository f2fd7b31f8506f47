"""`python -m pipeline`, which is the command `tamis`."""

from tamis.cli import main

main()
