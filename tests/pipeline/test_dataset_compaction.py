"""Merging files changes how many there are and nothing that a reader sees."""

import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipeline.dataset import Reader
from pipeline.dataset_cleaning import checkpoint
from pipeline.dataset_compaction import Compactor
from pipeline.dataset_schemas import FACTS
from pipeline.dataset_writer import ANYWHERE, Writer
from tests.pipeline.builders import NOON, all_rows, append, batch, event, rows_of, session_id, session_row, turn_row

ONE, TWO = session_id(1), session_id(2)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer.open(tmp_path)


def files(writer: Writer, table: str) -> list[tuple[bool, int]]:
    """Settled or not, and rows, of each file."""
    return sorted((file.settled, file.rows) for file in writer.logs[table].files.values())


def test_rows_of_sessions_that_are_over_settle_and_the_others_stay_hot(writer: Writer, tmp_path: Path) -> None:
    for version in range(5):
        writer.commit(batch([turn_row(ONE, 0, version), turn_row(TWO, 0, version)], position=version + 1))
    writer.commit(batch([session_row(ONE, 9, status="closed"), session_row(TWO, 9)], position=9))
    before = all_rows(tmp_path)

    Compactor(writer).compact()

    assert files(writer, "turns") == [(False, 1), (True, 1)]
    assert all_rows(tmp_path) == before


def test_a_row_that_changes_after_it_was_settled_is_seen_changed_at_once_and_settles_again(
    writer: Writer, tmp_path: Path
) -> None:
    writer.commit(batch([turn_row(ONE, 0, 1), session_row(ONE, 1, status="closed")], position=1))
    writer.commit(batch([turn_row(ONE, 1, 2)], position=2))
    compactor = Compactor(writer)
    compactor.compact()
    assert files(writer, "turns") == [(True, 2)]

    writer.commit(batch([turn_row(ONE, 0, 7, interrupted=True)], position=3))
    writer.commit(batch([turn_row(ONE, 2, 8)], position=4))
    seen = sorted((row["turn_index"], row["version"]) for row in rows_of(tmp_path, "turns"))
    compactor.compact()

    assert seen == [(0, 7), (1, 2), (2, 8)]
    assert sorted((row["turn_index"], row["version"]) for row in rows_of(tmp_path, "turns")) == seen
    assert files(writer, "turns") == [(True, 3)]


def test_a_changed_row_hides_its_settled_one_and_none_of_the_sessions_around_it(writer: Writer, tmp_path: Path) -> None:
    sessions = [session_id(number) for number in range(1, 6)]
    for position, session in enumerate(sessions, start=1):
        rows = [turn_row(session, 0, 1), turn_row(session, 1, 1), session_row(session, 1, status="closed")]
        writer.commit(batch(rows, position=position))
    Compactor(writer).compact()
    assert files(writer, "turns") == [(True, 10)]

    writer.commit(batch([turn_row(sessions[2], 1, 7, interrupted=True)], position=9))

    seen = sorted((row["session_id"], row["turn_index"], row["version"]) for row in rows_of(tmp_path, "turns"))
    assert seen == [
        (one, turn, 7 if (place, turn) == (2, 1) else 1) for place, one in enumerate(sessions) for turn in (0, 1)
    ]


def test_the_same_version_twice_is_one_row(writer: Writer, tmp_path: Path) -> None:
    writer.commit(batch([turn_row(ONE, 0, 1)], position=1))
    again = batch(position=2)
    again.add(FACTS["turns"], turn_row(ONE, 0, 1), ANYWHERE, 0)
    writer.commit(again)
    assert len(rows_of(tmp_path, "turns")) == 1

    Compactor(writer).compact()

    assert len(rows_of(tmp_path, "turns")) == 1
    assert files(writer, "turns") == [(False, 1)]


def test_archive_files_are_merged_in_the_order_of_the_log(writer: Writer, tmp_path: Path) -> None:
    events = [event(session, seq, append(bytes([seq]) * 100)) for seq in range(10) for session in (TWO, ONE)]
    for position, seen in enumerate(events, start=1):
        writer.commit(batch(events=[seen], position=position))

    Compactor(writer).compact()

    assert files(writer, "events") == files(writer, "event_audio") == [(True, 20)]
    reader = Reader(tmp_path)
    assert [reader.message(seen.session_id, seen.seq) for seen in events] == [seen.data for seen in events]


def test_days_are_merged_apart(writer: Writer) -> None:
    later = session_id(1, NOON + timedelta(days=1))
    for version in range(3):
        writer.commit(batch([turn_row(ONE, 0, version), turn_row(later, 0, version)], position=version + 1))

    Compactor(writer).compact()

    assert files(writer, "turns") == [(False, 1), (False, 1)]


def test_many_small_settled_files_become_one(writer: Writer) -> None:
    compactor = Compactor(writer)
    for turn in range(20):
        rows = [turn_row(ONE, turn, turn), session_row(ONE, turn, status="closed")]
        writer.commit(batch(rows, position=turn * 2 + 1))
        writer.commit(batch([turn_row(ONE, turn, turn + 1)], position=turn * 2 + 2))
        compactor.compact()

    assert len(writer.logs["turns"].files) < 10
    assert sum(file.rows for file in writer.logs["turns"].files.values()) == 20


def test_replaced_files_stay_until_the_queries_that_may_read_them_are_over(writer: Writer, tmp_path: Path) -> None:
    for version in range(4):
        writer.commit(batch([turn_row(ONE, 0, version)], position=version + 1))
    reading = Reader(tmp_path).cursor()
    compactor = Compactor(writer)
    compactor.compact()

    compactor.clean(retain_minutes=15)
    assert reading.sql("select version from turns").fetchall() == [(3,)]
    compactor.clean(retain_minutes=0)

    assert len(list((tmp_path / "turns").rglob("*.parquet"))) == 1
    assert Reader(tmp_path).query("select version from turns").column(0).to_pylist() == [3]


def test_a_file_that_a_dead_writer_left_behind_is_cleaned_away(writer: Writer, tmp_path: Path) -> None:
    writer.commit(batch([turn_row(ONE)], position=1))
    [file] = (tmp_path / "turns").rglob("*.parquet")
    litter = file.with_name("litter.parquet")
    litter.write_bytes(file.read_bytes())

    Compactor(writer).sweep(retain_hours=0)

    assert file.exists()
    assert not litter.exists()


@pytest.mark.parametrize("looks", [1, 2])
def test_a_query_whose_file_was_cleaned_away_is_asked_again(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """The clean-up came between the reader's look at the list and its query: for that many looks it sees nothing new."""
    for version in range(4):
        writer.commit(batch([turn_row(ONE, 0, version)], position=version + 1))
    reader = Reader(tmp_path)
    reader.cursor()
    compactor = Compactor(writer)
    compactor.compact()
    compactor.clean(retain_minutes=0)
    stale = iter(range(looks))
    refresh = reader._refresh
    monkeypatch.setattr(reader, "_refresh", lambda: refresh() if next(stale, None) is None else None)

    assert reader.query("select version from turns").column(0).to_pylist() == [3]


def test_opening_a_table_with_a_checkpoint_gives_the_same(writer: Writer, tmp_path: Path) -> None:
    for version in range(6):
        writer.commit(batch([turn_row(ONE, version, version)], position=version + 1))
    before = rows_of(tmp_path, "turns")

    checkpoint(writer.logs["turns"])

    assert rows_of(tmp_path, "turns") == before
    assert DeltaTable(tmp_path / "turns").transaction_version("journal:w1") == 6


def test_a_summed_up_log_is_cut_and_the_table_goes_on(writer: Writer, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for version in range(6):
        writer.commit(batch([turn_row(ONE, version, version)], position=version + 1))
    entries = tmp_path / "turns" / "_delta_log"
    for entry in entries.glob("*.json"):
        os.utime(entry, (time.time() - 3600, time.time() - 3600))

    checkpoint(writer.logs["turns"])
    writer.commit(batch([turn_row(ONE, 6, 6)], position=7))

    assert len(list(entries.glob("*.json"))) <= 3
    assert reader.query("select count(*) from turns").column(0).to_pylist() == [7]
    assert DeltaTable(tmp_path / "turns").transaction_version("journal:w1") == 7


@pytest.mark.slow
def test_readers_get_no_wrong_answer_and_no_error_while_files_are_merged_and_cleaned_away(
    writer: Writer, tmp_path: Path
) -> None:
    """Each commit adds one turn, so in every answer the turns are 0..n, each once, and n never falls."""
    wrong: list[object] = []
    answers = [0]
    stop = threading.Event()

    def read() -> None:
        reader = Reader(tmp_path, threads=1)
        last = 0
        while not stop.is_set():
            found = reader.query(
                "select count(*), count(distinct (session_id, turn_index)), max(turn_index), min(version - turn_index) from turns"
            )
            count, keys, highest, lag = (column.to_pylist()[0] for column in found.columns)
            if count < last or (count and not (count == keys == highest + 1 and lag == 0)):
                wrong.append((count, keys, highest, lag, last))
            last = count
            answers[0] += 1

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    compactor, merged = Compactor(writer), [0]

    def merge() -> None:
        while not stop.is_set():
            merged[0] += compactor.compact()
            compactor.clean(retain_minutes=0.005)

    merging = threading.Thread(target=merge)
    merging.start()
    position = 0
    while position < 150 or answers[0] < 100 or merged[0] <= 100:
        position += 1
        status = "closed" if position % 7 == 0 else "open"
        rows = [turn_row(ONE, position - 1, position - 1), session_row(ONE, position, status=status)]
        writer.commit(batch(rows, position=position))
    stop.set()
    for thread in (merging, *readers):
        thread.join()

    assert wrong == []
    assert merged[0] > 100
    assert len(rows_of(tmp_path, "turns")) == position
