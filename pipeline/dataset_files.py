"""Writes rows as Parquet files of a table. A file is part of the table only once the table's log says so."""

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset_actions import DataFile
from pipeline.dataset_log import TableLog, TableLost
from pipeline.dataset_schemas import AnyRow, DamagedLineRow, Table, date_of, to_arrow

ROWS_PER_GROUP = 100_000
AUDIO_ROWS_PER_GROUP = 2_000
"""About 20 MB of audio: what a reader of one session's sound holds at a time."""


def write_files(table: TableLog, rows: Iterable[AnyRow], *, settled: bool = False) -> list[DataFile]:
    """Write the rows as files of the table, one for each day. They are part of it once they are committed."""
    by_day: dict[date, list[AnyRow]] = {}
    for row in rows:
        by_day.setdefault(_day(row), []).append(row)
    return [
        write_file(table, to_arrow(table.table, found), day=str(day), settled=settled) for day, found in by_day.items()
    ]


def write_file(table: TableLog, rows: pa.Table, *, day: str, settled: bool) -> DataFile:
    """Write the rows as one file of the table."""
    with new_file(table, day=day, settled=settled) as file:
        file.write(rows)
    return file.written()


class NewFile:
    """A Parquet file in the making."""

    def __init__(self, table: TableLog, *, day: str, settled: bool) -> None:
        self._table = table.table
        self._day, self._settled = day, settled
        self._relative = f"date={day}/settled={str(settled).lower()}/{uuid.uuid4()}.parquet"
        self.path = table.directory / self._relative
        self._rows, self._first, self._last = 0, "", ""
        # Whoever deletes the dataset just now must not find its folders made again behind their back.
        if not table.exists():
            raise TableLost(f"{table.directory}: the table is gone")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = _OPTIONS | {"use_dictionary": table.table.dictionary_columns}
        self._writer = pq.ParquetWriter(self.path, table.table.columns, **options)

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        if rows.num_rows == 0:
            return
        self._writer.write_table(rows, row_group_size=_group_rows(self._table))
        self._rows += rows.num_rows
        if "session_id" in rows.column_names:
            ids = rows.column("session_id").to_pylist()
            self._first = min(self._first or ids[0], *ids) if len(ids) > 1 else min(self._first or ids[0], ids[0])
            self._last = max(self._last, *ids)

    def close(self) -> None:
        """Finish the file, and have it on the disk."""
        self._writer.close()
        file = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def written(self) -> DataFile:
        """What the table's log says of it."""
        return DataFile(
            path=self._relative,
            date=self._day,
            settled=self._settled,
            size_bytes=self.path.stat().st_size,
            rows=self._rows,
            first_session=self._first,
            last_session=self._last,
        )


@contextmanager
def new_file(table: TableLog, *, day: str, settled: bool) -> Iterator[NewFile]:
    """A file to write rows into, finished at the end of the block."""
    file = NewFile(table, day=day, settled=settled)
    try:
        yield file
        file.close()
    except BaseException:
        # What fails because the disk is full must not fill it further.
        file.path.unlink(missing_ok=True)
        raise


# Level 1: on decoded audio, level 9 gains 4 % of room for ten times the CPU (and the rest is small).
_OPTIONS = {"compression": "zstd", "compression_level": 1, "write_statistics": True, "store_schema": False}


def _group_rows(table: Table) -> int:
    return AUDIO_ROWS_PER_GROUP if "audio" in table.columns.names else ROWS_PER_GROUP


def _day(row: AnyRow) -> date:
    return row.found_at.date() if isinstance(row, DamagedLineRow) else date_of(row.session_id)
