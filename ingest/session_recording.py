"""One session's way into the journal: times and numbers for what is seen, markers for its begin, losses and end."""

import threading
import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from ingest import envelope
from ingest.entries import Entry, marker_entry, message_entry, pieces
from ingest.envelope import Source
from ingest.journal_files import OpenSession
from ingest.journal_writer import Journal
from ingest.markers import Marker, MessageRewritten, SessionClosed, SessionOpened, UpstreamConnected
from ingest.messages import SeenMessage
from ingest.numbering import Numbering
from ingest.redaction import safe_headers, safe_reason

log = structlog.get_logger("calltape.ingest")

OBSERVER_FAILED = "observer_failed"


class Clock(msgspec.Struct, frozen=True):
    """Two clocks: one for durations, one for dates."""

    monotonic_ns: Callable[[], int] = time.monotonic_ns
    unix_ns: Callable[[], int] = time.time_ns


class Instant(msgspec.Struct, frozen=True, gc=False):
    elapsed_ns: int
    """Since the session opened."""
    unix_ns: int


class SessionRecording:
    """Records one session. What it was given survives the process once the call returns; nothing raises or waits."""

    def __init__(
        self, session_id: str, opened: SessionOpened, *, journal: Journal, clock: Clock, lock: threading.Lock
    ) -> None:
        """Begin the session with seq 0. The lock, which the caller holds, guards the journal."""
        self.session_id = session_id
        self.closing: SessionClosed | None = None
        """How the session ended, once it has."""
        self.finished = False
        """Nothing of it remains to be written."""
        self._journal = journal
        self._monotonic_ns = clock.monotonic_ns
        self._unix_ns = clock.unix_ns
        self._lock = lock
        self._opened_ns = clock.monotonic_ns()
        self._prefix = envelope.line_prefix(session_id, journal.worker)
        self._numbering = Numbering(next_seq=1)
        self._client_events = 0
        self._server_events = 0
        self._last = self._now()
        opening = marker_entry("session.opened", opened)
        self._opening: tuple[bytes, ...] = pieces(self._prefix, 0, self._last.elapsed_ns, self._last.unix_ns, opening)
        """The line of seq 0 until it is written: it comes first, however late."""
        self._write_if_possible([])

    @property
    def owes(self) -> bool:
        """Something still has to be written for it: its begin, a loss, or its end."""
        return bool(self._opening) or self._numbering.loss is not None or self.closing is not None

    def upstream_connected(self, connected: UpstreamConnected) -> None:
        connected = msgspec.structs.replace(connected, headers=safe_headers(connected.headers))
        with self._lock:
            if not self.closing:
                self._write_if_possible([marker_entry("upstream.connected", connected)])

    def mark(self, marker: Marker) -> None:
        """Record something that the recorder itself has to say; the marker holds no secret."""
        with self._lock:
            if not self.closing:
                self._write_if_possible([marker_entry(str(marker.__struct_config__.tag), marker)])

    def see(self, source: Source, messages: Sequence[SeenMessage], rewritten: MessageRewritten | None = None) -> None:
        """Record messages that were completed at one moment, in one system call. Forward them afterwards.

        `rewritten`: what the last of them became, recorded directly behind it. None: it goes on as it is.
        """
        with self._lock:
            if self.closing:  # nothing follows a session's end
                return
            refusal = self._journal.refusal()
            self._count(source, len(messages))
            if refusal is not None:
                self._lose(len(messages), refusal)
                return
            at = self._now()
            try:
                entries = [message_entry(source, message) for message in messages]
                if rewritten is not None:
                    entries.append(marker_entry("message.rewritten", rewritten))
            except Exception as error:  # noqa: BLE001  # the call comes first: what can't be read is lost and counted
                # Only the kind of error: its text could hold a piece of the message.
                log.warning("message not readable", session=self.session_id, error=type(error).__name__)
                self._lose(len(messages), OBSERVER_FAILED)
                return
            self._write(entries, at)

    def lose(self, count: int, reason: str, source: Source | None = None) -> None:
        """Messages were seen that can't be recorded: their numbers are used up, and a marker tells of them."""
        with self._lock:
            if self.closing:
                return
            if source is not None:
                self._count(source, count)
            self._lose(count, reason)
            self._write_if_possible([])

    def close(self, closed_by: str, code: int | None, reason: str) -> None:
        """End the session; a second end changes nothing."""
        with self._lock:
            if self.closing:
                return
            self.closing = SessionClosed(
                closed_by=closed_by,
                code=code,
                reason=safe_reason(reason),
                client_events=self._client_events,
                server_events=self._server_events,
            )
            self.settle()

    def settle(self) -> None:
        """Write what the session owes, as far as that works. For the holder of the lock."""
        if self._journal.refusal() is not None:
            return
        if self.closing is None:
            self._write([], self._now())
        else:
            end = marker_entry("session.closed", self.closing)
            self.finished = self._write([end], self._now(), keep=True) == 1

    def as_open(self) -> OpenSession | None:
        """How far the session is in the log; None where it is not in there at all."""
        if self._opening or self.finished:
            return None
        return OpenSession(
            session_id=self.session_id,
            next_seq=self._numbering.next_seq,
            elapsed_ns=self._last.elapsed_ns,
            seen_at_ns=self._last.unix_ns,
            client_events=self._client_events,
            server_events=self._server_events,
        )

    def _write_if_possible(self, entries: list[Entry]) -> None:
        if (refusal := self._journal.refusal()) is None:
            self._write(entries, self._now())
        else:
            self._lose(len(entries), refusal)

    def _write(self, entries: list[Entry], at: Instant, *, keep: bool = False) -> int:
        """Write what is owed and then the entries; return how many of these were written.

        The others are lost, unless the caller keeps them for later.
        """
        planned = self._numbering.plan(entries)
        owed = len(planned) - len(entries)
        parts = [*self._opening]
        lines = len(planned) + bool(parts)
        for seq, entry in enumerate(planned, self._numbering.next_seq):
            parts += pieces(self._prefix, seq, at.elapsed_ns, at.unix_ns, entry)
        if not lines:
            return 0
        written = self._journal.append(parts, lines)
        if self._opening and written:
            self._opening = ()
            written -= 1
        missing = 0 if keep else len(entries) - max(0, written - owed)
        self._numbering.written(max(0, written - owed) + missing, written, self._journal.fault)
        if missing:
            self._journal.counters.events_lost[self._journal.fault] += missing
        self._last = at
        return max(0, written - owed)

    def _lose(self, count: int, reason: str) -> None:
        self._numbering.lose(count, reason)
        self._journal.counters.events_lost[reason] += count

    def _count(self, source: Source, count: int) -> None:
        if source is Source.CLIENT:
            self._client_events += count
        else:
            self._server_events += count

    def _now(self) -> Instant:
        return Instant(self._monotonic_ns() - self._opened_ns, self._unix_ns())
