"""Follows a log through the very fold that made the rows, and remembers which event changed what.

So an explanation can't disagree with its row: it reads the state from which the row was told.
"""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from ingest.envelope import RecordedEvent
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.explain_steps import text
from pipeline.domain.explanation import Answer, Evidence, NothingToExplain, evidence
from pipeline.domain.facts import Fact
from pipeline.domain.fold import step
from pipeline.domain.rules import Rules
from pipeline.domain.state import SessionState

P = TypeVar("P", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)

ASKED = frozenset({"input_audio_buffer.commit", "response.create"})
"""What a client asks for without the state saying so until the server answers."""
NOTED = ASKED | {"input_audio_buffer.speech_started"}
"""Kept whatever they change: only later does it show of which interruption a speech was part."""


class Watch(Generic[P]):
    """A part of the state as it last was, and the `seq` of the event that last changed each of its fields."""

    def __init__(self, find: Callable[[SessionState], P | None]) -> None:
        self._find = find
        self.part: P | None = None
        self.changed_by: dict[str, int] = {}

    def see(self, state: SessionState, seq: int) -> bool:
        """Take in the state after an event; whether it changed this part."""
        found, before = self._find(state), self.part
        # Parts are copied before they are changed, so one that is the same object is the same.
        if found is None or found is before:
            return False
        names = [name for name in found.__struct_fields__ if getattr(found, name) != getattr(before, name, None)]
        self.part = found
        self.changed_by |= dict.fromkeys(names, seq)
        return bool(names)

    def by(self, field: str) -> tuple[int, ...]:
        """The event that last changed a field, if any did."""
        return (self.changed_by[field],) if field in self.changed_by else ()


class Append(msgspec.Struct, frozen=True):
    """Input audio as it came in: the position it reached, and the event that brought it."""

    end_ns: int
    event: Evidence


class Trail(Generic[R]):
    """A log followed to its end, of which the latest row of one key is wanted."""

    def __init__(self, rules: Rules, wanted: Callable[[Fact], R | None]) -> None:
        self._rules = rules
        self._wanted = wanted
        self.state = SessionState()
        """After the last event."""
        self.told_in = SessionState()
        """The state from which the row was last told."""
        self.row: R | None = None
        self.appends: list[Append] = []
        self.asked: dict[int, tuple[int, ...]] = {}
        """`elapsed_ns` -> seq of what a client asked for then."""
        self.seen_at: dict[int, int] = {}
        """Of what was noticed: seq -> UTC, nanoseconds."""
        self._events: dict[int, Evidence] = {}

    def follow(self, events: Iterable[RecordedEvent], watches: Callable[[SessionState], Iterable[Watch[Any]]]) -> None:
        """Fold the log; `watches` gives what to watch after each event."""
        for event in events:
            before = self.state
            self.state, rows = step(before, event, self._rules)
            if self.state is before:
                continue
            changed = [watch.see(self.state, event.seq) for watch in watches(self.state)]
            self._notice(before, event, keep=any(changed))
            for row in rows:
                found = self._wanted(row)
                if found is not None:
                    self.row, self.told_in = found, self.state
                    self._keep(event)

    def _keep(self, event: RecordedEvent) -> None:
        self._events[event.seq] = evidence(event)
        self.seen_at[event.seq] = event.seen_at_ns

    def _notice(self, before: SessionState, event: RecordedEvent, *, keep: bool) -> None:
        if self.state.intake.position_ns > before.intake.position_ns:
            said = Evidence(
                seq=event.seq,
                source=event.source.value,
                type=event.type,
                elapsed_ms=event.elapsed_ns / NS_PER_MS,
                says=f"input audio up to {text(self.state.intake.position_ns)} ms",
            )
            self.appends.append(Append(self.state.intake.position_ns, said))
        if event.type in ASKED:
            self.asked[event.elapsed_ns] = (event.seq,)
        if keep or event.type in NOTED:
            self._keep(event)

    def told(self, what: str, there: str) -> R:
        """The row. Raises NothingToExplain, saying what there is instead."""
        if self.row is None:
            raise NothingToExplain(f"session {self.state.session_id or '?'} has no {what}; it has {there}")
        return self.row

    def carrier(self, position_ns: int) -> tuple[int, ...]:
        """The append that brought this position of the input audio."""
        return next(((one.event.seq,) for one in self.appends if one.end_ns >= position_ns), ())

    def events(self, answers: Iterable[Answer]) -> tuple[Evidence, ...]:
        """The events that the answers name, in their order."""
        named = {seq for answer in answers for step in answer.steps for seq in step.seqs}
        known = self._events | {one.event.seq: one.event for one in self.appends if one.event.seq in named}
        return tuple(known[seq] for seq in sorted(named) if seq in known)
