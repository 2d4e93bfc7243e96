"""Recording that can fail without a call noticing: what stands between the relay and the recorder."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from ingest.counts import Counts
from ingest.envelope import Source
from ingest.markers import Marker, MessageRewritten, SessionOpened, UpstreamConnected
from ingest.messages import SeenMessage

log = structlog.get_logger("calltape.ingest")


class Recording(Protocol):
    """Where one session goes. What it was given survives the worker once the call returns."""

    @property
    def session_id(self) -> str:
        """Names the session in the operator's log."""

    def upstream_connected(self, marker: UpstreamConnected) -> None:
        """The upstream took the session."""

    def mark(self, marker: Marker) -> None:
        """Something that the recorder itself has to say."""

    def see(self, source: Source, messages: Sequence[SeenMessage], rewritten: MessageRewritten | None = None) -> None:
        """Messages that one chunk completed, in order; `rewritten`: what became of the last of them on its way."""

    def lose(self, count: int, reason: str, source: Source) -> None:
        """That many messages were seen and can't be recorded: their numbers are used up."""

    def close(self, closed_by: str, code: int | None, reason: str) -> None:
        """Nothing follows."""


class Recorder(Protocol):
    """Opens recordings."""

    def open(self, opened: SessionOpened, /) -> Recording:
        """A session of its own."""


class Unrecorded:
    """Where a session goes whose recording could not even be opened."""

    session_id = "unrecorded"

    def upstream_connected(self, marker: UpstreamConnected) -> None:
        pass

    def mark(self, marker: Marker) -> None:
        pass

    def see(self, source: Source, messages: Sequence[SeenMessage], rewritten: MessageRewritten | None = None) -> None:
        pass

    def lose(self, count: int, reason: str, source: Source) -> None:
        pass

    def close(self, closed_by: str, code: int | None, reason: str) -> None:
        pass


class Recordings:
    """Opens, marks and closes recordings. Never raises: a fault is logged and counted, and the call goes on."""

    def __init__(self, recorder: Recorder, counts: Counts) -> None:
        self._recorder = recorder
        self._counts = counts

    def open(self, opened: SessionOpened) -> Recording:
        """The session's recording, or one that keeps nothing."""
        try:
            return self._recorder.open(opened)
        except Exception as error:  # noqa: BLE001  # the call comes first: whatever it is must not reach it
            self._report(Unrecorded.session_id, error)
            return Unrecorded()

    def connected(self, recording: Recording, marker: UpstreamConnected) -> None:
        """The upstream took the session."""
        try:
            recording.upstream_connected(marker)
        except Exception as error:  # noqa: BLE001  # as above
            self._report(recording.session_id, error)

    def see(
        self, recording: Recording, source: Source, message: SeenMessage, rewritten: MessageRewritten | None = None
    ) -> None:
        """A message that did not pass a splice, whose observer guards itself; and what became of it, where it did."""
        try:
            recording.see(source, [message], rewritten)
        except Exception as error:  # noqa: BLE001  # as above
            self._report(recording.session_id, error)
            self.lose(recording, 1, "observer_failed", source)

    def lose(self, recording: Recording, count: int, reason: str, source: Source) -> None:
        """Messages are missing for a reason."""
        self._counts.messages_lost += count
        try:
            recording.lose(count, reason, source)
        except Exception as error:  # noqa: BLE001  # as above
            self._report(recording.session_id, error)

    def mark(self, recording: Recording, marker: Marker) -> None:
        """The recorder itself has something to say."""
        try:
            recording.mark(marker)
        except Exception as error:  # noqa: BLE001  # as above
            self._report(recording.session_id, error)

    def close(self, recording: Recording, closed_by: Source, code: int | None, reason: str) -> None:
        """The session is over."""
        try:
            recording.close(closed_by, code, reason)
        except Exception as error:  # noqa: BLE001  # as above
            self._report(recording.session_id, error)

    def _report(self, session: str, error: Exception) -> None:
        self._counts.observer_failures += 1
        log.error("recording failed, the call goes on", session=session, error=type(error).__name__)
