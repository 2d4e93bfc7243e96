"""Rows of a session whose log doesn't say when: all that takes time is None, with the reason `no_times`.

Such a log was written elsewhere, and imported. What was said, done and used in it counts like in any other; whether
somebody was interrupted, and how much of the agent was heard but for what a client said in a truncation, does not show
in it, so that there is no row about it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from pipeline.domain.facts import AudioMinute, Fact, Interruption, Response, Row, Session, ToolCall, Transcript, Turn

REASON = "no_times"

_TIMED: dict[type[Row], tuple[str, ...]] = {
    Turn: (
        "speech_started_elapsed_ms",
        "speech_ended_elapsed_ms",
        "speech_stopped_elapsed_ms",
        "first_output_elapsed_ms",
        "playout_end_elapsed_ms",
        "closed_elapsed_ms",
        "endpointing_ms",
        "wire_latency_ms",
        "perceived_latency_ms",
        "model_latency_ms",
        "tool_wait_ms",
        "after_tool_ms",
        "heard_ms",
        "unheard_ms",
    ),
    Response: (
        "first_output_elapsed_ms",
        "done_elapsed_ms",
        "playout_end_elapsed_ms",
        "model_latency_ms",
        "heard_ms",
        "unheard_ms",
    ),
    ToolCall: ("arguments_done_elapsed_ms", "output_elapsed_ms", "tool_wait_ms", "after_tool_ms"),
    Transcript: ("first_delta_lag_ms", "completion_lag_ms"),
    Session: ("heard_ms",),
    AudioMinute: ("heard_ms",),
}
"""Columns that are differences or positions of time, or rest on such."""
_HEARD = ("heard_ms", "unheard_ms")


def known(rows: Iterable[Fact]) -> tuple[Fact, ...]:
    """What can be known of the rows."""
    return tuple(row for row in map(without_times, rows) if row is not None)


def without_times(row: Fact) -> Fact | None:
    """The row less what it can't know; None for one that can't be known at all."""
    if isinstance(row, Interruption):
        return None
    names = _TIMED.get(type(row), ())
    if isinstance(row, Response) and row.heard_basis == "truncate":
        names = tuple(name for name in names if name not in _HEARD)
    # What is None for a reason of its own keeps that reason.
    names = tuple(name for name in names if getattr(row, name) is not None)
    changes: dict[str, Any] = dict.fromkeys(names)
    changes |= {reason: REASON for name in names if (reason := _reason_of(name)) in row.__struct_fields__}
    if "heard_basis" in row.__struct_fields__ and "heard_ms" in changes:
        changes["heard_basis"] = None
    if isinstance(row, Turn):
        changes |= {"latency_basis": None, "interrupted": False}
    if isinstance(row, Session):
        changes["interruptions"] = 0
    return msgspec.structs.replace(row, **changes)


def _reason_of(name: str) -> str:
    return "audio_reason" if name in _HEARD else f"{name.removesuffix('_ms')}_reason"
