"""Train the block extractor's weights."""
