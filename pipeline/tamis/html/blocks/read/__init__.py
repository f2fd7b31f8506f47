"""Read a page: its tags, characters, attributes and blocks."""
