"""What reading one split of an archive found, besides its documents."""

from collections import Counter
from dataclasses import dataclass, field, replace

from tamis.warc.admission import Refused
from tamis.warc.record import Loss
from tamis.warc.splits import Place

_MAX_LOSSES = 1000
_MAX_KINDS = 1000


@dataclass(slots=True)
class Reading:
    """Counts of one split.

    records  whole ones
    admitted  whole records that are documents
    refused  whole records that are none, by (type, status, MIME type);
             beyond 1,000 kinds all further ones count as type "other"
    records_lost, bytes_lost   of the file; `named`: lost records that are documents
             whose drop_reason says so, as their header was read
    losses   the first 1,000, each with offset and bytes; the sums count all
    retries  requests that were made again because a server failed
    dates_unread  documents whose date is none, or outside 1990 to 2100
    place    where the split began and ended, for comparing neighbours
    """

    records: int = 0
    admitted: int = 0
    refused: Counter[Refused] = field(default_factory=Counter)
    records_lost: int = 0
    bytes_lost: int = 0
    named: int = 0
    losses: list[Loss] = field(default_factory=list)
    retries: int = 0
    dates_unread: int = 0
    place: Place = field(default_factory=Place)

    def lose(self, loss: Loss) -> None:
        """Count records that cannot be read."""
        self.records_lost += loss.records
        self.bytes_lost += loss.bytes
        if len(self.losses) < _MAX_LOSSES:
            self.losses.append(replace(loss, record=None))  # not its block

    def refuse(self, refused: Refused) -> None:
        """Count a record that is no document."""
        if refused not in self.refused and len(self.refused) >= _MAX_KINDS:
            refused = Refused("other", None, None)
        self.refused[refused] += 1
