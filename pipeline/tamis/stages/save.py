"""Publish the documents that came this far as a data set of that name.

A later run starts at the newest save above the first setting that changed.
"""

from typing import Literal

from pydantic import Field

from tamis.stage import StageConfig


class Save(StageConfig):
    """`save: extracted` is short for `save: {name: extracted}`."""

    stage: Literal["save"] = "save"

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
