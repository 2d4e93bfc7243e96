"""Which turn a response answers, and what that tells of the turn (METRICS sections 1 and 2).

A response that was asked for answers what the request was about; a tool's continues the turn that made the call. One
that nobody asked for (the VAD did) answers the latest input that waits; without one, it continues what was last said;
on a sideband, where a client's request is not seen, only if a tool was called, and else was asked for without input.
"""

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
    if _commit_waits(call, request):
        return turns.open_committed(draft, None)
    unanswered = list(takewhile(lambda turn: not turn.responses, reversed(call.turns.values())))
    ended = next((turn.index for turn in unanswered if turn.input_ended), None)
    if ended is None and any(text.told_by_server for text in turns.inputs(call)):
        return turns.open_text(draft)
    goes_on = _continued(call) if ended is None and request is None else None
    begun = next((turn.index for turn in unanswered), None)
    found = next((index for index in (ended, goes_on, begun) if index is not None), None)
    return draft.turn(found) or _open_none(draft, request)


def _commit_waits(call: Call, request: Request | None) -> bool:
    """A commit that the server has not answered is what the response is about; not one that was sent after asking."""
    if request is None:
        return bool(call.commits)
    return any(commit.moment.seq < request.moment.seq for commit in call.commits)


def _continued(call: Call) -> int | None:
    """The turn that goes on without anyone asking, as far as the log knows: one whose tool was answered, else the last.

    Where requests are not seen because they went another way (a sideband), one without input is as likely, unless the
    last response called a tool.
    """
    if call.tool_turn is not None:
        index, call.tool_turn = call.tool_turn, None
        return index
    last = next((turn for turn in reversed(call.turns.values()) if turn.input_ended), None)
    if last is None or call.source != "sideband":
        return None if last is None else last.index
    latest = next((one for one in reversed(call.responses.values()) if one.turn_index == last.index), None)
    return last.index if latest is not None and latest.tool_calls else None


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
