"""`python -m tamis`, the same as the command `tamis`."""

import os
import sys

if sys.path[0] == os.getcwd():  # noqa: PTH109  # imports nothing more before that
    # `python -m` puts the current folder first: a file html.py in it would hide the
    # standard library's, here and in Ray's workers.
    del sys.path[0]

from tamis.cli import console

console()
