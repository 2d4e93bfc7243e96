"""Writes the dataset: what a batch of events gave becomes rows, and the journal's position moves with them.

One batch is several commits, one for each table that has rows, the archive's `events` last. So the position in
`events` says that everything before it is in all tables; a table whose own position is beyond it (the writer died
between two commits) takes no row twice, because each row knows the position of the event that gave it.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from pipeline.dataset_actions import DataFile
from pipeline.dataset_files import write_files
from pipeline.dataset_log import TableLog, TableLost
from pipeline.dataset_schemas import EVENTS, FACTS, TABLES, AnyRow, Table, key_of
from pipeline.status import identify, identity

log = structlog.get_logger()

ANYWHERE = ""
"""The worker of a row that was folded from the archive: no journal's position says whether a table has it."""


class DatasetLost(Exception):
    """The dataset's folder, or a table of it, is not there any more."""


class DatasetInUse(Exception):
    """Another process writes this dataset; the message says which."""


class Positioned(msgspec.Struct, frozen=True, kw_only=True):
    """A row, and where the event that gave it ends in its worker's journal."""

    row: AnyRow
    worker: str
    position: int


class Batch:
    """Rows on their way into the dataset. Of the versions of one key only the last is kept."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}
        """Worker -> how far its journal is in the dataset once this batch is."""
        self.events = 0
        self._rows: dict[str, dict[tuple[object, ...], Positioned]] = {}

    def add(self, table: Table, row: AnyRow, worker: str, position: int) -> None:
        """Take a row in."""
        self._rows.setdefault(table.name, {})[key_of(table, row)] = Positioned(
            row=row, worker=worker, position=position
        )

    def reached(self, worker: str, position: int) -> None:
        """All that the worker's journal holds before the position is in this batch or in one before."""
        self.positions[worker] = position
        self.events += 1

    def rows(self, name: str) -> Iterable[Positioned]:
        """The rows of one table."""
        return self._rows.get(name, {}).values()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.positions and not self._rows


class Writer:
    """The dataset's one writer. Commits may be made by one thread while another compacts."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory = directory
        self._lock = lock
        self.id = identify(directory)
        self.logs = {name: TableLog(table, directory / name, cleans=True) for name, table in TABLES.items()}
        incomplete = {name for name, table in self.logs.items() if not _ready(table)}
        owed = [name for name in FACTS if self.logs[name].outdated or name in incomplete]
        self.owed = owed if self.logs[EVENTS.name].files else []
        """Tables of facts that are new, lack files or are of another version: the archive must be folded into them."""

    @classmethod
    def open(cls, directory: Path) -> "Writer":
        """Open the dataset for writing, making it where there is none. Raises DatasetInUse, OSError."""
        directory = directory.resolve()
        if any("=" in part for part in directory.parts):
            raise ValueError(f"{directory}: a dataset's path can't hold a '='; choose another data_dir")
        directory.mkdir(parents=True, exist_ok=True)
        lock = _locked(directory / "writer.lock")
        try:
            return cls(directory, lock)
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Let another writer have it."""
        os.close(self._lock)

    def position(self, worker: str) -> int:
        """How far that worker's journal is in every table; -1 where it never was."""
        return self.logs[EVENTS.name].position(worker)

    def commit(self, batch: Batch) -> int:
        """Make the batch's rows visible; gives how many. Raises DatasetLost, or OSError where the disk refuses.

        After a failure the same batch may be committed again: a table that has it takes nothing twice.
        """
        self.check()
        written = 0
        try:
            for name in TABLES:
                written += self._commit_table(self.logs[name], batch)
        except TableLost as error:
            raise DatasetLost(str(error)) from error
        return written

    def rewind(self, worker: str, position: int) -> None:
        """Begin a worker's journal anew: it was deleted, and what is in it now stands at positions passed before."""
        self.check()
        # The archive comes last here too: until it has the new position, a restart rewinds again.
        for table in self.logs.values():
            if table.position(worker) >= 0 or table.table is EVENTS:
                table.commit(positions={worker: position})

    def check(self) -> None:
        """Raise DatasetLost where the folder is no more what was opened."""
        if identity(self.directory) != self.id:
            raise DatasetLost(f"{self.directory}: the dataset was deleted or replaced while it was written")

    def _commit_table(self, table: TableLog, batch: Batch) -> int:
        positions = {worker: at for worker, at in batch.positions.items() if at > table.position(worker)}
        rows = [found.row for found in batch.rows(table.table.name) if found.position > table.position(found.worker)]
        # The archive's position is the dataset's, so it moves even when the batch held only damaged lines.
        if rows or (positions and table.table is EVENTS):
            with table.writing, _tidied(table, write_files(table, rows)) as files:
                table.commit(added=files, positions=positions)
        return len(rows)


def _ready(table: TableLog) -> bool:
    """Have the table there and readable; False where it was not there, or where files of it are missing."""
    was_there = table.exists()
    table.create()
    table.refresh()
    missing = [path for path in table.files if not (table.directory / path).exists()]
    if missing:
        log.error("files of a table are gone", table=table.table.name, files=len(missing))
        table.commit(removed=missing, operation="FSCK")
    return was_there and not missing


@contextmanager
def _tidied(table: TableLog, files: list[DataFile]) -> Iterator[list[DataFile]]:
    """Take the files away again where their commit fails, unless it came about all the same."""
    try:
        yield files
    except OSError:
        table.refresh()
        for file in files:
            if file.path not in table.files:
                (table.directory / file.path).unlink(missing_ok=True)
        raise


def _locked(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
    except BlockingIOError as error:
        holder = os.read(lock, 100).decode(errors="replace").strip()
        os.close(lock)
        raise DatasetInUse(f"{path.parent}: process {holder or '?'} writes this dataset; stop it first") from error
    except OSError:
        os.close(lock)
        raise
    return lock
