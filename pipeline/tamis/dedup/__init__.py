"""Deduplication as pure functions: arrays in, arrays out, no file and no setting."""
