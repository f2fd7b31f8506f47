"""What whoever publishes a run or a release answers for: proof, origin, card, comparison."""
