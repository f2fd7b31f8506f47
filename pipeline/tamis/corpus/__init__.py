"""Keep a corpus up to date: a run for each new crawl, then one release over all of them."""
