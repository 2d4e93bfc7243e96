"""Writes rows as Parquet files of a table. A file is part of the table only once the table's log says so."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset_actions import DataFile
from pipeline.dataset_log import Overtaken, Stalled, TableLog, TableLost
from pipeline.dataset_schemas import AnyRow, DamagedLineRow, date_of, to_arrow

ROWS_PER_GROUP = 25_000
"""What a reader skips or takes at a time. Of a day of 320,000 turns (924,000 costs): groups of 2,000 rows are scanned
in 47 (150) ms and one session is found in 35 (101) ms; of 25,000 in 22 (54) and 12 (21); of 100,000 in 21 (96) and
18 (10)."""
AUDIO_ROWS_PER_GROUP = 2_000
"""About 20 MB of audio: what a reader of one session's sound holds at a time."""
GROUP_BYTES_MAX = 32 << 20
"""A group of large rows is written before it is full, so that no writer holds more than this and one batch."""


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
        self._group_rows = AUDIO_ROWS_PER_GROUP if "audio" in table.table.columns.names else ROWS_PER_GROUP
        self._day, self._settled = day, settled
        self._path = f"date={day}/settled={str(settled).lower()}/{uuid.uuid4()}.parquet"
        self._rows, self._first, self._last = 0, "", ""
        self._waiting = table.table.columns.empty_table()
        """Rows that don't make a whole group yet."""
        self._size_bytes = 0
        try:
            self._draft = table.store.draft(table.table.name, self._path)
        except FileNotFoundError as error:
            raise TableLost(f"{table.where}: the table is gone") from error
        options: dict[str, Any] = _OPTIONS | {"use_dictionary": table.table.dictionary_columns}
        self._writer = pq.ParquetWriter(self._draft.target, table.table.columns, **options)

    def write(self, rows: pa.Table) -> None:
        """Add rows, which are kept."""
        if rows.num_rows == 0:
            return
        self._waiting = pa.concat_tables([self._waiting, rows])
        if self._waiting.nbytes >= GROUP_BYTES_MAX:
            self._write_waiting(self._waiting.num_rows)
        elif self._waiting.num_rows >= self._group_rows:
            self._write_waiting(self._waiting.num_rows // self._group_rows * self._group_rows)
        self._rows += rows.num_rows
        if "session_id" in rows.column_names:
            ids = rows.column("session_id").to_pylist()
            self._first = min(self._first or ids[0], *ids) if len(ids) > 1 else min(self._first or ids[0], ids[0])
            self._last = max(self._last, *ids)

    def _write_waiting(self, count: int) -> None:
        # Each call of the writer begins a new group, however few rows it brings.
        self._writer.write_table(self._waiting.slice(0, count), row_group_size=self._group_rows)
        self._waiting = self._waiting.slice(count)

    def close(self) -> None:
        """Finish the file, and have it where it belongs, durably."""
        if self._waiting.num_rows:
            self._write_waiting(self._waiting.num_rows)
        self._writer.close()
        self._size_bytes = self._draft.finish()

    def abandon(self) -> None:
        """Leave nothing of it."""
        self._draft.abandon()

    def written(self) -> DataFile:
        """What the table's log says of it."""
        return DataFile(
            path=self._path,
            date=self._day,
            settled=self._settled,
            size_bytes=self._size_bytes,
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
        file.abandon()
        raise


@contextmanager
def uncommitted(table: TableLog, files: list[DataFile]) -> Iterator[list[DataFile]]:
    """Take the files away again where their commit fails, unless it came about all the same or nobody can say."""
    try:
        yield files
    except Stalled:
        # They may be part of the table; if they aren't, the next sweep takes them.
        raise
    except (Overtaken, OSError):
        table.refresh()
        table.remove(file.path for file in files if file.path not in table.files)
        raise


# Level 1: on decoded audio, level 9 gains 4 % of room for ten times the CPU (and the rest is small).
_OPTIONS = {"compression": "zstd", "compression_level": 1, "write_statistics": True, "store_schema": False}


def _day(row: AnyRow) -> date:
    return row.found_at.date() if isinstance(row, DamagedLineRow) else date_of(row.session_id)
