"""Settled files copied into a DuckDB file of this process, in which their rows are read twice as fast as in Parquet.

A settled file never changes, so a copy is right for as long as the dataset names the file; what is not copied is read
where it lies. Nothing depends on the copies: without them, or with the disk full, every answer is the same, later.
"""

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from pipeline import dataset_views as views
from pipeline.dataset_cursor import FileRead, TableFiles
from pipeline.dataset_empty import empty_files
from pipeline.dataset_hot import Hot, run
from pipeline.dataset_schemas import FACTS, Table

# The statements are put together from our own names.
# ruff: noqa: S608

KEPT_GONE_S: Final = 60.0
"""How long the copy of a file that was merged away is kept: for a question that was put before."""
HOT_ROWS_MAX: Final = 100_000
"""Where a table has more hot rows, they are read where they lie: in memory they would take some 30 MB."""
CATALOG: Final = "copies"

_log = logging.getLogger(__name__)


class CopySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much is copied."""

    bytes_max: int
    """Of disk; no more is copied once they are taken."""
    rows_min: int = 10_000
    """A file with fewer rows is read as fast where it lies."""


class Copies:
    """The copies of one reader. One thread makes them, any may ask for them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        settings: CopySettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        # With the other files of this process, which go when it ends: a dashboard does not always close its reader.
        self._folder = Path(tempfile.mkdtemp(prefix="copies-", dir=empty_files()))
        self._settings = settings
        self._clock = clock
        self._making = threading.Lock()
        self._made = 0
        self._tables: dict[str, str] = {}
        self._hot = Hot(connection, clock)
        self._gone_s: dict[str, float] = {}
        connection.execute(f"attach '{self._folder / CATALOG}.duckdb' as {CATALOG}")
        connection.complete()

    def remove(self) -> None:
        """Remove the file. The connection must be closed before."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def sources(self, table: Table, files: Mapping[str, Sequence[FileRead]]) -> dict[str, list[str]]:
        """What to read instead of a table's files, by kind."""
        found = {kind: self._each(of_kind) for kind, of_kind in files.items()}
        hot = files[views.HOT]
        if not table.versioned or not hot or sum(file.rows for file in hot) > HOT_ROWS_MAX:
            return found
        settled = found[views.SETTLED]
        found = self._hot.sources(table, [file.name for file in hot], found[views.TOUCHED])
        return found | {views.SETTLED: [*found[views.SETTLED], *settled]}

    def _each(self, files: Sequence[FileRead]) -> list[str]:
        """The tables of those that are copied; the others, read at once."""
        copied = {file.name: table for file in files if (table := self._tables.get(file.name))}
        read = [file.name for file in files if file.name not in copied]
        return [*copied.values(), *([views.read_files(read)] if read else [])]

    def make_one(self, files: Mapping[str, TableFiles]) -> bool:
        """Copy one file of those that are the dataset's now, of the newest day that has one left.

        False where none is left, or no room. Copies of files that are no longer the dataset's go after a while.
        """
        worth = [
            file
            for name in FACTS
            for of_kind in files[name].by_kind.values()
            for file in of_kind
            if file.settled and file.rows >= self._settings.rows_min
        ]
        with self._making:
            self._drop_gone({file.name for file in worth})
            todo = [file for file in worth if file.name not in self._tables]
            if not todo or self._size() >= self._settings.bytes_max:
                return False
            return self._copy(max(todo, key=lambda file: file.day).name)

    def _copy(self, file: str) -> bool:
        self._made += 1
        table = f"{CATALOG}.file_{self._made}"
        try:
            run(self._connection, f"create table {table} as select * from {views.read_files([file])}")
        except duckdb.Error as error:
            # Merged away meanwhile, or the disk is full: what is not copied is read where it lies.
            _log.warning("%s was not copied: %s", file, str(error).splitlines()[0])
            return False
        self._tables = self._tables | {file: table}
        return True

    def _drop_gone(self, alive: set[str]) -> None:
        now = self._clock()
        gone = [file for file in self._tables if file not in alive]
        self._gone_s = {file: self._gone_s.get(file, now) for file in gone}
        for file in [file for file in gone if now - self._gone_s[file] >= KEPT_GONE_S]:
            table = self._tables[file]
            self._tables = {name: other for name, other in self._tables.items() if name != file}
            run(self._connection, f"drop table {table}")

    def _size(self) -> int:
        return sum(file.stat().st_size for file in self._folder.iterdir())
