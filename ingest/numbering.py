"""Which numbers a session's events get, and which of them still have to be told as lost. Pure."""

import msgspec

from ingest.entries import Entry, marker_entry
from ingest.markers import EventsLost


class Loss(msgspec.Struct, frozen=True):
    """Numbers in one run that were given to messages which are not in the log."""

    first_seq: int
    count: int
    reason: str
    """Of the first of them."""


class Numbering:
    """One session's numbers: `plan`, try to write, then say with `written` what became of it."""

    __slots__ = ("loss", "next_seq")

    def __init__(self, next_seq: int) -> None:
        self.next_seq = next_seq
        self.loss: Loss | None = None

    def plan(self, entries: list[Entry]) -> list[Entry]:
        """What is to be written, numbered from `next_seq` on: the entries, behind the marker of a loss not told yet."""
        return entries if self.loss is None else [_told(self.loss), *entries]

    def written(self, planned: int, lines: int, reason: str) -> None:
        """So many of as many planned entries got lines, counting the marker's; the others are lost for a reason."""
        if self.loss is not None and lines:
            self.loss = None
            self.next_seq += 1
            lines -= 1
        self.next_seq += lines
        if planned > lines:
            self.lose(planned - lines, reason)

    def lose(self, count: int, reason: str) -> None:
        """Use up numbers for messages that were seen and can't be recorded."""
        if not count:
            return
        before = self.loss or Loss(self.next_seq, 0, reason)
        self.loss = Loss(before.first_seq, before.count + count, before.reason)
        self.next_seq += count


def _told(loss: Loss) -> Entry:
    return marker_entry("events.lost", EventsLost(first_seq=loss.first_seq, count=loss.count, reason=loss.reason))
