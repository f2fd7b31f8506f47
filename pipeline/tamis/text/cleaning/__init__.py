"""Taking lines away that are no prose: counters, buttons, notices, half sentences."""
