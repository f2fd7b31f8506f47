"""Write the kept blocks: plain text, Markdown."""
