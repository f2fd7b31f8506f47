"""Which documents hold the questions of benchmarks."""
