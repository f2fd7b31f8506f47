"""Making the models that ship: needed to train, never to run."""
