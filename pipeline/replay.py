"""The embedded runner: tails the journals, folds what comes, and commits it to the dataset a few times a second."""

import time
from datetime import UTC, datetime

import structlog

from ingest import envelope
from ingest.envelope import EnvelopeUnreadable
from ingest.journal import JournalLine
from ingest.journals import Journals, Lines
from pipeline import checkpoint
from pipeline.archive_reader import ArchiveReader
from pipeline.checkpoint import Checkpoint
from pipeline.dataset import Reader
from pipeline.dataset_schemas import DAMAGED_LINES, FACTS, DamagedLineRow, table_of
from pipeline.dataset_writer import ANYWHERE, Batch, Writer
from pipeline.replay_sessions import Sessions, Step
from pipeline.settings import PipelineSettings
from pipeline.status import WorkerStatus

log = structlog.get_logger()


class CheckpointTooOld(Exception):
    """The journal doesn't reach back to the checkpoint any more, but the archive goes beyond it."""


class Counts:
    """What the runner has done since it started."""

    def __init__(self) -> None:
        self.events = 0
        self.rows = 0
        self.commits = 0
        self.last_commit_at: datetime | None = None
        self.damaged_lines: dict[str, int] = {}
        self.holes: dict[str, int] = {}


class Replay:
    """One run over one opened dataset, until it is stopped or the dataset fails."""

    def __init__(self, settings: PipelineSettings, writer: Writer, reader: Reader, step: Step, counts: Counts) -> None:
        self._settings = settings
        self._writer = writer
        self.archive = ArchiveReader(reader)
        self.counts = counts
        self.sessions = Sessions(step, self.archive.events)
        self.journals = Journals(settings.data_dir / "journal", self._start_of)
        self._folded: dict[str, int] = {}
        self._batch = Batch()
        self._committed_at = 0.0
        self._checkpointed_at = time.monotonic()
        self._dirty = False

    def resume(self, *, use_checkpoint: bool = True) -> None:
        """Go on where the dataset is: with the saved states, or by folding the archive's open sessions again."""
        found = checkpoint.load(self._writer.store, self._writer.id) if use_checkpoint else None
        if found is not None and self._restored(found):
            self._folded = dict(found.positions)
            self.journals.heads = dict(found.heads)
            for aside in found.set_aside:
                self._recall(aside.session_id, aside.worker)
            return
        for session_id in self.archive.open_sessions():
            log.info("session folded again from the archive", session_id=session_id)
            for _ in self.sessions.recall(session_id, "archive"):
                """Everything that the archive has is in the tables already."""

    def turn(self) -> bool:
        """Take what is there, commit where it is time; False where there was nothing to do."""
        busy = False
        for found in self.journals.look():
            busy = True
            self._take(found)
        if not self._batch.empty and self._is_time():
            self.commit()
        if self._dirty and time.monotonic() - self._checkpointed_at >= self._settings.checkpoint_every_seconds:
            self.save()
        return busy

    def commit(self) -> None:
        """Make everything taken so far visible."""
        self.counts.rows += self._writer.commit(self._batch)
        self.counts.events += self._batch.events
        self.counts.commits += 1
        self.counts.last_commit_at = datetime.now(UTC)
        self._folded |= self._batch.positions
        self._batch = Batch()
        self._committed_at = time.monotonic()
        self._dirty = True
        self.sessions.forget_closed()

    def save(self) -> None:
        """Save the states and let go of the journal before them. Everything taken must be committed."""
        if not self._batch.empty:
            self.commit()
        found = Checkpoint(
            dataset_id=self._writer.id,
            positions=dict(self._folded),
            sessions=self.sessions.saved(),
            heads=self.journals.heads_at(self._folded),
            set_aside=tuple(self.sessions.set_aside.values()),
        )
        checkpoint.save(self._writer.store, found)
        self.journals.release(found.positions)
        self._checkpointed_at = time.monotonic()
        self._dirty = False

    def workers(self) -> dict[str, WorkerStatus]:
        """How far each worker's journal is in the dataset."""
        return {
            worker: WorkerStatus(
                position=self._folded.get(worker, 0),
                behind_bytes=self.journals.behind_bytes(worker),
                damaged_lines=self.counts.damaged_lines.get(worker, 0),
                lost_segments=self.counts.holes.get(worker, 0),
            )
            for worker in self.journals.readers
        }

    def close(self) -> None:
        """Let go of the journals' files."""
        self.journals.close()

    def _take(self, found: Lines) -> None:
        if found.begun_anew_at is not None:
            self._begin_anew(found.worker, found.begun_anew_at)
        if found.missing_from is not None:
            if found.missing_from < self._writer.position(found.worker):
                raise CheckpointTooOld(found.worker)
            self.counts.holes[found.worker] = self.counts.holes.get(found.worker, 0) + 1
        for line in found.lines:
            self._take_line(found.worker, line)
            if self._batch.events >= self._settings.batch_max_events:
                self.commit()

    def _take_line(self, worker: str, line: JournalLine) -> None:
        try:
            event = envelope.decode(line.line)
        except EnvelopeUnreadable as error:
            self._keep_damaged(worker, line, error)
        else:
            if self.sessions.is_stranger(event):
                self._recall(event.session_id, worker)
            self.sessions.take(event, worker, line.position, self._batch)
        self._batch.reached(worker, line.position)

    def _keep_damaged(self, worker: str, line: JournalLine, error: EnvelopeUnreadable) -> None:
        log.error("damaged journal line", worker=worker, position=line.position, why=str(error))
        self.counts.damaged_lines[worker] = self.counts.damaged_lines.get(worker, 0) + 1
        row = DamagedLineRow(
            worker=worker,
            journal_position=line.position,
            found_at=datetime.now(UTC),
            error=str(error),
            line=line.line,
        )
        self._batch.add(DAMAGED_LINES, row, worker, line.position)

    def _recall(self, session_id: str, worker: str) -> None:
        # What the archive is to tell must be in it first.
        if not self._batch.empty:
            self.commit()
        for fact in self.sessions.recall(session_id, worker):
            # Rows that are there already only come again, as the same version of the same key.
            self._batch.add(FACTS[table_of(fact)], fact, ANYWHERE, 0)

    def _begin_anew(self, worker: str, position: int) -> None:
        if not self._batch.empty:
            self.commit()
        self._writer.rewind(worker, position)
        self._folded[worker] = position

    def _restored(self, found: Checkpoint) -> bool:
        try:
            self.sessions.restore(found.sessions)
        except ValueError as error:
            log.warning("saved states can't be read, folding the archive again", why=str(error))
            return False
        return True

    def _start_of(self, worker: str) -> int:
        return self._folded.get(worker, self._writer.position(worker))

    def _is_time(self) -> bool:
        return time.monotonic() - self._committed_at >= self._settings.batch_interval_ms / 1000
