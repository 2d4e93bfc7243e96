"""The truth of a session in the columns of the tables, to be held against what the fold made of its log."""

from collections.abc import Callable, Iterator
from typing import Any

from ingest.envelope import Source
from tests.truth import faults, money, money_rows, referee, translating
from tests.truth.call import Call
from tests.truth.player import STREAM
from tests.truth.recorder import WORKER
from tests.truth.truths import Answer, Overlap, Tool, Truth, Turn
from tests.truth.units import heard_ns, to_ms, to_utc

Columns = dict[str, Any]
Told = dict[str, dict[tuple[Any, ...], Columns]]
"""Table -> natural key without the session -> column -> value."""


def rows(call: Call) -> Told:
    truth, translated = call.truth, call.plan.settings.kind == "translation"
    return {
        "sessions": {(): _session(call)},
        "turns": {(turn.index,): _turn(truth, turn) for turn in truth.turns},
        "responses": {(answer.id,): _response(truth, answer) for answer in truth.answers},
        "interruptions": dict(_interruptions(truth)),
        "tool_calls": {(tool.call_id,): _tool(call, answer, tool) for answer in truth.answers for tool in answer.tools},
        "transcripts": {**dict(_transcripts(truth)), **dict(translating.texts(call))},
        "costs": dict(money_rows.costs(truth)) | (dict(translating.costs(call)) if translated else {}),
        "audio_minutes": dict(money_rows.minutes(truth, sideband=call.plan.sideband)),
        "session_errors": {(row["seen"].seq,): _error(row) for row in truth.errors},
        "config_changes": dict(faults.configurations(call)),
        "log_faults": dict(faults.faults(call)),
        "gaps": {
            (gap.seq,): {"count": gap.count, "reason": gap.reason, "at": to_utc(gap.at_ns)}
            for gap in call.recorder.gaps
        },
    }


def _turn(truth: Truth, turn: Turn) -> Columns:
    first = turn.first_audio or turn.first_text
    heard = {answer.id: heard_ns(truth, answer) for answer in turn.answers}
    generated = sum(truth.player.generated_ns(answer.id) for answer in turn.answers)
    ends = [end for answer in turn.answers if (end := referee.silent_ns(answer, truth.player)) is not None]
    first_ns = _first_ns(first) if first else None
    shown_ns = turn.first_audio.first_audio_ns if turn.first_audio else turn.first_playout_ns
    tools = [tool for answer in turn.answers for tool in answer.tools]
    answered = [tool for tool in tools if tool.after_ns is not None]
    waits = [tool.output_ns - tool.arguments_done_ns for tool in tools if tool.output_ns and tool.arguments_done_ns]
    return {
        "status": "closed",
        "input_kind": turn.kind,
        "speech_ended_by": turn.ended_by,
        "user_item_id": turn.typed.item_id if turn.typed else turn.item_id,
        "model": turn.model,
        "opened_at": to_utc(turn.opened.at_ns),
        "opened_elapsed_ms": to_ms(turn.opened.ns),
        "speech_started_elapsed_ms": to_ms(turn.started_ns),
        "speech_ended_elapsed_ms": to_ms(turn.ended_ns),
        "speech_stopped_elapsed_ms": to_ms(turn.stopped_ns),
        "user_speech_ms": turn.user_speech_ms,
        "user_speech_reason": _user_speech_reason(turn),
        "silence_duration_ms": turn.silence_ms,
        "first_output_elapsed_ms": to_ms(shown_ns if shown_ns is not None else first_ns),
        "playout_end_elapsed_ms": to_ms(max(ends, default=None)),
        "closed_elapsed_ms": to_ms(turn.closed_ns),
        "first_output_kind": "audio" if shown_ns is not None else "text" if turn.first_text else None,
        **_latencies(turn, first, first_ns, shown_ns),
        "tool_wait_ms": to_ms(sum(waits)) if waits else None,
        "after_tool_ms": to_ms(max(answered, key=lambda tool: tool.output_ns or 0).after_ns) if answered else None,
        "responses": len(turn.answers),
        "tool_calls": len(tools),
        "interrupted": any(answer.cut_ns is not None for answer in turn.answers),
        **_lengths(generated, sum(heard.values()), [one for one in turn.answers if one.elsewhere]),
    }


def _user_speech_reason(turn: Turn) -> str | None:
    if turn.user_speech_ms is not None:
        return None
    if turn.kind != "speech":
        return "no_speech"
    semantic = "semantic_vad" if turn.endpointing_reason == "semantic_vad" else None
    return (
        "ended_by_client" if turn.ended_by == "client" else semantic or turn.user_speech_reason or "speech_not_stopped"
    )


def _lengths(generated: int, heard: int, elsewhere: list[Answer]) -> Columns:
    """Of audio that went another way only its player can say how much was heard, and no one how much there was."""
    if not elsewhere:
        return {
            "generated_ms": to_ms(generated),
            "heard_ms": to_ms(heard),
            "unheard_ms": to_ms(generated - heard),
            "audio_reason": None,
        }
    begun = [one.playout_started_ns for one in elsewhere]
    ended = [one.playout_stopped_ns for one in elsewhere]
    known = None if None in begun or None in ended else sum(ended) - sum(begun)  # type: ignore[arg-type]
    return {
        "generated_ms": None,
        "heard_ms": to_ms(known),
        "unheard_ms": None,
        "audio_reason": "audio_elsewhere",
    }


def _latencies(turn: Turn, first: Answer | None, first_ns: int | None, shown_ns: int | None) -> Columns:
    silent = "audio_elsewhere" if turn.first_playout_ns is not None else "no_agent" if turn.agentless else "no_output"
    no_input = turn.from_reason or "speech_not_stopped"
    basis = "playout" if turn.first_playout_ns is not None and turn.basis is not None else turn.basis
    endpointing = None if turn.ended_ns is None or turn.stopped_ns is None else turn.stopped_ns - turn.ended_ns
    not_spoken = "no_speech" if turn.kind != "speech" else turn.endpointing_reason or "speech_not_stopped"
    return {
        **_span("endpointing", endpointing, not_spoken),
        **_span("wire_latency", _between(turn.from_ns, first_ns), silent if turn.from_ns is not None else no_input),
        **_span(
            "perceived_latency",
            _between(turn.perceived_from_ns, shown_ns),
            no_input if turn.perceived_from_ns is None else "text_only" if turn.first_text else silent,
        ),
        **_span("model_latency", _between(first.created.ns, first_ns) if first else None, silent),
        "latency_basis": basis,
    }


def _span(name: str, ns: int | None, reason: str) -> Columns:
    if ns is not None and ns < 0:
        return {f"{name}_ms": None, f"{name}_reason": "negative"}
    return {f"{name}_ms": to_ms(ns), f"{name}_reason": None if ns is not None else reason}


def _response(truth: Truth, answer: Answer) -> Columns:
    first = _first_ns(answer)
    player = truth.player
    generated, heard = player.generated_ns(answer.id), heard_ns(truth, answer)
    basis = "truncate" if set(answer.truncated_ms) & set(player.items(answer.id)) else "playout"
    elsewhere = "output_buffer" if answer.playout_started_ns is not None else None
    silent = "audio_elsewhere" if elsewhere else "no_output"
    return {
        "seq": answer.created.seq,
        "turn_index": None if answer.turn is None else answer.turn.index,
        "out_of_band": answer.out_of_band,
        "model": answer.model,
        "status": answer.status,
        "status_reason": answer.reason,
        "error_code": answer.error_code,
        "created_at": to_utc(answer.created.at_ns),
        "created_elapsed_ms": to_ms(answer.created.ns),
        "first_output_elapsed_ms": to_ms(first),
        "first_output_kind": None if first is None else "text" if answer.first_audio_ns is None else "audio",
        "done_elapsed_ms": to_ms(answer.done.ns) if answer.done else None,
        "playout_end_elapsed_ms": to_ms(referee.silent_ns(answer, player)),
        **_span("model_latency", _between(answer.created.ns, first), silent),
        "output_items": len(answer.item_ids),
        "tool_calls": len(answer.tools),
        **_lengths(generated, heard, [answer] if answer.elsewhere else []),
        "heard_basis": basis if player.items(answer.id) else elsewhere,
        **_tokens(answer),
    }


def _tokens(answer: Answer) -> Columns:
    reason = money.untold(answer.usage, did_work=answer.did_work)
    names = (
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "input_text_tokens",
        "input_audio_tokens",
        "input_image_tokens",
        "output_text_tokens",
        "output_audio_tokens",
        "reasoning_tokens",
    )
    found: Columns = dict.fromkeys(names)
    usage = answer.usage
    if usage is not None and usage.told != "nothing":
        told = money.as_told(usage)
        found |= {"input_tokens": told.input, "output_tokens": told.output}
        if usage.told != "sums":
            cached = 0 if usage.told == "zeros" else usage.cached
            inputs = (told.input, cached, told.output, told.text_in, told.audio_in, told.image_in)
            values = (*inputs, told.text_out, told.audio_out, told.reasoning)
            found |= dict(zip(names, values, strict=True))
    return {**found, "usage_reason": reason}


def _interruptions(truth: Truth) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    assert truth.closed is not None
    for overlap in truth.overlaps:
        class_ = referee.class_of(overlap, truth.closed.ns)
        if class_ is not None:
            yield (overlap.seen.seq,), {"class_": class_, **_overlap(truth, overlap, truth.closed.ns)}


def _overlap(truth: Truth, overlap: Overlap, closed_ns: int) -> Columns:
    answer, spoken = overlap.answer, overlap.utterance
    audible = bool(truth.player.items(answer.id))
    away = _lengths(0, 0, [answer]) if answer.elsewhere else {}
    generated = truth.player.generated_ns(answer.id) if audible else None
    heard = heard_ns(truth, answer) if audible else None
    unheard = None if generated is None or heard is None else generated - heard
    yielded = referee.yield_ns(overlap)
    silent = referee.silent_ns(answer, truth.player)
    turn = spoken.turn
    return {
        "turn_index": None if answer.turn is None else answer.turn.index,
        "response_id": answer.id,
        "user_item_id": spoken.item_id,
        "at": to_utc(overlap.seen.at_ns),
        "elapsed_ms": to_ms(overlap.seen.ns),
        "position_in_response_ms": to_ms(overlap.position_ns),
        "overlap_ms": to_ms(referee.overlap_ns(overlap, silent, closed_ns)),
        "yielded": yielded is not None,
        "yielded_by": answer.cut_by if yielded is not None else None,
        "time_to_yield_ms": to_ms(yielded),
        "generated_ms": to_ms(generated),
        "heard_ms": away.get("heard_ms", to_ms(heard)),
        "unheard_ms": to_ms(unheard),
        "unheard_usd_nanos": None if unheard is None else money.metered_audio(unheard, money.AUDIO_OUT_MINUTE),
        "user_speech_ms": None if turn is None else turn.user_speech_ms,
        "transcript": spoken.transcript,
        "audio_reason": "audio_elsewhere" if answer.elsewhere else None,
        "transcript_wait_ms": 10_000,
        "yield_window_ms": 2000,
        "speech_min_ms": 1000,
    }


def _tool(call: Call, answer: Answer, tool: Tool) -> Columns:
    waited = _between(tool.arguments_done_ns, tool.output_ns)
    no_wait = "not_answered" if tool.output_ns is None else "arguments_done_not_seen"
    silent = "audio_elsewhere" if call.plan.sideband else "no_output_after"
    no_after = "not_answered" if tool.output_ns is None else silent
    return {
        "seq": tool.began.seq,
        "kind": tool.kind,
        "name": tool.name,
        "output": tool.output,
        "arguments": tool.arguments if tool.arguments_done_ns is not None else None,
        "server_label": "docs" if tool.kind == "mcp" else None,
        "status": tool.status,
        "response_id": answer.id,
        "turn_index": None if answer.turn is None else answer.turn.index,
        "item_id": tool.item_id,
        "at": to_utc(tool.began.at_ns),
        "arguments_done_elapsed_ms": to_ms(tool.arguments_done_ns),
        "output_elapsed_ms": to_ms(tool.output_ns),
        **_span("tool_wait", waited, no_wait),
        **_span("after_tool", tool.after_ns, no_after),
    }


def _transcripts(truth: Truth) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    for (item_id, index), row in truth.transcripts.items():
        seen = row["seen"]
        told = {name: value for name, value in row.items() if name != "seen"}
        yield (item_id, index), {**told, "at": to_utc(seen.at_ns), "elapsed_ms": to_ms(seen.ns)}
    for text in truth.texts:
        if text.written is not None and text.item_id is not None:
            turn_index = None if text.turn is None else text.turn.index
            told = {"role": "user", "kind": "text", "text": text.text, "reason": None, "turn_index": turn_index}
            seen = text.written
            yield (
                (text.item_id, 0),
                {**told, "response_id": None, "at": to_utc(seen.at_ns), "elapsed_ms": to_ms(seen.ns)},
            )


def _session(call: Call) -> Columns:
    truth, counts = call.truth, call.recorder.counts
    assert truth.closed is not None
    sums: Callable[[str], int] = lambda name: sum(getattr(minute, name) for minute in truth.minutes.values())  # noqa: E731
    settings = truth.session.get("settings")
    heard = sum(heard_ns(truth, answer) for answer in truth.answers)
    heard += truth.player.played_ns(STREAM, STREAM, truth.closed.ns)
    lost = sum(gap.count for gap in call.recorder.gaps)
    died = call.plan.end == "died"
    return {
        "status": "closed",
        "source": "sideband" if call.plan.sideband else "relay",
        "model": call.witness.model or truth.session.get("asked_model"),
        "kind": None if settings is None else settings.kind,
        "api_shape": None if settings is None else "beta" if call.plan.beta else "ga",
        "opened_at": to_utc(call.plan.opened_at_ns),
        "last_event_at": to_utc(truth.closed.at_ns),
        "duration_ms": to_ms(truth.closed.ns),
        "turn_detection": None if settings is None or settings.kind == "translation" else settings.vad or "none",
        "silence_duration_ms": settings.silence_ms if settings and settings.vad == "server_vad" else None,
        "voice": settings.voice if settings and settings.kind == "realtime" else None,
        "input_format": None if settings is None or settings.kind == "translation" else settings.input.name,
        "output_format": settings.output.name if settings and settings.kind == "realtime" else None,
        "transcription_model": None if settings is None else settings.transcription,
        "config_changes": truth.config_changes,
        "events_client": counts[Source.CLIENT],
        "events_server": counts[Source.SERVER],
        "events_recorder": counts[Source.RECORDER],
        "events_unknown": truth.session.get("unknown", 0),
        "turns": len(truth.turns),
        "responses": len(truth.answers),
        "interruptions": len(dict(_interruptions(truth))),
        "tool_calls": sum(len(answer.tools) for answer in truth.answers),
        "errors": len(truth.errors),
        "audio_in_ms": None if call.plan.sideband else to_ms(truth.audio_in_ns),
        "generated_ms": None if call.plan.sideband else to_ms(sums("generated_ns")),
        "heard_ms": None if call.plan.sideband else to_ms(heard),
        "audio_reason": "audio_elsewhere" if call.plan.sideband else None,
        "metered_usd_nanos": sums("metered"),
        "billed_usd_nanos": sums("billed"),
        "unpriced": sums("unpriced"),
        "unmetered": sums("unmetered"),
        "worker": WORKER,
        "upstream_session_id": None if settings is None else f"sess_{call.plan.seed}",
        "relay_key": None,
        "language": None,
        "label": None,
        "close_reason": "",
        "events_lost": lost,
        "complete": not lost and not died,
        "incomplete_reason": "recorder_died" if died else "gap" if lost else None,
        **truth.session["closing"],
    }


def _error(row: Columns) -> Columns:
    seen = row["seen"]
    told = {name: value for name, value in row.items() if name != "seen"}
    return {**told, "at": to_utc(seen.at_ns), "elapsed_ms": to_ms(seen.ns)}


def _first_ns(answer: Answer) -> int | None:
    return answer.first_text_ns if answer.first_audio_ns is None else answer.first_audio_ns


def _between(from_ns: int | None, to_ns: int | None) -> int | None:
    return None if from_ns is None or to_ns is None else to_ns - from_ns
