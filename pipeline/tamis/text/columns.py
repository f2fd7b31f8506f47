"""Columns that belong to a text and are in no stage's schema."""

import pyarrow as pa

WORDS = "_words"  # of a batch: see `tamis.text.word_column`
CUTS = "text_cuts"  # of a layer: see `tamis.text.cuts`
CUTS_TYPE = pa.list_(pa.int32())
