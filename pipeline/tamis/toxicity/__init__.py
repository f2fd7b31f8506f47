"""Toxic text: hits of word lists, and a linear model over hashed n-grams.

Pure functions over UTF-8 buffers. The two are separate signals: a list is precise, but
finds only its own entries; a model finds more, with more errors.
"""
