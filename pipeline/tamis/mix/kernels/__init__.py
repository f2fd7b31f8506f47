"""What the mix computes: weights, cuts and orders, arrays in and arrays out."""
