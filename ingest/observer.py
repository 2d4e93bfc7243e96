"""Reads along one direction of a call and hands its messages to the recording. Whatever fails here, the call goes on.

The bytes themselves are forwarded by the splice; nothing in here can change or hold them.
"""

import structlog

from ingest.counts import Counts
from ingest.envelope import Source
from ingest.frames import CloseFrame, FrameWalker
from ingest.messages import TOO_LARGE, SeenMessage
from ingest.recordings import Recording

log = structlog.get_logger("calltape.ingest")


class Observer:
    """One direction of one call. None of its methods raises."""

    __slots__ = ("_counts", "_readable", "_recorded", "_recording", "_walker", "events_seen", "source")

    def __init__(self, source: Source, recording: Recording, counts: Counts, message_max_bytes: int) -> None:
        self.source = source
        self.events_seen = 0
        """Grows with each message; once they can't be read any more, with whatever comes."""
        self._recording = recording
        self._counts = counts
        self._walker = FrameWalker(message_max_bytes)
        self._readable = True
        self._recorded = True

    @property
    def closed(self) -> CloseFrame | None:
        """The close frame of this direction, once it has passed."""
        return self._walker.closed

    @property
    def at_boundary(self) -> bool:
        """Whether a frame of our own may follow what has passed."""
        return self._readable and self._walker.at_boundary

    def bytes_to_boundary(self, data: bytes) -> int:
        """How many of the next bytes belong to the frame under way; all where nobody can tell."""
        return self._walker.bytes_to_boundary(data) if self._readable else len(data)

    def see(self, data: bytes) -> CloseFrame | None:
        """Record what these bytes complete, before they are forwarded. The close frame, if it has come."""
        if not self._readable:
            self.events_seen += 1
        else:
            found: list[SeenMessage] = []
            try:
                self._walker.feed(data, found)
            except Exception as error:  # noqa: BLE001  # the call comes first: whatever it is must not reach it
                self._go_blind(error)
            if found:
                self.events_seen += len(found)
                self._record(found)
        return self._walker.closed

    def overhear(self, data: bytes) -> CloseFrame | None:
        """Read what will not be forwarded, only for the close frame in it."""
        try:
            if self._readable:
                self._walker.feed(data, [])
        except Exception:  # noqa: BLE001  # as above
            self._readable = False
        return self._walker.closed

    def _record(self, found: list[SeenMessage]) -> None:
        if self._walker.any_too_large or not self._recorded:
            self._record_singly(found)
            return
        try:
            self._recording.see(self.source, found)
        except Exception as error:  # noqa: BLE001  # as above
            self._recorded = False
            self._report(error)
            self._lose(len(found), "observer_failed")

    def _record_singly(self, found: list[SeenMessage]) -> None:
        """The rare way: some of these are lost, and each must keep its place in the order."""
        self._walker.any_too_large = False
        for message in found:
            if message is TOO_LARGE:
                self._lose(1, "too_large")
            elif self._recorded:
                self._record([message])
            else:
                self._lose(1, "observer_failed")

    def _go_blind(self, error: Exception) -> None:
        self._readable = False
        self._report(error)
        self._lose(1, "observer_failed")

    def _lose(self, count: int, reason: str) -> None:
        self._counts.messages_lost += count
        try:
            self._recording.lose(count, reason, self.source)
        except Exception as error:  # noqa: BLE001  # as above
            self._report(error)

    def _report(self, error: Exception) -> None:
        # Only the kind of error: its text could hold a piece of the message.
        self._counts.observer_failures += 1
        kind = type(error).__name__
        log.error("observing failed, the call goes on", session=self._recording.session_id, error=kind)
