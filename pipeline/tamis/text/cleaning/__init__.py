"""Remove lines that are not prose: counters, buttons, notices, half sentences."""
