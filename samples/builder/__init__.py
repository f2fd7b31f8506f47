"""What `samples/build.py` is made of: texts, layouts, pages, archive."""
