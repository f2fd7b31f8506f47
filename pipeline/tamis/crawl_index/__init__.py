"""What an index of a crawl selects: which records, and where they are."""
