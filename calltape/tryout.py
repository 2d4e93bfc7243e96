"""Calls held with the real SDK as client, and what came of them: for `run`, and for `up --tryout`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.calls import Call
    from simulator.holding import CallOutcome

Say = Callable[[str], None]


class NotPossible(Exception):
    """The calls can't be held; the message says why and what to do."""


def load_calls(path: Path | None) -> "Sequence[Call]":
    """The calls of a file, or the built-in ones. Raises NotPossible."""
    try:
        from simulator import calls
    except ImportError as missing:
        raise NotPossible(f"{missing.name} is missing: pip install 'calltape[tryout]'") from missing
    try:
        return calls.load(path)
    except calls.CallsUnreadable as fault:
        raise NotPossible(str(fault)) from fault


async def hold(base_url: str, api_key: str, calls: "Sequence[Call]", say: Say) -> "list[CallOutcome]":
    """Hold all calls side by side, saying what happens in them. Raises NotPossible where the SDK is missing."""
    try:
        from simulator import caller
    except ImportError as missing:
        raise NotPossible(f"{missing.name} is missing: pip install 'calltape[tryout]'") from missing
    return await caller.hold_calls(base_url, api_key, calls, lambda name, text: say(f"  {name:<16} {text}"))


def report(outcomes: "Sequence[CallOutcome]", say: Say) -> int:
    """Say what came of the calls as the callers saw it; 1 where one went wrong."""
    for outcome in outcomes:
        waits = ", ".join(f"{wait:,}" for wait in outcome.waits_ms)
        faults = "; ".join([*outcome.errors, *([outcome.problem] if outcome.problem else [])])
        say(
            f"  {outcome.name:<16} {outcome.answers} answers, {outcome.cut_ins} cut-ins,"
            f" {outcome.tool_calls} tool calls"
            + (f", waited {waits} ms" if waits else "")
            + (f"  FAULTS: {faults}" if faults else "")
        )
    return 0 if all(outcome.went_well for outcome in outcomes) else 1
