"""`step`: a session and one event in, the session after it and the rows that changed out. Pure; the heart of it all.

Audio, most of all events, takes a short path that touches two small structs. Everything else is folded on a `Draft`.
Both give the same: a row is never a matter of which path was taken, or of where the fold was stopped and resumed.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ingest.envelope import RecordedEvent
from pipeline.domain import costs, emission, faults, handlers, hotpath, interruptions, playout, protocol, sessions
from pipeline.domain import messages as m
from pipeline.domain.draft import Draft, minute_of
from pipeline.domain.facts import Fact
from pipeline.domain.hotpath import Observation
from pipeline.domain.rules import Rules
from pipeline.domain.state import Moment, SessionState, dump, load

_ELAPSED_MAX_NS = 1 << 61
"""73 years."""
_SEEN_AT_MAX_NS = (1 << 63) - 1
"""In the year 2262."""

__all__ = ["Observation", "Rules", "SessionState", "dump", "load", "observe", "replay", "step"]


def step(session: SessionState, event: RecordedEvent, rules: Rules) -> tuple[SessionState, tuple[Fact, ...]]:
    """Advance a session by one event. A redelivered event changes nothing; a hole in `seq` is a Gap; nothing raises.

    The rows are those that changed, at most one of a key; of two rows with one key the higher version holds.
    """
    if event.seq < session.next_seq:
        return session, ()
    message = protocol.read(event.source, event.type, event.data)
    return observe(
        session,
        Observation(
            event.session_id, event.seq, event.elapsed_ns, event.seen_at_ns, event.source, event.worker, message
        ),
        rules,
    )


def observe(session: SessionState, seen: Observation, rules: Rules) -> tuple[SessionState, tuple[Fact, ...]]:
    """`step` for an event that was read already."""
    if seen.seq < session.next_seq:
        return session, ()
    advanced = hotpath.advanced(session, seen)
    if advanced is not None:
        return advanced, ()
    return _folded(session, seen, rules)


def replay(events: Iterable[RecordedEvent], rules: Rules) -> Iterator[Fact]:
    """The rows of a log, each time one changes: the embedded runner without its files."""
    running: dict[str, SessionState] = {}
    for event in events:
        before = running.get(event.session_id, SessionState())
        running[event.session_id], rows = step(before, event, rules)
        yield from rows


# --- the long path


def _folded(session: SessionState, seen: Observation, rules: Rules) -> tuple[SessionState, tuple[Fact, ...]]:
    seen = _within_bounds(seen)
    if session.next_seq == 0:
        session = _begun(session, seen)
    moment = Moment(seen.seq, max(seen.elapsed_ns, session.now_ns), seen.seen_at_ns)
    draft = Draft(session, moment, rules)
    draft.loud = session.next_seq == 0 or session.closed
    draft.quiet = type(seen.message) in handlers.QUIET
    if seen.seq > session.next_seq:
        sessions.hole_found(draft, session.next_seq)
    if isinstance(seen.message, m.Unknown):
        draft.call = hotpath.unknown_counted(draft.call, seen.message)
    if not session.closed:
        _bring_up_to_now(draft)
        faults.clocks(draft, seen.message, seen.elapsed_ns)
        handlers.handle(draft, seen.message)
        if not draft.closed:
            interruptions.decide(draft)
    return emission.finished(draft, _counted(session, seen, moment))


def _within_bounds(seen: Observation) -> Observation:
    """Times that no state can hold are brought back to where it can: a log of nonsense stops no pipeline."""
    elapsed_ns = min(max(seen.elapsed_ns, 0), _ELAPSED_MAX_NS)
    seen_at_ns = min(max(seen.seen_at_ns, 0), _SEEN_AT_MAX_NS)
    if (elapsed_ns, seen_at_ns) == (seen.elapsed_ns, seen.seen_at_ns):
        return seen
    return msgspec.structs.replace(seen, elapsed_ns=elapsed_ns, seen_at_ns=seen_at_ns)


def _begun(session: SessionState, seen: Observation) -> SessionState:
    """The first event that we see of a session opens it, whether it says so or not."""
    began_at = seen.seen_at_ns - max(seen.elapsed_ns, 0)
    call = msgspec.structs.replace(session.call, opened_at_ns=began_at)
    return msgspec.structs.replace(
        session,
        session_id=seen.session_id,
        worker=seen.worker,
        minute=minute_of(seen.seen_at_ns),
        offset_ns=began_at,
        call=call,
    )


def _counted(session: SessionState, seen: Observation, moment: Moment) -> SessionState:
    counted = hotpath.counted(session, seen, session.intake)
    return msgspec.structs.replace(counted, now_ns=moment.elapsed_ns)


def _bring_up_to_now(draft: Draft) -> None:
    """What the short path only added up is booked into the minute that saw it; then what is due by now."""
    playout.book_voice(draft)
    costs.book_intake(draft)
    if draft.enter_minute(minute_of(draft.moment.seen_at_ns)):
        draft.tell()
    if draft.now_ns > draft.before.wake_ns:
        playout.settle(draft)
        interruptions.decide(draft)
