"""Train the shipped models; never needed to run a recipe."""
