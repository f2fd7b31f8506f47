"""`python -m tamis`, the same as the command `tamis`."""

from tamis.cli import main

main()
