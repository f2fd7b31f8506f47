"""The steps of deduplicate_substrings."""
