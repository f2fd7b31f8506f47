"""The cutoff of a ranking over all parts: exact, in bounded memory."""
