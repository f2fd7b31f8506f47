"""Files of web servers and object stores, read by range. Nothing is written here."""
