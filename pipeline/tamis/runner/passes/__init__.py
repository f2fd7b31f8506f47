"""Passes: fused transforms over splits, saved files or columns."""
