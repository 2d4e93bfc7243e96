"""Opens the recordings of sessions on one journal, and sees to it that what they owe is written in the end."""

import secrets
import threading
from collections.abc import Callable

import msgspec

from ingest import envelope
from ingest.journal_files import OpenSession
from ingest.journal_writer import Journal
from ingest.markers import SessionOpened
from ingest.messages import SeenMessage
from ingest.redaction import safe_headers, safe_path, safe_reason
from ingest.session_recording import Clock, SessionRecording

__all__ = ["Clock", "Recorder", "SeenMessage", "SessionRecording"]

OWED_MAX = 10_000
"""Ended sessions that wait until their end can be written. Of more, the oldest are dropped and counted."""


class Recorder:
    """Safe to use from several threads. Once it exists it never raises, whatever the disk does."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock | None = None,
        random_bits: Callable[[], int] = lambda: secrets.randbits(74),
    ) -> None:
        self.journal = journal
        self._clock = clock or Clock()
        self._random_bits = random_bits
        self._lock = threading.Lock()
        self._sessions: dict[str, SessionRecording] = {}
        """Those that are open, and for a while those that ended."""
        journal.snapshot = self._snapshot
        journal.tend_with(self.settle)

    def open(self, opened: SessionOpened) -> SessionRecording:
        """Begin a session: the marker becomes its seq 0, and what could be a secret in it is removed here again."""
        opened = msgspec.structs.replace(
            opened,
            path=safe_path(opened.path),
            model=None if opened.model is None else safe_reason(opened.model),
            headers=safe_headers(opened.headers),
            worker=opened.worker or self.journal.worker,
        )
        session_id = envelope.new_session_id(self._clock.unix_ns(), self._random_bits())
        with self._lock:
            recording = SessionRecording(session_id, opened, journal=self.journal, clock=self._clock, lock=self._lock)
            self._sessions[session_id] = recording
        return recording

    def settle(self) -> None:
        """Write what sessions owe, and forget those that ended. The journal calls it about once a second."""
        with self._lock:
            self.journal.close_orphans()
            for recording in list(self._sessions.values()):
                if recording.owes and not recording.finished:
                    recording.settle()
            self._forget_the_finished()

    def close(self) -> None:
        """End the sessions that are still open, then close the journal."""
        for recording in list(self._sessions.values()):
            recording.close("recorder", None, "the recorder stopped")
        self.settle()
        self.journal.close()

    def _forget_the_finished(self) -> None:
        self._sessions = {key: each for key, each in self._sessions.items() if not each.finished}
        ended = [key for key, each in self._sessions.items() if each.closing]
        for key in ended[: max(0, len(ended) - OWED_MAX)]:
            del self._sessions[key]
            self.journal.counters.sessions_forgotten += 1
        self.journal.counters.sessions_owed = sum(each.owes for each in self._sessions.values())

    def _snapshot(self) -> list[OpenSession]:
        return [found for each in self._sessions.values() if (found := each.as_open()) is not None]
