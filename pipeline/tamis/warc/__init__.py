"""Web archives: byte streams in, records out. No configuration, no network."""
