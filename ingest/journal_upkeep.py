"""What is done beside the journal's writing, in a thread of its own: syncing, the index, deleting what is released."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog

from ingest import journal_files as files
from ingest.journal_counters import JournalCounters
from ingest.journal_files import Index, Segment
from ingest.journal_segment import SegmentFile

log = structlog.get_logger()

_RETIRED_MAX = 32
"""Segments waiting to be synced and closed. When more wait, the disk hangs: the next is closed without a sync."""
_STOP_SECONDS = 10.0
"""How long a clean end waits for a disk that hangs."""


class Measured(msgspec.Struct, frozen=True):
    """How much lay in the folder when it was last looked at."""

    bytes_on_disk: int
    bytes_of_others: int
    """Beyond what this process had written by then; below zero where more than the others wrote was deleted."""


class Upkeep:
    """The writer leaves notes in the attributes; the rounds act on them. Nothing here touches what is being written."""

    def __init__(self, folder: Path, counters: JournalCounters, *, keep_bytes: int, max_bytes: int) -> None:
        self.current: SegmentFile | None = None
        self.vanished: SegmentFile | None = None
        """The segment that was found to be deleted under the writer."""
        self.index: Index | None = None
        """To be written with the next round."""
        self.index_before = 0
        """What the index on disk says; the segments from there on are needed for a recovery."""
        self.settle: Callable[[], None] | None = None
        self.measured = Measured(0, 0)
        self._folder = folder
        self._counters = counters
        self._keep_bytes = keep_bytes
        self._max_bytes = max_bytes
        self._retired: list[SegmentFile] = []
        self._synced_bytes = 0
        self._named: SegmentFile | None = None
        """The segment whose name is on the disk."""
        self._events_there = 0
        """How many had been written when the segment was last seen in its place."""
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, every_seconds: float) -> None:
        self._thread = threading.Thread(target=self._run, args=(every_seconds,), name="journal-upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, then do a last round."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
            if self._thread.is_alive():  # the disk hangs; what it has not taken by now it may never take
                log.error("journal's last sync did not end", folder=str(self._folder))
                return
        self.settle = None
        self.round()

    def retire(self, segment: SegmentFile | None) -> None:
        """Take over a segment that is written no more."""
        if segment is None:
            return
        if len(self._retired) < _RETIRED_MAX:
            self._retired.append(segment)
        else:
            os.close(segment.fd)

    def round(self) -> None:
        with self._one_at_a_time:
            if self.settle is not None:
                self.settle()
            self._sync()
            self._close_retired()
            self._look_after_the_file()
            self._write_index()
            self._prune()
            self.measure()

    def measure(self) -> None:
        """Look how much there is: the truth, whoever has written or deleted beside us."""
        written = self._counters.bytes_written  # first: what is written meanwhile may count twice, but never not at all
        on_disk = sum(segment.size for segment in files.segments(self._folder))
        self.measured = Measured(on_disk, on_disk - written)
        self._counters.bytes_on_disk = self.measured.bytes_on_disk

    def _run(self, every_seconds: float) -> None:
        while not self._stopping.wait(every_seconds):
            try:
                self.round()
            except Exception:  # the top of this thread: without its rounds the journal would still be written
                self._counters.upkeep_failures += 1
                log.exception("journal upkeep failed", folder=str(self._folder))

    def _sync(self) -> None:
        segment, written = self.current, self._counters.bytes_written
        if segment is None or written == self._synced_bytes:
            return
        try:
            files.sync(segment.fd)  # only this thread closes it, so it is open
            self._synced_bytes = written
            if segment is not self._named:
                self._sync_folder()
                self._named = segment
        except OSError as error:
            self._counters.sync_failures += 1
            log.warning("journal can't be synced", segment=str(segment.path), why=str(error))

    def _sync_folder(self) -> None:
        """Have the new segment's name on the disk, too: a file without one is lost with the power."""
        fd = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _close_retired(self) -> None:
        while self._retired:
            segment = self._retired[0]
            try:
                files.sync(segment.fd)
            except OSError as error:
                self._counters.sync_failures += 1
                log.warning("journal can't be synced", segment=str(segment.path), why=str(error))
            os.close(segment.fd)
            del self._retired[0]

    def _look_after_the_file(self) -> None:
        segment, written = self.current, self._counters.events_written
        if segment is None or segment is self.vanished:
            return
        if segment.is_there():
            self._events_there = written
            return
        self.vanished = segment
        self._counters.segments_vanished += 1
        self._counters.events_vanished += written - self._events_there
        log.error("journal segment was deleted while being written", segment=str(segment.path))

    def _write_index(self) -> None:
        index = self.index
        if index is None:
            return
        try:
            files.write_index(self._folder, index)
        except OSError as error:  # the old one still holds, a recovery looks through more; the next round tries again
            log.warning("journal index not written", folder=str(self._folder), why=str(error))
            return
        self.index_before = index.before
        if self.index is index:
            self.index = None

    def _prune(self) -> None:
        for segment in list(self._deletable(files.segments(self._folder), files.read_released(self._folder))):
            try:
                files.segment_path(self._folder, segment.number).unlink(missing_ok=True)
            except OSError as error:
                log.warning("released segment not deleted", segment=segment.number, why=str(error))
                return
            self._counters.segments_deleted += 1

    def _deletable(self, segments: list[Segment], released: int) -> Iterator[Segment]:
        """The oldest of those that no reader and no recovery needs, where they are more than is to be kept.

        A tenth of the journal's bound is left free: what is kept beyond need must not push out what comes.
        """
        needed_from = min(files.segment_of(released), self.index_before)
        free = [segment for segment in segments if segment.number < needed_from]
        spare = sum(segment.size for segment in free)
        total = sum(segment.size for segment in segments)
        for segment in free:
            if spare <= self._keep_bytes and total <= self._max_bytes * 9 // 10:
                return
            spare -= segment.size
            total -= segment.size
            yield segment
