"""What a run came to: as a table on the terminal and as a page for the browser."""
