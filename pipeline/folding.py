"""Folds signals into rows, session by session, and knows when a session's signals can't be trusted. No Kafka in here.

A stream processor is at-least-once, and has been seen to pass over records in rebalances. So a `seq` seen before is
dropped, and a hole makes the session ailing: its signals wait, a few of them, until it has been folded from the
archive as far as they reach. Only then, when the events behind the hole are archived and those in it are not, is the
hole a fact. Nothing that could turn out wrong is ever told.

Where the last signals of a session were passed over, no hole shows. So of a session that has fallen quiet the archive
is asked too, ever more seldom.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec
import structlog

from ingest import markers
from ingest.envelope import RecordedEvent, Source
from pipeline.domain import fold
from pipeline.domain.facts import Fact
from pipeline.domain.fold import SessionState
from pipeline.domain.state import NEVER
from pipeline.folding_counts import FoldingCounts
from pipeline.replay_sessions import Step

log = structlog.get_logger("calltape.worker")

WAITING_MAX = 2_000
"""Events of one ailing session that wait for its repair. Of more the oldest are dropped: the archive has them."""
OVER_MAX = 10_000
"""Sessions that ended and whose redelivered events are known at once. Of an older one the archive is asked again."""
QUIET_S = (60.0, 600.0, 3600.0)
"""How long a running session has said nothing when the archive is asked; then again each time the last of them."""


class States(Protocol):
    """Where states were saved."""

    def read(self, session_id: str) -> bytes | None:
        """A session's state as it was saved last; None where there is none."""


class _Session:
    """One running session."""

    __slots__ = ("ailing", "aside", "asked", "partition", "reaches", "seen_at", "size", "state", "waiting")

    def __init__(self, partition: int, state: SessionState, seen_at: float) -> None:
        self.partition = partition
        self.state = state
        self.size = 0
        """Of the state, as saved last."""
        self.ailing = False
        self.aside = False
        """The fold could not take it."""
        self.waiting: deque[RecordedEvent] = deque(maxlen=WAITING_MAX)
        self.reaches = 0
        """Of an ailing session: the first `seq` that no signal has told of. The archive must come so far."""
        self.seen_at = seen_at
        """When it last said something, or was last asked about."""
        self.asked = 0
        """How often, since it last said something."""

    def wait(self, events: Iterable[RecordedEvent]) -> None:
        """Keep events until the session is well again."""
        for event in events:
            self.waiting.append(event)
            self.reaches = max(self.reaches, event.seq + 1)


class Ailing(msgspec.Struct, frozen=True):
    """A session that waits for a repair."""

    partition: int
    state: SessionState


class Saved(msgspec.Struct, frozen=True):
    """What is to be remembered of a session; a state of None: nothing, it is over."""

    partition: int
    session_id: str
    state: bytes | None
    ailing: bool
    reaches: int = 0
    """Of an ailing session: how far its signals came, which are acknowledged with this and never come again."""


class Folding:
    """The running sessions of the partitions that are ours."""

    def __init__(
        self, step: Step, states: States, counts: FoldingCounts, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._step = step
        self._states = states
        self.counts = counts
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._over: OrderedDict[str, int] = OrderedDict()
        """Session -> the first `seq` that would be news of it."""
        self._changed: dict[str, None] = {}

    def take(self, partition: int, session_id: str, events: Iterable[RecordedEvent]) -> list[Fact]:
        """Fold a signal's events; gives the rows that changed. Of a session that is ailing they only wait."""
        self.counts.signals += 1
        news_from = self._over.get(session_id, 0)
        fresh = [event for event in events if event.seq >= news_from]
        if not fresh:
            self.counts.redelivered += 1
            return []
        session = self._of(partition, session_id)
        session.seen_at, session.asked = self._clock(), 0
        if session.ailing:
            session.wait(fresh)
            self._changed[session_id] = None
            return []
        return list(self._fold(session_id, session, iter(fresh)))

    def ailing(self) -> list[str]:
        """The sessions that wait for a repair."""
        return [session_id for session_id, session in self._sessions.items() if session.ailing]

    def resume(self, partition: int, session_id: str, reaches: int | None = None) -> None:
        """A session that was running when its state was saved is ours now; it may have no signals left to come.

        `reaches`: it was ailing then, and its signals had come so far.
        """
        session = self._of(partition, session_id)
        if reaches is not None:
            session.ailing, session.reaches = True, max(session.reaches, reaches)
            self.counts.ailing = len(self.ailing())

    def look_after_quiet(self) -> None:
        """Take those for ailing that have been quiet for long."""
        now = self._clock()
        for session in self._sessions.values():
            patience = QUIET_S[min(session.asked, len(QUIET_S) - 1)]
            if now - session.seen_at > patience and not (session.ailing or session.aside):
                session.ailing, session.reaches = True, session.state.next_seq
                session.seen_at, session.asked = now, session.asked + 1
        self.counts.ailing = len(self.ailing())

    def ailment(self, session_id: str) -> Ailing | None:
        """How far an ailing session has come; None where it is well, or not ours any more."""
        session = self._sessions.get(session_id)
        return Ailing(session.partition, session.state) if session is not None and session.ailing else None

    def repaired(self, session_id: str, state: SessionState) -> list[Fact]:
        """Go on from a state that `mended` gave, with what waits; gives the rows that change by this.

        The session stays ailing where the archive did not reach the first event that waits: there may be more of it.
        """
        session = self._sessions.get(session_id)
        if session is None or not session.ailing:
            return []
        self.counts.repairs += state.next_seq > session.state.next_seq
        session.state, session.ailing = state, False
        waiting, session.waiting = session.waiting, deque(maxlen=WAITING_MAX)
        found = list(self._fold(session_id, session, iter(waiting)))
        # What waited here may have been another worker's, and acknowledged: then only the archive has it.
        session.ailing = not session.aside and (session.ailing or session.state.next_seq < session.reaches)
        if not session.ailing:
            session.reaches = 0
        self.counts.ailing = len(self.ailing())
        return found

    def set_aside(self, session_id: str, error: Exception) -> None:
        """The fold can't take this session. Its events are archived; a rebuild with a mended fold gives its rows."""
        session = self._sessions.get(session_id)
        if session is not None:
            log.error("session set aside", session_id=session_id, seq=session.state.next_seq, exc_info=error)
            self.counts.set_aside += 1
            session.aside, session.ailing = True, False
            session.waiting.clear()
            self._changed[session_id] = None

    def saved(self) -> list[Saved]:
        """What changed since this was asked last. The sessions that are over are forgotten with it."""
        changed, self._changed = self._changed, {}
        found = []
        for session_id in changed:
            session = self._sessions[session_id]
            over = (session.state.closed and not session.ailing) or session.aside
            state = None if over else fold.dump(session.state)
            found.append(Saved(session.partition, session_id, state, session.ailing, session.reaches))
            self.counts.state_bytes += len(state or b"") - session.size
            session.size = len(state or b"")
            if over:
                self._forget(session_id, NEVER if session.aside else session.state.next_seq)
        self.counts.sessions = len(self._sessions)
        return found

    def give_up(self, partitions: Iterable[int]) -> None:
        """Others fold these partitions now: forget their sessions, whose states are saved."""
        gone = set(partitions)
        for session_id, session in list(self._sessions.items()):
            if session.partition in gone:
                del self._sessions[session_id]
                self._changed.pop(session_id, None)
                self.counts.state_bytes -= session.size
        self._over.clear()
        self.counts.sessions = len(self._sessions)
        self.counts.ailing = len(self.ailing())

    def _of(self, partition: int, session_id: str) -> _Session:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = _Session(partition, self._loaded(session_id), self._clock())
            self.counts.sessions = len(self._sessions)
        return session

    def _loaded(self, session_id: str) -> SessionState:
        saved = self._states.read(session_id)
        if not saved:
            return SessionState()
        try:
            return fold.load(saved)
        except ValueError as error:
            self.counts.states_unreadable += 1
            log.warning("saved state can't be read, folding the archive again", session_id=session_id, why=str(error))
            return SessionState()

    def _fold(self, session_id: str, session: _Session, events: Iterator[RecordedEvent]) -> Iterator[Fact]:
        self._changed[session_id] = None
        for event in events:
            if session.aside:
                return
            if event.seq > session.state.next_seq and not _told(event, session.state.next_seq):
                self._ail(session, event, events)
                return
            self.counts.redelivered += event.seq < session.state.next_seq
            try:
                session.state, facts = self._step(session.state, event)
            except Exception as error:  # noqa: BLE001 -- one session's bug must not stop the others' rows
                self.set_aside(session_id, error)
                return
            self.counts.events += 1
            yield from facts

    def _ail(self, session: _Session, event: RecordedEvent, rest: Iterator[RecordedEvent]) -> None:
        log.info("hole in a session, asking the archive", at=event.id, expected=session.state.next_seq)
        self.counts.holes += 1
        session.ailing = True
        session.wait([event, *rest])
        self.counts.ailing = len(self.ailing())

    def _forget(self, session_id: str, news_from: int) -> None:
        del self._sessions[session_id]
        self._over[session_id] = news_from
        while len(self._over) > OVER_MAX:
            self._over.popitem(last=False)


def mended(step: Step, state: SessionState, archived: Iterable[RecordedEvent]) -> tuple[SessionState, list[Fact]]:
    """The state after what the archive holds, and the rows as they are then.

    A hole in the archive is one in the log. Raises what the fold raises.
    """
    found: dict[tuple[object, ...], Fact] = {}
    for event in archived:
        state, facts = step(state, event)
        for fact in facts:
            found[type(fact), *(getattr(fact, column) for column in fact.key)] = fact
    return state, list(found.values())


def _told(event: RecordedEvent, expected: int) -> bool:
    """Whether the recorder itself says, by this event, that what should stand before it was lost."""
    if event.source is not Source.RECORDER:
        return False
    marker = markers.decode(event.data)
    return isinstance(marker, markers.EventsLost) and marker.first_seq == expected
