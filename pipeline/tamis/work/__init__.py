"""Units of work: tasks, commit records, executors, fingerprints."""
