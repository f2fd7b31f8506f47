"""Dropped documents: kept by each task, published at the end of a run."""
