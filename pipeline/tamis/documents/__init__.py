"""Saved documents: parts, layers, rows."""
