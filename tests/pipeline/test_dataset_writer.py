"""The writer's promises: all or nothing, nothing twice, one writer."""

import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from pipeline.dataset_schemas import FACTS, TABLES
from pipeline.dataset_writer import DatasetInUse, DatasetLost, Writer
from tests.pipeline.builders import append, batch, event, rows_of, session_id, session_row, turn_row, written

ONE = session_id(1)


def test_the_position_is_in_the_same_commit_as_the_rows(tmp_path: Path) -> None:
    written(tmp_path, batch([turn_row(ONE)], position=77))

    table = DeltaTable(tmp_path / "turns")

    assert table.transaction_version("journal:w1") == 77
    assert table.version() == 1
    assert DeltaTable(tmp_path / "events").transaction_version("journal:w1") == 77


def test_a_batch_that_comes_again_adds_nothing(tmp_path: Path) -> None:
    again = batch([turn_row(ONE), session_row(ONE)], [event(ONE, 0, append(b"\1" * 10))], position=5)
    written(tmp_path, again)
    versions = {name: DeltaTable(tmp_path / name).version() for name in TABLES}

    written(tmp_path, again)

    assert {name: DeltaTable(tmp_path / name).version() for name in TABLES} == versions


def test_a_table_takes_of_a_batch_only_what_it_lacks(tmp_path: Path) -> None:
    """The writer died between two commits: turns had taken the first row when the others had not."""
    writer = Writer.open(tmp_path)
    ahead = batch([turn_row(ONE, 0)], position=1)
    writer._commit_table(writer.logs["turns"], ahead)
    writer.close()
    again = batch([turn_row(ONE, 0), session_row(ONE)], position=1)
    for row in (turn_row(ONE, 1),):
        again.add(FACTS["turns"], row, "w1", 2)
    again.reached("w1", 2)

    written(tmp_path, again)

    assert [row["turn_index"] for row in rows_of(tmp_path, "turns")] == [0, 1]
    assert sum(DeltaTable(tmp_path / "turns").get_add_actions(flatten=True).column("num_records").to_pylist()) == 2
    assert len(rows_of(tmp_path, "sessions")) == 1


def test_the_archive_is_committed_last() -> None:
    """So its position says that everything before it is in all tables."""
    assert list(TABLES)[-1] == "events"


def test_there_is_one_writer(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)

    with pytest.raises(DatasetInUse, match=r"process \d+ writes this dataset"):
        Writer.open(tmp_path)

    writer.close()
    Writer.open(tmp_path).close()


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from pipeline.dataset_writer import Writer; Writer.open(Path({str(tmp_path)!r})); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(DatasetInUse, match=str(holder.pid)):
            Writer.open(tmp_path)
        holder.kill()
        holder.wait()

    Writer.open(tmp_path).close()


def test_a_dataset_deleted_under_the_writer_is_noticed_before_a_row_is_written(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path / "dataset")
    (tmp_path / "dataset").rename(tmp_path / "away")

    with pytest.raises(DatasetLost, match="deleted or replaced"):
        writer.commit(batch([turn_row(ONE)]))

    assert not (tmp_path / "dataset").exists()


def test_somebody_elses_commit_in_between_is_taken_in(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    writer.commit(batch([turn_row(ONE, 0)], position=1))
    writer.commit(batch([turn_row(ONE, 1)], position=2))

    DeltaTable(tmp_path / "turns").optimize.compact()
    writer.commit(batch([turn_row(ONE, 2)], position=3))

    assert [row["turn_index"] for row in rows_of(tmp_path, "turns")] == [0, 1, 2]
    assert len(writer.logs["turns"].files) == 2


def test_a_journal_that_begins_anew_is_followed_from_its_beginning(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    writer.commit(batch([turn_row(ONE, 0)], position=1000))

    writer.rewind("w1", 0)
    writer.commit(batch([turn_row(ONE, 1)], position=10))

    assert [row["turn_index"] for row in rows_of(tmp_path, "turns")] == [0, 1]
    assert writer.position("w1") == 10


def test_tables_that_are_new_or_have_other_columns_are_owed_their_rows(tmp_path: Path) -> None:
    written(tmp_path, batch([turn_row(ONE)], [event(ONE, 0, append(b"\1"))]))
    (tmp_path / "gaps").rename(tmp_path.parent / "away")
    DeltaTable(tmp_path / "turns").alter.add_columns([Field("of_yesterday", PrimitiveType("string"))])

    writer = Writer.open(tmp_path)

    assert set(writer.owed) == {"gaps", "turns"}
