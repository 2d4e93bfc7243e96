"""The hot rows of a dataset in memory: read once for each state of a table's hot files, not by every question.

A question that looks for the newest version of each row opens each hot file three times, and joins it with the settled
files that it may hold versions of, which costs more in planning than most questions take. Mostly there is no such row:
that is found out here, once, and those files are then read as if no hot one were there.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import duckdb
import msgspec

from pipeline import dataset_views as views
from pipeline.dataset_schemas import Table

# The statements are put together from our own names.
# ruff: noqa: S608

KEPT_S: Final = 60.0
"""How long a state is kept after it was last asked about: far longer than from a question's text to its answer."""


class Newest(msgspec.Struct):
    """The rows of some hot files, of each key the highest version."""

    table: str
    """Where they are."""
    used_s: float
    older: dict[str, bool]
    """Of each settled source, whether it has an older version of one of them."""


class Hot:
    """The states of the tables' hot files that were asked about in the last minute. Safe to share between threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self._made = 0
        self._states: dict[tuple[str, ...], Newest] = {}

    def sources(self, table: Table, hot: Sequence[str], touched: Sequence[str]) -> dict[str, list[str]]:
        """What to read, by kind, instead of these hot files and these sources that may hold older versions."""
        with self._lock:
            now_s = self._clock()
            self._drop_unused(now_s)
            key = (table.name, *hot)
            if key not in self._states:
                self._states[key] = Newest(table=self._put(table, hot), used_s=now_s, older={})
            state = self._states[key]
            state.used_s = now_s
            for source in touched:
                if source not in state.older:
                    state.older[source] = self._has_older(table, source, state.table)
            return {
                views.NEWEST: [state.table],
                views.TOUCHED: [source for source in touched if state.older[source]],
                views.SETTLED: [source for source in touched if not state.older[source]],
            }

    def _put(self, table: Table, hot: Sequence[str]) -> str:
        self._made += 1
        made = f"memory.main.newest_{self._made}"
        rows = views.newest_of(table, f"select * from {views.read_files(hot)}")
        run(self._connection, f"create table {made} as {rows}")
        return made

    def _has_older(self, table: Table, source: str, newest: str) -> bool:
        key = ", ".join(f'"{column}"' for column in table.key)
        return bool(run(self._connection, f"select 1 from {source} semi join {newest} using ({key}) limit 1"))

    def _drop_unused(self, now_s: float) -> None:
        for key in [key for key, state in self._states.items() if now_s - state.used_s >= KEPT_S]:
            run(self._connection, f"drop table {self._states.pop(key).table}")


def run(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[object, ...]]:
    """What a statement of our own gives, asked beside whatever else the connection is used for."""
    cursor = connection.cursor()
    try:
        return cursor.execute(statement).fetchall()
    finally:
        cursor.close()
