"""Text that was extracted elsewhere: files of JSON lines and of Parquet rows."""
