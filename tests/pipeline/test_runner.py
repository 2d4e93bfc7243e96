"""The runner's promise: whatever happens to it, the tables hold exactly the rows that the log gives."""

import asyncio
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest
from deltalake import DeltaTable

from ingest.envelope import RecordedEvent
from pipeline import checkpoint, runner
from pipeline.dataset import Reader
from pipeline.dataset_folder import LocalStore
from pipeline.dataset_schemas import FACTS
from pipeline.dataset_writer import DatasetInUse
from pipeline.domain.facts import Fact
from pipeline.domain.fold import SessionState
from pipeline.replay_sessions import Step
from pipeline.settings import PipelineSettings
from pipeline.status import Status, read_status
from tests.pipeline.builders import folded, journal, rows_of, session_id, stored, story

QUICK = {"batch_interval_ms": 20, "poll_interval_ms": 5, "checkpoint_every_seconds": 0.1, "retry_seconds": 0.05}
LONG = 120.0


def settings(data_dir: Path, **changes: object) -> PipelineSettings:
    return PipelineSettings.model_validate({"data_dir": data_dir, **QUICK, **changes})


def until(true: Callable[[], object], what: str) -> None:
    """Wait for something that must come, looking every few milliseconds."""
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, f"waited {LONG} s for {what}"
        threading.Event().wait(0.01)


@contextmanager
def running(found: PipelineSettings, step: Step | None = None) -> Iterator[None]:
    """The pipeline at work in a thread; stopped at the end of the block."""
    stop, ready = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            runner.run(found, lambda _: ready.set(), stop, step)
        except BaseException as error:  # noqa: BLE001 -- handed to the test
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(LONG)
        if failed:
            raise failed[0]
        yield
    finally:
        stop.set()
        thread.join()
    assert failed == []


def until_read(data_dir: Path, end: int) -> None:
    """Wait until w1's journal is in the dataset up to there. Before its first commit the status knows no worker."""
    until(
        lambda: (s := read_status(data_dir / "dataset")) and "w1" in s.workers and s.workers["w1"].position == end,
        f"position {end}",
    )


def replayed(found: PipelineSettings, end: int, step: Step | None = None) -> None:
    """Run until w1's journal is in the dataset up to there."""
    with running(found, step):
        until_read(found.data_dir, end)


def status(data_dir: Path) -> Status:
    found = read_status(data_dir / "dataset")
    assert found is not None
    return found


def test_the_tables_hold_what_the_fold_gives(tmp_path: Path) -> None:
    events = [*story(session_id(1)), *story(session_id(2), closed=False), *story(session_id(3), turns=1)]
    end = journal(tmp_path, events)

    replayed(settings(tmp_path), end)

    assert stored(tmp_path / "dataset") == folded(events)
    reader = Reader(tmp_path / "dataset")
    assert [reader.message(seen.session_id, seen.seq) for seen in events[::7]] == [seen.data for seen in events[::7]]


def test_rows_of_a_running_call_are_seen_while_it_runs(tmp_path: Path) -> None:
    one = story(session_id(1))
    journal(tmp_path, one[:10])

    with running(settings(tmp_path)):
        until(lambda: rows_of(tmp_path / "dataset", "turns"), "the first turn")
        assert [row["status"] for row in rows_of(tmp_path / "dataset", "sessions")] == ["open"]
        end = journal(tmp_path, one[10:])
        until_read(tmp_path, end)

    assert [row["status"] for row in rows_of(tmp_path / "dataset", "sessions")] == ["closed"]
    assert stored(tmp_path / "dataset") == folded(one)


def test_a_restart_goes_on_with_the_saved_states(tmp_path: Path) -> None:
    one = story(session_id(1), turns=4)
    replayed(settings(tmp_path), journal(tmp_path, one[:30]))
    found = checkpoint.load(LocalStore(tmp_path / "dataset"), Reader(tmp_path / "dataset")._identity or "")
    assert found is not None
    assert set(found.sessions) == {session_id(1)}

    replayed(settings(tmp_path), journal(tmp_path, one[30:]))

    assert stored(tmp_path / "dataset") == folded(one)


@pytest.mark.parametrize("state", [None, b"", b"of another version"])
def test_without_saved_states_the_archive_gives_them_back(tmp_path: Path, state: bytes | None) -> None:
    one = story(session_id(1), turns=4)
    replayed(settings(tmp_path), journal(tmp_path, one[:30]))
    saved = tmp_path / "dataset" / checkpoint.FILE
    saved.unlink() if state is None else saved.write_bytes(state)

    replayed(settings(tmp_path), journal(tmp_path, one[30:]))

    assert stored(tmp_path / "dataset") == folded(one)


def test_states_of_another_fold_are_made_anew(tmp_path: Path) -> None:
    one = story(session_id(1), turns=4)
    replayed(settings(tmp_path), journal(tmp_path, one[:30]))
    identity = Reader(tmp_path / "dataset")._identity or ""
    found = checkpoint.load(LocalStore(tmp_path / "dataset"), identity)
    assert found is not None
    unreadable = msgspec.structs.replace(found, sessions={session_id(1): b"\x00"})
    checkpoint.save(LocalStore(tmp_path / "dataset"), unreadable)

    replayed(settings(tmp_path), journal(tmp_path, one[30:]))

    assert stored(tmp_path / "dataset") == folded(one)


def test_the_journal_is_let_go_only_as_far_as_a_restart_can_do_without(tmp_path: Path) -> None:
    end = journal(tmp_path, story(session_id(1)))

    replayed(settings(tmp_path), end)

    [released] = (tmp_path / "journal" / "w1").glob("released.*")
    assert str(end) in released.read_text()


def test_a_damaged_line_is_kept_and_counted_and_stops_nothing(tmp_path: Path) -> None:
    one = story(session_id(1))
    journal(tmp_path, one[:5])
    with (tmp_path / "journal" / "w1" / "0000000001.jsonl").open("ab") as file:
        file.write(b'{"specversion":"1.0","type":"torn\n\xff\xfe\n')
    end = journal(tmp_path, one[5:])

    replayed(settings(tmp_path), end)

    assert [row["line"] for row in rows_of(tmp_path / "dataset", "damaged_lines")] == [
        b'{"specversion":"1.0","type":"torn',
        b"\xff\xfe",
    ]
    assert status(tmp_path).workers["w1"].damaged_lines == 2
    assert stored(tmp_path / "dataset") == folded(one)


def test_a_session_that_the_fold_cannot_take_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    one, two = story(session_id(1)), story(session_id(2))
    mixed = [seen for pair in zip(one, two, strict=True) for seen in pair]
    end = journal(tmp_path, mixed)

    replayed(settings(tmp_path), end, _failing_at(session_id(1), 12))

    [aside] = status(tmp_path).set_aside
    assert (aside.session_id, aside.seq, aside.error) == (session_id(1), 12, "ZeroDivisionError: a bug")
    whole = {(row["session_id"], row["status"]) for row in rows_of(tmp_path / "dataset", "sessions")}
    assert whole == {(session_id(1), "open"), (session_id(2), "closed")}
    assert len(rows_of(tmp_path / "dataset", "events")) == len(mixed)


def test_a_session_set_aside_is_taken_up_again_by_a_version_that_can(tmp_path: Path) -> None:
    one = story(session_id(1))
    replayed(settings(tmp_path), journal(tmp_path, one[:20]), _failing_at(session_id(1), 12))

    replayed(settings(tmp_path), journal(tmp_path, one[20:]))

    assert status(tmp_path).set_aside == ()
    assert stored(tmp_path / "dataset") == folded(one)


def test_it_is_taken_up_also_where_nothing_more_comes_of_it(tmp_path: Path) -> None:
    one = story(session_id(1))
    end = journal(tmp_path, one)
    replayed(settings(tmp_path), end, _failing_at(session_id(1), 12))

    replayed(settings(tmp_path), end)

    assert stored(tmp_path / "dataset") == folded(one)


def _failing_at(session: str, seq: int) -> Step:
    def step(state: SessionState, event: RecordedEvent) -> tuple[SessionState, tuple[Fact, ...]]:
        if event.session_id == session and event.seq == seq:
            raise ZeroDivisionError("a bug")
        return fold_step(state, event)

    fold_step = runner.default_step()
    return step


def test_a_session_that_stirs_after_its_end_is_recalled(tmp_path: Path) -> None:
    one = story(session_id(1))
    late = msgspec.structs.replace(one[-2], seq=len(one))
    with running(settings(tmp_path)):
        end = journal(tmp_path, one)
        until_read(tmp_path, end)
        end = journal(tmp_path, [late])
        until_read(tmp_path, end)

    assert stored(tmp_path / "dataset") == folded([*one, late])
    assert rows_of(tmp_path / "dataset", "gaps") == []


def test_a_dataset_deleted_under_the_runner_is_made_again_from_the_journal(tmp_path: Path) -> None:
    one, two = story(session_id(1)), story(session_id(2))
    end = journal(tmp_path, one)
    with running(settings(tmp_path)):
        until_read(tmp_path, end)
        (tmp_path / "dataset").rename(tmp_path / "away")
        end = journal(tmp_path, two)
        until_read(tmp_path, end)

    assert stored(tmp_path / "dataset") == folded([*one, *two])
    assert status(tmp_path).datasets_lost == 1


def test_what_the_journal_has_dropped_by_then_is_a_gap(tmp_path: Path) -> None:
    one = story(session_id(1))
    journal(tmp_path, one[:20])
    first = tmp_path / "journal" / "w1" / "0000000001.jsonl"
    journal(tmp_path / "later", one[20:])
    (tmp_path / "later" / "journal" / "w1" / first.name).rename(first.with_name("0000000002.jsonl"))
    first.unlink()
    end = 2 << 40 | first.with_name("0000000002.jsonl").stat().st_size

    replayed(settings(tmp_path), end)

    assert [(row["seq"], row["count"]) for row in rows_of(tmp_path / "dataset", "gaps")] == [(0, 20)]


def test_a_journal_deleted_and_begun_anew_is_followed(tmp_path: Path) -> None:
    one, two = story(session_id(1), turns=6), story(session_id(2), turns=1)
    journal(tmp_path, one)
    first = tmp_path / "journal" / "w1" / "0000000001.jsonl"
    first.rename(first.with_name("0000000005.jsonl"))
    replayed(settings(tmp_path), 5 << 40 | first.with_name("0000000005.jsonl").stat().st_size)
    shutil.rmtree(tmp_path / "journal")
    end = journal(tmp_path, two)

    replayed(settings(tmp_path), end)

    assert stored(tmp_path / "dataset") == folded([*one, *two])


@pytest.mark.parametrize("first_turns", [6, 0], ids=["by a shorter one", "by a longer one"])
def test_a_journal_begun_anew_with_the_same_numbers_is_noticed(tmp_path: Path, first_turns: int) -> None:
    one, two = story(session_id(1), turns=first_turns), story(session_id(2), turns=2)
    replayed(settings(tmp_path), journal(tmp_path, one))
    shutil.rmtree(tmp_path / "journal")
    end = journal(tmp_path, two)

    replayed(settings(tmp_path), end)

    assert stored(tmp_path / "dataset") == folded([*one, *two])


def test_a_table_that_is_new_gets_its_rows_from_the_archive(tmp_path: Path) -> None:
    one, two = story(session_id(1)), story(session_id(2), closed=False)
    replayed(settings(tmp_path), journal(tmp_path, [*one, *two]))
    shutil.rmtree(tmp_path / "dataset" / "turns")

    end = journal(tmp_path, three := story(session_id(3)))
    replayed(settings(tmp_path), end)

    assert stored(tmp_path / "dataset") == folded([*one, *two, *three])


def test_rows_whose_files_are_gone_come_back_from_the_archive(tmp_path: Path) -> None:
    one, two = story(session_id(1)), story(session_id(2), closed=False)
    replayed(settings(tmp_path), journal(tmp_path, [*one, *two]))
    for name in ("turns", "costs"):
        shutil.rmtree(tmp_path / "dataset" / name / "date=2026-11-23")

    replayed(settings(tmp_path), journal(tmp_path, three := story(session_id(3))))

    assert stored(tmp_path / "dataset") == folded([*one, *two, *three])


def test_a_second_pipeline_is_told_who_is_at_work(tmp_path: Path) -> None:
    with running(settings(tmp_path)), pytest.raises(DatasetInUse, match="stop it first"):
        runner.run(settings(tmp_path))


async def test_it_can_be_served_in_a_loop_and_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    end = journal(tmp_path, story(session_id(1)))
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(runner.serve(settings(tmp_path), lambda _: loop.call_soon_threadsafe(ready.set)))
    await asyncio.wait_for(ready.wait(), LONG)

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert status(tmp_path).state == "stopped"
    assert status(tmp_path).workers.get("w1") is None or status(tmp_path).workers["w1"].position <= end


PROGRAM = """
import signal, sys, threading
from pathlib import Path
from pipeline import runner
from pipeline.settings import PipelineSettings
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
runner.run(PipelineSettings.model_validate_json(sys.argv[1]), lambda _: print("ready", flush=True), stop)
"""


@contextmanager
def process(found: PipelineSettings) -> Iterator[subprocess.Popen[bytes]]:
    """The pipeline as a process of its own, up and running."""
    command = [sys.executable, "-c", PROGRAM, found.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        try:
            assert program.stdout is not None
            # What stands before it is the log.
            assert any(line == b"ready\n" for line in program.stdout)
            yield program
        finally:
            program.kill()


@pytest.mark.slow
def test_a_disk_that_is_full_delays_rows_and_loses_none(tmp_path: Path) -> None:
    """The limit on the size of a file stands in for the full disk: each write fails until it is lifted."""
    one = story(session_id(1))
    with process(settings(tmp_path)) as program:
        limits = psutil.Process(program.pid)
        limits.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        journal(tmp_path, one)
        threading.Event().wait(1.0)
        assert rows_of(tmp_path / "dataset", "sessions") == []
        assert not list((tmp_path / "journal" / "w1").glob("released.*"))
        limits.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: len(rows_of(tmp_path / "dataset", "events")) == len(one), "the rows")

    assert stored(tmp_path / "dataset") == folded(one)


@pytest.mark.slow
def test_killed_at_any_moment_it_neither_loses_nor_doubles_a_row(tmp_path: Path) -> None:
    """Kill -9 while the journal grows, again and again; small limits make merges and saves part of it."""
    chance = random.Random(5)
    config = settings(tmp_path, compact_every_seconds=0.3, compact_files_max=4, batch_max_events=40)
    calls = [story(session_id(number), turns=6) for number in range(60)]
    events = [seen for group in zip(*calls, strict=True) for seen in group]
    at, end = 0, 0
    for _ in range(15):
        with process(config) as program:
            for _ in range(chance.randrange(1, 25)):
                end = journal(tmp_path, events[at : at + 12])
                at += 12
                threading.Event().wait(chance.random() * 0.05)
            program.send_signal(signal.SIGKILL)
            program.wait()
    end = journal(tmp_path, events[at:])
    replayed(config, end)

    assert stored(tmp_path / "dataset") == folded(events)
    archive = [(row["session_id"], row["seq"]) for row in rows_of(tmp_path / "dataset", "events")]
    assert sorted(archive) == sorted((seen.session_id, seen.seq) for seen in events)
    assert all(len(DeltaTable(tmp_path / "dataset" / name).file_uris()) < 300 for name in FACTS)
