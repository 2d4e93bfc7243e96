"""What went wrong in a session: error events, failed responses and transcriptions, abnormal ends, rate-limit waits."""

from pipeline.domain import facts
from pipeline.domain import messages as m
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.draft import Draft
from pipeline.domain.state import ResponseState

_NORMAL_CODES = frozenset({1000, 1005})
"""A close as agreed, with or without a code in its frame."""
_GOING_AWAY = 1001
"""Normal from a client (a page that was left); from the server it is the session's time limit, which cut the call."""


def reported(draft: Draft, message: m.ErrorReported) -> None:
    _add(draft, "error_event", message.error)


def response_failed(draft: Draft, response: ResponseState, fault: m.Fault | None) -> None:
    _add(draft, "response_failed", fault, response_id=response.id)


def transcription_failed(draft: Draft, message: m.TranscriptionFailed) -> None:
    _add(draft, "transcription_failed", message.error)


def tools_list_failed(draft: Draft, message: m.ToolsListFailed) -> None:
    """An MCP server did not say what it offers, so none of it can be called."""
    _add(draft, "tools_list_failed", m.Fault(code="mcp_list_tools_failed", message=message.item_id))


def rate_limited(draft: Draft, message: m.RateLimitsUpdated) -> None:
    """Nothing is left of a limit: the next request waits for its reset."""
    used_up = [limit for limit in message.rate_limits if limit.remaining is not None and limit.remaining <= 0]
    if used_up:
        says = [f"{limit.name}: 0 of {limit.limit} left, reset in {limit.reset_seconds} s" for limit in used_up]
        _add(draft, "rate_limited", m.Fault(code=used_up[0].name, message="; ".join(says)))


def closed(draft: Draft, message: m.Closed) -> None:
    if message.recovered:
        _add(draft, "abnormal_close", m.Fault(code="recorder_died", message=message.reason))
    elif message.code is None or message.code in _NORMAL_CODES:
        return
    elif message.code != _GOING_AWAY or message.closed_by != "client":
        _add(draft, "abnormal_close", m.Fault(code=str(message.code), message=message.reason))


def _add(draft: Draft, kind: str, fault: m.Fault | None, response_id: str | None = None) -> None:
    fault = fault or m.Fault()
    draft.call.totals.errors += 1
    draft.facts.append(
        facts.SessionError(
            session_id=draft.session_id,
            version=draft.version,
            seq=draft.moment.seq,
            kind=kind,
            code=fault.code,
            error_type=fault.type,
            message=fault.message,
            param=fault.param,
            client_event_id=fault.event_id,
            response_id=response_id,
            at=draft.at,
            elapsed_ms=draft.now_ns / NS_PER_MS,
        )
    )
