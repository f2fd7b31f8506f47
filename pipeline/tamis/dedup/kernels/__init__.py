"""What deduplication computes: arrays in, arrays out."""
