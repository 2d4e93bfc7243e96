"""Folds events into a batch of rows, session by session, and stands by when the fold has a bug.

What a fold can't take (a programmer's mistake, by definition) sets that one session aside: its events are archived
all the same, its rows stay as they last were, the others go on. It is tried again at the next start and by a rebuild.
"""

from collections.abc import Callable, Iterable, Iterator

import structlog

from ingest.envelope import RecordedEvent
from pipeline.archive import archived
from pipeline.archive_reader import ArchivedEvent
from pipeline.dataset_schemas import EVENT_AUDIO, EVENTS, FACTS, table_of
from pipeline.dataset_writer import Batch
from pipeline.domain import fold
from pipeline.domain.facts import Fact
from pipeline.domain.fold import SessionState
from pipeline.status import SetAside

log = structlog.get_logger()

Step = Callable[[SessionState, RecordedEvent], tuple[SessionState, tuple[Fact, ...]]]
"""`fold.step` with its rules given."""


def fold_events(events: Iterable[RecordedEvent], step: Step) -> Iterator[Fact]:
    """The rows that a log gives, version after version, in the order of its events."""
    sessions: dict[str, SessionState] = {}
    for event in events:
        session = sessions.get(event.session_id, SessionState())
        sessions[event.session_id], facts = step(session, event)
        yield from facts


class Sessions:
    """The states of the sessions that are running."""

    def __init__(self, step: Step, history: Callable[[str], Iterable[ArchivedEvent]]) -> None:
        self._step = step
        self._history = history
        self._states: dict[str, SessionState] = {}
        self._closed: set[str] = set()
        self.set_aside: dict[str, SetAside] = {}

    def __len__(self) -> int:
        return len(self._states) - len(self._closed)

    def is_stranger(self, event: RecordedEvent) -> bool:
        """Whether the event belongs to a session that began without us: its history may be in the archive."""
        return event.seq > 0 and event.session_id not in self._states and event.session_id not in self.set_aside

    def take(self, event: RecordedEvent, worker: str, position: int, batch: Batch) -> None:
        """Put what the event gives into the batch: its archive rows, and the facts that follow from it."""
        row = archived(event, position)
        batch.add(EVENTS, row.event, worker, position)
        if row.audio is not None:
            batch.add(EVENT_AUDIO, row.audio, worker, position)
        for fact in self._fold(event, worker, position):
            batch.add(FACTS[table_of(fact)], fact, worker, position)

    def recall(self, session_id: str, worker: str) -> Iterator[Fact]:
        """Fold a session's archived events again; gives the rows of it, of which the dataset has most already."""
        self.set_aside.pop(session_id, None)
        for found in self._history(session_id):
            yield from self._fold(found.event, worker, found.journal_position)

    def restore(self, states: dict[str, bytes]) -> None:
        """Go on with states that were saved. Raises ValueError where they are of another version of the fold."""
        self._states = {session_id: fold.load(state) for session_id, state in states.items()}
        self._closed.clear()

    def saved(self) -> dict[str, bytes]:
        """The states of all running sessions, to be restored later."""
        self.forget_closed()
        return {session_id: fold.dump(state) for session_id, state in self._states.items()}

    def forget_closed(self) -> None:
        """Drop the states of sessions that are over. One that stirs again is recalled from the archive."""
        for session_id in self._closed:
            self._states.pop(session_id, None)
        self._closed.clear()

    def _fold(self, event: RecordedEvent, worker: str, position: int) -> tuple[Fact, ...]:
        session_id = event.session_id
        if session_id in self.set_aside:
            return ()
        try:
            state, facts = self._step(self._states.get(session_id) or SessionState(), event)
        except Exception as error:  # noqa: BLE001 -- one session's bug must not stop the others' rows
            self._set_aside(event, worker, position, error)
            return ()
        self._states[session_id] = state
        if state.closed:
            self._closed.add(session_id)
        return facts

    def _set_aside(self, event: RecordedEvent, worker: str, position: int, error: Exception) -> None:
        log.error("session set aside", at=event.id, worker=worker, position=position, exc_info=error)
        self._states.pop(event.session_id, None)
        self.set_aside[event.session_id] = SetAside(
            session_id=event.session_id,
            seq=event.seq,
            worker=worker,
            journal_position=position,
            error=f"{type(error).__name__}: {error}",
        )
