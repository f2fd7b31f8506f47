"""The output folder: on a disk or in an object store, read and written alike."""

from tamis.storage.folder import Storage, options_for

__all__ = ["Storage", "options_for"]
