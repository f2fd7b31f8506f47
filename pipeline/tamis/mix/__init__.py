"""Weights and order of the training mix: numbers in, numbers out."""
