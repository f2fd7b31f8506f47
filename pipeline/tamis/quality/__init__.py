"""What makes a document worth reading, by example: models, and how they are trained."""
