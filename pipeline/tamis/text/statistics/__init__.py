"""What Gopher, C4, FineWeb and FineWeb-2 ask of a document, counted from its buffer."""
