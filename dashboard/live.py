"""What the calls in progress are doing at this moment: who has the floor, since when, and who is waited for. Pure.

A row says what was seen; the moment decides what that means. An answer that was generated long ago may still be heard.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from dashboard.queries.live import OpenCall, Standing

QUIET_S: Final = 90.0
"""A call whose row stood still for longer has had no event for at least half a minute: any event renews the row when a
new minute has begun."""
GONE_S: Final = 15 * 60.0
"""Silent for so long, a call is not taken to be in progress any more: its end was not seen."""

CONNECTING: Final = "connecting"
USER: Final = "user speaking"
BOTH: Final = "user over agent"
AGENT: Final = "agent speaking"
TOOL: Final = "tool running"
WAITING: Final = "waiting for agent"
LISTENING: Final = "listening"
QUIET: Final = "quiet"
STATES: Final = (USER, BOTH, AGENT, WAITING, TOOL, LISTENING, CONNECTING, QUIET)

GIVEN_UP: Final = frozenset({"cancelled", "failed", "incomplete"})
"""An answer of which nothing will come."""
AGENTLESS: Final = frozenset({"transcription", "translation"})


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is doing."""

    name: str
    """One of STATES."""
    since_ms: float
    """Since the call opened."""
    note: str = ""
    """Which tools."""


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress at a moment."""

    call: OpenCall
    standing: Standing | None
    state: State
    elapsed_ms: float
    """Since the call opened."""

    @property
    def state_ms(self) -> float:
        """How long it has been doing that."""
        return max(0.0, self.elapsed_ms - self.state.since_ms)

    @property
    def waiting_ms(self) -> float:
        """How long its user is being kept waiting; 0 where the user is not."""
        return self.state_ms if self.state.name in {WAITING, TOOL} else 0.0


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The calls at a moment."""

    calls: Sequence[LiveCall]
    """In progress, the youngest first; quiet ones among them."""
    gone: Sequence[OpenCall]
    """Of these no end was seen, and for long nothing else."""

    def count(self, *names: str) -> int:
        """How many are in one of these states."""
        return sum(live.state.name in names for live in self.calls)


def in_progress(calls: Iterable[OpenCall], at: datetime) -> list[OpenCall]:
    """Those that may be going on: something was heard of them lately."""
    return [call for call in calls if silent_s(call, at) < GONE_S]


def at_moment(calls: Sequence[OpenCall], standings: Iterable[Standing], at: datetime) -> Now:
    """How all calls stand then."""
    known = {standing.session_id: standing for standing in standings}
    return Now(
        calls=[_live(call, known.get(call.session_id), at) for call in in_progress(calls, at)],
        gone=[call for call in calls if silent_s(call, at) >= GONE_S],
    )


def silent_s(call: OpenCall, at: datetime) -> float:
    """How long its row has stood still."""
    return (at - call.last_event_at).total_seconds()


def _live(call: OpenCall, standing: Standing | None, at: datetime) -> LiveCall:
    elapsed_ms = max(0.0, (at - call.opened_at).total_seconds() * 1000)
    silent = silent_s(call, at)
    if silent >= QUIET_S:
        state = State(name=QUIET, since_ms=elapsed_ms - silent * 1000)
    else:
        state = state_of(call, standing, elapsed_ms)
    return LiveCall(call=call, standing=standing, state=state, elapsed_ms=elapsed_ms)


def state_of(call: OpenCall, standing: Standing | None, elapsed_ms: float) -> State:
    """What a call is doing so long after it opened (METRICS section 3: who has the floor)."""
    if not call.events_server:
        return State(name=CONNECTING, since_ms=0.0)
    if standing is None or standing.input_kind is None:
        return State(name=LISTENING, since_ms=0.0)
    return _floor(standing, elapsed_ms) or _awaited(call, standing) or _nobody(standing, elapsed_ms)


def _floor(standing: Standing, elapsed_ms: float) -> State | None:
    """Who is heard."""
    sounding = _agent_sounds(standing, elapsed_ms)
    if _user_speaks(standing):
        since_ms = standing.speech_started_ms or standing.turn_opened_ms or 0.0
        return State(name=BOTH if sounding else USER, since_ms=since_ms)
    return State(name=AGENT, since_ms=standing.answer_output_ms or 0.0) if sounding else None


def _awaited(call: OpenCall, standing: Standing) -> State | None:
    """Who is waited for."""
    if standing.tools:
        return State(name=TOOL, since_ms=standing.tools_since_ms or 0.0, note=standing.tools)
    since_ms = None if call.kind in AGENTLESS else _waited_for_since(standing)
    return None if since_ms is None else State(name=WAITING, since_ms=since_ms)


def _nobody(standing: Standing, elapsed_ms: float) -> State:
    ends = (standing.answer_playout_end_ms, standing.speech_stopped_ms, standing.answer_output_ms)
    return State(name=LISTENING, since_ms=min(elapsed_ms, max(end or 0.0 for end in ends)))


def _user_speaks(standing: Standing) -> bool:
    return standing.input_kind == "speech" and standing.turn_open and standing.speech_stopped_ms is None


def _agent_sounds(standing: Standing, elapsed_ms: float) -> bool:
    """The agent has the floor: from an answer's first audio (or text) until it has been played (or is written)."""
    if standing.answer_output_ms is None:
        return False
    # While it comes in its row knows only the beginning; of calls whose sound passes elsewhere, the player says when.
    end, in_progress = standing.answer_playout_end_ms, standing.answer_status == "in_progress"
    return in_progress or (standing.answer_kind == "audio" and (end is None or end > elapsed_ms))


def _waited_for_since(standing: Standing) -> float | None:
    """Since when an answer is due: the input has ended, or a response has begun, and nothing of it came yet."""
    created_ms = standing.answer_created_ms or 0.0
    if standing.turn_open and standing.turn_output_ms is None:
        since_ms = standing.speech_stopped_ms if standing.input_kind == "speech" else standing.turn_opened_ms
        given_up = standing.answer_status in GIVEN_UP and created_ms >= (since_ms or 0.0)
        return None if given_up else since_ms
    # Otherwise an answer after a tool, or a second one.
    return created_ms if standing.answer_status == "in_progress" else None
