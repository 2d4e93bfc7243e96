"""The archive gives back every table, row by row."""

import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from pipeline import checkpoint, runner
from pipeline.archive_reader import ArchiveReader
from pipeline.dataset import Reader
from pipeline.dataset_compaction import Compactor
from pipeline.dataset_schemas import FACTS
from pipeline.dataset_writer import DatasetInUse, Writer
from pipeline.rebuild import Progress, rebuild
from tests.pipeline.builders import (
    all_rows,
    batch,
    folded,
    journal,
    rows_of,
    session_id,
    stored,
    story,
    turn_row,
)
from tests.pipeline.test_runner import replayed, settings

ONE, TWO, THREE = (story(session_id(number), turns=number, closed=number != 2) for number in (1, 2, 3))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that the pipeline has written: two calls that are over, and one that runs."""
    data_dir = tmp_path_factory.mktemp("recorded")
    replayed(settings(data_dir, batch_max_events=10), journal(data_dir, [*ONE, *TWO, *THREE]))
    return data_dir


@pytest.fixture
def data_dir(recorded: Path, tmp_path: Path) -> Path:
    shutil.copytree(recorded, tmp_path / "data")
    return tmp_path / "data"


def test_every_table_is_what_it_was(data_dir: Path) -> None:
    before = all_rows(data_dir / "dataset")

    done = rebuild(data_dir / "dataset", runner.default_step())

    assert all_rows(data_dir / "dataset") == before
    assert stored(data_dir / "dataset") == folded([*ONE, *TWO, *THREE])
    assert done == Progress(sessions=3, sessions_total=3, events=len(ONE) + len(TWO) + len(THREE), failed=0)


def test_so_it_is_after_a_merge(data_dir: Path) -> None:
    writer = Writer.open(data_dir / "dataset")
    Compactor(writer).compact()
    writer.close()

    rebuild(data_dir / "dataset", runner.default_step())

    assert stored(data_dir / "dataset") == folded([*ONE, *TWO, *THREE])


def test_rows_that_the_fold_does_not_give_any_more_are_gone(data_dir: Path) -> None:
    writer = Writer.open(data_dir / "dataset")
    writer.commit(batch([turn_row(session_id(1), 77)], position=1 << 60))
    writer.close()

    rebuild(data_dir / "dataset", runner.default_step())

    assert stored(data_dir / "dataset") == folded([*ONE, *TWO, *THREE])


def test_the_pipeline_goes_on_after_it_as_if_nothing_had_been(data_dir: Path) -> None:
    rest = story(session_id(2), turns=4)[len(TWO) :]

    rebuild(data_dir / "dataset", runner.default_step())
    replayed(settings(data_dir), journal(data_dir, rest))

    assert stored(data_dir / "dataset") == folded([*ONE, *TWO, *rest, *THREE])


def test_the_states_of_the_fold_before_are_let_go(data_dir: Path) -> None:
    """They may be of an older fold than the rows are now; the archive gives new ones."""
    assert (data_dir / "dataset" / checkpoint.FILE).exists()

    rebuild(data_dir / "dataset", runner.default_step())

    assert not (data_dir / "dataset" / checkpoint.FILE).exists()


def test_a_table_with_the_columns_of_another_version_gets_ours(data_dir: Path) -> None:
    turns = data_dir / "dataset" / "turns"
    before = DeltaTable(turns).schema()
    DeltaTable(turns).alter.add_columns([Field("of_yesterday", PrimitiveType("string"))])

    rebuild(data_dir / "dataset", runner.default_step())

    assert DeltaTable(turns).schema() == before
    assert stored(data_dir / "dataset") == folded([*ONE, *TWO, *THREE])


def test_progress_is_said_session_by_session(data_dir: Path) -> None:
    heard: list[Progress] = []

    rebuild(data_dir / "dataset", runner.default_step(), heard.append)

    assert [(found.sessions, found.sessions_total) for found in heard] == [(1, 3), (2, 3), (3, 3)]


def test_it_refuses_while_a_pipeline_writes(data_dir: Path) -> None:
    writer = Writer.open(data_dir / "dataset")

    with pytest.raises(DatasetInUse, match=r"process \d+ writes this dataset; stop it first"):
        rebuild(data_dir / "dataset", runner.default_step())

    writer.close()


def test_an_empty_dataset_stays_empty(tmp_path: Path) -> None:
    Writer.open(tmp_path / "dataset").close()

    assert rebuild(tmp_path / "dataset", runner.default_step()).sessions == 0

    assert all(rows_of(tmp_path / "dataset", name) == [] for name in FACTS)


@pytest.mark.parametrize("at_a_time", [1, 7, 50, 100_000])
def test_the_archive_is_read_in_pieces_that_make_the_whole(data_dir: Path, at_a_time: int) -> None:
    archive = ArchiveReader(Reader(data_dir / "dataset"), at_a_time)

    found = [
        event.event
        for day in archive.days()
        for group in archive.groups(day)
        for _, events in archive.events_of(group)
        for event in events
    ]

    assert found == [*ONE, *TWO, *THREE]
