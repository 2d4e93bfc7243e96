"""The latencies of a turn, or the reason why the log can't support one (METRICS section 2)."""

from typing import NamedTuple

from pipeline.domain import facts, playout
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import Draft, utc
from pipeline.domain.spans import Span, between
from pipeline.domain.state import TurnState


def endpointing(turn: TurnState) -> Span:
    if turn.kind != "speech":
        return Span(reason="no_speech")
    if turn.speech_stopped_ns is None:
        return Span(reason=turn.endpointing_reason or "speech_not_stopped")
    if turn.speech_ended_ns is None:
        return Span(reason=turn.endpointing_reason)
    return between(turn.speech_ended_ns, turn.speech_stopped_ns)


def wire(turn: TurnState) -> Span:
    if turn.from_ns is None:
        return Span(reason=turn.from_reason or "speech_not_stopped")
    first = turn.first_text_ns if turn.first_audio_ns is None else turn.first_audio_ns
    if first is None:
        return Span(reason=_no_output(turn))
    return between(turn.from_ns, first)


def perceived(turn: TurnState) -> Span:
    if turn.perceived_from_ns is None:
        return Span(reason=turn.from_reason or "speech_not_stopped")
    heard_from = turn.first_audio_ns if turn.first_playout_ns is None else turn.first_playout_ns
    if heard_from is None:
        return Span(reason="text_only" if turn.first_text_ns is not None else _no_output(turn))
    return between(turn.perceived_from_ns, heard_from)


def model(turn: TurnState) -> Span:
    if turn.model_latency_ns is None:
        return Span(reason=turn.model_latency_reason or _no_output(turn))
    return between(0, turn.model_latency_ns)


def basis(turn: TurnState) -> str | None:
    """How the end of the input was found; `playout` where the beginning of what was heard is the player's own word."""
    return "playout" if turn.first_playout_ns is not None and turn.basis is not None else turn.basis


def _user_speech_reason(turn: TurnState) -> str | None:
    if turn.user_speech_ns is not None:
        return None
    if turn.kind != "speech":
        return "no_speech"
    if turn.ended_by == "client":
        return "ended_by_client"
    return turn.user_speech_reason or "speech_not_stopped"


def _no_output(turn: TurnState) -> str:
    if turn.agentless:
        return "no_agent"
    if turn.first_playout_ns is not None:
        return "audio_elsewhere"
    return "no_output_yet" if turn.closed_ns is None else "no_output"


def row(draft: Draft, turn: TurnState) -> facts.Turn:
    lengths = playout.turn_lengths(draft.call, turn)
    kind, first = first_output(turn)
    wire_, perceived_, model_, endpointing_ = wire(turn), perceived(turn), model(turn), endpointing(turn)
    return facts.Turn(
        session_id=draft.session_id,
        version=draft.version,
        turn_index=turn.index,
        status="open" if turn.closed_ns is None else "closed",
        input_kind=turn.kind,
        speech_ended_by=turn.ended_by,
        user_item_id=turn.user_item_id,
        model=turn.model,
        opened_at=utc(turn.opened.seen_at_ns),
        opened_elapsed_ms=turn.opened.elapsed_ns / NS_PER_MS,
        speech_started_elapsed_ms=_ms(turn.speech_started_ns),
        speech_ended_elapsed_ms=_ms(turn.speech_ended_ns),
        speech_stopped_elapsed_ms=_ms(turn.speech_stopped_ns),
        user_speech_ms=_ms(turn.user_speech_ns),
        user_speech_reason=_user_speech_reason(turn),
        silence_duration_ms=turn.silence_ms,
        first_output_elapsed_ms=_ms(first),
        playout_end_elapsed_ms=_ms(_playout_end(draft, turn)),
        closed_elapsed_ms=_ms(turn.closed_ns),
        first_output_kind=kind,
        endpointing_ms=endpointing_.ms,
        endpointing_reason=endpointing_.reason,
        wire_latency_ms=wire_.ms,
        wire_latency_reason=wire_.reason,
        perceived_latency_ms=perceived_.ms,
        perceived_latency_reason=perceived_.reason,
        model_latency_ms=model_.ms,
        model_latency_reason=model_.reason,
        latency_basis=basis(turn),
        tool_wait_ms=_ms(turn.tool_wait_ns),
        tool_wait_reason=_tool_wait_reason(turn),
        after_tool_ms=_ms(turn.after_tool_ns),
        after_tool_reason=_after_tool_reason(turn, elsewhere=draft.call.source == "sideband"),
        responses=turn.responses,
        tool_calls=turn.tool_calls,
        interrupted=turn.interrupted,
        generated_ms=_ms(lengths.generated_ns),
        heard_ms=_ms(lengths.heard_ns),
        unheard_ms=_ms(lengths.unheard_ns),
        audio_reason=lengths.reason,
    )


def _tool_wait_reason(turn: TurnState) -> str | None:
    if turn.tool_wait_ns is not None:
        return None
    if turn.tools_answered:
        return "arguments_done_not_seen"
    return "not_answered" if turn.tool_calls else "no_tools"


def _after_tool_reason(turn: TurnState, *, elsewhere: bool) -> str | None:
    if turn.after_tool_ns is not None:
        return None
    if turn.tools_answered:
        return "audio_elsewhere" if elsewhere else "no_output_after"
    return "not_answered" if turn.tool_calls else "no_tools"


class FirstOutput(NamedTuple):
    kind: str | None
    elapsed_ns: int | None


def first_output(turn: TurnState) -> FirstOutput:
    """Audio where there is any, by the player's word where there are no deltas; else text."""
    audio = turn.first_playout_ns if turn.first_audio_ns is None else turn.first_audio_ns
    if audio is not None:
        return FirstOutput("audio", audio)
    return FirstOutput(None if turn.first_text_ns is None else "text", turn.first_text_ns)


def _playout_end(draft: Draft, turn: TurnState) -> int | None:
    answers = (one for one in draft.call.responses.values() if one.turn_index == turn.index)
    return max((end for one in answers if (end := playout.playout_end(one)) is not None), default=None)


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS
