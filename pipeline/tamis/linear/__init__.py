"""Linear models over hashed n-grams of windows of text: features, fit, file, scores."""
