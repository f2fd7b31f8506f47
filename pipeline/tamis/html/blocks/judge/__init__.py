"""Judge blocks: features, trees, and the cut between text and boilerplate."""
