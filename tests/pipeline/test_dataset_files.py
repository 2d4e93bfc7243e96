"""The Parquet files of a table: rows in groups that a reader can skip, in however small pieces they were brought."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import dataset_files
from pipeline.dataset_files import ROWS_PER_GROUP, new_file
from pipeline.dataset_log import TableLog
from pipeline.dataset_schemas import TABLES, to_arrow
from pipeline.dataset_store import open_store
from pipeline.domain.facts import Gap

AT = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def gaps(tmp_path: Path) -> TableLog:
    log = TableLog(TABLES["gaps"], open_store(tmp_path))
    log.create()
    return log


def rows(first: int, count: int) -> pa.Table:
    found = [Gap(session_id="s1", version=seq, seq=seq, count=1, at=AT) for seq in range(first, first + count)]
    return to_arrow(TABLES["gaps"], found)


def written(log: TableLog, batches: list[pa.Table]) -> pq.ParquetFile:
    with new_file(log, day="2025-03-01", settled=True) as file:
        for batch in batches:
            file.write(batch)
    return pq.ParquetFile(log.readable(file.written().path))


def groups(file: pq.ParquetFile) -> list[int]:
    return [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]


def test_small_batches_make_whole_groups(gaps: TableLog) -> None:
    batches = [rows(first, 2_000) for first in range(0, 60_000, 2_000)]

    file = written(gaps, batches)

    assert groups(file) == [ROWS_PER_GROUP, ROWS_PER_GROUP, 10_000]
    assert file.read(["seq"]).column(0).to_pylist() == list(range(60_000))


def test_large_rows_do_not_wait_for_a_whole_group(gaps: TableLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_files, "GROUP_BYTES_MAX", rows(0, 150).nbytes)

    file = written(gaps, [rows(0, 100), rows(100, 100), rows(200, 50)])

    assert groups(file) == [200, 50]
