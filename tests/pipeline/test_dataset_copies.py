"""With copies or without, over some days or all: the same rows, whatever is written and merged meanwhile."""

import random
import threading
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import dataset_copies, dataset_hot
from pipeline.dataset import CopySettings, Reader
from pipeline.dataset_compaction import Compactor
from pipeline.dataset_cursor import Cursor
from pipeline.dataset_writer import Writer
from tests.pipeline.builders import NOON, batch, session_id, session_row, turn_row

ALL = CopySettings(bytes_max=1 << 30, rows_min=1)
TODAY = NOON.date()
ROWS = "select * from turns order by all"
COUNT = "select count(*) from turns"
LAST_WEEK = session_id(0, NOON - timedelta(days=7))


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer.open(tmp_path)


def over(reader: Reader, sql: str, first: date | None = None, last: date = date.max) -> list[tuple[Any, ...]]:
    """The answer, in which the tables are no more than those days."""
    cursor = reader.cursor()
    try:
        return cursor.sql(cursor.over_days(sql, first, last)).fetchall()
    finally:
        cursor.close()


def viewed(reader: Reader, sql: str) -> list[tuple[Any, ...]]:
    return reader.cursor().sql(sql).fetchall()


def copy_all(reader: Reader) -> int:
    copied = 0
    while reader.copy_one():
        copied += 1
    return copied


def settle(writer: Writer, *sessions: str) -> None:
    """Two turns of each of these calls, which are over, in settled files."""
    for position, session in enumerate(sessions, start=1):
        writer.commit(batch([turn_row(session, 0, 1), session_row(session, 1)], position=2 * position))
        rows = [turn_row(session, 1, 2), session_row(session, 3, status="closed")]
        writer.commit(batch(rows, position=2 * position + 1))
    Compactor(writer).compact()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_the_rows_are_those_of_the_views(writer: Writer, tmp_path: Path, seed: int) -> None:
    chance, compactor = random.Random(seed), Compactor(writer)
    reader = Reader(tmp_path, copies=ALL)
    sessions = [session_id(number, NOON - timedelta(days=number % 3)) for number in range(6)]
    for step in range(1, 25):
        match chance.choice(["write", "write", "close", "merge", "copy"]):
            case "write":
                turns = [turn_row(chance.choice(sessions), chance.randrange(3), step) for _ in range(3)]
                writer.commit(batch(turns, position=step))
            case "close":
                writer.commit(batch([session_row(chance.choice(sessions), step, status="closed")], position=step))
            case "merge":
                compactor.compact()
            case "copy":
                reader.copy_one()
        time.sleep(reader.store.fresh_s)
        for table in ("turns", "sessions"):
            sql = f"select * from {table} order by all"
            assert over(reader, sql) == viewed(reader, sql)
        day = TODAY - timedelta(days=chance.randrange(3))
        assert over(reader, ROWS, day, day) == viewed(reader, f"select * from turns where date = '{day}' order by all")


def test_only_the_files_of_the_days_are_read_and_those_that_say_no_day(writer: Writer, tmp_path: Path) -> None:
    settle(writer, session_id(1), LAST_WEEK, "no id of ours")
    cursor = Reader(tmp_path).cursor()

    sql = cursor.over_days(COUNT, TODAY, TODAY)

    assert f"date={TODAY}" in sql
    assert "date=1970-01-01" in sql
    assert f"date={TODAY - timedelta(days=7)}" not in sql
    assert cursor.sql(sql).fetchall() == [(4,)]
    assert over(Reader(tmp_path), COUNT, TODAY + timedelta(days=1)) == [(2,)]
    assert over(Reader(tmp_path), COUNT, last=TODAY - timedelta(days=1)) == [(4,)]


@pytest.mark.parametrize(
    "sql",
    [
        "select turns from sessions",
        "with turns_of as (select turns from sessions) select * from turns_of",
        "  WITH found AS (select turns from sessions) select * from found",
    ],
)
def test_a_table_is_narrowed_where_it_is_read_and_not_where_a_column_has_its_name(tmp_path: Path, sql: str) -> None:
    settle(Writer.open(tmp_path), session_id(1))
    cursor = Reader(tmp_path).cursor()

    narrowed = cursor.over_days(sql, None, TODAY)

    assert "sessions as (" in narrowed
    assert " turns as (" not in narrowed
    assert cursor.sql(narrowed).fetchall() == [(0,)]


@pytest.mark.parametrize("copied", [False, True])
def test_of_the_columns_those_are_there_that_the_question_names(writer: Writer, tmp_path: Path, copied: bool) -> None:
    settle(writer, session_id(1))
    writer.commit(batch([session_row(session_id(2), 1, billed_usd_nanos=1_500_000_000)], position=99))
    reader = Reader(tmp_path, copies=ALL)
    if copied:
        copy_all(reader)
    cursor = reader.cursor()

    sql = "select status, billed_usd from sessions order by all"
    narrowed = cursor.over_days(sql, None, TODAY, columns_named=True)

    assert "upstream_host" in cursor.over_days(sql, None, TODAY)
    assert "upstream_host" not in narrowed
    assert cursor.sql(narrowed).fetchall() == viewed(reader, sql)
    everything = cursor.sql(cursor.over_days("select * from sessions", None, TODAY, columns_named=True))
    assert everything.columns == ["session_id", "version", "date"]


def test_a_question_about_no_table_is_left_as_it_is(tmp_path: Path) -> None:
    assert Reader(tmp_path).cursor().over_days("select 1", None, TODAY) == "select 1"


def test_what_is_settled_is_copied_once_the_newest_day_first_and_then_read_from_there(
    writer: Writer, tmp_path: Path
) -> None:
    settle(writer, session_id(1), LAST_WEEK)
    reader = Reader(tmp_path, copies=ALL)

    copied = [reader.copy_one() for _ in range(2)]
    of_today = reader.cursor().over_days(COUNT, TODAY, TODAY)
    of_then = reader.cursor().over_days(COUNT, None, TODAY - timedelta(days=1))
    left = copy_all(reader)

    assert copied == [True, True]
    assert "read_parquet" not in of_today
    assert "read_parquet" in of_then
    assert left == 2
    assert "read_parquet" not in reader.cursor().over_days(COUNT, None, TODAY)
    assert over(reader, COUNT) == [(4,)]


def test_a_changed_row_hides_its_copied_one_and_no_other(writer: Writer, tmp_path: Path) -> None:
    sessions = [session_id(number) for number in range(1, 4)]
    settle(writer, *sessions)
    reader = Reader(tmp_path, copies=ALL)
    copy_all(reader)

    writer.commit(batch([turn_row(sessions[1], 1, 9, interrupted=True)], position=99))
    time.sleep(reader.store.fresh_s)

    found = over(reader, "select session_id, turn_index, version, interrupted from turns order by all")
    assert found == [
        (session, turn, 9 if changed else turn + 1, changed)
        for session in sessions
        for turn in (0, 1)
        for changed in [(session, turn) == (sessions[1], 1)]
    ]


def test_small_files_are_not_copied_and_without_room_none_is(writer: Writer, tmp_path: Path) -> None:
    settle(writer, session_id(1))
    small = Reader(tmp_path, copies=CopySettings(bytes_max=1 << 30, rows_min=3))
    full = Reader(tmp_path, copies=CopySettings(bytes_max=1, rows_min=1))

    assert copy_all(small) == 0
    assert copy_all(full) == 0
    assert copy_all(Reader(tmp_path)) == 0
    assert over(small, ROWS) == over(full, ROWS) == viewed(small, ROWS) != []


def test_the_copy_of_a_file_that_was_merged_away_goes_after_a_while(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(writer, session_id(1))
    reader = Reader(tmp_path, copies=ALL)
    copy_all(reader)
    before = reader.cursor()
    asked = before.over_days(ROWS, None, TODAY)
    rows = before.sql(asked).fetchall()

    writer.commit(batch([turn_row(session_id(1), 0, 9)], position=99))
    Compactor(writer).compact()
    time.sleep(reader.store.fresh_s)
    copy_all(reader)
    still = before.sql(asked).fetchall()
    monkeypatch.setattr(dataset_copies, "KEPT_GONE_S", 0.0)
    copy_all(reader)

    assert still == rows
    [(tables,)] = before.sql("select count(*) from duckdb_tables() where database_name = 'copies'").fetchall()
    assert tables == 2
    assert over(reader, "select max(version) from turns") == [(9,)]


def test_hot_rows_are_put_into_memory_once_and_leave_it_when_nobody_asks(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.commit(batch([turn_row(session_id(1), 0, 1)], position=1))
    writer.commit(batch([turn_row(session_id(1), 0, 2)], position=2))
    reader = Reader(tmp_path, copies=ALL)

    def in_memory(cursor: Cursor) -> int:
        [(tables,)] = cursor.sql("select count(*) from duckdb_tables() where table_name like 'newest%'").fetchall()
        return int(tables)

    assert over(reader, "select version from turns") == over(reader, "select version from turns") == [(2,)]
    assert in_memory(reader.cursor()) == 1
    monkeypatch.setattr(dataset_hot, "KEPT_S", 0.0)
    assert over(reader, "select count(*) from sessions") == [(0,)]
    writer.commit(batch([session_row(session_id(2))], position=3))
    time.sleep(reader.store.fresh_s)
    assert over(reader, "select count(*) from sessions") == [(1,)]
    assert in_memory(reader.cursor()) == 1


def test_the_file_is_gone_when_the_reader_is_closed(writer: Writer, tmp_path: Path) -> None:
    settle(writer, session_id(1))
    reader = Reader(tmp_path, copies=ALL)
    copy_all(reader)
    [(path,)] = reader.cursor().sql("select path from duckdb_databases() where database_name = 'copies'").fetchall()
    assert Path(path).exists()

    reader.close()

    assert not Path(path).parent.exists()


@pytest.mark.slow
def test_writing_merging_copying_and_reading_at_once_lose_and_double_nothing(writer: Writer, tmp_path: Path) -> None:
    reader, compactor, over_now = Reader(tmp_path, copies=ALL), Compactor(writer), threading.Event()
    faults: list[object] = []
    sessions = [session_id(number) for number in range(1, 61)]

    def until_over(act: Any) -> None:
        while not over_now.is_set():
            try:
                act()
            except Exception as error:  # noqa: BLE001  # whatever it is, the test tells
                faults.append(error)
                return

    seen = [0]

    def read() -> None:
        [(rows, keys)] = over(reader, "select count(*), count(distinct (session_id, turn_index)) from turns")
        if rows != keys or rows < seen[0]:
            faults.append((rows, keys, seen[0]))
        seen[0] = max(seen[0], rows)

    threads = [
        threading.Thread(target=until_over, args=(act,)) for act in (read, compactor.compact, lambda: copy_all(reader))
    ]
    for thread in threads:
        thread.start()
    for position, session in enumerate(sessions, start=1):
        rows = [turn_row(session, turn, position) for turn in range(5)]
        writer.commit(batch([*rows, session_row(session, position, status="closed")], position=2 * position))
        writer.commit(batch([turn_row(session, 0, 1000 + position)], position=2 * position + 1))
    over_now.set()
    for thread in threads:
        thread.join()

    assert faults == []
    time.sleep(reader.store.fresh_s)
    assert over(reader, "select count(*), count(*) filter (where version > 1000) from turns") == [(300, 60)]
