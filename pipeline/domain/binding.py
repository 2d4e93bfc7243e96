"""Which turn a response answers, and what that tells of the turn (METRICS sections 1 and 2).

A response that was asked for answers what the request was about; a tool's continues the turn that made the call. One
that nobody asked for (the VAD did) answers the latest input that waits; without one, it continues what was last said.
"""

from collections.abc import Iterator
from itertools import takewhile

from pipeline.domain import messages as m
from pipeline.domain import turns
from pipeline.domain.draft import Draft
from pipeline.domain.state import Call, Request, ResponseState, TurnState


def bind(draft: Draft, response: ResponseState, said: m.Response) -> None:
    """Give a new response to its turn, or find it out-of-band (PROTOCOL section 4.9)."""
    if _is_out_of_band(draft, said):
        response.out_of_band = True
        return
    turn = _turn_for(draft, _take_request(draft, out_of_band=False))
    turn.responses += 1
    turn.model = response.model or turn.model
    response.turn_index = turn.index


def _is_out_of_band(draft: Draft, said: m.Response) -> bool:
    """The API says so by a null conversation, which some servers always send: then only the request tells."""
    call = draft.call
    if isinstance(said.conversation_id, str):
        call.conversations_seen = True
        return False
    if any(request.out_of_band for request in call.requests):
        _take_request(draft, out_of_band=True)
        return True
    return said.conversation_id is None and (call.conversations_seen or call.source == "sideband")


def _take_request(draft: Draft, *, out_of_band: bool) -> Request | None:
    for at, request in enumerate(draft.call.requests):
        if request.out_of_band == out_of_band:
            draft.call.requests = draft.call.requests[:at] + draft.call.requests[at + 1 :]
            return request
    return None


def _turn_for(draft: Draft, request: Request | None) -> TurnState:
    call = draft.call
    if request is not None and request.turn_index is not None:
        return draft.turn(request.turn_index) or _open_none(draft, request)
    if call.commits:
        return turns.open_committed(draft, None)
    waiting = next(_waiting(call), None)
    if waiting is None and any(text.told_by_server for text in turns.inputs(call)):
        return turns.open_text(draft)
    if waiting is None and request is None:
        waiting = next((turn.index for turn in reversed(call.turns.values()) if turn.input_ended), None)
    return draft.turn(waiting) or _open_none(draft, request)


def _waiting(call: Call) -> Iterator[int]:
    """The turns since the last that was answered: those whose input has ended, the latest first; last, any."""
    unanswered = list(takewhile(lambda turn: not turn.responses, reversed(call.turns.values())))
    yield from (turn.index for turn in unanswered if turn.input_ended)
    yield from (turn.index for turn in unanswered)


def _open_none(draft: Draft, request: Request | None) -> TurnState:
    """The client asked without input; or the server spoke unasked, as far as this log knows."""
    turn = turns.opened(draft, "none", request.moment if request else draft.moment)
    turn.input_ended = True
    if request is None:
        turn.from_reason = "request_not_seen"
    else:
        turn.basis = "client_request"
        turn.from_ns = turn.perceived_from_ns = turn.opened.elapsed_ns
    return turn


# --- what came of it


def first_output(draft: Draft, response: ResponseState) -> None:
    """A response's first audio, or first text. A turn's output is its first audio; only without any, its first text."""
    draft.tell()
    turn = draft.turn(response.turn_index)
    if turn is None:
        return
    if response.first_audio_ns is not None:
        if turn.first_audio_ns is None:
            turn.first_audio_ns = response.first_audio_ns
            _model_latency(turn, response, response.first_audio_ns)
    elif turn.first_text_ns is None:
        turn.first_text_ns = response.first_text_ns
        if turn.first_audio_ns is None:
            _model_latency(turn, response, draft.now_ns)


def first_playout(draft: Draft, response: ResponseState) -> None:
    turn = draft.turn(response.turn_index)
    if turn is not None and turn.first_playout_ns is None:
        turn.first_playout_ns = response.playout_started_ns


def _model_latency(turn: TurnState, response: ResponseState, first_ns: int) -> None:
    turn.model_latency_ns = first_ns - response.began.elapsed_ns if response.created else None
    turn.model_latency_reason = None if response.created else "created_not_seen"
