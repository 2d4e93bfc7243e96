"""What readers may rely on, over real Delta tables."""

import decimal
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from ingest.envelope import Source
from pipeline.dataset import TABLES, EventNotFound, Reader
from pipeline.dataset_cleaning import checkpoint
from pipeline.dataset_writer import Writer
from tests.pipeline.builders import append, batch, delta, event, rows_of, session_id, session_row, turn_row, written

ONE = session_id(1)
COUNT = "select count(*) from turns"


def test_every_view_is_there_and_empty_before_the_first_row(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "never_written")

    counts = {name: reader.query(f"select count(*) from {name}").column(0).to_pylist() for name in TABLES}

    assert counts == {name: [0] for name in TABLES}
    assert not (tmp_path / "never_written").exists()


def test_a_row_is_seen_by_the_next_cursor_and_not_by_the_one_before(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    before = reader.cursor()
    snapshot = reader.snapshot
    written(tmp_path, batch([turn_row(ONE)]))

    assert before.sql("select count(*) from turns").fetchall() == [(0,)]
    assert reader.cursor().sql("select count(*) from turns").fetchall() == [(1,)]
    assert reader.snapshot != snapshot


def test_of_several_versions_the_highest_holds(tmp_path: Path) -> None:
    written(
        tmp_path,
        batch([turn_row(ONE, 0, version=3), turn_row(ONE, 0, version=5, status="closed")], position=1),
        batch([turn_row(ONE, 1, version=7)], position=2),
        batch([turn_row(ONE, 1, version=9, interrupted=True)], position=3),
    )

    found = [(r["turn_index"], r["version"], r["status"], r["interrupted"]) for r in rows_of(tmp_path, "turns")]

    assert found == [(0, 5, "closed", False), (1, 9, "open", True)]


def test_one_batch_holds_one_version_of_a_key(tmp_path: Path) -> None:
    written(tmp_path, batch([turn_row(ONE, 0, version=version) for version in range(20)]))

    assert DeltaTable(tmp_path / "turns").get_add_actions(flatten=True).column("num_records").to_pylist() == [1]


def test_dollars_are_exact_decimals_beside_the_integers(tmp_path: Path) -> None:
    written(tmp_path, batch([session_row(ONE, metered_usd_nanos=123_456_789_012, billed_usd_nanos=1)]))

    [row] = rows_of(tmp_path, "sessions")

    assert row["metered_usd"] == decimal.Decimal("123.456789012")
    assert row["billed_usd"] == decimal.Decimal("0.000000001")
    assert row["metered_usd_nanos"] == 123_456_789_012


def test_the_date_is_the_day_on_which_the_session_opened(tmp_path: Path) -> None:
    written(tmp_path, batch([turn_row(ONE)]))

    assert [str(row["date"]) for row in rows_of(tmp_path, "turns")] == ["2026-11-23"]
    assert DeltaTable(tmp_path / "turns").metadata().partition_columns == ["date", "settled"]


def test_a_message_comes_back_as_it_was_and_its_audio_can_be_played(tmp_path: Path) -> None:
    heard, said = bytes(range(256)) * 3, b"\x01\x02" * 400
    events = [
        event(ONE, 0, append(said)),
        event(ONE, 1, delta(heard), Source.SERVER),
        event(ONE, 2, b'{"type": "response.create"}'),
    ]
    written(tmp_path, batch(events=events))
    reader = Reader(tmp_path)

    assert [reader.message(ONE, seq) for seq in range(3)] == [seen.data for seen in events]
    assert [(found.seq, found.source, found.audio, found.response_id) for found in reader.session_audio(ONE)] == [
        (0, "client", said, None),
        (1, "server", heard, "resp_1"),
    ]
    with pytest.raises(EventNotFound, match=f"{ONE}:7"):
        reader.message(ONE, 7)


def test_the_events_view_has_the_message_without_its_audio(tmp_path: Path) -> None:
    written(tmp_path, batch(events=[event(ONE, 0, append(b"\0" * 960))]))

    [row] = rows_of(tmp_path, "events")

    assert row["data"] == '{"type":"input_audio_buffer.append","audio":""}'
    assert row["size_bytes"] == 1327


def test_sql_reaches_nothing_but_the_dataset(tmp_path: Path) -> None:
    reader = Reader(tmp_path)

    for forbidden in ("select * from read_text('/etc/hostname')", "copy (select 1) to '/tmp/x.csv'"):
        with pytest.raises(duckdb.PermissionException):
            reader.query(forbidden)


def test_another_dataset_in_the_same_place_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    written(folder, batch([turn_row(ONE, 0), turn_row(ONE, 1)]))
    reader = Reader(folder)
    assert reader.cursor().sql(COUNT).fetchall() == [(2,)]

    folder.rename(tmp_path / "away")
    assert reader.cursor().sql(COUNT).fetchall() == [(0,)]
    written(folder, batch([turn_row(ONE, 0)]))

    assert reader.cursor().sql(COUNT).fetchall() == [(1,)]


def test_a_reader_that_slept_through_a_clean_up_of_the_log_wakes_to_the_present(tmp_path: Path) -> None:
    written(tmp_path, batch([turn_row(ONE, 0)], position=1))
    reader = Reader(tmp_path)
    assert reader.query("select count(*) from turns").column(0).to_pylist() == [1]
    written(tmp_path, *(batch([turn_row(ONE, at)], position=at + 1) for at in range(1, 6)))
    writer = Writer.open(tmp_path)
    checkpoint(writer.logs["turns"])
    for entry in (tmp_path / "turns" / "_delta_log").glob("*.json"):
        entry.unlink()

    assert reader.query("select count(*) from turns").column(0).to_pylist() == [6]


def test_a_cursor_gathers_no_files_anew_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, batch([turn_row(ONE)]))
    reader = Reader(tmp_path)
    reader.cursor()
    gathered: list[str] = []
    monkeypatch.setattr(reader, "_files", gathered.append)

    for _ in range(20):
        reader.cursor()

    assert gathered == []


def test_a_path_that_would_look_like_a_partition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't hold a '='"):
        Reader(tmp_path / "a=b")
