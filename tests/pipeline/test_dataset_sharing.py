"""Many writers of one dataset: nothing is lost, nothing comes twice, and who was overtaken is told."""

import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType

from pipeline import dataset_log, dataset_writer
from pipeline.dataset import Reader
from pipeline.dataset_actions import DataFile
from pipeline.dataset_batch import Batch
from pipeline.dataset_compaction import Compactor
from pipeline.dataset_files import write_files
from pipeline.dataset_log import Overtaken, TableLog
from pipeline.dataset_schemas import DAMAGED_LINES, FACTS, TABLES, AnyRow, DamagedLineRow
from pipeline.dataset_store import DatasetUrl, Where
from pipeline.dataset_writer import DatasetInUse, DatasetOutdated, Fenced, Writer
from tests.pipeline.builders import NOON, batch, rows_of, session_id, turn_row, written
from tests.pipeline.sharing import TURNS_EVERY, add_event, add_turn, events_origin, turns_origin

ROOT = Path(__file__).parents[2]
ORIGIN, TURNS = events_origin(1), turns_origin(1)


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[tuple[Writer, Writer]]:
    one, two = Writer.open(tmp_path, shared=True), Writer.open(tmp_path, shared=True)
    yield one, two
    one.close()
    two.close()


def events(first: int, end: int) -> Batch:
    made = Batch()
    for offset in range(first, end):
        add_event(made, 1, offset)
    return made


def turns(first: int, end: int) -> Batch:
    made = Batch()
    for offset in range(first, end):
        add_turn(made, 1, offset)
    return made


def seqs(dataset: Path, table: str = "events") -> list[object]:
    return sorted(row["seq"] for row in rows_of(dataset, table))  # type: ignore[type-var]


def test_sinks_share_a_dataset_that_a_pipeline_has_for_itself(tmp_path: Path) -> None:
    sinks = [Writer.open(tmp_path, shared=True) for _ in range(2)]
    with pytest.raises(DatasetInUse, match=r"sinks write this dataset, process \d+ was the last of them to start"):
        Writer.open(tmp_path)
    for sink in sinks:
        sink.close()

    alone = Writer.open(tmp_path)
    with pytest.raises(DatasetInUse, match=r"process \d+ writes this dataset"):
        Writer.open(tmp_path, shared=True)
    alone.close()


def test_tables_of_another_version_are_not_shared(tmp_path: Path) -> None:
    written(tmp_path, batch([turn_row(session_id(1))]))
    DeltaTable(tmp_path / "turns").alter.add_columns([Field("of_yesterday", PrimitiveType("string"))])

    with pytest.raises(DatasetOutdated, match="turns: of another version; run `calltape rebuild`"):
        Writer.open(tmp_path, shared=True)


def test_positions_of_journals_and_of_partitions_stand_side_by_side(tmp_path: Path) -> None:
    written(tmp_path, batch([turn_row(session_id(2))], position=77))
    writer = Writer.open(tmp_path, shared=True)
    writer.claim(TURNS, "turns")
    writer.commit(turns(0, 4))

    table = DeltaTable(tmp_path / "turns")

    assert table.transaction_version("journal:w1") == writer.position("w1", "turns") == 77
    assert table.transaction_version("kafka:calltape.facts.turns/1") == writer.position(TURNS, "turns") == 4


def test_a_batch_touches_only_its_tables(writers: tuple[Writer, Writer], tmp_path: Path) -> None:
    one, _ = writers
    one.claim(TURNS, "turns")
    one.claim(ORIGIN)

    one.commit(turns(0, 4))
    one.commit(events(0, 1))

    assert {name for name in TABLES if DeltaTable(tmp_path / name).version() > 0} == {"turns", "events"}
    assert one.position(TURNS) == -1


def test_a_position_moves_also_where_nothing_came_of_it(writers: tuple[Writer, Writer], tmp_path: Path) -> None:
    one, two = writers
    one.claim(TURNS, "turns")
    unreadable = Batch()
    line = DamagedLineRow(worker=TURNS, journal_position=5, found_at=NOON, error="no JSON", line=b"{")
    unreadable.add(DAMAGED_LINES, line, TURNS, 5)
    unreadable.reached(TURNS, 5)

    one.commit(unreadable)

    assert two.claim(TURNS, "turns") == 5
    assert [row["line"] for row in rows_of(tmp_path, "damaged_lines")] == [b"{"]


def test_a_stale_member_is_told_and_nothing_of_its_rows_comes_twice(
    writers: tuple[Writer, Writer], tmp_path: Path
) -> None:
    stale, owner = writers
    stale.claim(ORIGIN)
    stale.commit(events(0, 4))
    assert owner.claim(ORIGIN) == 4
    owner.commit(events(4, 8))

    with pytest.raises(Fenced, match=r"events: calltape.events/1 is at 8, where we left it at 4") as fenced:
        stale.commit(events(4, 10))

    assert (fenced.value.origin, fenced.value.table) == (ORIGIN, "events")
    assert (fenced.value.expected, fenced.value.found) == (4, 8)
    assert stale.claim(ORIGIN) == 8
    owner.commit(events(8, 12))
    assert seqs(tmp_path) == list(range(12))
    assert seqs(tmp_path, "event_audio") == list(range(1, 12, 2))


def test_what_other_origins_gave_is_committed_without_the_fenced_one(
    writers: tuple[Writer, Writer], tmp_path: Path
) -> None:
    one, two = writers
    for origin, home in ((ORIGIN, "events"), (TURNS, "turns")):
        one.claim(origin, home)
    two.claim(ORIGIN)
    two.commit(events(0, 3))
    both = events(0, 5)
    for offset in range(6):
        add_turn(both, 1, offset)
    with pytest.raises(Fenced):
        one.commit(both)

    both.drop(ORIGIN)
    one.commit(both)

    assert one.position(TURNS, "turns") == 6
    assert len(rows_of(tmp_path, "turns")) == 2
    assert seqs(tmp_path) == [0, 1, 2]


def between(monkeypatch: pytest.MonkeyPatch, table: str, act: Batch, by: Writer) -> None:
    """Have another writer commit once, after rows of that table were decided upon and before their entry."""
    waiting = [act]

    def write(log: TableLog, rows: Sequence[AnyRow]) -> list[DataFile]:
        files = write_files(log, rows)
        if log.table.name == table and waiting:
            by.commit(waiting.pop())
        return files

    monkeypatch.setattr(dataset_writer, "write_files", write)


def test_a_commit_that_came_between_is_decided_upon_anew(
    writers: tuple[Writer, Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one's rows are in both tables when ours were decided upon, and before they got their entry."""
    stale, owner = writers
    stale.claim(ORIGIN)
    owner.claim(ORIGIN)
    between(monkeypatch, "event_audio", events(0, 6), owner)

    with pytest.raises(Fenced):
        stale.commit(events(0, 10))

    assert seqs(tmp_path, "event_audio") == [1, 3, 5, 7, 9]
    owner.commit(events(6, 12))
    assert seqs(tmp_path, "event_audio") == [1, 3, 5, 7, 9, 11]
    assert seqs(tmp_path) == list(range(12))
    assert litter(tmp_path) == []


def test_a_home_that_moved_between_decision_and_entry_fences(
    writers: tuple[Writer, Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale, owner = writers
    stale.claim(ORIGIN)
    owner.claim(ORIGIN)
    between(monkeypatch, "events", events(0, 6), owner)

    with pytest.raises(Fenced):
        stale.commit(events(0, 10))

    assert seqs(tmp_path) == list(range(6))
    assert litter(tmp_path) == []


def test_commits_of_other_origins_in_between_change_nothing_but_the_number(
    writers: tuple[Writer, Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = writers
    one.claim(ORIGIN)
    two.claim(events_origin(2))
    other = Batch()
    add_event(other, 2, 0)
    between(monkeypatch, "events", other, two)

    one.commit(events(0, 3))

    assert len(rows_of(tmp_path, "events")) == 4
    assert DeltaTable(tmp_path / "events").version() == 2


@pytest.mark.parametrize("late", ["before the entry", "after it"])
def test_who_was_away_for_too_long_looks_again_what_became_of_it(
    writers: tuple[Writer, Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """Asleep for hours in the middle of a commit: its files may have been swept, its number cleaned away."""
    one, _ = writers
    one.claim(TURNS, "turns")
    one.commit(turns(0, 3))
    away = 2 * dataset_log.FILES_OLD_S
    # The clock is read when the commit checks its files, and when it is done.
    readings = iter([away] if late == "before the entry" else [0.0, away])
    clock = types.SimpleNamespace(time=lambda: next(readings, 0.0), time_ns=lambda: 0, monotonic=lambda: 0.0)
    monkeypatch.setattr(dataset_log, "time", clock)
    monkeypatch.setattr(dataset_writer, "time", types.SimpleNamespace(time=lambda: 0.0))

    if late == "before the entry":
        one.commit(turns(3, 9))
    else:
        # It came about, but who says so? So the caller begins again where the dataset is.
        with pytest.raises(Fenced):
            one.commit(turns(3, 9))

    assert one.claim(TURNS, "turns") == 9
    assert [row["turn_index"] for row in rows_of(tmp_path, "turns")] == [0, 1, 2]


def test_of_the_versions_of_a_key_in_a_batch_the_highest_holds(writers: tuple[Writer, Writer], tmp_path: Path) -> None:
    """A worker that took a session over begins it again: older versions come after newer ones."""
    one, _ = writers
    one.claim(TURNS, "turns")
    mixed = Batch()
    for position, version in enumerate((7, 8, 3, 4), start=1):
        mixed.add(FACTS["turns"], turn_row(session_id(1), 0, version), TURNS, position)
        mixed.reached(TURNS, position)

    one.commit(mixed)

    assert [row["version"] for row in rows_of(tmp_path, "turns")] == [8]


def test_an_origin_that_begins_anew_is_rewound_at_home(writers: tuple[Writer, Writer]) -> None:
    one, two = writers
    for writer in writers:
        writer.claim(TURNS, "turns")
    one.commit(turns(0, 9))

    one.rewind(TURNS, 0)
    one.commit(turns(0, 2))

    assert one.position(TURNS, "turns") == 2
    with pytest.raises(Fenced):
        two.rewind(TURNS, 0)


def test_a_merge_of_files_that_another_one_merged_fails_and_changes_nothing(
    writers: tuple[Writer, Writer], tmp_path: Path
) -> None:
    one, two = writers
    one.claim(ORIGIN)
    for offset in range(6):
        one.commit(events(offset, offset + 1))
    slow, quick = Compactor(one), Compactor(two)
    table, day = one.logs["events"], str(next(iter(one.logs["events"].files.values())).date)
    files = list(table.files.values())
    quick.compact()

    with pytest.raises(Overtaken, match="replaced by somebody else meanwhile"):
        slow.compact_day(stale_view(table, files), day)

    assert seqs(tmp_path) == list(range(6))
    quick.clean(retain_minutes=0)
    assert litter(tmp_path) == []
    slow.close()
    quick.close()


def test_only_who_cleans_keeps_track_of_what_was_replaced(writers: tuple[Writer, Writer]) -> None:
    one, two = writers
    one.claim(ORIGIN)
    for offset in range(6):
        one.commit(events(offset, offset + 1))
    compactor = Compactor(two)

    compactor.compact()
    one.commit(events(6, 7))

    assert one.logs["events"].replaced is None
    assert len(two.logs["events"].replaced or ()) == 6
    compactor.close()
    assert two.logs["events"].replaced is None


def stale_view(table: TableLog, files: Sequence[DataFile]) -> TableLog:
    """The table as it was seen when these were its files."""
    table.version, table.files = 0, {file.path: file for file in files}
    return table


def litter(dataset: Path) -> list[str]:
    """Parquet files that are in no table."""
    found = []
    for name in TABLES:
        known = {str(Path(path)) for path in DeltaTable(dataset / name).file_uris()}
        found += [str(path) for path in (dataset / name).rglob("*.parquet") if str(path) not in known]
    return found


@contextmanager
def process(role: str, dataset: Where, *numbers: int) -> Iterator[subprocess.Popen[str]]:
    """One of several that share a dataset, standing ready."""
    place = msgspec.json.encode(dataset).decode() if isinstance(dataset, DatasetUrl) else str(dataset)
    command = [sys.executable, str(Path(__file__).with_name("sharing.py")), role, place, *map(str, numbers)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {"PYTHONPATH": str(ROOT)}}
    with subprocess.Popen(command, **pipes) as started:  # type: ignore[call-overload]
        try:
            assert started.stdout.readline() == "ready\n"
            yield started
        finally:
            started.kill()


def begin(*processes: subprocess.Popen[str]) -> None:
    for each in processes:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()


def said(each: subprocess.Popen[str]) -> str:
    assert each.stdout
    return each.stdout.readline().strip()


@pytest.mark.slow
def test_processes_that_make_a_dataset_at_once_make_one(tmp_path: Path) -> None:
    with ExitStack() as running:
        many = [running.enter_context(process("open", tmp_path / "new")) for _ in range(6)]
        begin(*many)

        assert len({said(each) for each in many}) == 1

    assert {DeltaTable(tmp_path / "new" / name).version() for name in TABLES} == {0}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_where_many_write_fight_merge_and_die(tmp_path: Path) -> None:
    many_at_work(tmp_path, total=400)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_on_an_object_store_either(s3_place: DatasetUrl) -> None:
    many_at_work(s3_place, total=100)


def many_at_work(dataset: Where, total: int) -> None:
    """Three write partitions of their own, of whom one is killed again and again; two fight for one; two merge."""
    Writer.open(dataset).close()
    reader = Reader(dataset, threads=1)
    with ExitStack() as running:

        def start(role: str, *numbers: int) -> subprocess.Popen[str]:
            return running.enter_context(process(role, dataset, *numbers))

        writers = [start("write", partition, total) for partition in (1, 2)]
        fighters = [start("write", 3, total) for _ in range(2)]
        compactors = [start("compact") for _ in range(2)]
        begin(*writers, *fighters, *compactors)
        for killed_at in range(total // 10, total, total * 3 // 10):
            with process("write", dataset, 4, total) as mortal:
                begin(mortal)
                while position(reader, 4) < killed_at:
                    assert mortal.poll() in {None, 0}, "it may be done between two looks, but not have failed"
                mortal.kill()
        heir = start("write", 4, total)
        begin(heir)

        fences = [int(said(each)) for each in (*writers, *fighters, heir)]
        for each in compactors:
            assert each.stdin
            each.stdin.close()
        merged = [int(said(each)) for each in compactors]

    assert fences[:2] == [0, 0]
    assert sum(fences[2:4]) > 0
    assert sum(merged) > 0
    for partition in (1, 2, 3, 4):
        assert keys(reader, "events", partition, "seq") == list(range(total))
        assert keys(reader, "event_audio", partition, "seq") == list(range(1, total, 2))
        assert keys(reader, "turns", partition, "turn_index") == list(range(-(-total // TURNS_EVERY)))
        highest = keys(reader, "turns", partition, "version")
        assert highest == [min(first + TURNS_EVERY, total) - 1 for first in range(0, total, TURNS_EVERY)]
        writer = Writer.open(dataset)
        assert writer.position(events_origin(partition)) == total
        assert writer.position(turns_origin(partition), "turns") == total
        writer.close()
    reader.close()


def position(reader: Reader, partition: int) -> int:
    return len(keys(reader, "events", partition, "seq"))


def keys(reader: Reader, table: str, partition: int, column: str) -> list[int]:
    sql = f"select {column} from {table} where session_id = $session order by all"
    found: list[int] = reader.query(sql, {"session": session_id(partition)}).column(0).to_pylist()
    return found
