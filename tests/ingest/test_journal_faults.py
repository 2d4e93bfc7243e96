"""The disk says no: calls go on, what is lost is counted and told, and the journal mends itself."""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import journal_files, markers
from ingest.envelope import RecordedEvent, Source
from ingest.journal import Journal, JournalReader, JournalUnusable
from ingest.journal_segment import SegmentFile, WriteFailed
from ingest.markers import EventsLost, SessionOpened
from ingest.recording import Recorder, SeenMessage
from ingest.session_recording import SessionRecording
from tests.ingest.disks import Disk, small_disk, unchangeable

OPENED = SessionOpened(mode="relay", path="/v1/realtime")
NEVER = 3600.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def message(name: str, size: int = 0) -> SeenMessage:
    return SeenMessage(b'{"type":"%s","pad":"%s"}' % (name.encode(), b"a" * size), False)


def say(session: SessionRecording, *names: str, size: int = 0) -> None:
    for name in names:
        session.see(Source.CLIENT, [message(name, size)])


def events(folder: Path) -> list[RecordedEvent]:
    return [found.event for found in JournalReader(folder).events()]


def losses(found: list[RecordedEvent]) -> list[EventsLost]:
    told = [markers.decode(event.data) for event in found if event.type == "events.lost"]
    return [lost for lost in told if isinstance(lost, EventsLost)]


def accounted(found: list[RecordedEvent]) -> set[int]:
    """The numbers of one session that are in the log or told as lost."""
    numbers = {event.seq for event in found}
    for lost in losses(found):
        numbers |= set(range(lost.first_seq, lost.first_seq + lost.count))
    return numbers


def test_a_full_disk_loses_events_and_says_so_once_there_is_room(disk: Disk) -> None:
    journal = Journal.open(disk.folder, "w1", fsync_seconds=NEVER, retry_seconds=0)
    session = Recorder(journal).open(OPENED)
    say(session, "before")
    disk.fill()

    say(session, *"abcdefghij", size=3_000)
    disk.free()
    say(session, "after", size=3_000)

    found = events(disk.folder / "w1")
    assert [found[0].type, found[1].type, found[-1].type] == ["session.opened", "before", "after"]
    lost = losses(found)
    assert {each.reason for each in lost} == {"disk_full"}
    assert sum(each.count for each in lost) == journal.counters.events_lost["disk_full"] > 5
    assert accounted(found) == set(range(found[-1].seq + 1))
    assert JournalReader(disk.folder / "w1").damaged == 0
    journal.close()


def test_a_line_torn_by_a_full_disk_is_taken_back_at_once(disk: Disk) -> None:
    journal = Journal.open(disk.folder, "w1", fsync_seconds=NEVER, retry_seconds=0)
    session = Recorder(journal).open(OPENED)
    disk.fill()

    say(session, "large", size=100_000)

    content = journal_files.segment_path(disk.folder / "w1", 1).read_bytes()
    assert content.endswith(b"}\n")
    assert content.count(b"\n") == 1
    disk.free()
    journal.close()


def test_of_several_messages_those_that_fit_are_kept(disk: Disk) -> None:
    journal = Journal.open(disk.folder, "w1", fsync_seconds=NEVER, retry_seconds=0)
    session = Recorder(journal).open(OPENED)

    session.see(Source.CLIENT, [message(str(number), 300_000) for number in range(5)])
    say(session, "small")

    found = events(disk.folder / "w1")
    assert [event.type for event in found] == ["session.opened", "0", "1", "2", "events.lost", "small"]
    assert losses(found) == [EventsLost(first_seq=4, count=2, reason="disk_full")]
    assert accounted(found) == set(range(8))
    journal.close()


def test_a_session_that_opened_and_closed_on_a_full_disk_is_told_later(disk: Disk) -> None:
    journal = Journal.open(disk.folder, "w1", fsync_seconds=NEVER, retry_seconds=0)
    recorder = Recorder(journal)
    disk.fill()
    sessions = [recorder.open(OPENED) for _ in range(30)]
    for session in sessions:
        say(session, "a", "b", size=2_000)
        session.close("client", 1000, "bye")
    disk.free()

    journal.tend()

    found = events(disk.folder / "w1")
    for session in sessions:
        mine = [event for event in found if event.session_id == session.session_id]
        assert mine[0].type == "session.opened"
        assert mine[-1].type == "session.closed"
        assert accounted(mine) == set(range(mine[-1].seq + 1))
        assert sum(event.source is Source.CLIENT for event in mine) + sum(lost.count for lost in losses(mine)) == 2
    assert journal.counters.sessions_owed == 0
    assert journal.counters.events_lost["disk_full"] == sum(lost.count for lost in losses(found)) > 30
    journal.close()


def test_a_worker_starts_on_a_full_disk(disk: Disk) -> None:
    Journal.open(disk.folder, "w1").close()
    disk.fill()

    journal = Journal.open(disk.folder, "w1", fsync_seconds=NEVER, retry_seconds=0)
    session = Recorder(journal).open(OPENED)
    say(session, "a", size=9_000)
    disk.free()
    say(session, "b")

    found = events(disk.folder / "w1")
    assert [found[0].type, found[-1].type] == ["session.opened", "b"]
    assert accounted(found) == set(range(found[-1].seq + 1))
    journal.close()


def test_sessions_of_a_dead_worker_are_closed_once_there_is_room(disk: Disk) -> None:
    crashed = Journal.open(disk.folder, "w1", fsync_seconds=NEVER)
    Recorder(crashed).open(OPENED)
    os.close(crashed._lock)
    crashed._lock = -1
    disk.fill()
    journal = Journal.open(disk.folder, "w1", fsync_seconds=NEVER, retry_seconds=0)
    Recorder(journal)
    disk.free()

    journal.tend()

    assert [event.type for event in events(disk.folder / "w1")] == ["session.opened", "session.closed"]
    journal.close()


def test_a_journal_that_turns_read_only_loses_events_and_is_tried_again(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "w1", fsync_seconds=NEVER, retry_seconds=0)
    session = Recorder(journal).open(OPENED)
    with unchangeable(tmp_path / "w1"):
        say(session, "a", "b")
        assert journal.counters.events_lost == {"journal_failed": 2}

    say(session, "c")

    found = events(tmp_path / "w1")
    assert [event.type for event in found] == ["session.opened", "events.lost", "c"]
    assert losses(found) == [EventsLost(first_seq=1, count=2, reason="journal_failed")]
    journal.close()


def test_a_journal_that_is_read_only_from_the_start_is_refused(tmp_path: Path) -> None:
    Journal.open(tmp_path, "w1").close()

    with unchangeable(tmp_path / "w1"), pytest.raises(JournalUnusable, match="w1 can't be"):
        Journal.open(tmp_path, "w1")


def test_after_a_failure_nothing_is_tried_for_a_while(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "w1", fsync_seconds=NEVER, retry_seconds=NEVER, journal_max_bytes=1_000)
    session = Recorder(journal).open(OPENED)

    say(session, *"abcdef", size=900)

    assert journal.counters.write_failures == 1
    assert journal.counters.events_lost == {"journal_full": 6}
    journal.close()


@pytest.mark.parametrize("delete", ["segment", "folder"])
def test_a_journal_deleted_while_written_begins_a_new_segment(tmp_path: Path, delete: str) -> None:
    journal = Journal.open(tmp_path, "w1", fsync_seconds=NEVER, retry_seconds=0)
    session = Recorder(journal).open(OPENED)
    for path in (tmp_path / "w1").iterdir():
        if delete == "folder" or path.suffix == ".jsonl":
            path.unlink()
    if delete == "folder":
        (tmp_path / "w1").rmdir()

    say(session, "gone")
    journal.tend()
    say(session, "a", "b")
    journal.close()

    found = events(tmp_path / "w1")
    assert [(event.seq, event.type) for event in found] == [(2, "a"), (3, "b")]
    assert journal.counters.segments_vanished == 1
    assert journal.counters.events_vanished == 2


LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from ingest.envelope import Source
from ingest.journal import Journal
from ingest.markers import SessionOpened
from ingest.recording import Recorder, SeenMessage
journal = Journal.open(Path(sys.argv[1]), "w1")
recorder = Recorder(journal)
session = recorder.open(SessionOpened(mode="relay", path="/"))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
for number in range(20):
    session.see(Source.CLIENT, [SeenMessage(b'{"type":"n","pad":"%s"}' % (b"a" * 9_000), False)] * 3)
recorder.close()
"""


def test_a_file_that_must_not_grow_is_followed_by_another(tmp_path: Path) -> None:
    """RLIMIT_FSIZE tears a write in the middle as a full disk does, without needing a file system of one's own."""
    subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], check=True, timeout=120)

    reader = JournalReader(tmp_path / "w1")
    found = [each.event for each in reader.events()]

    assert [event.seq for event in found] == [*range(62)]
    assert reader.damaged == 0
    assert len(journal_files.segments(tmp_path / "w1")) > 3


class Stubborn(SegmentFile):
    """A file whose torn end can't be cut."""

    def _cut(self, end: int) -> None:
        self._torn = True
        self.size = end


@contextlib.contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """This process can't write a file beyond this size."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_a_torn_line_that_cant_be_cut_is_closed_off(tmp_path: Path) -> None:
    segment = Stubborn(tmp_path / "0000000001.jsonl")
    segment.append([b"one\n"])
    with files_end_at(7), pytest.raises(WriteFailed):
        segment.append([b"two", b"too\n"])

    segment.append([b"three\n"])

    assert segment.path.read_bytes() == b"one\ntwo\nthree\n"
    os.close(segment.fd)


def test_the_end_of_a_torn_line_is_no_line_of_its_own(tmp_path: Path) -> None:
    segment = Stubborn(tmp_path / "0000000001.jsonl")
    with files_end_at(3), pytest.raises(WriteFailed):
        segment.append([b"torn\n"])
    with files_end_at(10), pytest.raises(WriteFailed) as failed:
        segment.append([b"whole\n", b"torn\n"])

    assert failed.value.whole_lines == 1
    assert segment.path.read_bytes() == b"tor\nwhole\n"
    os.close(segment.fd)


@pytest.mark.parametrize("room", range(12))
def test_whole_lines_stay_and_torn_ones_go_wherever_the_write_stops(tmp_path: Path, room: int) -> None:
    segment = SegmentFile(tmp_path / "0000000001.jsonl")
    with files_end_at(room), pytest.raises(WriteFailed) as failed:
        segment.append([b"on", b"e\n", b"tw", b"o\n", b"th", b"ree\n"])

    whole = {range(4): 0, range(4, 8): 1, range(8, 14): 2}
    [lines] = [count for rooms, count in whole.items() if room in rooms]
    assert failed.value.whole_lines == lines
    assert segment.path.read_bytes() == b"one\ntwo\n"[: 4 * lines]
    os.close(segment.fd)


def test_ended_sessions_that_wait_for_room_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.recording.OWED_MAX", 3)
    journal = Journal.open(tmp_path, "w1", fsync_seconds=NEVER, retry_seconds=NEVER, journal_max_bytes=1)
    recorder = Recorder(journal)
    for _ in range(5):
        recorder.open(OPENED).close("client", 1000, "")

    journal.tend()

    assert journal.counters.sessions_owed == 3
    assert journal.counters.sessions_forgotten == 2
    journal.close()
