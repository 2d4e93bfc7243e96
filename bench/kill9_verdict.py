"""What a log says about the messages that its peers have seen: nothing missing, nothing twice, every session ended."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ingest import markers
from ingest.envelope import RecordedEvent, Source
from ingest.journal import JournalReader
from ingest.markers import SessionClosed


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    at_upstream: int
    """Messages that arrived there, as `at_clients` those that arrived at clients."""
    at_clients: int
    logged: int
    """Messages in the log; more than arrived, because each is logged before it is forwarded."""
    missing: int
    """Arrived, but not in the log."""
    twice: int
    """In the log more than once."""
    sessions: int
    recovered: int
    """Sessions that a later worker found open and closed."""
    unended: int
    """Sessions that don't end with their one closing marker."""
    holes: int
    """Sessions whose numbers don't run from 0 without a gap."""
    damaged: int
    """Lines that no reader can use, and stretches that it had to skip."""

    @property
    def good(self) -> bool:
        """The log holds what it must and nothing else; and there was something to hold."""
        faults = self.missing + self.twice + self.unended + self.holes + self.damaged
        return bool(self.at_upstream and self.at_clients) and not faults

    def table(self) -> str:
        return "\n".join(
            f"{name.replace('_', ' '):12} {value:9,}" for name, value in msgspec.structs.asdict(self).items()
        )


def judged(folder: Path, at_upstream: list[bytes], at_clients: list[bytes]) -> Verdict:
    """Compare a worker's journal with the SHA-256 digests of the messages that arrived."""
    reader = JournalReader(folder)
    logged: Counter[bytes] = Counter()
    sessions: dict[str, list[RecordedEvent]] = {}
    for found in reader.events():
        event = found.event
        if event.source is not Source.RECORDER:
            logged[hashlib.sha256(event.data).digest()] += 1
            event = msgspec.structs.replace(event, data=b"")
        sessions.setdefault(event.session_id, []).append(event)
    return Verdict(
        at_upstream=len(at_upstream),
        at_clients=len(at_clients),
        logged=logged.total(),
        missing=sum(digest not in logged for digest in (*at_upstream, *at_clients)),
        twice=sum(count > 1 for count in logged.values()),
        sessions=len(sessions),
        recovered=sum(any(end.recovered for end in _ends(events)) for events in sessions.values()),
        unended=sum(len(_ends(events)) != 1 or events[-1].type != "session.closed" for events in sessions.values()),
        holes=sum([event.seq for event in events] != [*range(len(events))] for events in sessions.values()),
        damaged=reader.damaged + len(reader.skips),
    )


def _ends(events: Iterable[RecordedEvent]) -> list[SessionClosed]:
    told = [markers.decode(event.data) for event in events if event.source is Source.RECORDER]
    return [marker for marker in told if isinstance(marker, SessionClosed)]
