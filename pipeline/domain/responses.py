"""From `response.created` to `response.done`, or from the first event that names a response (METRICS section 1)."""

import msgspec

from pipeline.domain import binding, costs, errors, facts, faults, interruptions, playout, tools
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS, PCM16, audio_format
from pipeline.domain.draft import Draft, utc
from pipeline.domain.state import Call, ResponseState
from pipeline.domain.usage import response_tokens

_METADATA_MAX = 16 * (64 + 512 + 8)
_CUTTING_REASONS = frozenset({"turn_detected", "client_cancelled", None})


def created(draft: Draft, message: m.ResponseCreated) -> None:
    said = message.response or m.Response()
    if said.id in draft.call.responses or said.id in draft.call.forgotten_responses:
        return
    response = _begin(draft, said.id or f"#{draft.moment.seq}", said)
    response.created = True
    response.bytes_per_second = _bytes_per_second(draft.call, said)


def find(draft: Draft, response_id: str | None) -> ResponseState | None:
    """The response of that id, or without an id the one that is active; begun here where it was never created.

    None for one so long gone that it is no longer remembered.
    """
    named = response_id or draft.call.active_response
    if named is None or named in draft.call.forgotten_responses:
        return None
    return draft.response(named) or _begin(draft, named, m.Response(id=named))


def _begin(draft: Draft, response_id: str, said: m.Response) -> ResponseState:
    config = draft.call.config
    response = ResponseState(id=response_id, began=draft.moment, model=config.model or draft.call.asked_model)
    response.bytes_per_second = (config.output_format or PCM16).bytes_per_second
    response.voice, response.metadata = config.voice, _metadata(said)
    response.metered_per_minute = costs.metered_price(draft, "audio_out_minute")
    draft.begin_response(response)
    draft.tell()
    draft.call.active_response = response_id
    draft.call.totals.responses += 1
    binding.bind(draft, response, said)
    return response


def _bytes_per_second(call: Call, said: m.Response) -> int:
    """The format that the response itself names, else the session's."""
    named = said.audio.output.format if said.audio and said.audio.output else None
    known = audio_format(named.type, named.rate) if named else audio_format(said.output_audio_format)
    return (known or call.config.output_format or PCM16).bytes_per_second


def _metadata(said: m.Response) -> str | None:
    """At most 16 pairs by the API's own rule; more than that is kept as long as it is no more text than it allows."""
    if not isinstance(said.metadata, dict) or not said.metadata:
        return None
    text = msgspec.json.encode(said.metadata, order="deterministic").decode()
    return text if len(text) <= _METADATA_MAX else None


def done(draft: Draft, message: m.ResponseDone) -> None:
    """Final, once: a second `done` of the same response changes nothing, or its money would be booked twice."""
    said = message.response or m.Response()
    response = find(draft, said.id)
    if response is None or response.done_ns is not None:
        return
    details = said.status_details or m.StatusDetails()
    response.done_ns = draft.now_ns
    response.status, response.status_reason = said.status or "completed", details.reason
    response.error_code = details.error.code or details.error.type if details.error else None
    for item in said.output:
        tools.seen_in_output(draft, response, item)
    _close_money(draft, response, said.usage)
    if (
        response.status == "cancelled"
        and response.status_reason in _CUTTING_REASONS
        and playout.cut(draft, response, "cancelled")
    ):
        interruptions.yielded(draft, response)
    playout.release_voice(draft, response)
    if response.status == "failed":
        errors.response_failed(draft, response, details.error)
    response.settled = playout.settles_ns(response) <= draft.now_ns
    if draft.call.active_response == response.id:
        draft.call.active_response = None
    draft.turn(response.turn_index)


def _close_money(draft: Draft, response: ResponseState, usage: m.Usage | None) -> None:
    did_work = response.status == "completed" and bool(response.items or response.output_items)
    response.tokens = response_tokens(usage, did_work=did_work)
    if draft.call.media_elsewhere and response.tokens.audio_out:
        _spoken_elsewhere(draft, response)
    faults.audio_cut(draft, response)
    costs.bill_response(draft, response)


def unfinished(draft: Draft) -> None:
    """The session ended: what was in progress stays so for ever."""
    for response_id in [r.id for r in draft.call.responses.values() if r.done_ns is None]:
        response = draft.response(response_id)
        assert response is not None
        response.status, response.done_ns = "unfinished", draft.now_ns
        _close_money(draft, response, None)


def item_seen(draft: Draft, message: m.OutputItemSeen) -> None:
    response = find(draft, message.response_id)
    if response is None or message.item is None:
        return
    tools.seen_in_output(draft, response, message.item)


def audio_delta(draft: Draft, message: m.AudioDelta) -> None:
    response = find(draft, message.response_id)
    if response is None:
        return
    if response.first_audio_ns is None:
        response.first_audio_ns = draft.now_ns
        binding.first_output(draft, response)
        interruptions.cut_in(draft, response)
    item_id = message.item_id or response.id
    if item_id not in response.items:
        tools.first_output(draft, response)
    playout.heard_voice(draft, response, item_id, message.size)


def audio_finished(draft: Draft, message: m.AudioFinished) -> None:
    response = find(draft, message.response_id)
    if response is not None:
        response.audio_finished = True
        _spoken_elsewhere(draft, response)


def _spoken_elsewhere(draft: Draft, response: ResponseState) -> None:
    """It spoke, and we saw none of its audio."""
    if not response.items and not response.elsewhere:
        response.elsewhere = draft.call.media_elsewhere = True


def text_delta(draft: Draft, message: m.TextDelta) -> None:
    known = draft.call.responses.get(message.response_id or draft.call.active_response or "")
    if known is not None and known.first_text_ns is not None:
        return
    response = find(draft, message.response_id)
    if response is not None:
        response.first_text_ns = draft.now_ns
        binding.first_output(draft, response)
        tools.first_output(draft, response)


def playout_started(draft: Draft, message: m.PlayoutStarted) -> None:
    response = find(draft, message.response_id)
    if response is not None and response.playout_started_ns is None:
        response.playout_started_ns = draft.now_ns
        _spoken_elsewhere(draft, response)
        binding.first_playout(draft, response)
        interruptions.cut_in(draft, response)


def playout_stopped(draft: Draft, message: m.PlayoutStopped) -> None:
    response = find(draft, message.response_id)
    if response is not None and response.playout_stopped_ns is None:
        response.playout_stopped_ns = draft.now_ns
        draft.turn(response.turn_index)


def playout_cleared(draft: Draft, message: m.PlayoutCleared) -> None:
    response = find(draft, message.response_id)
    if response is None:
        return
    _cut(draft, response, "cleared")
    response.playout_stopped_ns = response.playout_stopped_ns or draft.now_ns


def truncated(draft: Draft, message: m.TruncateRequested | m.Truncated) -> None:
    """The client's request, the server's answer to it, or the server's own account (WebRTC, SIP)."""
    holder = next((r.id for r in draft.call.responses.values() if _has_item(r, message.item_id)), None)
    response = draft.response(holder)
    if response is None or message.item_id is None:
        return
    playout.truncate(response, message.item_id, message.audio_end_ms)
    _cut(draft, response, "truncated")
    draft.turn(response.turn_index)


def _cut(draft: Draft, response: ResponseState, by: str) -> None:
    if playout.cut(draft, response, by):
        interruptions.yielded(draft, response)


def _has_item(response: ResponseState, item_id: str | None) -> bool:
    return item_id in response.items or item_id in response.output_items


def row(draft: Draft, response: ResponseState) -> facts.Response:
    lengths = playout.lengths(response)
    first = first_output_ns(response)
    tokens = response.tokens
    return facts.Response(
        session_id=draft.session_id,
        version=draft.version,
        response_id=response.id,
        seq=response.began.seq,
        turn_index=response.turn_index,
        out_of_band=response.out_of_band,
        model=response.model,
        status=response.status,
        status_reason=response.status_reason,
        error_code=response.error_code,
        created_at=utc(response.began.seen_at_ns),
        created_elapsed_ms=response.began.elapsed_ns / NS_PER_MS,
        first_output_elapsed_ms=_ms(first),
        first_output_kind=None if first is None else "text" if response.first_audio_ns is None else "audio",
        done_elapsed_ms=_ms(response.done_ns) if response.status != "unfinished" else None,
        playout_end_elapsed_ms=_ms(playout.playout_end(response)),
        model_latency_ms=_ms(model_latency_ns(response)),
        model_latency_reason=model_latency_reason(response),
        output_items=len(response.output_items),
        tool_calls=response.tool_calls,
        voice=response.voice,
        metadata=response.metadata,
        generated_ms=_ms(lengths.generated_ns),
        heard_ms=_ms(lengths.heard_ns),
        unheard_ms=_ms(lengths.unheard_ns),
        audio_reason=lengths.reason,
        heard_basis=playout.heard_basis(response),
        input_tokens=tokens.input,
        cached_tokens=tokens.cached,
        output_tokens=tokens.output,
        input_text_tokens=tokens.text_in,
        input_audio_tokens=tokens.audio_in,
        input_image_tokens=tokens.image_in,
        output_text_tokens=tokens.text_out,
        output_audio_tokens=tokens.audio_out,
        reasoning_tokens=tokens.reasoning,
        usage_reason=tokens.reason,
    )


def first_output_ns(response: ResponseState) -> int | None:
    """First audio delta; where there is no audio, first text delta."""
    return response.first_text_ns if response.first_audio_ns is None else response.first_audio_ns


def model_latency_ns(response: ResponseState) -> int | None:
    first = first_output_ns(response)
    return first - response.began.elapsed_ns if first is not None and response.created else None


def model_latency_reason(response: ResponseState) -> str | None:
    """Why there is none: created_not_seen, no_output_yet, audio_elsewhere (WebRTC, SIP), no_output."""
    if not response.created:
        return "created_not_seen"
    if first_output_ns(response) is not None:
        return None
    if response.playout_started_ns is not None:
        return "audio_elsewhere"
    return "no_output_yet" if response.done_ns is None else "no_output"


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS
