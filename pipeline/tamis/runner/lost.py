"""What a run could not read, counted per input.

Lost bytes hold an unknown number of records. They count as what the rest of their archive
holds on average, or as the records that are certainly in them if these are more.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tamis.tally import Lost
from tamis.warc.document import HEAD_TOO_LARGE, NO_STATUS

_NAMED_FROM = 0.1  # an input that lost more is named, whatever the whole run lost


class InputLoss(NamedTuple):
    """Records that were read and lost, and bytes that gave none, of one input."""

    name: str
    size: int
    records: int
    records_lost: int
    bytes_lost: int

    @property
    def lost(self) -> float:
        """Records lost, with those that the lost bytes may have held."""
        read = self.size - self.bytes_lost
        if read > 0:
            unknown = self.records * self.bytes_lost / read
        else:
            unknown = float(self.bytes_lost > 0)
        return max(self.records_lost, unknown)

    @property
    def share(self) -> float:
        """Share of its records that is lost, 0 to 1; 0 for an empty input."""
        return share_of(self.lost, self.records)


def input_loss(name: str, size: int, read: Iterable[Mapping[str, Any]]) -> InputLoss:
    """The loss of an input, from what the source counted in each of its splits."""
    counts = [
        [int(split.get(key, 0)) for key in ("records", "records_lost", "bytes_lost")]
        for split in read
    ]
    records, records_lost, bytes_lost = map(sum, zip((0, 0, 0), *counts, strict=True))
    return InputLoss(name, size, records, records_lost, bytes_lost)


def share_of(lost: float, read: float) -> float:
    return lost / (lost + read) if lost else 0.0


def lost_of(
    inputs: Iterable[InputLoss],
    source: Mapping[str, Any],
    stages: Mapping[str, Any],
    *,
    set_aside: int,
    retried: Mapping[str, int],
) -> Lost:
    """The losses of a run. `inputs` are those that lost something."""
    found = list(inputs)
    return {
        "records": int(source.get("records_lost", 0)),
        "bytes": int(source.get("bytes_lost", 0)),
        "named": int(source.get("named", 0)),
        "share": share_of(
            sum(one.lost for one in found), int(source.get("records", 0))
        ),
        "inputs": {one.name: one.share for one in found if one.share > _NAMED_FROM},
        "heads": _heads(stages),
        "set_aside": set_aside,
        "requests": int(source.get("retries", 0)),
        "tasks": dict(sorted(retried.items())),
    }


def _heads(stages: Mapping[str, Any]) -> int:
    """Pages whose HTTP head was not one, or was too long."""
    return sum(
        amount["documents"]
        for stage in stages.values()
        for reason in (NO_STATUS, HEAD_TOO_LARGE)
        for amount in stage["dropped"].get(reason, {}).values()
    )
