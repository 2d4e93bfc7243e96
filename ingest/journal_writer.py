"""The journal's writing side: one folder, one writer, append only; it never raises once it is open and never waits.

What is on disk when `append` returns survives `kill -9` of this process, because the page cache holds it. A power loss
takes at most the last `fsync_seconds`. What can't be written is counted, and the caller is told how much was.
"""

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from ingest import envelope
from ingest import journal_files as files
from ingest import journal_recovery as recovery
from ingest.journal_counters import JournalCounters
from ingest.journal_files import Index, OpenSession
from ingest.journal_folder import JournalUnusable, locked, made
from ingest.journal_limits import DEFAULT, Limits
from ingest.journal_segment import SegmentFile, WriteFailed
from ingest.journal_upkeep import Upkeep

__all__ = ["Journal", "JournalUnusable"]

log = structlog.get_logger()

DISK_FULL = "disk_full"
JOURNAL_FULL = "journal_full"
JOURNAL_FAILED = "journal_failed"

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class Journal:
    """Appends lines to segment files. Not for several threads at once: `Recorder` sees to that."""

    @classmethod
    def open(
        cls,
        directory: Path,
        worker: str,
        *,
        segment_max_bytes: int = DEFAULT.segment_max_bytes,
        journal_max_bytes: int = DEFAULT.journal_max_bytes,
        keep_bytes: int = DEFAULT.keep_bytes,
        fsync_seconds: float = DEFAULT.fsync_seconds,
        retry_seconds: float = DEFAULT.retry_seconds,
    ) -> "Journal":
        """Take the folder `<directory>/<worker>`, mend what a predecessor left, and begin a new segment.

        Raises JournalUnusable. A disk that is merely full does not stop the calls: the journal opens and counts.
        """
        limits = Limits(
            segment_max_bytes=segment_max_bytes,
            journal_max_bytes=journal_max_bytes,
            keep_bytes=keep_bytes,
            fsync_seconds=fsync_seconds,
            retry_seconds=retry_seconds,
        )
        folder = made(directory, worker)
        lock = locked(folder)
        try:
            journal = cls(folder, worker, limits, lock)
            journal._take_over()
        except OSError as error:
            os.close(lock)
            raise JournalUnusable(f"journal folder {folder} can't be used: {error.strerror or error}") from error
        return journal

    def __init__(self, folder: Path, worker: str, limits: Limits, lock: int) -> None:
        """Use `open`."""
        self.folder = folder
        self.worker = worker
        self.counters = JournalCounters()
        self.snapshot: Callable[[], Sequence[OpenSession]] | None = None
        """Asked for the sessions that are open in the log when a segment ends. Set by the recorder."""
        self._limits = limits
        self._lock = lock
        self._segment: SegmentFile | None = None
        self._number = 0
        self._fault: str | None = None
        self._retry_at = 0.0
        self._rotate_at = 0.0
        self._orphans: list[OpenSession] = []
        self._upkeep = Upkeep(folder, self.counters, keep_bytes=limits.keep_bytes, max_bytes=limits.journal_max_bytes)

    @property
    def fault(self) -> str:
        """Why the last write failed, in the words of `markers.EventsLost`."""
        return self._fault or JOURNAL_FAILED

    def refusal(self) -> str | None:
        """Why writing is not worth a try now; None when it is. Cheap: asked before every write.

        A segment that is full, or was deleted by somebody, ends here, where no session is half-way.
        """
        segment = self._segment
        if segment is not None and (segment.size >= self._limits.segment_max_bytes or self._upkeep.vanished is segment):
            self._rotate()
        if self._fault is None or time.monotonic() >= self._retry_at:
            return None
        return self._fault

    def append(self, pieces: Sequence[bytes], lines: int) -> int:
        """Write so many whole lines, given in pieces of which each line's last ends it; return how many were written.

        Those that were not are the last ones; they left no trace, and `fault` says why.
        """
        before = self._upkeep.measured.bytes_of_others + self.counters.bytes_written
        if before + sum(map(len, pieces)) > self._bound():
            return self._failed(JOURNAL_FULL, "journal_max_bytes reached")
        try:
            written = (self._segment or self._begin_segment()).append(pieces)
        except WriteFailed as failed:
            return failed.whole_lines + self._again(failed, pieces, lines)
        except OSError as error:
            return self._failed(_reason(error), str(error))
        self._written(written, lines)
        return lines

    def _rotate(self) -> None:
        """Begin a new segment and note which sessions are open as it begins."""
        if time.monotonic() < self._rotate_at:
            return
        open_now = (*self._orphans, *self.snapshot()) if self.snapshot else None
        retired = self._segment
        try:
            self._begin_segment()
        except OSError as error:  # go on in the old one, and try again later
            self._rotate_at = time.monotonic() + self._limits.retry_seconds
            if self._upkeep.vanished is retired:
                self._segment = None
                self._upkeep.retire(retired)
                self._failed(_reason(error), str(error))
            return
        self._upkeep.retire(retired)
        if open_now is not None:
            self._upkeep.index = Index(before=self._number, open=open_now)

    def close_orphans(self) -> None:
        """Write the end of the sessions that a predecessor left open, as far as that works."""
        while self._orphans and self.refusal() is None:
            some = self._orphans[:256]
            lines = [envelope.encode(recovery.closing(session, self.worker)) + b"\n" for session in some]
            written = self.append(lines, len(lines))
            self.counters.sessions_recovered += written
            del self._orphans[:written]
            if written < len(lines):
                return

    def tend_with(self, settle: Callable[[], None]) -> None:
        """Have something done about once a second, in the journal's own thread."""
        self._upkeep.settle = settle

    def tend(self) -> None:
        """One round of what the journal's thread does: sync, index, deletion of what is released."""
        self._upkeep.round()

    def close(self) -> None:
        """Sync, note which sessions are open (none, after a clean end), let the folder go; twice is once."""
        if self._lock < 0:
            return
        open_now = (*self._orphans, *self.snapshot()) if self.snapshot else tuple(self._orphans)
        self._upkeep.retire(self._segment)
        self._upkeep.index = Index(before=self._number + 1, open=open_now)
        self._segment = self._upkeep.current = None
        self._upkeep.stop()
        os.close(self._lock)
        self._lock = -1

    def _take_over(self) -> None:
        """Mend what was left, begin a segment, and write the ends of the sessions that were left open."""
        left = recovery.mended(self.folder)
        self._orphans = [*left.open]
        self._number = left.last_segment
        self._upkeep.measure()
        try:
            self._begin_segment()
            files.write_index(self.folder, Index(before=self._number, open=tuple(self._orphans)))
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            self._failed(_reason(error), str(error))
        self._upkeep.index_before = left.doubtful_from if self._segment is None else self._number
        self.close_orphans()
        self._upkeep.start(self._limits.fsync_seconds)

    def _bound(self) -> int:
        """Once full, a twentieth has to become free first: the journal shall not go off and on with every line."""
        bound = self._limits.journal_max_bytes
        return bound * 19 // 20 if self._fault == JOURNAL_FULL else bound

    def _begin_segment(self) -> SegmentFile:
        self.folder.mkdir(parents=True, exist_ok=True)  # somebody may have deleted it
        self._segment = SegmentFile(files.segment_path(self.folder, self._number + 1))
        self._number += 1
        self._upkeep.current = self._segment
        self.counters.segments_opened += 1
        return self._segment

    def _written(self, size: int, lines: int) -> None:
        self.counters.events_written += lines
        self.counters.bytes_written += size
        if self._fault is not None:
            log.warning("journal writes again", folder=str(self.folder), after=self._fault)
            self._fault = None

    def _again(self, failed: WriteFailed, pieces: Sequence[bytes], lines: int) -> int:
        """After a failed write: the rest into a new segment, unless it is space that lacks; return the lines written.

        A file can have gone bad (its size limit, a forced unmount) where a new one is fine.
        """
        bad = self._segment
        self.counters.events_written += failed.whole_lines
        if bad is None or failed.cause.errno in _NO_SPACE or not bad.size:
            return self._failed(_reason(failed.cause), str(failed))
        rest = _without_first_lines(pieces, failed.whole_lines)
        try:
            segment = self._begin_segment()
            self._upkeep.retire(bad)
            written = segment.append(rest)
        except WriteFailed as again:
            self.counters.events_written += again.whole_lines
            return again.whole_lines + self._failed(_reason(again.cause), str(again))
        except OSError as error:
            return self._failed(_reason(error), str(error))
        self._written(written, lines - failed.whole_lines)
        return lines - failed.whole_lines

    def _failed(self, reason: str, why: str) -> int:
        self.counters.write_failures += 1
        self._retry_at = time.monotonic() + self._limits.retry_seconds
        if self._fault is None:
            log.error("journal can't be written, calls go on unrecorded", folder=str(self.folder), why=why)
        self._fault = reason
        return 0


def _reason(error: OSError) -> str:
    return DISK_FULL if error.errno in _NO_SPACE else JOURNAL_FAILED


def _without_first_lines(pieces: Sequence[bytes], lines: int) -> Sequence[bytes]:
    for place, piece in enumerate(pieces):
        if not lines:
            return pieces[place:]
        lines -= piece.endswith(b"\n")
    return () if not lines else pieces
