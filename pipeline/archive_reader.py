"""Reads recorded events back out of the dataset's archive, as they were, a bounded piece at a time."""

import itertools
import typing
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from ingest.envelope import RecordedEvent
from pipeline.archive import restored
from pipeline.dataset import Reader
from pipeline.dataset_schemas import EventRow, date_of

EVENTS_AT_A_TIME = 2_000
"""About 30 MB where each carries 200 ms of audio."""

_ANY_SEQ = 1 << 62

_EVENTS = """
    select e.* exclude (date), a.audio
    from events e left join event_audio a
        on a.session_id = e.session_id and a.seq = e.seq and e.audio_offset is not null
        and a.date = $day and a.session_id between $first_session and $last_session and a.seq between $first and $last
    where e.date = $day and e.session_id between $first_session and $last_session and e.seq between $first and $last
    order by e.session_id, e.seq
"""
_EXTENT = "select max(seq) as last from events where date = $day and session_id = $session"
_SESSIONS = "select session_id, count(*) as events from events where date = $day group by all order by session_id"
_WORKERS = "select distinct worker from events"
_DAYS = "select distinct date from events order by date"
# A session is closed once the marker is there. Days are looked at one by one by whoever has many.
_OPEN = """
    select session_id from events group by session_id
    having count(*) filter (type = 'session.closed' and source = 'recorder') = 0 order by session_id
"""


class ArchivedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event out of the archive."""

    event: RecordedEvent
    journal_position: int


class ArchiveReader:
    """The events of one session after the other."""

    def __init__(self, reader: Reader, events_at_a_time: int = EVENTS_AT_A_TIME) -> None:
        self._reader = reader
        self._at_a_time = events_at_a_time

    def days(self) -> list[date]:
        """The days on which a recorded session opened."""
        return self._column(_DAYS, {})

    def groups(self, day: date) -> list[list[str]]:
        """The sessions that opened on that day, in that order, in groups small enough to be read at once.

        A session that is too large for that makes a group of its own.
        """
        groups: list[list[str]] = []
        room = 0
        for found in self._reader.query(_SESSIONS, {"day": day}).to_pylist():
            room -= found["events"]
            if room < 0 or not groups:
                groups.append([])
                room = self._at_a_time - found["events"]
            groups[-1].append(found["session_id"])
        return groups

    def workers(self) -> list[str]:
        """The workers whose journals the archive holds."""
        return self._column(_WORKERS, {})

    def open_sessions(self) -> list[str]:
        """The sessions whose end is not in the archive."""
        return self._column(_OPEN, {})

    def events(self, session_id: str, from_seq: int = 0) -> Iterator[ArchivedEvent]:
        """A session's events in their order, from that one on."""
        extent = self._column(_EXTENT, {"day": date_of(session_id), "session": session_id})
        for first in range(from_seq, (extent[0] if extent[0] is not None else -1) + 1, self._at_a_time):
            yield from self._read([session_id], first, first + self._at_a_time - 1)

    def events_of(self, group: Sequence[str]) -> Iterator[tuple[str, Iterator[ArchivedEvent]]]:
        """Each session of a group, and its events in their order; take them all before the next session."""
        if len(group) == 1:
            yield group[0], self.events(group[0])
        else:
            yield from itertools.groupby(self._read(group, 0, _ANY_SEQ), key=lambda found: found.event.session_id)

    def _read(self, group: Sequence[str], first: int, last: int) -> Iterator[ArchivedEvent]:
        sessions = {"day": date_of(group[0]), "first_session": group[0], "last_session": group[-1]}
        for found in self._reader.query(_EVENTS, sessions | {"first": first, "last": last}).to_pylist():
            audio = found.pop("audio")
            row = EventRow(**found)
            yield ArchivedEvent(event=restored(row, audio), journal_position=row.journal_position)

    def _column(self, sql: str, parameters: dict[str, object]) -> list[typing.Any]:
        found: list[typing.Any] = self._reader.query(sql, parameters).column(0).to_pylist()
        return found
