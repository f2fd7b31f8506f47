"""Personal data in text: where it may stand, whether it is real, what replaces it.

Pure functions over UTF-8 buffers. No function logs, raises with or returns a value
that it found: only places and counts leave this folder.
"""
