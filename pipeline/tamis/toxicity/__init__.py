"""Toxic text: hits of word lists, and a linear model over hashed n-grams.

Pure functions over UTF-8 buffers. The two are separate signals: a list is precise and
blind to all that it does not name, a model sees more and errs more.
"""
