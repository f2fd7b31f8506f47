"""The steps of deduplicate: from sorted hashes to one survivor a cluster."""
