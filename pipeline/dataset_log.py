"""A Delta table's log: which files make the table now, and how a commit is added to it.

Written by the open protocol (github.com/delta-io/delta, PROTOCOL.md), because a commit through `deltalake` costs
20 ms of CPU and grows with the number of files, and one by hand 0.3 ms: a busy batch makes ten of them, four times a
second. `deltalake` makes the tables' checkpoints, sweeps, and opens a table that we don't know yet.

Several processes may commit to one table. An entry is created under the next number only if nobody has it; whoever
was late takes in what came first, looks whether their commit still holds, and tries the number after it.
"""

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError

from pipeline import dataset_actions as actions
from pipeline.dataset_actions import DataFile
from pipeline.dataset_schemas import PARTITIONS, Table
from pipeline.dataset_store import Store

STALLED_S = 300.0
"""Half of what the log is kept: an entry that took longer may have got a number that was used and cleaned away."""
FILES_OLD_S = 3600.0
"""Half of what a sweep spares: files that wait longer for their entry may be taken for litter."""


class TableLost(Exception):
    """The table's log is not there any more: somebody deleted the folder."""


class TableUnusable(OSError):
    """The table's log can't be read."""


class Overtaken(Exception):
    """Nothing was committed: what the commit was decided upon is not so any more. Look again, and decide again."""


class Stalled(Overtaken):
    """We were away for so long (asleep, starved) that nobody can say what became of the commit, or of its files."""


class TableLog:
    """The current state of one table. One thread at a time refreshes it; commits may come from several."""

    def __init__(self, table: Table, store: Store) -> None:
        self.table = table
        self.store = store
        self.where = f"{store}/{table.name}"
        """What messages call it."""
        self.version = -1
        self.outdated = False
        """The table on disk has other columns than this version writes."""
        self.files: dict[str, DataFile] = {}
        self.positions: dict[str, int] = {}
        """Origin (a worker's journal, a partition of a topic) -> how far it is in this table."""
        self.replaced: dict[str, int] | None = None
        """Files that left the table -> when, in milliseconds since 1970. A dict where we are the one who cleans."""
        self._log = f"{table.name}/_delta_log"
        self._summed_up_at = -1.0
        self.writing = threading.RLock()
        """Held from the first file of a commit to its entry: whoever cleans up must not take the files for litter."""
        self._opened: DeltaTable | None = None

    def exists(self) -> bool:
        """Whether there is such a table."""
        return self.store.holds(self._log)

    def create(self) -> None:
        """Make the table where it isn't yet, whoever else does so just now. Raises OSError."""
        self.store.begin(self._log)
        # A log that was cut has no first entry any more, and others.
        if not any(name.endswith(".json") for name in self.store.names(self._log)):
            schema = Schema.from_arrow(self.table.schema).to_json()
            self._put(0, actions.first_entry(self.table.name, schema, PARTITIONS.names))

    def refresh(self) -> bool:
        """Take in what was committed since; False where that was nothing. A table that is not there is empty."""
        if self.version < 0:
            return self._load()
        entries: list[bytes] = []
        while (entry := self.store.read(self._entry(self.version + 1 + len(entries)))) is not None:
            entries.append(entry)
        if not entries:
            return self._is_cut() and self._load()
        self._apply(*entries)
        return True

    def forget(self) -> None:
        """Know nothing, so that the next refresh reads the table from its beginning."""
        self.version, self.files, self.positions, self._opened = -1, {}, {}, None

    def paths(self, *, settled: bool, date: str | None = None) -> list[str]:
        """Where the files lie, oldest day first."""
        return [self.readable(f.path) for f in self.in_order() if f.settled == settled and date in {None, f.date}]

    def in_order(self) -> list[DataFile]:
        """The files, oldest day first."""
        return sorted(self.files.values(), key=lambda f: (f.date, f.path))

    def readable(self, path: str) -> str:
        """The name by which DuckDB reads a file of the table."""
        return self.store.readable(f"{self.table.name}/{path}")

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files that are not part of the table. Raises OSError."""
        self.store.remove(f"{self.table.name}/{path}" for path in paths)

    def commit(
        self,
        *,
        added: Sequence[DataFile] = (),
        removed: Iterable[str] = (),
        positions: Mapping[str, int] | None = None,
        expected: Mapping[str, int] | None = None,
        operation: str = "WRITE",
        data_change: bool = True,
        redefine: bool = False,
        began: float | None = None,
        looked: float | None = None,
    ) -> None:
        """Make the files part of the table, take others out, and move the positions: all of it or nothing.

        `expected` says, origin by origin, which positions the commit was decided upon; `began` (in seconds since
        1970) when the first of its files was begun; `looked` when the caller refreshed the table, if `writing` was
        held ever since. With `redefine` the table gets this version's columns, in the same step.

        Raises Overtaken where a position is another one by now, or a file to be removed has left the table already;
        Stalled (of which see there); TableLost where the table was deleted; OSError where the disk refuses.
        """
        leaving = list(removed)
        with self.writing:
            while True:
                if looked is None:
                    looked = time.time()
                    self.refresh()
                self._is_open()
                self._still_holds(leaving, expected or {}, began)
                gone = [self.files[path] for path in leaving]
                lines = actions.commit_entry(added, gone, positions or {}, operation, data_change=data_change)
                if redefine:
                    lines += b"\n" + self._definition()
                if self._put(self.version + 1, lines):
                    break
                looked = None
            if (took := time.time() - looked) > STALLED_S:
                self.forget()
                raise Stalled(f"{self.where}: committing took {took:.0f} s")
            self._apply(lines)
            self.outdated = self.outdated and not redefine

    def position(self, origin: str) -> int:
        """How far that origin is in this table; -1 where nothing of it is."""
        found = self.positions.get(origin)
        if found is None:
            # What stood in the log when it was opened; asking costs a request where it lies far away.
            found = self._opened.transaction_version(actions.app_id(origin)) if self._opened else None
            self.positions[origin] = found = -1 if found is None else found
        return found

    def _is_open(self) -> None:
        if self.version < 0:
            if not self.exists():
                raise TableLost(f"{self.where}: the table is gone")
            raise TableUnusable(f"{self.where}: its log can't be read")

    def _still_holds(self, leaving: Sequence[str], expected: Mapping[str, int], began: float | None) -> None:
        """Raise Overtaken where the commit must be decided anew."""
        if left := next((path for path in leaving if path not in self.files), None):
            raise Overtaken(f"{self.where}/{left}: replaced by somebody else meanwhile")
        for origin, at in expected.items():
            if (found := self.position(origin)) != at:
                raise Overtaken(f"{self.where}: {origin} is at {found} by now, not at {at}")
        if began is not None and time.time() - began > FILES_OLD_S:
            raise Stalled(f"{self.where}: files waited {time.time() - began:.0f} s for their commit")

    def _definition(self) -> bytes:
        """The table's columns as an action of the log."""
        schema = Schema.from_arrow(self.table.schema).to_json()
        table_id = str(self.delta().metadata().id)
        return actions.definition(self.table.name, table_id, schema, PARTITIONS.names)

    def _load(self) -> bool:
        had = self.version >= 0
        self.forget()
        if not self.exists():
            return had
        try:
            self._opened = self.delta()
        except TableNotFoundError:
            return had
        except DeltaError as error:
            raise TableUnusable(f"{self.where}: {error}") from error
        self.files = {file.path: file for file in actions.files_of(self._opened)}
        self.version = self._opened.version()
        self.outdated = self._opened.schema() != Schema.from_arrow(self.table.schema)
        return True

    def _is_cut(self) -> bool:
        """Whether the entries after ours may have been summed up and cleaned away already: not within minutes."""
        if (now := time.monotonic()) - self._summed_up_at < min(self.store.fresh_s * 60, STALLED_S):
            return False
        self._summed_up_at = now
        return self._checkpointed() > self.version

    def _checkpointed(self) -> int:
        """The version of the last checkpoint; beyond ours where the entries between are cleaned away already."""
        try:
            return int(json.loads(self.store.read(f"{self._log}/_last_checkpoint") or b"")["version"])
        except (OSError, ValueError, KeyError):
            return -1

    def _apply(self, *entries: bytes) -> None:
        """Take in the entries that come next."""
        # A new dict each time: another thread may be walking through the old one.
        self.files = self.files.copy()
        for line in b"\n".join(entries).splitlines():
            action = json.loads(line)
            if (add := action.get("add")) is not None:
                file = actions.file_of(add)
                self.files[file.path] = file
            elif (remove := action.get("remove")) is not None:
                self.files.pop(unquote(remove["path"]), None)
                if self.replaced is not None:
                    self.replaced[unquote(remove["path"])] = remove.get("deletionTimestamp", 0)
            elif (txn := action.get("txn")) is not None and (origin := actions.origin_of(txn["appId"])) is not None:
                self.positions[origin] = txn["version"]
        self.version += len(entries)

    def _put(self, version: int, entry: bytes) -> bool:
        """Make the entry that version; False where somebody else's is."""
        try:
            return self.store.put_new(self._entry(version), entry)
        except FileNotFoundError as error:
            raise TableLost(f"{self.where}: the table is gone") from error

    def _entry(self, version: int) -> str:
        return f"{self._log}/{version:020}.json"

    def delta(self) -> DeltaTable:
        """The table as `deltalake` has it now. Raises DeltaError, OSError."""
        address, options = self.store.delta(self.table.name)
        return DeltaTable(address, storage_options=options)


def sizes_of(tables: Iterable[TableLog]) -> dict[str, int]:
    """The tables' files by the names that their store has for them -> how large they are, in bytes."""
    return {f"{log.table.name}/{file.path}": file.size_bytes for log in tables for file in log.files.values()}
