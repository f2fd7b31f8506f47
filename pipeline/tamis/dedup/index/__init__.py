"""The index of earlier runs as pure functions: joining, compaction rule, sketches."""
