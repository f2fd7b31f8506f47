"""The result of a run: as a table on the terminal and as a page for the browser."""
