"""One user input and all that the agent answered before the next: what opens a turn.

METRICS section 2 defines them. Here: an input opens its turn when the event is seen that makes it one. Speech opens
it with `speech_started`; push-to-talk with the server's `committed`, as of the client's `commit` (an empty commit is
an error and no turn); text with `response.create`; nothing at all with the response that comes of the request, as of
the request (a refused request is no turn). Which response is whose is `binding`'s business; what the latencies are,
`latency`'s.
"""

from typing import TypeVar

from pipeline.domain import messages as m
from pipeline.domain import transcripts
from pipeline.domain.audio import NS_PER_MS, locate
from pipeline.domain.config import is_semantic
from pipeline.domain.draft import Draft
from pipeline.domain.state import (
    Call,
    Commit,
    Moment,
    Request,
    SpeechState,
    TextInput,
    TurnState,
)

PENDING_MAX = 16
"""Commits, requests and texts the server has not answered; older ones are given up."""


def opened(draft: Draft, kind: str, moment: Moment) -> TurnState:
    """A new turn; the one before it closes. Never earlier than the one before."""
    index = draft.call.totals.turns
    before = draft.turn(index - 1)
    if before is not None:
        moment = max(moment, before.opened, key=lambda one: one.elapsed_ns)
        before.closed_ns = moment.elapsed_ns
    transcripts.leave_texts(draft)
    turn = TurnState(index=index, kind=kind, opened=moment, model=draft.call.config.model)
    turn.agentless = draft.call.config.kind in {"transcription", "translation"}
    draft.call.totals.turns += 1
    draft.tell()
    return draft.begin_turn(turn)


def closed(draft: Draft) -> None:
    """The session ended, and its last turn with it."""
    turn = draft.turn(draft.call.totals.turns - 1)
    if turn is not None:
        turn.closed_ns = draft.now_ns


# --- speech found by a VAD


def speech_started(draft: Draft, message: m.SpeechStarted) -> SpeechState | None:
    """None where this very speech is already known to have started."""
    item_id = message.item_id or f"#{draft.moment.seq}"
    if item_id in draft.call.speeches:
        return None
    turn = opened(draft, "speech", draft.moment)
    turn.user_item_id, turn.speech_started_ns = item_id, draft.now_ns
    padding = draft.call.config.prefix_padding_ms
    if padding and message.audio_start_ms == 0:
        # There was less audio before the speech than is padded: it begins somewhere within.
        turn.user_speech_reason = "padding_cut"
    elif message.audio_start_ms is not None and padding is not None:
        turn.onset_position_ns = int((message.audio_start_ms + padding) * NS_PER_MS)
    speech = SpeechState(item_id=item_id, turn_index=turn.index, started=draft.moment)
    draft.call.speeches[item_id] = speech
    draft.call.item_turns[item_id] = turn.index
    draft.call.speaking = item_id
    return speech


def speech_stopped(draft: Draft, message: m.SpeechStopped) -> None:
    """Speech whose start was not seen (attached late, lost) began at an unknown time, but it ended now."""
    item_id = message.item_id or draft.call.speaking
    if item_id not in draft.call.speeches:
        speech_started(draft, m.SpeechStarted(item_id=item_id))
        begun = draft.turn(draft.call.totals.turns - 1)
        assert begun is not None
        begun.speech_started_ns = None
    speech = draft.speech(item_id or draft.call.speaking)
    assert speech is not None
    if draft.call.speaking == speech.item_id:
        draft.call.speaking = None
    turn = draft.turn(speech.turn_index)
    if turn is None or speech.stopped_ns is not None:
        return
    turn.input_ended = True
    turn.speech_stopped_ns = speech.stopped_ns = turn.from_ns = draft.now_ns
    turn.ended_by = "semantic_vad" if is_semantic(draft.call.config) else "server_vad"
    _end_of_speech(draft, turn, message.audio_end_ms)
    speech.ended_ns, speech.user_speech_ns = turn.perceived_from_ns, turn.user_speech_ns
    speech.transcription_expected = draft.call.config.transcription_model is not None


def _end_of_speech(draft: Draft, turn: TurnState, audio_end_ms: float | None) -> None:
    """Where the user's speech ended on the clock, as well as the log can say: by the appends, else by the VAD's event.

    `audio_end_ms` includes the silence in force (METRICS section 2). A semantic VAD holds for an unknown time.
    """
    silence = draft.call.config.silence_duration_ms
    turn.basis, turn.perceived_from_ns = "vad_event", draft.now_ns
    turn.audio_end_ms, turn.silence_ms, turn.audio_begin_ns = audio_end_ms, silence, draft.call.audio_begin_ns
    if is_semantic(draft.call.config):
        turn.endpointing_reason = turn.user_speech_reason = "semantic_vad"
        return
    if silence is None:
        turn.endpointing_reason = turn.user_speech_reason = "silence_unknown"
        return
    turn.perceived_from_ns = draft.now_ns - silence * NS_PER_MS
    if audio_end_ms is None:
        turn.endpointing_reason = turn.user_speech_reason = "audio_end_unknown"
        return
    position = end_position_ns(audio_end_ms, silence)
    if turn.onset_position_ns is None:
        turn.user_speech_reason = turn.user_speech_reason or "padding_unknown"
    elif position < turn.onset_position_ns:
        turn.user_speech_reason = "negative"
    else:
        turn.user_speech_ns = position - turn.onset_position_ns
    _locate_end(draft, turn, position)


def end_position_ns(audio_end_ms: float, silence_ms: int) -> int:
    """Where in the input audio the speech ended: `audio_end_ms` includes the silence that ended it."""
    return int((audio_end_ms - silence_ms) * NS_PER_MS)


def _locate_end(draft: Draft, turn: TurnState, position_ns: int) -> None:
    if position_ns < 0:
        turn.endpointing_reason = "negative"
    elif draft.intake.position_ns == turn.audio_begin_ns:
        turn.endpointing_reason = "no_appends"
    elif draft.intake.clock_broken:
        turn.endpointing_reason = "events_lost"
    else:
        found = locate(draft.intake.clock, turn.audio_begin_ns + position_ns)
        turn.endpointing_reason = found.reason
        if found.elapsed_ns is not None:
            turn.basis = "append_clock"
            turn.speech_ended_ns = turn.perceived_from_ns = found.elapsed_ns


# --- push-to-talk, and what the API commits by itself


def commit_requested(draft: Draft, message: m.AudioCommitRequested) -> None:
    draft.call.commits = (*draft.call.commits, Commit(draft.moment, message.event_id))[-PENDING_MAX:]


def committed(draft: Draft, message: m.AudioCommitted) -> None:
    """The user's audio is an item now. A speech or idle turn knows it by its id; else the client ended it."""
    uncommitted = (one.item_id for one in reversed(draft.call.speeches.values()) if not one.committed)
    speech = draft.speech(message.item_id or next(uncommitted, None))
    if speech is not None:
        speech.committed = True
        _client_ended(draft, speech)
        return
    if message.item_id is not None and message.item_id in draft.call.item_turns:
        return
    open_committed(draft, message.item_id)


def _client_ended(draft: Draft, speech: SpeechState) -> None:
    """The client may commit while the VAD still hears speech: then the commit ended it."""
    if speech.stopped_ns is not None or not draft.call.commits:
        return
    turn = draft.turn(speech.turn_index)
    commit = _next_commit(draft)
    speech.stopped_ns = speech.ended_ns = commit.moment.elapsed_ns
    speech.transcription_expected = draft.call.config.transcription_model is not None
    draft.call.speaking = None if draft.call.speaking == speech.item_id else draft.call.speaking
    if turn is not None:
        _ended_by_client(turn, max(commit.moment.elapsed_ns, turn.opened.elapsed_ns))


def forgotten(draft: Draft) -> None:
    """The buffer was cleared while the VAD heard speech in it: that is over, and becomes no item."""
    speech = draft.speech(draft.call.speaking)
    if speech is not None:
        speech.stopped_ns = speech.ended_ns = draft.now_ns
        draft.call.speaking = None


def open_committed(draft: Draft, item_id: str | None) -> TurnState:
    """A push-to-talk turn. A commit that was not seen (lost, or sent on another leg) leaves its time unknown."""
    commit = _next_commit(draft) if draft.call.commits else None
    turn = opened(draft, "speech", commit.moment if commit else draft.moment)
    if commit is not None:
        _ended_by_client(turn, turn.opened.elapsed_ns)
    else:
        turn.input_ended, turn.ended_by = True, "client"
        turn.from_reason = turn.endpointing_reason = "commit_not_seen"
    if item_id is not None:
        turn.user_item_id = item_id
        draft.call.item_turns[item_id] = turn.index
    return turn


def _next_commit(draft: Draft) -> Commit:
    commit, *rest = draft.call.commits
    draft.call.commits = tuple(rest)
    return commit


def _ended_by_client(turn: TurnState, at_ns: int) -> None:
    turn.input_ended, turn.ended_by, turn.basis = True, "client", "commit"
    turn.speech_stopped_ns = turn.from_ns = turn.perceived_from_ns = at_ns
    turn.endpointing_reason = "ended_by_client"


def idle_timeout(draft: Draft, message: m.IdleTimeoutTriggered) -> None:
    """The API's own nudge: a turn, but nobody waited for its answer."""
    turn = opened(draft, "idle", draft.moment)
    turn.input_ended, turn.user_item_id, turn.from_reason = True, message.item_id, "idle"
    if message.item_id is not None:
        draft.call.item_turns[message.item_id] = turn.index


# --- what the client writes and asks for


def message_written(draft: Draft, item: m.Item) -> None:
    """A message the client put into the conversation. It is an input only once a response is asked for."""
    written = transcripts.client_text(draft, item)
    if written is not None:
        draft.call.texts = (*draft.call.texts, written)[-PENDING_MAX:]


def response_requested(draft: Draft, message: m.ResponseRequested) -> None:
    overrides = message.response or m.ResponseOverrides()
    out_of_band = overrides.conversation == "none"
    index = None if out_of_band else _requested_turn(draft)
    request = Request(draft.moment, message.event_id, out_of_band, index)
    draft.call.requests = (*draft.call.requests, request)[-PENDING_MAX:]


def _requested_turn(draft: Draft) -> int | None:
    """The turn that a request is about, where that is plain before its response is there."""
    call = draft.call
    if inputs(call):
        return open_text(draft).index
    if call.commits:
        return None
    if call.tool_turn is not None:
        index, call.tool_turn = call.tool_turn, None
        return index
    waiting = call.turns.get(call.totals.turns - 1)
    if waiting is None or waiting.responses or any(one.turn_index == waiting.index for one in call.requests):
        return None
    turn = draft.turn(waiting.index)
    if turn is not None and turn.kind == "text":
        turn.from_ns = turn.perceived_from_ns = draft.now_ns
    return waiting.index


def open_text(draft: Draft) -> TurnState:
    """The texts since the last turn, as of now: the request for a response to them."""
    last = inputs(draft.call)[-1]
    transcripts.bind_texts(draft, draft.call.totals.turns)
    turn = opened(draft, "speech" if last.spoken else "text", draft.moment)
    turn.input_ended, turn.user_item_id = True, last.item_id
    if last.spoken:
        turn.ended_by, turn.endpointing_reason = "client", "ended_by_client"
    if last.told_by_server:
        turn.from_reason = "request_not_seen"
    else:
        turn.basis = "client_request"
        turn.from_ns = turn.perceived_from_ns = draft.now_ns
    draft.call.tool_turn = None
    return turn


def inputs(call: Call) -> list[TextInput]:
    """What the user wrote that no turn has taken up."""
    return [text for text in call.texts if not text.bound and text.row.role == "user"]


def refused(draft: Draft, fault: m.Fault) -> None:
    """An error took back a commit or a request: by the id of the client's event, else by what only that can cause."""
    call = draft.call
    call.commits = _without(call.commits, fault, "input_audio_buffer_commit_empty")
    call.requests = _without(call.requests, fault, "conversation_already_has_active_response")


P = TypeVar("P", Commit, Request)


def _without(pending: tuple[P, ...], fault: m.Fault, code: str) -> tuple[P, ...]:
    ids = [one.event_id for one in pending]
    if fault.event_id is not None and fault.event_id in ids:
        at = ids.index(fault.event_id)
    elif fault.code == code and pending:
        at = 0
    else:
        return pending
    return pending[:at] + pending[at + 1 :]
