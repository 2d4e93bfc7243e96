"""Merges a table's small files while it is written, and drops the versions of rows that newer ones replaced.

Of a day's hot files all are merged at once, so that all versions of a key meet. The rows of sessions that are over
go into a settled file, one row per key; those of running sessions into one new hot file. A row that changed after it
was settled takes its settled file with it into the merge. Readers see the table before or after, never between.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from pipeline import dataset_cleaning as cleaning
from pipeline.dataset_actions import DataFile
from pipeline.dataset_files import NewFile, new_file, uncommitted
from pipeline.dataset_log import Overtaken, TableLog, TableLost, sizes_of
from pipeline.dataset_schemas import Table
from pipeline.dataset_writer import Writer

# The statements are put together from the names of our own schemas; values are bound.
# ruff: noqa: S608

MERGED_BYTES_MAX = 256 << 20
"""How much one merge reads at most; also the size beyond which a settled file is left alone."""
SETTLED_SMALL_BYTES = 64 << 20
SETTLED_SMALL_MAX = 8
"""A day's small settled files are merged once there are this many, so each byte is written few times."""
CHECKPOINT_EVERY_COMMITS = 200
BATCH_ROWS = 2_000

_READ = "read_parquet({files}, hive_partitioning = false, filename = {filename})"


class CompactionFailed(Exception):
    """A merge or a clean-up did not come to its end; the table is as it was."""


class Compactor:
    """Keeps a dataset's files few. Works beside the commits of this writer and others, from one other thread.

    One is enough for a dataset. Where two are at work, one of them loses a merge now and then, and no row.
    """

    def __init__(self, writer: Writer, *, memory_limit: str = "512MB") -> None:
        self._logs = writer.logs
        for table in self._logs.values():
            table.replaced = {}
        self._checkpointed = {name: log.version for name, log in writer.logs.items()}
        self._spilled = writer.store.spill_dir()
        options: dict[str, Any] = {
            "memory_limit": memory_limit,
            "threads": 1,
            "temp_directory": str(self._spilled),
        }
        self._connection = duckdb.connect(":memory:", config=options)
        self._remote = writer.store.filesystem()
        if self._remote is not None:
            self._connection.register_filesystem(self._remote)

    def close(self) -> None:
        """Let go of the memory. What was replaced and not cleaned away yet is left to somebody's sweep."""
        self._connection.close()
        shutil.rmtree(self._spilled, ignore_errors=True)
        for table in self._logs.values():
            table.replaced = None

    def interrupt(self) -> None:
        """Break a merge off; nothing of it will be seen."""
        self._connection.interrupt()

    def fullest(self) -> int:
        """How many files a merge could spare the table that has the most hot ones. Raises CompactionFailed."""
        self._look()
        hot = ([file.date for file in table.files.values() if not file.settled] for table in self._logs.values())
        return max(len(days) - len(set(days)) for days in hot)

    def compact(self) -> int:
        """Merge whatever is worth it; gives how many files fewer that made. Raises CompactionFailed."""
        spared = 0
        self._look()
        with _failing():
            for table in self._logs.values():
                for day in sorted({file.date for file in table.files.values()}):
                    spared += self.compact_day(table, day)
                self._checkpoint(table)
        return spared

    def compact_day(self, table: TableLog, day: str) -> int:
        """Merge one day of one table."""
        spared = 0
        hot = _bounded(_files(table, day, settled=False))
        if len(hot) > 1:
            if table.table.versioned:
                spared += self._settle(table, day, _files(table, day, settled=False))
            else:
                spared += self._merge(table, day, hot)
        small = [file for file in _files(table, day, settled=True) if file.size_bytes < SETTLED_SMALL_BYTES]
        if len(small) >= SETTLED_SMALL_MAX:
            spared += self._merge(table, day, _bounded(small))
        return spared

    def clean(self, retain_minutes: float) -> int:
        """Delete files that were replaced longer ago than that; gives how many."""
        with _failing():
            return sum(cleaning.delete_replaced(table, retain_minutes) for table in self._logs.values())

    def sweep(self, retain_hours: int) -> int:
        """Look through the folders for files that belong to no table, and delete those older than that."""
        with _failing():
            return sum(cleaning.sweep(table, retain_hours) for table in self._logs.values())

    def _look(self) -> None:
        """Take in what other writers committed."""
        with _failing():
            for table in self._logs.values():
                with table.writing:
                    table.refresh()
        if self._remote is not None:
            self._remote.sizes = sizes_of(self._logs.values())

    def _checkpoint(self, table: TableLog) -> None:
        if table.version - self._checkpointed[table.table.name] >= CHECKPOINT_EVERY_COMMITS:
            cleaning.checkpoint(table)
            self._checkpointed[table.table.name] = table.version

    def _merge(self, table: TableLog, day: str, files: Sequence[DataFile]) -> int:
        """Several files into one settled one: the rows as they are, in the order of their keys."""
        began = time.time()
        rows = f"select {_columns(table.table)} from {_source(table, files)} order by {_key(table.table)}"
        with new_file(table, day=day, settled=True) as merged:
            for batch in self._batches(rows, table.table):
                merged.write(batch)
        with uncommitted(table, [merged.written()]) as added:
            table.commit(added=added, removed=_paths(files), operation="OPTIMIZE", data_change=False, began=began)
        return len(files) - 1

    def _settle(self, table: TableLog, day: str, hot: Sequence[DataFile]) -> int:
        """All hot files of a day, and the settled ones that hold older versions of their rows, each key once."""
        began = time.time()
        over = self._sessions_over(day)
        touched = self._touched(table, day, hot)
        files = [*hot, *touched]
        latest = f"""
            select {_columns(table.table)} from {_source(table, files)}
            qualify row_number() over (partition by {_key(table.table)} order by version desc) = 1
            order by {_key(table.table)}
        """
        with contextlib.ExitStack() as made:
            parts: dict[bool, NewFile] = {}
            for batch in self._batches(latest, table.table):
                for settled, rows in _parted(batch, over):
                    if settled not in parts:
                        parts[settled] = made.enter_context(new_file(table, day=day, settled=settled))
                    parts[settled].write(rows)
        with uncommitted(table, [part.written() for part in parts.values()]) as added:
            table.commit(added=added, removed=_paths(files), operation="OPTIMIZE", began=began)
        return len(files) - len(added)

    def _sessions_over(self, day: str) -> pa.Array:
        """The sessions of that day that were closed: their rows won't change any more, as far as one can tell."""
        sessions = self._logs["sessions"]
        files = _files(sessions, day)
        if not files:
            return pa.array([], pa.string())
        found = self._table(f"""
            select session_id from {_source(sessions, files)}
            qualify row_number() over (partition by session_id order by version desc) = 1 and status = 'closed'
        """)
        return found.column(0).combine_chunks()

    def _touched(self, table: TableLog, day: str, hot: Sequence[DataFile]) -> list[DataFile]:
        """The settled files that hold a key which the hot files hold too."""
        settled = _files(table, day, settled=True)
        if not settled:
            return []
        found = self._table(f"""
            with settled as (select {_key(table.table)}, filename from {_source(table, settled, filename=True)}),
            hot as (select {_key(table.table)} from {_source(table, hot)})
            select distinct filename from settled semi join hot using ({_key(table.table)})
        """)
        names = set(found.column(0).to_pylist())
        return [file for file in settled if table.readable(file.path) in names]

    def _table(self, sql: str) -> pa.Table:
        return self._connection.sql(sql).to_arrow_table()

    def _batches(self, sql: str, table: Table) -> Iterator[pa.Table]:
        reader = self._connection.sql(sql).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            yield pa.Table.from_batches([batch]).cast(table.columns)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, DeltaError, OSError, TableLost, Overtaken) as error:
        raise CompactionFailed(str(error)) from error


def _files(table: TableLog, day: str, *, settled: bool | None = None) -> list[DataFile]:
    found = [f for f in table.files.values() if f.date == day and settled in {None, f.settled}]
    return sorted(found, key=lambda file: file.size_bytes)


def _bounded(files: Sequence[DataFile]) -> list[DataFile]:
    """As many as one merge may take, smallest first."""
    taken, total = [], 0
    for file in files:
        total += file.size_bytes
        if total > MERGED_BYTES_MAX:
            break
        taken.append(file)
    return taken


def _parted(batch: pa.Table, over: pa.Array) -> Iterator[tuple[bool, pa.Table]]:
    done = pc.is_in(batch.column("session_id"), value_set=over)
    for settled, mask in ((True, done), (False, pc.invert(done))):
        rows = batch.filter(mask)
        if rows.num_rows:
            yield settled, rows


def _source(table: TableLog, files: Sequence[DataFile], *, filename: bool = False) -> str:
    # Paths are our own (a UUID each); a quote in the data directory's name is doubled.
    names = ", ".join("'" + table.readable(file.path).replace("'", "''") + "'" for file in files)
    return _READ.format(files=f"[{names}]", filename=str(filename).lower())


def _paths(files: Sequence[DataFile]) -> list[str]:
    return [file.path for file in files]


def _columns(table: Table) -> str:
    return ", ".join(f'"{name}"' for name in table.columns.names)


def _key(table: Table) -> str:
    return ", ".join(f'"{name}"' for name in table.key)
