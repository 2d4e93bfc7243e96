"""The short path of the fold: audio and whatever is only counted, without a draft. Most of all events take it."""

import msgspec

from ingest.envelope import Source
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_S, appended, duration_ns
from pipeline.domain.prices import NS_PER_MINUTE
from pipeline.domain.state import Call, Intake, SessionState, Voice

JUMP_NS = NS_PER_S
"""A wall clock that is set by less than this is left to its slewing: NTP moves a clock by 0.5 ms a second at most."""

_UNKNOWN_TYPES_MAX = 64
OTHER_TYPES = "..."
"""Where types are counted once there are too many to tell apart."""


class Observation(msgspec.Struct, frozen=True):
    """An event as the fold sees it: its place in the session, and the message without what we have no use for."""

    session_id: str
    seq: int
    elapsed_ns: int
    seen_at_ns: int
    source: Source
    worker: str
    message: m.Message


def advanced(session: SessionState, seen: Observation) -> SessionState | None:
    """The session after an event that renews no row. None where the long path must look at it."""
    if not _is_uneventful(session, seen):
        return None
    message = seen.message
    if isinstance(message, m.AudioAppended) and session.streaming:
        return counted(session, seen, intake_after(session.intake, message.size, seen.elapsed_ns))
    if isinstance(message, m.AudioDelta) and _continues(session.voice, message):
        return counted(session, seen, session.intake, voice_after(session.voice, message.size, seen.elapsed_ns))
    if isinstance(message, m.Counted) or (isinstance(message, m.TranscriptionDelta) and _has_begun(session, message)):
        return counted(session, seen, session.intake)
    if isinstance(message, m.Unknown):
        call = unknown_counted(session.call, message)
        return msgspec.structs.replace(counted(session, seen, session.intake), call=call)
    return None


def _is_uneventful(session: SessionState, seen: Observation) -> bool:
    """The next event of a running session, and time alone brings nothing: no hole, no other minute, nothing due."""
    return (
        seen.seq == session.next_seq != 0
        and session.now_ns <= seen.elapsed_ns <= session.wake_ns
        and not session.closed
        and seen.seen_at_ns // NS_PER_MINUTE == session.minute
        and -JUMP_NS <= seen.seen_at_ns - seen.elapsed_ns - session.offset_ns <= JUMP_NS
    )


def _has_begun(session: SessionState, delta: m.TranscriptionDelta) -> bool:
    found = session.call.transcriptions.get(delta.item_id or "")
    return found is not None and found.first_delta_ns is not None


def _continues(voice: Voice, delta: m.AudioDelta) -> bool:
    return delta.item_id == voice.item_id and delta.response_id == voice.response_id and bool(voice.item_id)


def intake_after(intake: Intake, size: int, elapsed_ns: int) -> Intake:
    """The input audio after an append."""
    total = intake.size + size
    position = intake.base_ns + duration_ns(total, intake.bytes_per_second)
    clock = appended(intake.clock, position, elapsed_ns) if position > intake.position_ns else intake.clock
    return Intake(position, intake.base_ns, total, intake.bytes_per_second, clock, intake.clock_broken)


def voice_after(voice: Voice, size: int, elapsed_ns: int) -> Voice:
    """The agent's audio after a delta: it is heard after what is still playing."""
    begins = max(voice.playout_end_ns, elapsed_ns)
    end = begins + duration_ns(size, voice.bytes_per_second)
    return Voice(voice.response_id, voice.item_id, voice.bytes_per_second, voice.size + size, end)


def counted(session: SessionState, seen: Observation, intake: Intake, voice: Voice | None = None) -> SessionState:
    source = seen.source
    return SessionState(
        session.session_id,
        session.worker,
        seen.seq + 1,
        seen.elapsed_ns,
        seen.seen_at_ns,
        session.minute,
        session.offset_ns,
        session.events_client + (source is Source.CLIENT),
        session.events_server + (source is Source.SERVER),
        session.events_recorder + (source is Source.RECORDER),
        session.wake_ns,
        session.closed,
        session.streaming,
        intake,
        voice or session.voice,
        session.call,
    )


def unknown_counted(call: Call, message: m.Unknown) -> Call:
    """Kept, counted by type, and otherwise without effect: the count shows with the session's next row."""
    counts = call.unknown_types
    name = message.type if message.type in counts or len(counts) < _UNKNOWN_TYPES_MAX else OTHER_TYPES
    return msgspec.structs.replace(call, unknown_types={**counts, name: counts.get(name, 0) + 1})
