"""The journal keeps whole lines across crashes, full disks and readers that come and go."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest import journal_files, markers
from ingest.envelope import RecordedEvent, Source
from ingest.journal import Journal, JournalReader, JournalUnusable, offset_of, position, segment_of, workers
from ingest.markers import SessionClosed, SessionOpened
from ingest.recording import Recorder, SeenMessage
from ingest.session_recording import SessionRecording

OPENED = SessionOpened(mode="relay", path="/v1/realtime")
NEVER = 3600.0

OpenJournal = Callable[..., Journal]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "w1"


@pytest.fixture
def open_journal(tmp_path: Path) -> Iterator[OpenJournal]:
    """Opens the journal of one worker; its thread waits until `tend` is called."""
    opened: list[Journal] = []

    def open_one(**sizes: int) -> Journal:
        opened.append(Journal.open(tmp_path, "w1", **sizes, fsync_seconds=NEVER, retry_seconds=0))
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


def die(journal: Journal) -> None:
    """What the kernel does to a journal's process when it is killed: the lock goes, nothing else happens."""
    os.close(journal._lock)
    journal._lock = -1


def events(folder: Path, start: int = 0) -> list[RecordedEvent]:
    return [found.event for found in JournalReader(folder, start).events()]


def types(folder: Path) -> list[str]:
    return [event.type for event in events(folder)]


def say(session: SessionRecording, *names: str, size: int = 0) -> None:
    for name in names:
        session.see(Source.CLIENT, [SeenMessage(b'{"type":"%s","pad":"%s"}' % (name.encode(), b"a" * size), False)])


def segment_numbers(folder: Path) -> list[int]:
    return [segment.number for segment in journal_files.segments(folder)]


# One writer


def test_a_second_writer_is_refused_by_the_name_of_the_first(tmp_path: Path, open_journal: OpenJournal) -> None:
    open_journal()

    with pytest.raises(JournalUnusable, match=f"is being written by process {os.getpid()}"):
        Journal.open(tmp_path, "w1")


def test_a_writer_may_follow_one_that_closed(open_journal: OpenJournal, folder: Path) -> None:
    open_journal().close()
    open_journal().close()

    assert segment_numbers(folder) == [1, 2]


def test_workers_write_beside_each_other(tmp_path: Path) -> None:
    for journal in (Journal.open(tmp_path, "a"), Journal.open(tmp_path, "b")):
        journal.close()

    assert workers(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("worker", ["", "..", "a/b", "a\nb"])
def test_a_worker_that_cant_name_a_folder_is_refused(tmp_path: Path, worker: str) -> None:
    with pytest.raises(JournalUnusable, match="can't be a folder's name"):
        Journal.open(tmp_path, worker)


def test_a_folder_that_cant_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalUnusable, match="file/journal/w1 can't be made"):
        Journal.open(tmp_path / "file" / "journal", "w1")


# Segments


def test_a_full_segment_is_followed_by_the_next(open_journal: OpenJournal, folder: Path) -> None:
    recorder = Recorder(open_journal(segment_max_bytes=2_000))
    session = recorder.open(OPENED)

    say(session, *"abcdef", size=500)

    assert segment_numbers(folder) == [1, 2, 3]
    assert types(folder) == ["session.opened", *"abcdef"]


def test_a_reader_follows_the_writer_and_says_where_it_is(open_journal: OpenJournal, folder: Path) -> None:
    recorder = Recorder(open_journal(segment_max_bytes=2_000))
    session = recorder.open(OPENED)
    reader = JournalReader(folder)
    seen = []

    for name in "abcdefgh":
        say(session, name, size=500)
        seen += [found.event.type for found in reader.events()]

    assert seen == ["session.opened", *"abcdefgh"]
    assert [*reader.events()] == []
    assert reader.behind_bytes() == 0
    assert reader.skips == []


def test_reading_goes_on_behind_any_event(open_journal: OpenJournal, folder: Path) -> None:
    recorder = Recorder(open_journal(segment_max_bytes=1_500))
    session = recorder.open(OPENED)
    say(session, *"abcdef", size=300)
    whole = list(JournalReader(folder).events())

    rest = [[found.event for found in JournalReader(folder, each.position).events()] for each in whole]

    assert rest == [[found.event for found in whole[place + 1 :]] for place in range(len(whole))]
    assert [each.position for each in whole] == sorted({each.position for each in whole})


def test_a_line_longer_than_a_block_is_read_whole(open_journal: OpenJournal, folder: Path) -> None:
    session = Recorder(open_journal()).open(OPENED)
    say(session, "long", "next", size=100_000)
    reader = JournalReader(folder)

    lines = [line for _ in range(5) for line in reader.lines(max_bytes=1_000)]

    assert [json.loads(line.line)["sequence"] for line in lines] == [0, 1, 2]


def test_a_position_is_one_integer_of_63_bits() -> None:
    assert (segment_of(position(8_388_607, 5)), offset_of(position(8_388_607, 5))) == (8_388_607, 5)
    assert position(8_388_607, (1 << 40) - 1) < 1 << 63


def test_a_torn_tail_is_not_read_before_it_is_whole(open_journal: OpenJournal, folder: Path) -> None:
    Recorder(open_journal()).open(OPENED)
    path = journal_files.segment_path(folder, 1)
    line = path.read_bytes()
    reader = JournalReader(folder)
    list(reader.events())

    with path.open("ab") as file:
        file.write(line[:-1])
        file.flush()
        assert reader.lines() == []
        file.write(b"\n")
        file.flush()
        assert [found.line + b"\n" for found in reader.lines()] == [line]


def test_a_damaged_line_is_passed_over_counted_and_named(
    open_journal: OpenJournal, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Recorder(open_journal()).open(OPENED)
    path = journal_files.segment_path(folder, 1)
    with path.open("ab") as file:
        file.write(b'{"specversion":"1.0","sour\n' + b"\0" * 100 + b"\n")
    say(session, "after")
    reader = JournalReader(folder)

    found = [each.event.type for each in reader.events()]

    assert found == ["session.opened", "after"]
    assert reader.damaged == 2
    told = capsys.readouterr().out
    assert f"{path}:2" in told
    assert f"{path}:3" in told


def test_a_line_written_just_before_the_writer_moved_on_is_not_missed(open_journal: OpenJournal, folder: Path) -> None:
    session = Recorder(open_journal(segment_max_bytes=1_000)).open(OPENED)

    class Raced(JournalReader):
        """Looks for the next segment while the writer fills this one and begins another."""

        def _following(self) -> int | None:
            if segment_of(self.position) == 1 and segment_numbers(folder) == [1]:
                say(session, "a", "b", size=700)
            return super()._following()

    reader = Raced(folder)

    assert [each.event.type for each in reader.events()] == ["session.opened", "a", "b"]


def test_a_torn_line_that_no_writer_could_cut_is_counted(open_journal: OpenJournal, folder: Path) -> None:
    session = Recorder(open_journal(segment_max_bytes=1_000)).open(OPENED)
    say(session, "a", "b", size=700)
    with journal_files.segment_path(folder, 1).open("ab") as file:
        file.write(b'{"specversion":"1.0","sour')
    reader = JournalReader(folder)

    assert [each.event.type for each in reader.events()] == ["session.opened", "a", "b"]
    assert reader.damaged == 1


def test_a_reader_waits_for_a_folder_that_is_not_there_yet(open_journal: OpenJournal, folder: Path) -> None:
    reader = JournalReader(folder)
    assert reader.lines() == []

    Recorder(open_journal()).open(OPENED)

    assert [each.event.type for each in reader.events()] == ["session.opened"]


def test_a_reader_goes_on_with_what_is_left_and_says_what_is_gone(open_journal: OpenJournal, folder: Path) -> None:
    session = Recorder(open_journal(segment_max_bytes=1_500)).open(OPENED)
    say(session, "a", size=300)
    reader = JournalReader(folder)
    list(reader.events())
    say(session, *"bcdefghi", size=300)
    for number in segment_numbers(folder)[:-1]:
        journal_files.segment_path(folder, number).unlink()
    left = [event.type for event in events(folder)]

    found = [each.event.type for each in reader.events()]

    assert found[-len(left) :] == left
    assert [segment_of(skip.found) for skip in reader.skips] == segment_numbers(folder)


def test_a_reader_begins_anew_with_a_journal_that_did(open_journal: OpenJournal, folder: Path) -> None:
    Recorder(open_journal()).open(OPENED)
    reader = JournalReader(folder, position(57, 1234))

    found = [each.event.type for each in reader.events()]

    assert found == ["session.opened"]
    assert [(skip.wanted, skip.found) for skip in reader.skips] == [(position(57, 1234), position(1, 0))]


# Release and deletion


def test_released_segments_are_deleted_beyond_what_is_kept(open_journal: OpenJournal, folder: Path) -> None:
    journal = open_journal(segment_max_bytes=1_000, keep_bytes=2_500)
    say(Recorder(journal).open(OPENED), *"abcdefgh", size=700)
    journal.tend()
    assert segment_numbers(folder) == [*range(1, 9)]
    reader = JournalReader(folder)
    list(reader.events())

    reader.release(reader.position)
    journal.tend()

    assert segment_numbers(folder) == [6, 7, 8]
    assert journal.counters.segments_deleted == 5


def test_what_one_of_two_readers_needs_is_not_deleted(open_journal: OpenJournal, folder: Path) -> None:
    journal = open_journal(segment_max_bytes=1_000, keep_bytes=0)
    say(Recorder(journal).open(OPENED), *"abcdefgh", size=700)
    JournalReader(folder).release(position(8, 0), "pipeline")
    JournalReader(folder).release(position(3, 17), "publisher")

    journal.tend()

    assert segment_numbers(folder)[0] == 3


def test_a_release_that_cant_be_understood_releases_nothing(open_journal: OpenJournal, folder: Path) -> None:
    journal = open_journal(segment_max_bytes=1_000, keep_bytes=0)
    say(Recorder(journal).open(OPENED), *"abcd", size=700)
    (folder / "released.pipeline").write_text("{")
    JournalReader(folder).release(position(4, 0), "publisher")

    journal.tend()

    assert segment_numbers(folder)[0] == 1


def test_numbers_go_on_though_every_segment_was_deleted(open_journal: OpenJournal, folder: Path) -> None:
    journal = open_journal()
    Recorder(journal)
    journal.close()
    journal_files.segment_path(folder, 1).unlink()

    open_journal()

    assert segment_numbers(folder) == [2]


def test_a_full_journal_loses_and_counts_new_events_and_deletes_nothing(
    open_journal: OpenJournal, folder: Path
) -> None:
    journal = open_journal(segment_max_bytes=1_000, journal_max_bytes=5_000, keep_bytes=1 << 30)
    session = Recorder(journal).open(OPENED)
    say(session, *"abcdefghij", size=700)
    journal.tend()
    kept = types(folder)

    JournalReader(folder).release(position(3, 0))
    journal.tend()
    say(session, "after")

    assert kept == ["session.opened", *"abcd"]
    last_two = events(folder)[-2:]
    assert [event.type for event in last_two] == ["events.lost", "after"]
    assert markers.decode(last_two[0].data) == markers.EventsLost(first_seq=5, count=6, reason="journal_full")
    assert journal.counters.events_lost == {"journal_full": 6}


# After a crash


def test_sessions_left_open_are_closed_by_the_next_writer(open_journal: OpenJournal, folder: Path) -> None:
    crashed = open_journal(segment_max_bytes=1_500)
    recorder = Recorder(crashed)
    left, ended = recorder.open(OPENED), recorder.open(OPENED)
    say(left, *"abc", size=500)
    left.see(Source.SERVER, [SeenMessage(b'{"type":"d"}', False)])
    ended.close("client", 1000, "")
    die(crashed)

    successor = open_journal()

    *_, last_seen, closed = [event for event in events(folder) if event.session_id == left.session_id]
    assert (closed.seq, closed.elapsed_ns, closed.seen_at_ns) == (5, last_seen.elapsed_ns, last_seen.seen_at_ns)
    marker = markers.decode(closed.data)
    assert isinstance(marker, SessionClosed)
    assert (marker.recovered, marker.closed_by, marker.client_events, marker.server_events) == (True, "recorder", 3, 1)
    assert types(folder).count("session.closed") == 2
    assert successor.counters.sessions_recovered == 1


def test_a_session_is_closed_once_however_often_writers_die(open_journal: OpenJournal, folder: Path) -> None:
    first = open_journal()
    Recorder(first).open(OPENED)
    die(first)
    for _ in range(3):
        die(open_journal())

    open_journal()

    assert types(folder) == ["session.opened", "session.closed"]


def test_a_session_is_found_though_the_index_knows_it_from_long_ago(open_journal: OpenJournal, folder: Path) -> None:
    crashed = open_journal(segment_max_bytes=1_000, keep_bytes=0)
    recorder = Recorder(crashed)
    silent, busy = recorder.open(OPENED), recorder.open(OPENED)
    say(busy, *"abcdef", size=700)
    JournalReader(folder).release(position(99, 0))
    crashed.tend()
    assert segment_numbers(folder)[0] > 2  # the silent session's only event is deleted
    die(crashed)

    open_journal()

    [closed] = [event for event in events(folder) if event.session_id == silent.session_id]
    assert (closed.seq, closed.type) == (1, "session.closed")


def test_a_session_that_ended_just_before_a_segment_did_is_not_ended_again(
    open_journal: OpenJournal, folder: Path
) -> None:
    crashed = open_journal(segment_max_bytes=1_000)
    recorder = Recorder(crashed)
    ended, busy = recorder.open(OPENED), recorder.open(OPENED)
    ended.close("client", 1000, "")
    say(busy, "a", "b", size=700)
    crashed.tend()
    die(crashed)

    open_journal()

    mine = [event.type for event in events(folder) if event.session_id == ended.session_id]
    assert mine == ["session.opened", "session.closed"]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("{")])
def test_without_its_index_the_whole_journal_is_looked_through(
    open_journal: OpenJournal, folder: Path, damage: Callable[[Path], None]
) -> None:
    crashed = open_journal(segment_max_bytes=1_000)
    recorder = Recorder(crashed)
    recorder.open(OPENED)
    say(recorder.open(OPENED), *"abcd", size=700)
    crashed.tend()
    die(crashed)
    damage(folder / journal_files.INDEX_FILE)

    open_journal()

    assert types(folder).count("session.closed") == 2


def test_after_a_clean_end_nothing_is_looked_through(open_journal: OpenJournal, folder: Path) -> None:
    journal = open_journal()
    recorder = Recorder(journal)
    recorder.open(OPENED)
    recorder.close()
    path = journal_files.segment_path(folder, 1)
    path.write_bytes(path.read_bytes().replace(b"session.closed", b"session.xlosed"))  # would look open if it were read

    open_journal()

    assert "session.closed" not in types(folder)


@pytest.mark.parametrize("tail", [b'{"specversion":"1.0","source":"/in', b"\0" * 5_000, b"{" + b"x" * 3_000_000])
def test_a_torn_tail_is_cut_by_the_next_writer(open_journal: OpenJournal, folder: Path, tail: bytes) -> None:
    crashed = open_journal()
    Recorder(crashed).open(OPENED)
    path = journal_files.segment_path(folder, 1)
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(tail)
    die(crashed)

    open_journal()

    assert path.read_bytes() == whole
    reader = JournalReader(folder)
    assert [each.event.type for each in reader.events()] == ["session.opened", "session.closed"]
    assert reader.damaged == 0


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"\0" * 10 + b"\n"])
def test_a_segment_that_a_power_loss_left_empty_harms_nothing(
    open_journal: OpenJournal, folder: Path, content: bytes
) -> None:
    crashed = open_journal()
    Recorder(crashed).open(OPENED)
    journal_files.segment_path(folder, 2).write_bytes(content)
    die(crashed)

    open_journal()

    assert types(folder) == ["session.opened", "session.closed"]


WRITER = """
import sys, os, structlog
from pathlib import Path
from ingest.envelope import Source
from ingest.journal import Journal
from ingest.markers import SessionOpened
from ingest.recording import Recorder, SeenMessage
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
recorder = Recorder(Journal.open(Path(sys.argv[1]), "w1", segment_max_bytes=300_000, fsync_seconds=0.01))
sessions = [recorder.open(SessionOpened(mode="relay", path="/")) for _ in range(3)]
number = 0
while True:
    session = sessions[number % 3]
    batch = [SeenMessage(b'{"type":"n","n":%d,"pad":"%s"}' % (number + i, b"a" * (number * 37 % 9000)), False) for i in (0, 1)]
    session.see(Source.CLIENT, batch)
    os.write(1, b"%d\\n%d\\n" % (number, number + 1))  # as if forwarded: from here on it must be in the log
    number += 2
"""


@pytest.mark.slow
def test_what_was_forwarded_before_a_kill_is_in_the_log_exactly_once(tmp_path: Path, folder: Path) -> None:
    """Kills a writing process at many moments, each after another count of messages; every restart mends."""
    logged_before = 0
    for messages in (1, 2, 3, 7, 20, 61, 150, 333, 700, 1500):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            first = [int(writer.stdout.readline()) for _ in range(messages)]
            writer.kill()
            forwarded = first + [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
        logged = [json.loads(event.data)["n"] for event in events(folder) if event.type == "n"][logged_before:]
        assert logged[: len(forwarded)] == forwarded
        assert logged == [*range(len(logged))]
        logged_before += len(logged)

    Journal.open(tmp_path, "w1").close()

    by_session: dict[str, list[RecordedEvent]] = {}
    for event in events(folder):
        by_session.setdefault(event.session_id, []).append(event)
    for session in by_session.values():
        assert [event.seq for event in session] == [*range(len(session))]
        assert session[-1].type == "session.closed"
    assert JournalReader(folder).damaged == 0
