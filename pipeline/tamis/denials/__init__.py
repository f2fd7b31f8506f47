"""Who asked that their pages be left out, for ever: requests, and which rows they mean."""
