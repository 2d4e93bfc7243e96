"""The session itself: how it opened, what was configured, what is missing of it, how it ended, and its totals."""

import msgspec

from pipeline.domain import (
    config,
    costs,
    errors,
    facts,
    interruptions,
    playout,
    responses,
    timeline,
    tools,
    translation,
    turns,
)
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS, PCM16
from pipeline.domain.draft import Draft, utc
from pipeline.domain.state import Hole, SessionState, Update

_HOLES_MAX = 16
"""Holes whose reason may still be told."""
_UPDATES_MAX = 16
"""Updates that the server has not answered; older ones are given up."""


def opened(draft: Draft, message: m.Opened) -> None:
    call = draft.call
    call.source, call.path, call.asked_model = message.mode, message.path, message.model
    call.upstream_host, call.relay_key = message.upstream_host, message.relay_key
    call.media_elsewhere = message.mode == "sideband"
    call.untimed = message.missing_times
    draft.tell()


def reported(draft: Draft, message: m.SessionReported) -> None:
    before = draft.call.config
    now = config.reported(before, message.session)
    if not message.created:
        draft.call.updates = draft.call.updates[1:]
    if not message.created and before.reported and now.digest != before.digest:
        draft.call.totals.config_changes += 1
    again = message.created and before.reported and now.upstream_session_id != before.upstream_session_id
    if again:
        _reconnected(draft)
    _configure(draft, now, "reconnected" if again else "created" if message.created else "updated")


def requested(draft: Draft, message: m.SessionUpdateRequested) -> None:
    update = Update(message.event_id, config.asked_input_format(message.session))
    draft.call.updates = (*draft.call.updates, update)[-_UPDATES_MAX:]
    _configure(draft, config.requested(draft.call.config, message.session), "requested")


def refused(draft: Draft, fault: m.Fault) -> None:
    """An error took back an update, by the id of the client's event or the parameter that it complains of."""
    updates = draft.call.updates
    ids = [one.event_id for one in updates]
    at = ids.index(fault.event_id) if fault.event_id is not None and fault.event_id in ids else None
    if at is None and updates and (fault.param or "").startswith("session"):
        at = 0
    if at is not None:
        draft.call.updates = updates[:at] + updates[at + 1 :]
        _configure(draft, draft.call.config, "updated")


def _reconnected(draft: Draft) -> None:
    """Another session of the API goes on in this one: nothing of the old will be answered, its audio clock is anew."""
    responses.unfinished(draft)
    costs.end_stretch(draft, None)
    call = draft.call
    call.audio_begin_ns = draft.intake.position_ns
    call.speaking, call.active_response = None, None
    call.commits, call.requests, call.updates = (), (), ()


def _configure(draft: Draft, now: config.Config, trigger: str) -> None:
    """Take a configuration; the audio that follows is in its format, or in that of the latest request still open."""
    before = draft.call.config
    timeline.changed(draft, before, now, trigger)
    if now != before:
        draft.tell()
    draft.call.config = now
    asked = [one.input_format for one in draft.call.updates if one.input_format is not None]
    wanted = (asked[-1] if asked else now.input_format or PCM16).bytes_per_second
    if wanted != draft.intake.bytes_per_second:
        costs.end_stretch(draft, None)
        draft.intake = msgspec.structs.replace(
            draft.intake, base_ns=draft.intake.position_ns, size=0, bytes_per_second=wanted
        )


def hole_found(draft: Draft, first_seq: int) -> None:
    """Events between the last one and this were seen by the recorder and are not in the log."""
    hole = Hole(seq=first_seq, count=draft.moment.seq - first_seq, seen_at_ns=draft.moment.seen_at_ns)
    draft.call.holes = (*draft.call.holes, hole)[-_HOLES_MAX:]
    draft.call.totals.events_lost += hole.count
    draft.intake = msgspec.structs.replace(draft.intake, clock_broken=True)
    draft.facts.append(_gap(draft, hole, None))


def loss_explained(draft: Draft, message: m.Lost) -> None:
    """The recorder says why; the hole itself was found by its numbers."""
    for hole in draft.call.holes:
        if message.first_seq is not None and hole.seq <= message.first_seq < hole.seq + hole.count:
            draft.facts.append(_gap(draft, hole, message.reason))


def _gap(draft: Draft, hole: Hole, reason: str | None) -> facts.Gap:
    return facts.Gap(
        session_id=draft.session_id,
        version=draft.version,
        seq=hole.seq,
        count=hole.count,
        reason=reason,
        at=utc(hole.seen_at_ns),
    )


def closed(draft: Draft, message: m.Closed) -> None:
    """Nothing comes after this: all that was open ends here."""
    call = draft.call
    call.closed_by, call.close_code, call.close_reason = message.closed_by, message.code, message.reason
    call.recovered = message.recovered
    playout.stop_all(draft)
    responses.unfinished(draft)
    tools.unanswered(draft)
    turns.closed(draft)
    translation.ended(draft)
    costs.end_stretch(draft, None)
    costs.bill_session_time(draft)
    errors.closed(draft, message)
    interruptions.decide(draft, final=True)
    draft.closed = True
    draft.tell()


def row(draft: Draft, state: SessionState) -> facts.Session:
    """The session after this draft; `state` has its counts of events."""
    call, totals = draft.call, draft.call.totals
    reason = _incomplete_reason(draft)
    silent = call.media_elsewhere and not (draft.intake.position_ns or totals.generated_ns)
    return facts.Session(
        session_id=draft.session_id,
        version=draft.version,
        status="closed" if draft.closed else "open",
        source=call.source or "unknown",
        worker=state.worker,
        upstream_session_id=call.config.upstream_session_id,
        upstream_host=call.upstream_host,
        path=call.path,
        relay_key=call.relay_key,
        model=call.config.model or call.asked_model,
        kind=call.config.kind,
        api_shape=call.config.api_shape,
        opened_at=utc(call.opened_at_ns),
        last_event_at=utc(state.seen_at_ns),
        duration_ms=draft.now_ns / NS_PER_MS,
        turn_detection=call.config.turn_detection,
        silence_duration_ms=call.config.silence_duration_ms,
        voice=call.config.voice,
        input_format=call.config.input_format.name if call.config.input_format else None,
        output_format=call.config.output_format.name if call.config.output_format else None,
        transcription_model=call.config.transcription_model,
        language=call.config.language,
        label=call.config.label,
        config_changes=totals.config_changes,
        events_client=state.events_client,
        events_server=state.events_server,
        events_recorder=state.events_recorder,
        events_unknown=sum(call.unknown_types.values()),
        unknown_types=msgspec.json.encode(call.unknown_types).decode() if call.unknown_types else None,
        turns=totals.turns,
        responses=totals.responses,
        interruptions=totals.interruptions,
        tool_calls=totals.tool_calls,
        errors=totals.errors,
        audio_in_ms=None if silent else draft.intake.position_ns / NS_PER_MS,
        generated_ms=None if silent else totals.generated_ns / NS_PER_MS,
        heard_ms=None if silent else totals.heard_ns / NS_PER_MS,
        audio_reason="audio_elsewhere" if silent else None,
        metered_usd_nanos=totals.metered,
        unmetered=totals.unmetered,
        billed_usd_nanos=totals.billed,
        unpriced=totals.unpriced,
        closed_by=call.closed_by,
        close_code=call.close_code,
        close_reason=call.close_reason,
        events_lost=totals.events_lost,
        complete=reason is None,
        incomplete_reason=reason,
    )


def _incomplete_reason(draft: Draft) -> str | None:
    if not draft.closed:
        return "open"
    if draft.call.recovered:
        return "recorder_died"
    return "gap" if draft.call.totals.events_lost else None
