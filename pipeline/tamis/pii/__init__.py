"""Personal data in text: where it may be, whether it is real, what replaces it.

Pure functions over UTF-8 buffers. No function logs or returns a value that it found, or
puts it into an error: only places and counts leave this folder.
"""
