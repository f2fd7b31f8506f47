"""Which records to fetch, as an index of the archives tells."""
