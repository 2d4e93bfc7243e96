"""What the journal has done and failed to do, as plain numbers for whoever shows them."""

from collections import Counter


class JournalCounters:
    """Counts since the process began; they only grow, but for `bytes_on_disk` and `sessions_owed`."""

    def __init__(self) -> None:
        self.events_written = 0
        self.bytes_written = 0
        self.events_lost: Counter[str] = Counter()
        """By reason, as in `markers.EventsLost`."""
        self.write_failures = 0
        self.sync_failures = 0
        self.upkeep_failures = 0
        self.segments_opened = 0
        self.segments_deleted = 0
        self.segments_vanished = 0
        """Somebody deleted the file being written; what it held is gone."""
        self.events_vanished = 0
        """Written to such a file since it was last seen in its place; readers find their numbers missing."""
        self.sessions_recovered = 0
        """Closed for a predecessor that died with them open."""
        self.sessions_forgotten = 0
        """Ended while nothing could be written, and too many of them to write their end later."""
        self.bytes_on_disk = 0
        self.sessions_owed = 0
        """Sessions whose loss, or whose end, still has to be written."""
