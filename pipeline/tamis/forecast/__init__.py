"""What a recipe will give and cost, from a random sample of its input that is run for real."""
