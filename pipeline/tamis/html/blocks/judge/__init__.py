"""Judge blocks: features, trees, and the cutoff between text and boilerplate."""
