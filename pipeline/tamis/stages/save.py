"""Publish the documents that earlier stages kept, as a data set of this name.

A later run starts at the last save above the first setting that changed.
"""

from pydantic import Field

from tamis.stage import Kind, Stage


class Save(Stage):
    """`save: extracted` is short for `save: {name: extracted}`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")

    @property
    def kind(self) -> Kind:
        return "save"
