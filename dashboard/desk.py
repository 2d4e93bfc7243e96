"""The desk at which pages ask: hands a query to the dataset, and keeps its answer for as long as the rows stand."""

import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from pipeline.dataset import AudioEvent, Reader, Status

P = ParamSpec("P")
T = TypeVar("T")

KEPT_MAX = 512
"""Answers kept at a time; when it is full all are dropped, and asked for again."""


class Dataset(Protocol):
    """What the pages need of a dataset; `pipeline.dataset.Reader` is one."""

    @property
    def snapshot(self) -> int: ...

    def cursor(self) -> DuckDBPyConnection: ...

    def message(self, session_id: str, seq: int) -> bytes: ...

    def session_audio(self, session_id: str) -> list[AudioEvent]: ...

    def status(self) -> Status | None: ...


class Desk:
    """Answers to queries. Safe to share between threads; what it gives must not be changed."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._lock = threading.Lock()
        self._snapshot = -1
        self._kept: dict[Hashable, object] = {}

    def ask(self, query: Callable[Concatenate[DuckDBPyConnection, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The answer to a query as of now; the kept one where no row has changed since it was given."""
        key = (query, arguments, tuple(sorted(named.items())))
        snapshot = self.dataset.snapshot
        with self._lock:
            if snapshot != self._snapshot or len(self._kept) >= KEPT_MAX:
                self._snapshot, self._kept = snapshot, {}
            elif key in self._kept:
                return self._kept[key]  # type: ignore[return-value]  # the key holds the query, which gives a T
        answer = self.fresh(query, *arguments, **named)
        with self._lock:
            if snapshot == self._snapshot:
                self._kept[key] = answer
        return answer

    def fresh(self, query: Callable[Concatenate[DuckDBPyConnection, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The answer without keeping it, for questions about the very moment."""
        try:
            return self._run(query, *arguments, **named)
        except duckdb.IOException:
            # A file was compacted away between looking it up and reading it; a new cursor knows its successor.
            return self._run(query, *arguments, **named)

    def _run(self, query: Callable[Concatenate[DuckDBPyConnection, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        cursor = self.dataset.cursor()
        try:
            return query(cursor, *arguments, **named)
        finally:
            cursor.close()


def open_desk(dataset_dir: Path) -> Desk:
    """A desk at the dataset of a folder, which need not exist yet."""
    return Desk(Reader(dataset_dir))
