"""The output folder: on a disk or in an object store, read and written alike."""

from tamis.storage.folder import Storage, filesystem_of, options_for
from tamis.storage.parquet import Table

__all__ = ["Storage", "Table", "filesystem_of", "options_for"]
