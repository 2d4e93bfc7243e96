"""A connection to the tables as they stood when it was opened, and how a question about some days is put to it."""

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import duckdb
import msgspec

from pipeline import dataset_views as views
from pipeline.dataset_actions import DataFile
from pipeline.dataset_schemas import TABLES, Table

NO_DAY: Final = "1970-01-01"
"""The partition of sessions whose id is none of ours."""


class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """A file as DuckDB reads it."""

    day: str
    name: str
    settled: bool
    rows: int


class TableFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one table."""

    table: Table
    by_kind: Mapping[str, Sequence[FileRead]]
    """The oldest day first."""
    reach: Mapping[str, str]
    """From which to which session the hot ones reach."""
    empty: str
    """A file without rows: what is read where there is none. It gives the columns."""

    @property
    def variables(self) -> dict[str, list[str] | str]:
        """What the table's view reads. The empty file comes first, so that no list is empty."""
        lists: dict[str, list[str] | str] = {
            views.variable(self.table, kind): [self.empty, *(file.name for file in files)]
            for kind, files in self.by_kind.items()
        }
        return lists | {name: self.reach[end] for end, name in views.bounds(self.table).items()}

    def rows(self, first: date | None, last: date, sources: "Sources", columns: Container[str] | None = None) -> str:
        """The select of the rows whose sessions opened on these UTC days, or say no day; of all columns, or these."""
        since, until = "" if first is None else str(first), str(last)
        wanted = {
            kind: [file for file in files if since <= file.day <= until or file.day == NO_DAY]
            for kind, files in self.by_kind.items()
        }
        found = sources(self.table, wanted)
        if not any(found.values()):
            found = {views.SETTLED: [views.read_files([self.empty])]}
        return views.rows_of(self.table, found, columns)


Sources = Callable[[Table, Mapping[str, Sequence[FileRead]]], dict[str, list[str]]]
"""What gives the sources of a table's files, by kind; a kind of which there is none has none."""


def where_they_lie(_table: Table, files: Mapping[str, Sequence[FileRead]]) -> dict[str, list[str]]:
    """The sources that are the files themselves."""
    return {
        kind: [views.read_files(file.name for file in of_kind)] if of_kind else [] for kind, of_kind in files.items()
    }


def table_files(table: Table, files: Iterable[DataFile], readable: Callable[[str], str], empty: str) -> TableFiles:
    """The files of a table; `readable` gives the name by which DuckDB reads what lies at a path."""
    found = views.by_kind(table, files)
    return TableFiles(
        table=table,
        by_kind={kind: [_file_read(file, readable(file.path)) for file in of_kind] for kind, of_kind in found.items()},
        reach=views.reach(found[views.HOT]),
        empty=empty,
    )


def _file_read(file: DataFile, name: str) -> FileRead:
    return FileRead(day=file.date, name=name, settled=file.settled, rows=file.rows)


class Cursor:
    """A connection that sees the tables as they were when it was opened, and keeps seeing them so. For one thread."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Mapping[str, TableFiles],
        sources: Sources = where_they_lie,
    ) -> None:
        self.connection = connection
        self._files = files
        self._sources = sources

    def sql(self, sql: str, params: Mapping[str, object] | Sequence[object] | None = None) -> duckdb.DuckDBPyRelation:
        """Ask."""
        return self.connection.sql(sql, params=params)

    def close(self) -> None:
        """Let go of it. The dataset stays open."""
        self.connection.close()

    def over_days(
        self, sql: str, first: date | None, last: date, tables: Iterable[str] = TABLES, *, columns_named: bool = False
    ) -> str:
        """The same question, with each of these tables that it names being only the rows of some UTC days.

        Where the question names all columns that it asks for (`columns_named`), the tables have no others.
        """
        columns = frozenset(_WORD.findall(sql)) if columns_named else None
        named = [name for name in tables if _NAMINGS[name].search(sql)]
        narrowed = ", ".join(
            f"{name} as ({self._files[name].rows(first, last, self._sources, columns)})" for name in named
        )
        if not narrowed:
            return sql
        begun = _WITH.match(sql)
        return f"with {narrowed}, {sql[begun.end() :]}" if begun else f"with {narrowed} {sql}"


_WORD: Final = re.compile(r"\w+")
_WITH: Final = re.compile(r"\s*with\s+", re.IGNORECASE)
_NAMINGS: Final = {name: re.compile(rf"\b(?:from|join)\s+{name}\b", re.IGNORECASE) for name in TABLES}
"""Where a table is read; its name may be a column's, too."""
