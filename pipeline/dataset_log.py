"""A Delta table's log: which files make the table now, and how a commit is added to it.

Written by the open protocol (github.com/delta-io/delta, PROTOCOL.md), because a commit through `deltalake` costs
20 ms of CPU and grows with the number of files, and one by hand 0.3 ms: a busy batch makes ten of them, four times a
second. `deltalake` creates the tables, makes their checkpoints, sweeps, and opens a table that we don't know yet.
"""

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import msgspec
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError

from pipeline.dataset_actions import APP_PREFIX, DataFile, commit_entry, file_of, files_of, write_durably
from pipeline.dataset_schemas import PARTITIONS, Table

CONFIGURATION = {
    # We ask for checkpoints and clean-ups ourselves, between batches.
    "delta.checkpointInterval": "100000",
    "delta.logRetentionDuration": "interval 10 minutes",
    "delta.enableExpiredLogCleanup": "true",
    "delta.deletedFileRetentionDuration": "interval 1 hour",
}


class TableLost(Exception):
    """The table's log is not there any more: somebody deleted the folder."""


class TableUnusable(OSError):
    """The table can't be made or opened; the message says why."""


class TableLog:
    """The current state of one table. One thread at a time refreshes it; commits may come from several."""

    def __init__(self, table: Table, directory: Path, *, cleans: bool = False) -> None:
        self.table = table
        self.directory = directory
        self.version = -1
        self.outdated = False
        """The table on disk has other columns than this version writes."""
        self.files: dict[str, DataFile] = {}
        self.positions: dict[str, int] = {}
        """Worker -> how far its journal is in this table."""
        self.replaced: dict[str, int] = {}
        """Files that left the table since we follow it -> when, in milliseconds since 1970; for the one who cleans."""
        self._cleans = cleans
        self._log = directory / "_delta_log"
        self.writing = threading.RLock()
        """Held from the first file of a commit to its entry: whoever cleans up must not take the files for litter."""
        self._opened: DeltaTable | None = None

    def exists(self) -> bool:
        """Whether there is such a table."""
        return self._log.is_dir()

    def create(self) -> None:
        """Make the table where it isn't yet. Raises OSError."""
        if self.exists():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            DeltaTable.create(
                self.directory,
                Schema.from_arrow(self.table.schema),
                mode="ignore",
                partition_by=PARTITIONS.names,
                name=self.table.name,
                configuration=CONFIGURATION,
            )
        except DeltaError as error:
            raise TableUnusable(f"{self.directory}: {error}") from error

    def refresh(self) -> bool:
        """Take in what was committed since; False where that was nothing. A table that is not there is empty."""
        if self.version < 0:
            return self._load()
        entries: list[bytes] = []
        while (entry := self._read(self.version + 1 + len(entries))) is not None:
            entries.append(entry)
        if not entries:
            return self._checkpointed() > self.version and self._load()
        # A new dict each time: another thread may be walking through the old one.
        self.files = self.files.copy()
        for entry in entries:
            self._apply(entry)
        self.version += len(entries)
        return True

    def forget(self) -> None:
        """Know nothing, so that the next refresh reads the table from its beginning."""
        self.version, self.files, self.positions, self._opened = -1, {}, {}, None

    def paths(self, *, settled: bool, date: str | None = None) -> list[str]:
        """Where the files lie, oldest day first."""
        found = (f for f in self.files.values() if f.settled == settled and date in {None, f.date})
        return [str(self.directory / file.path) for file in sorted(found, key=lambda f: (f.date, f.path))]

    def commit(
        self,
        *,
        added: Sequence[DataFile] = (),
        removed: Iterable[str] = (),
        positions: Mapping[str, int] | None = None,
        operation: str = "WRITE",
        data_change: bool = True,
        redefine: bool = False,
    ) -> None:
        """Make the files part of the table, take others out, and move the positions: all of it or nothing.

        With `redefine` the table gets this version's columns, in the same step.
        Raises TableLost where the table was deleted, OSError where the disk refuses.
        """
        with self.writing:
            self.refresh()
            gone = [self.files[path] for path in removed]
            lines = commit_entry(added, gone, positions or {}, operation, data_change=data_change)
            if redefine:
                lines += b"\n" + self._definition()
            while not self._put(self.version + 1, lines):
                # Somebody else's commit (say, OPTIMIZE by another tool) was first: take it in, come after it.
                self.refresh()
            self.refresh()
            self.outdated = self.outdated and not redefine

    def checkpoint(self) -> None:
        """Sum the log up, so that opening the table needs not read it from the start; drop what is summed up."""
        with self.writing:
            delta = DeltaTable(self.directory)
            delta.create_checkpoint()
            delta.cleanup_metadata()

    def delete_replaced(self, retain_minutes: float) -> int:
        """Delete files that left the table longer ago than that; gives how many."""
        latest = time.time_ns() // 1_000_000 - retain_minutes * 60_000
        old = [path for path, at in self.replaced.items() if at <= latest]
        for path in old:
            (self.directory / path).unlink(missing_ok=True)
            del self.replaced[path]
        return len(old)

    def sweep(self, retain_hours: int) -> int:
        """Delete what nobody keeps track of and is older than that: what a dead writer left behind; gives how many."""
        with self.writing:
            gone = DeltaTable(self.directory).vacuum(
                retention_hours=retain_hours, dry_run=False, enforce_retention_duration=False, full=True
            )
            self.refresh()
            return len(gone)

    def position(self, worker: str) -> int:
        """How far that worker's journal is in this table; -1 where nothing of it is."""
        found = self.positions.get(worker)
        if found is None and self._opened is not None:
            found = self._opened.transaction_version(APP_PREFIX + worker)
            if found is not None:
                self.positions[worker] = found
        return -1 if found is None else found

    def _definition(self) -> bytes:
        """The table's columns as an action of the log."""
        metadata = {
            "id": DeltaTable(self.directory).metadata().id,
            "name": self.table.name,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": Schema.from_arrow(self.table.schema).to_json(),
            "partitionColumns": PARTITIONS.names,
            "configuration": CONFIGURATION,
        }
        return msgspec.json.encode({"metaData": metadata})

    def _load(self) -> bool:
        had = self.version >= 0
        self.forget()
        if not self._log.is_dir():
            return had
        try:
            self._opened = DeltaTable(self.directory)
        except (TableNotFoundError, DeltaError, OSError):
            return had
        self.files = {file.path: file for file in files_of(self._opened)}
        self.version = self._opened.version()
        self.outdated = self._opened.schema() != Schema.from_arrow(self.table.schema)
        return True

    def _read(self, version: int) -> bytes | None:
        try:
            return (self._log / f"{version:020}.json").read_bytes()
        except FileNotFoundError:
            return None

    def _checkpointed(self) -> int:
        """The version of the last checkpoint; beyond ours where the entries between are cleaned away already."""
        try:
            return int(json.loads((self._log / "_last_checkpoint").read_bytes())["version"])
        except (OSError, ValueError, KeyError):
            return -1

    def _apply(self, entry: bytes) -> None:
        for line in entry.splitlines():
            action = json.loads(line)
            if (add := action.get("add")) is not None:
                file = file_of(add)
                self.files[file.path] = file
            elif (remove := action.get("remove")) is not None:
                self.files.pop(unquote(remove["path"]), None)
                if self._cleans:
                    self.replaced[unquote(remove["path"])] = remove.get("deletionTimestamp", 0)
            elif (txn := action.get("txn")) is not None and txn["appId"].startswith(APP_PREFIX):
                self.positions[txn["appId"].removeprefix(APP_PREFIX)] = txn["version"]

    def _put(self, version: int, entry: bytes) -> bool:
        """Make the entry that version, unless the version exists: then False and nothing happened."""
        final = self._log / f"{version:020}.json"
        # The name is one that readers of the format skip.
        draft = self._log / f"_commit_{uuid.uuid4()}.json.tmp"
        try:
            write_durably(draft, entry)
        except FileNotFoundError as error:
            raise TableLost(f"{self.directory}: the table is gone") from error
        try:
            os.link(draft, final)
        except FileExistsError:
            return False
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
        return True
