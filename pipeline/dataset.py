"""THE CONTRACT of the tables for whoever reads them: views over the dataset's current files, in DuckDB.

A reader never blocks the writer, never sees half of a commit, and needs no dataset to exist: what isn't there is
empty. What the columns mean stands in `pipeline.domain.facts`; who writes them is `pipeline.dataset_writer`.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pipeline import dataset_views as views
from pipeline.archive import whole_message
from pipeline.dataset_copies import Copies, CopySettings
from pipeline.dataset_cursor import Cursor, TableFiles, table_files, where_they_lie
from pipeline.dataset_empty import empty_file, empty_files
from pipeline.dataset_log import TableLog, sizes_of
from pipeline.dataset_schemas import TABLES, date_of
from pipeline.dataset_store import Where, at_once, open_store
from pipeline.status import Status, identity, read_status

__all__ = ["TABLES", "AudioEvent", "CopySettings", "DatasetUnreadable", "EventNotFound", "Reader", "Status"]


ATTEMPTS = 4
"""Two would do where replaced files are kept longer than a query runs, as they are by default."""


class EventNotFound(LookupError):
    """The archive holds no such event."""


class DatasetUnreadable(Exception):
    """A file of the dataset is missing or damaged, also when looked at again."""


class AudioEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The audio of one event, decoded."""

    seq: int
    elapsed_ns: int
    source: str
    """client, server."""
    type: str
    item_id: str | None
    response_id: str | None
    content_index: int | None
    audio: bytes


class Reader:
    """Opens the dataset for reading. Safe to share between threads; a cursor is for one thread."""

    def __init__(
        self,
        place: Where,
        *,
        memory_limit: str = "1GB",
        threads: int | None = None,
        copies: CopySettings | None = None,
    ) -> None:
        self.store = open_store(place)
        self._remote = self.store.filesystem()
        self._refreshing = threading.Lock()
        self._logs = {name: TableLog(table, self.store) for name, table in TABLES.items()}
        self._identity = identity(self.store)
        self._looked_at = -1.0
        self._snapshot = 0
        self._files: dict[str, TableFiles] = {}
        self._variables: dict[str, list[str] | str] = {}
        self._copies: Copies | None = None
        self._connection = self._connect(memory_limit, threads, copies)

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()
        if self._copies is not None:
            self._copies.remove()

    @property
    def snapshot(self) -> int:
        """A number that changes whenever the rows may have changed; answers may be kept as long as it doesn't."""
        with self._refreshing:
            self._refresh()
            return self._snapshot

    def cursor(self) -> Cursor:
        """A connection that sees the tables as they are now, and keeps seeing them so."""
        with self._refreshing:
            self._refresh()
            files, variables = self._files, self._variables
        connection = self._connection.cursor()
        self._bind(connection, variables)
        return Cursor(connection, files, where_they_lie if self._copies is None else self._copies.sources)

    def copy_one(self) -> bool:
        """Copy one more file of facts to where it is read faster; False where none is left, or no room for it."""
        if self._copies is None:
            return False
        with self._refreshing:
            self._refresh()
            files = self._files
        return self._copies.make_one(files)

    def query(self, sql: str, parameters: Mapping[str, object] | Sequence[object] | None = None) -> pa.Table:
        """The answer as an Arrow table. Asks again where a file was cleaned away while a slow query read it."""
        for attempt in range(ATTEMPTS):
            try:
                return self._query(sql, parameters)
            except duckdb.Error as error:
                if not _is_about_files(error):
                    raise
                failure = error
                with self._refreshing:
                    # A new cursor has the new list of files. What still fails then may have been misled by a log
                    # that was cut or put back: read it all again.
                    self._looked_at = -1.0
                    if attempt > 0:
                        self._forget()
        raise DatasetUnreadable(f"{self.store}: {_last_words(failure)}") from failure

    def message(self, session_id: str, seq: int) -> bytes:
        """The message byte for byte as it was recorded. Raises EventNotFound."""
        parameters = {"day": date_of(session_id), "session": session_id, "seq": seq}
        found = self.query(views.MESSAGE, parameters).to_pylist()
        if not found:
            raise EventNotFound(f"{session_id}:{seq}: not in the archive")
        return whole_message(**found[0])

    def session_audio(self, session_id: str) -> list[AudioEvent]:
        """All audio of a session in the order in which it was seen, both sides."""
        parameters = {"day": date_of(session_id), "session": session_id}
        return [AudioEvent(**row) for row in self.query(views.SESSION_AUDIO, parameters).to_pylist()]

    def status(self) -> Status | None:
        """What the pipeline last said about itself; None where none ever ran."""
        return read_status(self.store)

    def _query(self, sql: str, parameters: Mapping[str, object] | Sequence[object] | None) -> pa.Table:
        cursor = self.cursor()
        try:
            return cursor.sql(sql, params=parameters).to_arrow_table()
        finally:
            cursor.close()

    def _refresh(self) -> None:
        if 0 <= time.monotonic() - self._looked_at < self.store.fresh_s:
            return
        try:
            self._look()
        except OSError as error:
            raise DatasetUnreadable(str(error)) from error

    def _look(self) -> None:
        if (found := identity(self.store)) != self._identity:
            self._forget()
            self._identity = found
        news = at_once(self.store, TableLog.refresh, self._logs.values())
        changed = [name for name, is_new in zip(self._logs, news, strict=True) if is_new]
        if changed:
            self._snapshot += 1
            self._found(changed)
            if self._remote is not None:
                self._remote.sizes = sizes_of(self._logs.values())
        self._looked_at = time.monotonic()

    def _forget(self) -> None:
        for log in self._logs.values():
            log.forget()
        self._looked_at = -1.0
        self._snapshot += 1
        self._found(self._logs)

    def _found(self, names: Iterable[str]) -> None:
        """Take over which files these tables have. Those who hold what was there before keep it."""
        files, variables = dict(self._files), dict(self._variables)
        for name in names:
            log = self._logs[name]
            files[name] = table_files(log.table, log.in_order(), log.readable, str(empty_file(name)))
            variables |= files[name].variables
        self._files, self._variables = files, variables

    def _connect(
        self, memory_limit: str, threads: int | None, copies: CopySettings | None
    ) -> duckdb.DuckDBPyConnection:
        options: dict[str, Any] = {
            "memory_limit": memory_limit,
            # A large sort goes to the disk, within a bound, and not into whatever directory we were started in.
            "temp_directory": str(empty_files() / "spilled"),
            "max_temp_directory_size": "4GB",
            # A question sees the tables, and no variable of the program that asks.
            "python_enable_replacements": False,
        }
        connection = duckdb.connect(":memory:", config=options | ({"threads": threads} if threads else {}))
        if self._remote is not None:
            connection.register_filesystem(self._remote)
        _run(connection, "set global TimeZone = 'UTC'")
        self._found(self._logs)
        self._bind(connection, self._variables)
        for statement in views.ALL:
            _run(connection, statement)
        if copies is not None:
            self._copies = Copies(connection, copies)
        self._sandbox(connection)
        return connection

    def _sandbox(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Nothing but the dataset's own files can be read, whatever SQL somebody types into a page."""
        folders = [self.store.readable(""), f"{empty_files()}/"]
        _run(connection, f"set allowed_directories = {folders!r}")
        for setting in ("enable_external_access = false", "lock_configuration = true"):
            _run(connection, f"set {setting}")

    @staticmethod
    def _bind(cursor: duckdb.DuckDBPyConnection, variables: Mapping[str, list[str] | str]) -> None:
        for name, value in variables.items():
            cursor.execute(f"set variable {name} = $1", [value])
            cursor.complete()


def _is_about_files(error: duckdb.Error) -> bool:
    """Whether a file could not be read. What went wrong on an object store comes through as no particular error."""
    return isinstance(error, duckdb.IOException) or type(error) is duckdb.Error


def _last_words(error: duckdb.Error) -> str:
    """What is to be said of it: of a trace through DuckDB only what it was about."""
    lines = str(error).splitlines()
    return next((line for line in reversed(lines) if "Error: " in line), lines[0] if lines else "")


def _run(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    connection.execute(statement)
    connection.complete()
