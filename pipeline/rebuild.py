"""Computes the fact tables anew from the archived events: the same rows, or better ones where the fold got better.

Works through one session after the other, so its memory is that of the largest session's rows and of a few thousand
events. Each table changes over in one commit; whoever reads meanwhile sees the old rows or the new ones.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Self

import msgspec
import structlog

from pipeline import checkpoint
from pipeline.archive_reader import ArchivedEvent, ArchiveReader
from pipeline.dataset import Reader
from pipeline.dataset_actions import DataFile
from pipeline.dataset_files import NewFile, new_file
from pipeline.dataset_schemas import EVENTS, FACTS, key_of, table_of, to_arrow
from pipeline.dataset_store import Where
from pipeline.dataset_writer import Writer
from pipeline.domain.facts import Row
from pipeline.domain.fold import SessionState
from pipeline.replay_sessions import Step

log = structlog.get_logger()

ROWS_AT_A_TIME = 20_000


PRICED = ("sessions", "interruptions", "costs", "audio_minutes")
"""The tables in which there is money: a re-price computes these alone, by the same fold."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rebuild is."""

    sessions: int
    sessions_total: int
    events: int
    failed: int
    """Sessions that the fold could not take; the rows before the event in question stand."""


def rebuild(
    place: Where, step: Step, say: Callable[[Progress], None] = lambda _: None, names: Sequence[str] = tuple(FACTS)
) -> Progress:
    """Compute the tables anew. Raises DatasetInUse while a pipeline writes them."""
    writer = Writer.open(place)
    reader = Reader(place)
    try:
        return rebuild_tables(writer, ArchiveReader(reader), step, say, names)
    finally:
        reader.close()
        writer.close()


def rebuild_tables(
    writer: Writer, archive: ArchiveReader, step: Step, say: Callable[[Progress], None], names: Sequence[str]
) -> Progress:
    """The same over what is open already."""
    days = {day: archive.groups(day) for day in archive.days()}
    total = sum(len(group) for groups in days.values() for group in groups)
    progress = Progress(sessions=0, sessions_total=total, events=0, failed=0)
    made: dict[str, list[DataFile]] = {name: [] for name in names}
    for day, groups in days.items():
        with _Day(writer, day, made) as files:
            for _, events in itertools.chain.from_iterable(map(archive.events_of, groups)):
                folded = _fold(events, step)
                files.add(folded)
                progress = _further(progress, folded)
                say(progress)
    _change_over(writer, made, archive.workers())
    return progress


class _Folded(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that one session gives, the last version of each."""

    rows: dict[tuple[str, tuple[object, ...]], Row]
    closed: bool
    events: int
    failed: bool


def _fold(events: Iterable[ArchivedEvent], step: Step) -> _Folded:
    state, count, failed = SessionState(), 0, False
    rows: dict[tuple[str, tuple[object, ...]], Row] = {}
    for found in events:
        try:
            state, facts = step(state, found.event)
        except Exception:
            log.exception("session can't be folded", at=found.event.id)
            failed = True
            break
        count += 1
        for fact in facts:
            name = table_of(fact)
            rows[name, key_of(FACTS[name], fact)] = fact
    return _Folded(rows=rows, closed=state.closed, events=count, failed=failed)


def _further(progress: Progress, folded: _Folded) -> Progress:
    return msgspec.structs.replace(
        progress,
        sessions=progress.sessions + 1,
        events=progress.events + folded.events,
        failed=progress.failed + folded.failed,
    )


class _Day:
    """The new files of one day, one for each table and for rows that are settled or not."""

    def __init__(self, writer: Writer, day: date, made: dict[str, list[DataFile]]) -> None:
        self._writer, self._day, self._made = writer, day, made
        self._open = contextlib.ExitStack()
        self._files: dict[tuple[str, bool], NewFile] = {}
        self._waiting: dict[tuple[str, bool], list[Row]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        for which in list(self._waiting):
            self._flush(which)
        self._open.close()
        for (name, _), file in self._files.items():
            self._made[name].append(file.written())

    def add(self, folded: _Folded) -> None:
        """Take in a session's rows."""
        for (name, _), row in folded.rows.items():
            if name in self._made:
                which = (name, folded.closed)
                waiting = self._waiting.setdefault(which, [])
                waiting.append(row)
                if len(waiting) >= ROWS_AT_A_TIME:
                    self._flush(which)

    def _flush(self, which: tuple[str, bool]) -> None:
        name, settled = which
        if which not in self._files:
            file = new_file(self._writer.logs[name], day=str(self._day), settled=settled)
            self._files[which] = self._open.enter_context(file)
        self._files[which].write(to_arrow(FACTS[name], self._waiting.pop(which)))


def _change_over(writer: Writer, made: dict[str, list[DataFile]], workers: Iterable[str]) -> None:
    # The states were made by the old fold; without them the pipeline folds the archive's open sessions again.
    writer.store.remove([checkpoint.FILE])
    archive = writer.logs[EVENTS.name]
    # What came through Kafka is known by its partition, not by its worker.
    positions = {worker: at for worker in workers if (at := archive.position(worker)) >= 0}
    for name, files in made.items():
        table = writer.logs[name]
        # The rows are those of the archive, so the table stands where the archive does.
        table.commit(
            added=files, removed=list(table.files), positions=positions, operation="REBUILD", redefine=table.outdated
        )
