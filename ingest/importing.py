"""Import: logs that were written elsewhere, and our own, become sessions of this journal.

A file is read twice: first for what it holds, so that each session is known before its first event is written, then
to write. Importing the same thing again gives the same sessions (an id is made of a session's content), which whoever
calls leaves out.
"""

import contextlib
import gzip
import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from ingest import envelope
from ingest.envelope import EnvelopeUnreadable, RecordedEvent, Source
from ingest.import_lines import ImportedLine, LineUnreadable, read
from ingest.journal_files import OpenSession
from ingest.journal_recovery import closing
from ingest.journal_writer import Journal
from ingest.markers import SessionOpened
from ingest.messages import SeenMessage
from ingest.recording import Clock, Recorder, SessionRecording
from ingest.redaction import redact

FAULTS_KEPT = 20
"""Of unreadable lines so many are named; all are counted."""
_OURS = b'{"specversion":'
_ID_BITS = 74

Progress = Callable[[int], None]
"""Gets how many bytes were read more."""


class ImportStopped(Exception):
    """The journal took no more; the message says why. What was imported so far stays."""


class Found(msgspec.Struct, kw_only=True):
    """One session of the files, after the first reading."""

    session_id: str = ""
    bits: int = 0
    """The random bits of the id, made of the session's content."""
    events: int = 0
    untimed: int = 0
    """Lines without a time."""
    unix_ns: int | None = None
    """Of the first line that says it, less what had elapsed."""
    digest: "hashlib._Hash" = msgspec.field(default_factory=hashlib.sha256)
    last: RecordedEvent | None = None
    """Of a session of our own: the last event that is not its end."""
    client_events: int = 0
    server_events: int = 0
    closed: bool = False
    ours: bool = False


class Inventory(msgspec.Struct, kw_only=True):
    """What the files hold."""

    sessions: dict[str, Found] = {}
    """By file and the file's own name for the session; ours by their ids."""
    faults: list[str] = []
    """The first unreadable lines, by place."""
    unreadable: int = 0

    @property
    def session_ids(self) -> list[str]:
        return [found.session_id for found in self.sessions.values()]


def inventory(paths: Sequence[Path], opened_at_ns: int | None, progress: Progress) -> Inventory:
    """Read the files once. Raises OSError.

    `opened_at_ns`: when sessions began that don't say it; None: when the file was last changed.
    """
    seen = Inventory()
    for path in paths:
        otherwise_ns = opened_at_ns if opened_at_ns is not None else path.stat().st_mtime_ns
        of_file = dict[str, Found]()
        for place, line in _lines(path, progress):
            try:
                _note(seen, of_file, line)
            except (LineUnreadable, EnvelopeUnreadable) as error:
                seen.unreadable += 1
                if len(seen.faults) < FAULTS_KEPT:
                    seen.faults.append(f"{path}:{place}: {error}")
        for name, found in of_file.items():
            found.unix_ns = otherwise_ns if found.unix_ns is None else found.unix_ns
            found.bits = int.from_bytes(found.digest.digest()[:16], "big") & (1 << _ID_BITS) - 1
            found.session_id = envelope.new_session_id(found.unix_ns, found.bits)
            seen.sessions[_key(path, name)] = found
    return seen


def write(
    paths: Sequence[Path], seen: Inventory, leave_out: Collection[str], journal: Journal, progress: Progress
) -> int:
    """Write the sessions but those to leave out; how many events that were. Raises ImportStopped, OSError."""
    writer = _Writer(seen, leave_out, journal)
    for path in paths:
        for _, line in _lines(path, progress):
            writer.take(path, line)
        writer.file_is_over()
    writer.finish()
    return writer.events


def _lines(path: Path, progress: Progress) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file, gzip.open(file) if path.suffix == ".gz" else contextlib.nullcontext(file) as lines:
        before = 0
        for place, line in enumerate(lines, 1):
            progress(file.tell() - before)
            before = file.tell()
            if line.strip():
                yield place, line.strip()


def _note(seen: Inventory, of_file: dict[str, Found], line: bytes) -> None:
    if line.startswith(_OURS):
        _note_ours(seen, envelope.decode(line))
        return
    imported = read(line)
    found = of_file.setdefault(imported.session, Found())
    found.events += 1
    found.untimed += not imported.timed
    found.digest.update(line)
    if found.unix_ns is None and imported.unix_ns is not None:
        found.unix_ns = imported.unix_ns - (imported.elapsed_ns or 0)


def _note_ours(seen: Inventory, event: RecordedEvent) -> None:
    found = seen.sessions.setdefault(event.session_id, Found(session_id=event.session_id, ours=True))
    found.events += 1
    found.client_events += event.source is Source.CLIENT
    found.server_events += event.source is Source.SERVER
    if event.source is Source.RECORDER and event.type == "session.closed":
        found.closed = True
    else:
        found.last = msgspec.structs.replace(event, data=b"")


def _key(path: Path, session: str) -> str:
    return f"{path}\n{session}"


class _Hands:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.elapsed_ns = 0
        self.unix_ns = 0


class _Running(msgspec.Struct, kw_only=True):
    """A session that is being written."""

    recording: SessionRecording
    opened_ns: int
    elapsed_ns: int = 0


class _Writer:
    """Writes lines in the order in which they come, each into its session."""

    def __init__(self, seen: Inventory, leave_out: Collection[str], journal: Journal) -> None:
        self.events = 0
        self._seen = seen
        self._leave_out = leave_out
        self._journal = journal
        self._hands = _Hands()
        self._bits = 0
        clock = Clock(monotonic_ns=lambda: self._hands.elapsed_ns, unix_ns=lambda: self._hands.unix_ns)
        self._recorder = Recorder(journal, clock, random_bits=lambda: self._bits)
        self._running: dict[str, _Running] = {}

    def take(self, path: Path, line: bytes) -> None:
        try:
            if line.startswith(_OURS):
                self._take_ours(line)
            else:
                self._take(path, read(line))
        except (LineUnreadable, EnvelopeUnreadable):
            return  # told by the first reading

    def file_is_over(self) -> None:
        """End its sessions; those of our own may go on in the next file."""
        for running in self._running.values():
            self._at(running, None)
            running.recording.close("recorder", None, "the imported log ends here")
        self._running.clear()
        self._check()

    def finish(self) -> None:
        """End what the files left without an end."""
        for found in self._seen.sessions.values():
            if found.ours and not found.closed and found.last is not None and found.session_id not in self._leave_out:
                self._append(envelope.encode(_end_of(found, found.last)))
        self._check()

    def _take(self, path: Path, line: ImportedLine) -> None:
        key = _key(path, line.session)
        found = self._seen.sessions[key]
        if found.session_id in self._leave_out:
            return
        running = self._running.get(key) or self._opened(key, found, path, line)
        self._at(running, line)
        self.events += 1
        if line.close is None:
            running.recording.see(line.source, [SeenMessage(line.data, False)])
        else:
            running.recording.close(line.close.by, line.close.code, line.close.reason)
        self._check()

    def _opened(self, key: str, found: Found, path: Path, line: ImportedLine) -> _Running:
        assert found.unix_ns is not None, "the first reading gives each session a time"
        self._hands.elapsed_ns, self._hands.unix_ns = 0, found.unix_ns
        self._bits = found.bits
        name = f"{path.name}#{line.session}" if line.session else path.name
        opened = SessionOpened(mode="import", path=name, missing_times=found.untimed > 0)
        self._running[key] = _Running(recording=self._recorder.open(opened), opened_ns=found.unix_ns)
        return self._running[key]

    def _at(self, running: _Running, line: ImportedLine | None) -> None:
        """Set the clock to a line's time; one without bears that of the line before it. It never goes back."""
        elapsed_ns = running.elapsed_ns
        if line is not None and line.elapsed_ns is not None:
            elapsed_ns = line.elapsed_ns
        elif line is not None and line.unix_ns is not None:
            elapsed_ns = line.unix_ns - running.opened_ns
        running.elapsed_ns = max(running.elapsed_ns, elapsed_ns)
        self._hands.elapsed_ns = running.elapsed_ns
        self._hands.unix_ns = running.opened_ns + running.elapsed_ns

    def _take_ours(self, line: bytes) -> None:
        event = envelope.decode(line)
        if event.session_id in self._leave_out:
            return
        data = redact(event.data)
        self._append(line if data == event.data else envelope.encode(msgspec.structs.replace(event, data=data)))
        self.events += 1

    def _append(self, line: bytes) -> None:
        """A line as it stands: its session, number and times stay what they were."""
        if self._journal.refusal() is not None or not self._journal.append([line + b"\n"], 1):
            raise ImportStopped(f"the journal takes no more: {self._journal.fault}; what came before is imported")

    def _check(self) -> None:
        if any(self._journal.counters.events_lost.values()):
            raise ImportStopped(f"the journal takes no more: {self._journal.fault}; what came before is imported")


def _end_of(found: Found, last: RecordedEvent) -> RecordedEvent:
    left = OpenSession(
        session_id=found.session_id,
        next_seq=last.seq + 1,
        elapsed_ns=last.elapsed_ns,
        seen_at_ns=last.seen_at_ns,
        client_events=found.client_events,
        server_events=found.server_events,
    )
    return closing(left, last.worker)
