"""Function and MCP calls: who asked, how long the answer took, how long the agent took to go on (METRICS section 2)."""

import msgspec

from pipeline.domain import facts, transcripts
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import Draft, utc
from pipeline.domain.state import ResponseState, ToolState

_KINDS = {"function_call": "function", "mcp_call": "mcp"}


def seen_in_output(draft: Draft, response: ResponseState, item: m.Item) -> None:
    """An item of a response's output: added, done, or listed at the end."""
    if item.id is not None:
        response.output_items.setdefault(item.id, item.type or "")
        if item.phase is not None:
            response.phases[item.id] = item.phase
    transcripts.from_output(draft, response, item)
    kind = _KINDS.get(item.type or "")
    call_id = item.id if kind == "mcp" else item.call_id or item.id
    if kind is None or call_id is None:
        return
    tool = _find(draft, response, call_id, kind)
    tool.item_id = item.id or tool.item_id
    tool.name = item.name or tool.name
    tool.server_label = item.server_label or tool.server_label
    tool.arguments = item.arguments or tool.arguments
    if kind == "mcp" and (item.output is not None or item.error is not None):
        tool.output = item.output or tool.output
        tool.error = tool.error if item.error is None else _as_json(item.error)
        tool.status = "answered" if item.error is None else "failed"
        _answered(draft, tool, tool.status)


def arguments_finished(draft: Draft, message: m.ArgumentsFinished, response: ResponseState) -> None:
    known = next(
        (t.id for t in draft.call.tools.values() if t.item_id is not None and t.item_id == message.item_id), None
    )
    call_id = message.call_id or known or message.item_id
    if call_id is None:
        return
    tool = _find(draft, response, call_id, "function")
    tool.item_id = message.item_id or tool.item_id
    tool.name = message.name or tool.name
    tool.arguments = message.arguments or tool.arguments
    if tool.arguments_done_ns is None and tool.output_ns is None:
        tool.arguments_done_ns = draft.now_ns


def _find(draft: Draft, response: ResponseState, call_id: str, kind: str) -> ToolState:
    """The call, begun here where it is new: it belongs to the response in which it was first seen."""
    known = draft.tool(call_id)
    if known is not None:
        return known
    tool = ToolState(id=call_id, began=draft.moment, kind=kind, response_id=response.id, turn_index=response.turn_index)
    draft.begin_tool(tool)
    draft.call.totals.tool_calls += 1
    response.tool_calls += 1
    turn = draft.turn(response.turn_index)
    if turn is not None:
        turn.tool_calls += 1
    return tool


def output_seen(draft: Draft, item: m.Item) -> None:
    """A `function_call_output`: as the client sent it, or, on another leg, as the server confirmed it.

    An output of a call that was never made in this session is seeded history.
    """
    tool = draft.tool(item.call_id) if item.type == "function_call_output" and item.call_id is not None else None
    if tool is None or tool.output_ns is not None:
        return
    tool.output = item.output
    _answered(draft, tool, "answered")
    draft.call.tool_turn = tool.turn_index


def mcp_ended(draft: Draft, message: m.McpCallCompleted | m.McpCallFailed) -> None:
    tool = draft.tool(message.item_id or "")
    if tool is not None:
        _answered(draft, tool, "answered" if isinstance(message, m.McpCallCompleted) else "failed")


def _answered(draft: Draft, tool: ToolState, status: str) -> None:
    if tool.output_ns is not None:
        return
    tool.status, tool.output_ns = status, draft.now_ns
    turn = draft.turn(tool.turn_index)
    if turn is None:
        return
    turn.tools_answered += 1
    if tool.arguments_done_ns is not None:
        turn.tool_wait_ns = (turn.tool_wait_ns or 0) + draft.now_ns - tool.arguments_done_ns


def first_output(draft: Draft, response: ResponseState) -> None:
    """The agent goes on: with a response that began after the tool was answered, or (MCP) in the same one."""
    waiting = [tool.id for tool in draft.call.tools.values() if _is_continued_by(tool, response)]
    outputs = []
    for call_id in waiting:
        tool = draft.tool(call_id)
        assert tool is not None
        assert tool.output_ns is not None
        tool.after_ns = draft.now_ns - tool.output_ns
        outputs.append(tool.output_ns)
    turn = draft.turn(response.turn_index)
    if turn is not None and outputs:
        turn.after_tool_ns = draft.now_ns - max(outputs)


def _is_continued_by(tool: ToolState, response: ResponseState) -> bool:
    if tool.output_ns is None or tool.after_ns is not None or tool.turn_index != response.turn_index:
        return False
    return tool.kind == "mcp" or (response.began.elapsed_ns >= tool.output_ns and response.id != tool.response_id)


def unanswered(draft: Draft) -> None:
    """The session ended."""
    for call_id in [tool.id for tool in draft.call.tools.values() if tool.status == "called"]:
        tool = draft.tool(call_id)
        assert tool is not None
        tool.status = "unanswered"


def row(draft: Draft, tool: ToolState) -> facts.ToolCall:
    answered, waited = tool.output_ns is not None, None
    silent = "audio_elsewhere" if draft.call.source == "sideband" else "no_output_after"
    if tool.output_ns is not None and tool.arguments_done_ns is not None:
        waited = tool.output_ns - tool.arguments_done_ns
    return facts.ToolCall(
        session_id=draft.session_id,
        version=draft.version,
        call_id=tool.id,
        seq=tool.began.seq,
        kind=tool.kind,
        name=tool.name,
        server_label=tool.server_label,
        arguments=tool.arguments,
        output=tool.output,
        error=tool.error,
        status=tool.status,
        response_id=tool.response_id,
        turn_index=tool.turn_index,
        item_id=tool.item_id,
        at=utc(tool.began.seen_at_ns),
        arguments_done_elapsed_ms=_ms(tool.arguments_done_ns),
        output_elapsed_ms=_ms(tool.output_ns),
        tool_wait_ms=_ms(waited),
        tool_wait_reason=None if waited is not None else "arguments_done_not_seen" if answered else "not_answered",
        after_tool_ms=_ms(tool.after_ns),
        after_tool_reason=None if tool.after_ns is not None else silent if answered else "not_answered",
    )


def _as_json(error: object) -> str:
    return msgspec.json.encode(error).decode()


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS
