"""The steps of deduplicate_lines."""
