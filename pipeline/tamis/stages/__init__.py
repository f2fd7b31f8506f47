"""One file a stage: its config, then `read`, `build` or `run`, then its decisions."""
